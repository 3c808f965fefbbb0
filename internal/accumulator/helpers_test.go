package accumulator

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// stop is a bus stop: an accumulator with one topic, and a test in the place of the send loop.
type stop struct {
	*Accumulator
	t     testing.TB
	topic *Topic
	pool  *bufferpool.Pool
}

// newStop makes a topic of so many partitions over a poisoned pool of so many bytes.
func newStop(t testing.TB, poolBytes int64, partitions int, settings *Settings) *stop {
	pool := bufferpool.New(poolBytes, bufferpool.Hooks{Poison: true})
	callbacks := dispatch.New(dispatch.Config{LanePendingMax: 4})
	t.Cleanup(callbacks.Close)
	s := &stop{Accumulator: New(pool, callbacks), t: t, pool: pool}
	view := &partitioner.View{Partitions: int32(partitions)}
	for n := range partitions {
		view.Available = append(view.Available, int32(n))
	}
	sticky := partitioner.NewSticky(partitioner.StickyOptions{QuantumBytes: settings.BatchBytes, Seed: 1}, new(partitioner.View))
	s.topic = NewTopic("t", settings, sticky, &Leader{Account: pool.Account(bufferpool.NoLeader)})
	s.Update(s.topic, view, func([]*Partition) {})
	return s
}

// partition is the topic's partition.
func (s *stop) partition(n int) *Partition { return s.topic.Partitions()[n] }

// entry is a record with the value.
func entry(value []byte) *batch.Entry {
	return &batch.Entry{Record: wire.Record{Value: value}, Timestamp: 1000}
}

// numbered is a value of so many bytes that begins with a number.
func numbered(n uint32, bytes int) []byte {
	value := make([]byte, max(bytes, 4))
	binary.BigEndian.PutUint32(value, n)
	return value
}

// add appends a record of so many bytes to a partition without waiting for room.
func (s *stop) add(p *Partition, bytes int) Place {
	s.t.Helper()
	place, err := s.Append(context.Background(), s.topic, entry(make([]byte, bytes)), &Boarding{Partition: p})
	if err != nil {
		s.t.Fatal(err)
	}
	return place
}

// news takes what the partition has to tell.
func (s *stop) news(p *Partition) (Signal, []*batch.Batch) {
	s.Inbox.Take(nil)
	return p.TakeNews(nil)
}

// close ends the boarding of a batch.
func (s *stop) close(p *Partition, b *batch.Batch) {
	spare, _ := p.CloseBatch(b, p.Settings.BatchBytes)
	s.pool.Put(spare)
}

// depart closes a batch, reads its records' values and releases it.
func (s *stop) depart(p *Partition, b *batch.Batch) [][]byte {
	s.t.Helper()
	s.close(p, b)
	p.Departed(1)
	records, _, err := b.Records()
	if err != nil {
		s.t.Error(err)
	}
	values := make([][]byte, len(records))
	for i := range records {
		values[i] = records[i].Value
	}
	s.ReleaseBatch(b)
	return values
}

// empty checks that all memory is back.
func (s *stop) empty() {
	s.t.Helper()
	if used := s.pool.Stats().Used; used != 0 {
		s.t.Errorf("%d bytes of the pool are still in use", used)
	}
}
