package wire

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC32C continues the checksum crc, 0 at the start, over p. It is the Castagnoli polynomial that record batches
// carry; amd64 and arm64 compute it in hardware.
func CRC32C(crc uint32, p []byte) uint32 { return crc32.Update(crc, castagnoli, p) }
