package wire

import (
	"fmt"
	"testing"
)

// BenchmarkCRC32C is the one pass over a batch that sealing it takes.
func BenchmarkCRC32C(b *testing.B) {
	for _, size := range []int{128, 16 << 10, 1 << 20} {
		p := make([]byte, size)
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				CRC32C(0, p)
			}
		})
	}
}
