package compress

import (
	"fmt"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow is how far back zstd looks for matches, in bytes.
const zstdWindow = 256 << 10

// Compressor compresses with one codec at one level, again and again with the same memory: 0.3 MiB for lz4 (1.2 at
// explicit levels), 1 for gzip, as much as the largest batch for snappy, 3 for zstd (6 at levels 6 to 9, 36 from 10
// on). It is for one goroutine.
type Compressor struct {
	codec   Codec
	encoder encoder
}

// encoder is what the codecs have in common.
type encoder interface {
	// Append compresses the concatenation of pieces and appends the result to dst.
	Append(dst []byte, pieces [][]byte) ([]byte, error)
}

// New makes a Compressor; it fails as ValidateLevel does.
func New(codec Codec, level Level) (*Compressor, error) {
	if err := ValidateLevel(codec, level); err != nil {
		return nil, err
	}
	c := &Compressor{codec: codec}
	var err error
	switch codec {
	case None:
		c.encoder = copier{}
	case Gzip:
		c.encoder, err = newGzip(level)
	case Snappy:
		c.encoder = &snappyEncoder{}
	case LZ4:
		c.encoder = newLZ4(level)
	case Zstd:
		c.encoder, err = newZstd(level)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", codec, err)
	}
	return c, nil
}

// Codec is what New was given.
func (c *Compressor) Codec() Codec { return c.codec }

// Append compresses the concatenation of pieces, appends the result to dst and returns that. The result may be longer
// than its input; who wants none of that compares. pieces are only read, and after an error the Compressor is as good
// as new. dst must not overlap pieces.
func (c *Compressor) Append(dst []byte, pieces [][]byte) ([]byte, error) {
	out, err := c.encoder.Append(dst, pieces)
	if err != nil {
		return dst, fmt.Errorf("%s: %w", c.codec, err)
	}
	return out, nil
}

// totalLen is the length of the concatenation.
func totalLen(pieces [][]byte) (n int) {
	for _, piece := range pieces {
		n += len(piece)
	}
	return n
}

// copier is the codec none.
type copier struct{}

func (copier) Append(dst []byte, pieces [][]byte) ([]byte, error) {
	dst = slices.Grow(dst, totalLen(pieces))
	for _, piece := range pieces {
		dst = append(dst, piece...)
	}
	return dst, nil
}

// sliceWriter appends what is written to it.
type sliceWriter struct{ b []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

// stream is what the writers of gzip and zstd have in common.
type stream interface {
	Write([]byte) (int, error)
	Close() error
}

// through writes the pieces through w, which writes to out, and takes the result out of it.
func (out *sliceWriter) through(w stream, pieces [][]byte) ([]byte, error) {
	defer func() { out.b = nil }()
	for _, piece := range pieces {
		if _, err := w.Write(piece); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.b, nil
}

type gzipEncoder struct {
	w   *gzip.Writer
	out sliceWriter
}

func newGzip(level Level) (*gzipEncoder, error) {
	n, explicit := level.Explicit()
	if !explicit || n == gzipLevelJavaDefault {
		n = gzipLevelDefault
	}
	e := &gzipEncoder{}
	var err error
	e.w, err = gzip.NewWriterLevel(&e.out, n)
	return e, err
}

func (e *gzipEncoder) Append(dst []byte, pieces [][]byte) ([]byte, error) {
	e.out.b = dst
	e.w.Reset(&e.out)
	return e.out.through(e.w, pieces)
}

type zstdEncoder struct {
	w   *zstd.Encoder
	out sliceWriter
}

func newZstd(level Level) (*zstdEncoder, error) {
	n, explicit := level.Explicit()
	if !explicit || n == zstdLevelJavaDefault {
		n = zstdLevelDefault
	}
	e := &zstdEncoder{}
	var err error
	e.w, err = zstd.NewWriter(&e.out,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(n)),
		zstd.WithEncoderConcurrency(1), // on the caller's goroutine
		zstd.WithWindowSize(zstdWindow),
		zstd.WithEncoderCRC(false), // the batch has one
		zstd.WithZeroFrames(true),
	)
	return e, err
}

func (e *zstdEncoder) Append(dst []byte, pieces [][]byte) ([]byte, error) {
	e.out.b = dst
	e.w.ResetContentSize(&e.out, int64(totalLen(pieces)))
	return e.out.through(e.w, pieces)
}

// snappyEncoder joins the pieces first, because a raw block is made from one slice.
type snappyEncoder struct{ joined []byte }

func (e *snappyEncoder) Append(dst []byte, pieces [][]byte) ([]byte, error) {
	var src []byte
	if len(pieces) == 1 {
		src = pieces[0]
	} else {
		e.joined, _ = copier{}.Append(e.joined[:0], pieces)
		src = e.joined
	}
	room := s2.MaxEncodedLen(len(src))
	if room < 0 {
		return nil, s2.ErrTooLarge
	}
	dst = slices.Grow(dst, room)
	block := s2.EncodeSnappy(dst[len(dst):len(dst)+room], src)
	return dst[:len(dst)+len(block)], nil
}
