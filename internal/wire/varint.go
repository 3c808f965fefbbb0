package wire

import "math/bits"

// MaxVarintLen is the longest encoding of a 32-bit variable-length integer, in bytes.
const MaxVarintLen = 5

// MaxVarlongLen is the longest encoding of a 64-bit variable-length integer, in bytes.
const MaxVarlongLen = 10

// AppendUvarint appends v as it is: the lengths and tags of flexible messages (KIP-482).
func AppendUvarint(dst []byte, v uint32) []byte { return appendUvarint(dst, uint64(v)) }

// VarintLen is the number of bytes that v takes zigzag-encoded: 1 to 5.
func VarintLen(v int32) int { return uvarintLen(uint64(zigzag32(v))) }

// VarlongLen is the number of bytes that v takes zigzag-encoded: 1 to 10.
func VarlongLen(v int64) int { return uvarintLen(zigzag64(v)) }

// zigzag32 makes small negative numbers short too (ByteUtils.writeVarint).
func zigzag32(v int32) uint32 { return uint32(v<<1) ^ uint32(v>>31) }

func zigzag64(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

// uvarintLen is ceil(bits/7) and 1 for zero. Multiplying by 9/64 stands for the division; it is exact for 1 to 64.
func uvarintLen(v uint64) int { return (bits.Len64(v|1)*9 + 64) >> 6 }

func appendUvarint(dst []byte, v uint64) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// putUvarint writes v at the start of p, which must have the room, and returns how many bytes it took.
func putUvarint(p []byte, v uint64) int {
	i := 0
	for v >= 0x80 {
		p[i] = byte(v) | 0x80
		v >>= 7
		i++
	}
	p[i] = byte(v)
	return i + 1
}
