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
	block lz4Block          // where the pieces' bytes are gathered until they make a block
	high  *lz4.CompressorHC // nil for the fast compressor
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
	e.block.size = 0
	for _, piece := range pieces {
		for len(piece) > 0 {
			n := copy(e.block.src[e.block.size:size], piece)
			piece = piece[n:]
			if e.block.size += n; e.block.size == size {
				dst = e.appendBlock(dst)
			}
		}
	}
	if e.block.size > 0 {
		dst = e.appendBlock(dst)
	}
	return append(dst, 0, 0, 0, 0), nil
}

// appendBlock appends what was gathered as one block, stored as it is where compressing does not make it smaller, and
// begins the next one.
func (e *lz4Encoder) appendBlock(dst []byte) []byte {
	at := len(dst)
	src := e.block.src[:e.block.size]
	dst = slices.Grow(dst, 4+lz4Bound(len(src)))
	room := dst[at+4 : at+4+lz4Bound(len(src))]
	n := e.compress(src, room)
	length := uint32(n)
	if n == 0 || n >= len(src) {
		n = copy(room, src)
		length = uint32(n) | lz4Stored
	}
	e.block.size = 0
	dst = dst[:at+4+n]
	binary.LittleEndian.PutUint32(dst[at:], length)
	return dst
}

// compress returns 0 where the block does not become smaller; the high compressor does so when the result has no room.
func (e *lz4Encoder) compress(src, room []byte) int {
	if e.high == nil {
		return e.block.compress(room)
	}
	n, err := e.high.CompressBlock(src, room[:len(src)])
	if err != nil {
		return 0
	}
	return n
}
