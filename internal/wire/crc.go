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
	for n, i := uint64(secondBytes), 0; n != 0; n, i = n>>1, i+1 {
		if n&1 != 0 {
			power = multiply(bytePowers[i], power)
		}
	}
	return multiply(power, first) ^ second
}

// bytePowers has x^(8 * 2^i) modulo the polynomial.
var bytePowers = squares(1<<31>>8, 40)

// squares lists x, x squared, that squared, and so on.
func squares(x uint32, count int) []uint32 {
	list := make([]uint32, count)
	for i := range list {
		list[i] = x
		x = multiply(x, x)
	}
	return list
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
