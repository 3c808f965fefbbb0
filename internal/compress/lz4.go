package compress

import (
	"encoding/binary"
	"slices"

	"github.com/pierrec/lz4/v4"
)

// The two frame headers in use: magic, version 1 with independent blocks and no checksums, block size, and the
// second byte of the xxHash-32 of the two bytes before.
const (
	lz4Header64K  = "\x04\x22\x4d\x18\x60\x40\x82"
	lz4Header256K = "\x04\x22\x4d\x18\x60\x50\xfb"

	lz4BlockSmall = 64 << 10
	lz4BlockLarge = 256 << 10

	// lz4Stored marks, in a block's length, a block that was left as it is.
	lz4Stored = 1 << 31
)

// lz4Encoder writes LZ4 frames block by block.
type lz4Encoder struct {
	fast  lz4.Compressor
	high  *lz4.CompressorHC // nil for the fast compressor
	block []byte            // the pieces' bytes until they make a block
}

func newLZ4(level Level) *lz4Encoder {
	e := &lz4Encoder{}
	if n, explicit := level.Explicit(); explicit && n != lz4LevelJavaDefault {
		// One candidate, which is what level 1 asks for, does worse than the fast compressor and takes longer; the
		// reference implementation too begins with two.
		e.high = &lz4.CompressorHC{Level: lz4.CompressionLevel(1 << (max(n, 2) - 1))}
	}
	return e
}

func (e *lz4Encoder) Append(dst []byte, pieces [][]byte) ([]byte, error) {
	size, header := lz4BlockSmall, lz4Header64K
	if totalLen(pieces) > lz4BlockSmall {
		size, header = lz4BlockLarge, lz4Header256K
	}
	dst = append(dst, header...)
	e.block = e.block[:0]
	for _, piece := range pieces {
		for len(piece) > 0 {
			n := min(len(piece), size-len(e.block))
			if n == size {
				dst = e.appendBlock(dst, piece[:n])
			} else if e.block = append(e.block, piece[:n]...); len(e.block) == size {
				dst = e.appendBlock(dst, e.block)
				e.block = e.block[:0]
			}
			piece = piece[n:]
		}
	}
	if len(e.block) > 0 {
		dst = e.appendBlock(dst, e.block)
	}
	return append(dst, 0, 0, 0, 0), nil
}

// appendBlock appends one block, stored as it is where compressing does not make it smaller: the compressors give up,
// with 0, when the result does not fit in less room than the worst case takes.
func (e *lz4Encoder) appendBlock(dst, src []byte) []byte {
	at := len(dst)
	dst = slices.Grow(dst, 4+len(src))
	room := dst[at+4 : at+4+len(src)]
	n, err := e.compress(src, room)
	length := uint32(n)
	if err != nil || n == 0 || n >= len(src) {
		n = copy(room, src)
		length = uint32(n) | lz4Stored
	}
	dst = dst[:at+4+n]
	binary.LittleEndian.PutUint32(dst[at:], length)
	return dst
}

func (e *lz4Encoder) compress(src, room []byte) (int, error) {
	if e.high != nil {
		return e.high.CompressBlock(src, room)
	}
	return e.fast.CompressBlock(src, room)
}
