package accumulator

import (
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
)

// busyStop is a stop as a busy producer has it: six partitions, batches that grow, memory that nobody poisons.
func busyStop(b *testing.B) *stop {
	b.Helper()
	settings := &Settings{BatchBytes: 16 << 10, BatchBytesMax: 1 << 20}
	pool := bufferpool.New(32<<20, bufferpool.Hooks{})
	callbacks := dispatch.New(dispatch.Config{})
	b.Cleanup(callbacks.Close)
	s := &stop{Accumulator: New(pool, callbacks), t: b, pool: pool}
	view := &partitioner.View{Partitions: 6, Available: []int32{0, 1, 2, 3, 4, 5}}
	sticky := partitioner.NewSticky(partitioner.StickyOptions{QuantumBytes: settings.BatchBytes, Seed: 1}, new(partitioner.View))
	s.topic = NewTopic("t", settings, sticky, &Leader{Account: pool.Account(1)})
	s.Update(s.topic, view, func([]*Partition) {})
	return s
}

// BenchmarkAppend is a record's way from the caller into its batch. Every 150 records, about a batch.size, what boarded
// departs and is acknowledged.
func BenchmarkAppend(b *testing.B) {
	const trip = 150
	for _, kind := range []struct {
		name   string
		sticky bool
		ticket bool
	}{{"sticky", true, false}, {"to a partition", false, false}, {"with a Delivery", true, true}} {
		b.Run(kind.name, func(b *testing.B) {
			s, ctx := busyStop(b), b.Context()
			how := Boarding{Sticky: kind.sticky, Ticket: kind.ticket, Wait: time.Second}
			if !kind.sticky {
				how.Partition = s.partition(0)
			}
			e := batch.Entry{Timestamp: 1000}
			e.Record.Value = make([]byte, 100)
			var partitions []*Partition
			var batches []*batch.Batch
			b.ReportAllocs()
			for n := 1; b.Loop(); n++ {
				record, boarding := e, how
				if _, err := s.Append(ctx, s.topic, &record, &boarding); err != nil {
					b.Fatal(err)
				}
				if n%trip == 0 {
					partitions, batches = s.leave(partitions, batches)
				}
			}
		})
	}
}

// leave closes and releases all that boarded; what it is given is memory to work in.
func (s *stop) leave(partitions []*Partition, batches []*batch.Batch) ([]*Partition, []*batch.Batch) {
	partitions = s.Inbox.Take(partitions[:0])
	for _, p := range partitions {
		_, batches = p.TakeNews(batches[:0])
		for _, b := range batches {
			if spare, _ := p.CloseBatch(b, p.Settings.BatchBytes); spare != nil {
				s.pool.Put(spare)
			}
			p.Departed(1)
			s.ReleaseBatch(b)
		}
	}
	return partitions, batches
}
