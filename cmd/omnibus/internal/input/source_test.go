package input

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/lines"
)

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, text string, options ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, append(options, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// written is the path of a new file.
func written(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCompressedInputsAreKnownByTheirContent(t *testing.T) {
	zip, std := gzipped(t, "a\nb\n"), zstandard(t, "a\nb\n")
	want := []string{v("a"), v("b")}
	for name, content := range map[string][]byte{
		"f.gz": zip, "f.zst": std, "f.ndjson": zip, "f": std,
		"members.gz": append(gzipped(t, "a\n"), gzipped(t, "b\n")...), "frames.zst": append(zstandard(t, "a\n"), zstandard(t, "b")...),
	} {
		compare(t, name, all(t, open(t, Sources{Files: []string{written(t, name, content)}})), want)
	}
	for name, content := range map[string][]byte{"gzip": zip, "zstd": std} {
		reader := open(t, Sources{Stdin: iotest.OneByteReader(bytes.NewReader(content))})
		compare(t, "standard input in "+name, all(t, reader), want)
	}
}

func TestWhatBeginsLikeACompressedInputAndIsNoneIsPlain(t *testing.T) {
	for _, text := range []string{"\x1f", "\x1fa", "\x28\xb5\x2f", "\x28\n", "(a"} {
		record, err := open(t, Sources{Stdin: strings.NewReader(text)}, "--format", "raw").Next(t.Context())
		if err != nil || string(record.Value) != text {
			t.Errorf("read %q, %v; want %q", record.Value, err, text)
		}
	}
}

func TestBrokenCompressedInputsAreReadErrors(t *testing.T) {
	zip, std := gzipped(t, strings.Repeat("line\n", 1000)), zstandard(t, strings.Repeat("line\n", 1000))
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"cut.gz":    {zip[:len(zip)-9], "unexpected EOF"},
		"cut.zst":   {std[:len(std)-5], "unexpected EOF"},
		"wrong.gz":  {[]byte("plain text\n"), "it is named .gz and is no gzip: rename it, or read it as it is with --no-decompress"},
		"wrong.zst": {zip[:1], "it is named .zst and is no zstd"},
		"empty.gz":  {nil, "it is named .gz and is no gzip"},
	} {
		file := written(t, name, test.content)
		reader := open(t, Sources{Files: []string{file, written(t, "next", []byte("next\n"))}})
		var last error
		value := ""
		for {
			record, err := reader.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				last = err
				continue
			}
			value = string(record.Value)
		}
		read, ok := errors.AsType[*lines.ReadError](last)
		if !ok || read.Name != file || !strings.Contains(read.Error(), test.want) || value != "next" {
			t.Errorf("%s: %v, and then %q; want %s, and then the next file", name, last, value, test.want)
		}
	}
}

func TestNoDecompressKeepsTheBytes(t *testing.T) {
	zip := gzipped(t, "a")
	reader := open(t, Sources{Files: []string{written(t, "f.gz", zip)}}, "--no-decompress", "--format", "raw")
	record, err := reader.Next(t.Context())
	if err != nil || !bytes.Equal(record.Value, zip) {
		t.Errorf("read %q, %v; want %q", record.Value, err, zip)
	}
}

// To read with a large window is to hold it.
func TestAZstdWindowLargerThanTheBoundIsRefused(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", windowBytesMax/8)
	small := zstandard(t, text, zstd.WithWindowSize(windowBytesMax))
	if got := all(t, open(t, Sources{Files: []string{written(t, "f.zst", small)}, RecordBytesMax: 10})); len(got) != 1 || !strings.Contains(got[0], "longer than") {
		t.Errorf("a window of %d bytes: %.200q", windowBytesMax, got)
	}
	large := zstandard(t, text, zstd.WithWindowSize(4*windowBytesMax))
	if got := all(t, open(t, Sources{Files: []string{written(t, "f.zst", large)}})); len(got) != 1 || !strings.Contains(got[0], "zstd -dc --long=31") {
		t.Errorf("a window of %d bytes: %.200q", 4*windowBytesMax, got)
	}
}

func TestProgressCountsBytesOnTheDisk(t *testing.T) {
	zip := gzipped(t, strings.Repeat("line\n", 10_000))
	reader := open(t, Sources{Files: []string{written(t, "f.gz", zip)}})
	all(t, reader)
	if done, total := reader.Progress(); done != total || total != int64(len(zip)) {
		t.Errorf("progress %d of %d, want %d of it", done, total, len(zip))
	}
}

func TestAPersonWhoTypesIsNotKeptWaitingForMagic(t *testing.T) {
	typed, keyboard := io.Pipe()
	defer keyboard.Close()
	reader := open(t, Sources{Stdin: typed})
	go io.WriteString(keyboard, "a\n")
	if record, err := reader.Next(t.Context()); err != nil || string(record.Value) != "a" {
		t.Errorf("read %q, %v", record.Value, err)
	}
}
