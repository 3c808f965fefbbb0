package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// trips is a stage whose requests are answered at once, with as little around the core as it runs with. Effects that it
// does not carry out must not come: they are methods of nothing.
type trips struct {
	*stage
	Effects
	requests []*Request
	resolved int
	offset   int64 // of the next record, in all partitions
}

func (s *trips) CloseBatch(p *accumulator.Partition, b *batch.Batch, readyBytes int) bool {
	return s.stage.CloseBatch(p, b, readyBytes)
}

func (s *trips) SetReady(p *accumulator.Partition, sizeBytes int) bool {
	return s.stage.SetReady(p, sizeBytes)
}

func (s *trips) Release(b *batch.Batch) { s.stage.Release(b) }

func (s *trips) Send(_ *Node, r *Request) bool {
	r.LayOut(1000)
	s.requests = append(s.requests, r)
	return true
}

func (s *trips) Connect(*Node) {}

func (s *trips) FetchID() {}

func (s *trips) Refresh(string) {}

func (s *trips) Resolve(_ *Lane, b *batch.Batch, o batch.Outcome) {
	s.resolved++
	s.tell(b, o)
}

func (s *trips) Departed(*Lane, *batch.Batch, batch.Reason) {}

func (s *trips) Answered(*Request, time.Duration, error) {}

// newTrips makes a topic whose partitions are led by one broker that is there.
func newTrips(t testing.TB, partitions int) *trips {
	s := &trips{stage: stageOver(t, bufferpool.New(64<<20, bufferpool.Hooks{}))}
	s.core = New(Config{InFlightMax: 5, RequestBytesMax: 1 << 20, Retries: -1, Encoders: 1, Refusal: refusal}, s)
	topic := s.addTopic("t", partitions, TopicConfig{Acks: -1, Idempotent: true, Linger: 5 * time.Millisecond, DeliveryTimeout: time.Minute},
		&accumulator.Settings{BatchBytes: 16 << 10, BatchBytesMax: 1 << 20})
	s.core.ProducerID(s.now, idempotence.ProducerID{ID: 7}, nil)
	s.core.Brokers(s.now, []Broker{s.broker(1, "b:1")})
	for _, p := range topic.acc.Partitions() {
		s.core.Leaders(s.now, []Leader{{Partition: p, Leader: 1, Epoch: 1, TopicID: [16]byte{1}}})
	}
	for _, n := range s.core.Nodes {
		s.core.Connected(s.now, n, nil)
	}
	return s
}

// trip has a record board each partition, sends them all, and answers.
func (s *trips) trip(t testing.TB, value []byte) {
	s.resolved = 0
	s.offset++
	for _, p := range s.topics[0].acc.Partitions() {
		entry := batch.Entry{Record: wire.Record{Value: value}, Timestamp: 1000}
		if _, err := s.acc.Append(t.Context(), p.Topic, &entry, &accumulator.Boarding{Partition: p}); err != nil {
			t.Fatal(err)
		}
	}
	s.news()
	s.now += 10 * time.Millisecond // the linger is over
	s.core.Tick(s.now)
	for len(s.requests) > 0 {
		r := s.requests[0]
		s.requests = s.requests[1:]
		for i := range r.answers {
			r.answers[i] = answers.Answer{Answered: true, Offset: s.offset, LogAppendTime: -1}
		}
		s.core.Done(s.now, r, 0, true, nil)
	}
	s.requests = nil
	if want := len(s.topics[0].acc.Partitions()); s.resolved != want {
		t.Fatalf("%d of %d batches have an outcome", s.resolved, want)
	}
}

// BenchmarkRequest is what the send loop decides about a batch, from the news of it to its outcome, by how many leave
// together; the append of its one record is part of it.
func BenchmarkRequest(b *testing.B) {
	for _, partitions := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("%d batches", partitions), func(b *testing.B) {
			s, value := newTrips(b, partitions), make([]byte, 100)
			b.ReportAllocs()
			for b.Loop() {
				s.trip(b, value)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*partitions), "ns/batch")
		})
	}
}

// What the steady state allocates belongs to the test, whose lists begin anew with every trip; it is the same for one
// batch and for a thousand but for what append doubles.
func TestRequestAllocatesNothingForABatch(t *testing.T) {
	s, value := newTrips(t, 1000), make([]byte, 100)
	const warm = 20
	for range warm {
		s.trip(t, value)
	}
	if allocs := testing.AllocsPerRun(20, func() { s.trip(t, value) }); allocs > 100 {
		t.Errorf("%v objects for 1,000 batches", allocs)
	}
}
