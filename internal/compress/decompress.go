package compress

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// ErrTooLarge says that decompressed data exceeds the limit.
var ErrTooLarge = errors.New("decompressed data exceeds the limit")

var errEmpty = errors.New("no data, not even an empty stream")

// zstdWindowMax is the largest window, in bytes, that is accepted whatever the limit: what RFC 8878 asks every decoder
// to support, and more than Java's default level takes. Levels above 19 need a limit as large as their window.
const zstdWindowMax = 8 << 20

// snappyRatioMax bounds what a snappy block can claim: its densest element makes 64 bytes out of 3.
const snappyRatioMax = 22

// The framing of xerial's SnappyOutputStream: this, two version numbers, then blocks with their 32-bit lengths.
const (
	xerialMagic     = "\x82SNAPPY\x00"
	xerialHeaderLen = len(xerialMagic) + 8
)

// Decompress appends to dst what src, the records of one batch, was made from. It refuses with ErrTooLarge to append
// more than limit bytes, and takes both kinds of snappy. After an error dst is as it was. It sets up a decoder for
// each call: it serves tools that read back, not a consumer's hot path.
func Decompress(codec Codec, dst, src []byte, limit int) ([]byte, error) {
	limit = max(0, min(limit, math.MaxInt32-1)) // no batch holds more
	var out []byte
	var err error
	switch {
	case codec < None || codec > Zstd:
		return dst, ValidateLevel(codec, Level{})
	case codec != None && len(src) == 0:
		err = errEmpty
	default:
		out, err = decompress(codec, dst, src, limit)
	}
	if err != nil {
		return dst, fmt.Errorf("%s: %w", codec, err)
	}
	return out, nil
}

func decompress(codec Codec, dst, src []byte, limit int) ([]byte, error) {
	switch codec {
	case Gzip:
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, noEOF(err)
		}
		return readAll(dst, r, limit)
	case Snappy:
		return decompressSnappy(dst, src, limit)
	case LZ4:
		return readAll(dst, lz4.NewReader(bytes.NewReader(src)), limit)
	case Zstd:
		r, err := zstd.NewReader(bytes.NewReader(src),
			zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(uint64(max(limit, zstdWindowMax))))
		if err != nil {
			return nil, noEOF(err)
		}
		defer r.Close()
		return readAll(dst, r, limit)
	}
	return readAll(dst, bytes.NewReader(src), limit)
}

// noEOF keeps the end of the input from passing for the end of the data.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readAll appends what r gives, up to limit bytes; it reads one byte more to know that there is more.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	for left := limit + 1; ; {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, min(left, 4<<10))
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), len(dst)+left)])
		dst = dst[:len(dst)+n]
		left -= n
		switch {
		case left <= 0:
			return nil, ErrTooLarge
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return nil, err
		}
	}
}

func decompressSnappy(dst, src []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(src, []byte(xerialMagic)) || len(src) < xerialHeaderLen {
		return appendSnappyBlock(dst, src, limit)
	}
	start := len(dst)
	for src = src[xerialHeaderLen:]; len(src) > 0; {
		if len(src) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(src))
		if src = src[4:]; n > int64(len(src)) {
			return nil, fmt.Errorf("block of %d bytes, %d left: %w", n, len(src), io.ErrUnexpectedEOF)
		}
		var err error
		if dst, err = appendSnappyBlock(dst, src[:n], limit-(len(dst)-start)); err != nil {
			return nil, err
		}
		src = src[n:]
	}
	return dst, nil
}

// appendSnappyBlock checks what the block claims before it makes room for it.
func appendSnappyBlock(dst, block []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	switch {
	case err != nil:
		return nil, err
	case n > limit:
		return nil, ErrTooLarge
	case n > snappyRatioMax*len(block):
		return nil, s2.ErrCorrupt
	}
	dst = slices.Grow(dst, n)
	if _, err := s2.Decode(dst[len(dst):len(dst)+n], block); err != nil {
		return nil, err
	}
	return dst[:len(dst)+n], nil
}
