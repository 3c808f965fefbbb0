package wire

import (
	"math/rand/v2"
	"testing"
)

func TestCombinedChecksumIsThatOfTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 7, 40, 1 << 10, 64 << 10, 1<<20 + 3} {
		whole := make([]byte, n)
		for i := range whole {
			whole[i] = byte(random.Uint32())
		}
		for range 20 {
			at := random.IntN(n + 1)
			got := CombineCRC32C(CRC32C(0, whole[:at]), CRC32C(0, whole[at:]), n-at)
			if want := CRC32C(0, whole); got != want {
				t.Fatalf("%d bytes cut at %d: %08x, want %08x", n, at, got, want)
			}
		}
	}
}

func BenchmarkCombineCRC32C(b *testing.B) {
	for b.Loop() {
		CombineCRC32C(0x12345678, 0x9abcdef0, 1<<20-61)
	}
}
