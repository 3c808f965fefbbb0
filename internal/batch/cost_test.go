package batch

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// ordinary is a record as most are: no key, a small value, no headers.
func ordinary() *Entry {
	return &Entry{Record: wire.Record{Value: make([]byte, 100)}, Timestamp: 1_700_000_000_000}
}

// filled is a closed batch of about so many bytes of ordinary records with one callback, in slabs as busy partitions have.
func filled(bytes int) *Batch {
	b, e := New(), ordinary()
	callback := any(func() {})
	for b.RecordsBytes() < bytes {
		if b.MissingExactly(e) > 0 {
			b.AddSlabs(slabs(min(bytes, 64<<10)))
		}
		b.Board(e, callback, 0)
	}
	b.Close()
	return b
}

// BenchmarkBoard encodes one record into an open batch.
func BenchmarkBoard(b *testing.B) {
	const room = 64 << 10
	batch, e := New(), ordinary()
	callback := any(func() {})
	memory := slabs(room)
	batch.AddSlabs(memory)
	b.ReportAllocs()
	for b.Loop() {
		if batch.Missing(e.SizeMax()) > 0 {
			batch.Reset()
			memory.Buf = memory.Buf[:0]
			batch.AddSlabs(memory)
		}
		batch.Board(e, callback, 0)
	}
}

// BenchmarkSeal is the header and the pass over the body for its checksum.
func BenchmarkSeal(b *testing.B) {
	for _, bytes := range []int{16 << 10, 512 << 10} {
		b.Run(fmt.Sprintf("%d KiB", bytes>>10), func(b *testing.B) {
			batch := filled(bytes)
			b.SetBytes(int64(batch.Bytes()))
			b.ReportAllocs()
			sequence := int32(0)
			for b.Loop() {
				sequence++
				batch.Stamp(1, 0, sequence)
				batch.body.sum = sum{} // or a large body's would be known from the round before
				batch.Seal()
			}
		})
	}
}

// BenchmarkResolve tells the outcome of a batch that somebody holds Deliveries of, and reads that of each record.
func BenchmarkResolve(b *testing.B) {
	batch := filled(16 << 10)
	b.ReportAllocs()
	for b.Loop() {
		batch.result = nil
		r := batch.Ticket(0, 0, Origin{})
		batch.Resolve(0, batch.Count(), Outcome{Offset: 1000})
		for seat := range batch.Count() {
			r.Outcome(seat)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.Count()), "ns/record")
}

func TestSealAndResolveAllocateNothing(t *testing.T) {
	b := filled(256 << 10)
	r := b.Ticket(0, 0, Origin{})
	sequence := int32(0)
	if allocs := testing.AllocsPerRun(100, func() {
		sequence++
		b.Stamp(1, 0, sequence)
		b.Seal()
	}); allocs != 0 {
		t.Errorf("Seal allocates %v objects", allocs)
	}
	if allocs := testing.AllocsPerRun(100, func() {
		r.mu.first = Span{}
		b.Resolve(0, b.Count(), Outcome{Offset: 1000})
		for seat := range b.Count() {
			r.Outcome(seat)
		}
	}); allocs != 0 {
		t.Errorf("Resolve and reading the outcomes allocate %v objects", allocs)
	}
}

func TestABatchTakesWholeCacheLines(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("laid out for 64 bits")
	}
	const sizeClass = 512 // Go's classes of this size and the next smaller one begin anywhere in a line
	if size := unsafe.Sizeof(Batch{}); size > sizeClass || size <= 480 {
		t.Errorf("a Batch takes %d bytes, wanted up to %d and more than 480", size, sizeClass)
	}
}
