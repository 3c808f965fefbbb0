package wire

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC32C continues the checksum crc, 0 at the start, over p. It is the Castagnoli polynomial that record batches
// carry; amd64 and arm64 compute it in hardware.
func CRC32C(crc uint32, p []byte) uint32 { return crc32.Update(crc, castagnoli, p) }

// CombineCRC32C is the checksum of two stretches of bytes, one behind the other, from the checksum of each and the length of
// the second. It costs about as much as the checksum of 10 KiB: a batch whose header changes, or whose body was summed up
// while it was being written, is not read again for it.
//
// A checksum is the remainder of a polynomial over GF(2), and n bytes behind it multiply it by x^(8n): so the first one is
// multiplied by that power modulo the Castagnoli polynomial, and the second one added.
func CombineCRC32C(first, second uint32, secondBytes int) uint32 {
	power := uint32(1 << 31) // x^0; bits are reflected, the highest power last
	for n, i := uint32(secondBytes), 0; n != 0; n, i = n>>1, i+1 {
		if n&1 != 0 {
			power = multiply(bytePowers[i], power)
		}
	}
	return multiply(power, first) ^ second
}

// bytePowers has x^(8 * 2^i) modulo the polynomial, each the square of the one before.
var bytePowers = [32]uint32{
	0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18, 0x510ac59a, 0xb82be955, 0xb8fdb1e7,
	0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a, 0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc,
	0xfe7740e6, 0xf946610b, 0x3c204f8f, 0x538586e3, 0x59726915, 0x734d5309, 0xbc1ac763, 0x7d0722cc,
	0xd289cabe, 0xe94ca9bc, 0x05b74f3f, 0xa51e1f42, 0x40000000, 0x20000000, 0x08000000, 0x00800000,
}

// multiply is the product of two polynomials modulo the Castagnoli polynomial, all reflected.
func multiply(a, b uint32) (product uint32) {
	for bit := uint32(1 << 31); a != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
			a &^= bit
		}
		b = b>>1 ^ crc32.Castagnoli&-(b&1)
	}
	return product
}
