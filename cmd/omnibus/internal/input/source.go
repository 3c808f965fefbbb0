package input

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// stdinName is how standard input is named among the files.
const stdinName = "-"

// windowBytesMax is the most that a zstd input may look back, which is the memory to read it with. It is what every zstd level
// below --ultra needs, and what RFC 8878 asks of a reader.
const windowBytesMax = 8 << 20

const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

// source is one input. It is opened when it is first read, on the goroutine that reads ahead, and anew after its Close: thousands of
// files need one descriptor, and a pipe that nobody writes to yet holds up nothing.
type source struct {
	name string // as the user gave it
	open func() (io.ReadCloser, error)
	asIs bool
	done *atomic.Int64 // bytes that were read of all sources, as they lie on the disk

	file   io.ReadCloser // nil unless open
	plain  io.Reader     // what file is once it is decompressed
	finish func()        // lets go of the decompressor; nil for none
}

// newSource checks that the file can be opened, and returns its size, -1 if that is not known.
func newSource(name string, stdin io.Reader) (*source, int64, error) {
	if name == stdinName {
		return &source{name: "standard input", open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }}, -1, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		return nil, 0, fmt.Errorf("%s is a directory: name its files", name)
	}
	s := &source{name: name, open: func() (io.ReadCloser, error) { return os.Open(name) }}
	if !info.Mode().IsRegular() {
		return s, -1, nil // to open a named pipe here, and close it, would end who writes to it
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	return s, info.Size(), file.Close()
}

// Read reads what the source holds, decompressed. It opens the source first if need be.
func (s *source) Read(p []byte) (int, error) {
	if s.file == nil {
		file, err := s.open()
		if err != nil {
			return 0, err
		}
		s.file = &counted{ReadCloser: file, done: s.done}
		if s.plain, err = s.decompressed(); err != nil {
			return 0, err
		}
	}
	return s.plain.Read(p)
}

// Close closes the source. The next Read opens it again.
func (s *source) Close() error {
	if s.finish != nil {
		s.finish()
	}
	file := s.file
	s.file, s.plain, s.finish = nil, nil, nil
	if file == nil {
		return nil
	}
	return file.Close()
}

// decompressed looks at the first bytes and returns a reader of what they promise.
func (s *source) decompressed() (io.Reader, error) {
	if s.asIs {
		return s.file, nil
	}
	head, err := s.head()
	if err != nil {
		return nil, err
	}
	whole := io.MultiReader(bytes.NewReader(head), s.file)
	switch {
	case bytes.HasPrefix(head, []byte(gzipMagic)):
		return gzip.NewReader(whole)
	case bytes.HasPrefix(head, []byte(zstdMagic)):
		return s.zstd(whole)
	}
	for suffix, kind := range map[string]string{".gz": "gzip", ".zst": "zstd"} {
		if strings.HasSuffix(s.name, suffix) {
			return nil, fmt.Errorf("it is named %s and is no %s: rename it, or read it as it is with --no-decompress", suffix, kind)
		}
	}
	return whole, nil
}

// head reads as many bytes as it takes to know that they are not a magic number, so that a person who types is not kept
// waiting, or that they are.
func (s *source) head() ([]byte, error) {
	head := make([]byte, 0, len(zstdMagic))
	for len(head) < cap(head) && (strings.HasPrefix(gzipMagic, string(head)) || strings.HasPrefix(zstdMagic, string(head))) {
		n, err := s.file.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return head, nil
}

// zstd decompresses on the goroutine that reads.
func (s *source) zstd(compressed io.Reader) (io.Reader, error) {
	decoder, err := zstd.NewReader(compressed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(windowBytesMax))
	if err != nil {
		return nil, err
	}
	s.finish = decoder.Close
	return windowErrors{decoder}, nil
}

// windowErrors is a zstd reader that says what to do about a window that is too large.
type windowErrors struct{ reader io.Reader }

// Read passes on what the reader gives.
func (w windowErrors) Read(p []byte) (int, error) {
	n, err := w.reader.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = fmt.Errorf("it needs a zstd window of more than %d MiB: decompress it with zstd -dc --long=31 and pipe that in", windowBytesMax>>20)
	}
	return n, err
}

// counted counts the bytes that are read.
type counted struct {
	io.ReadCloser
	done *atomic.Int64
}

// Read passes on what the file gives.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.done.Add(int64(n))
	return n, err
}
