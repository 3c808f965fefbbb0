package core

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// testRefusal is a broker's refusal as the tests see it.
type testRefusal struct {
	code    int16
	message string
}

func (e *testRefusal) Error() string {
	if e.message == "" {
		return fmt.Sprintf("code %d", e.code)
	}
	return fmt.Sprintf("code %d (%s)", e.code, e.message)
}

var errTestLost = errors.New("connection lost")

// stage is a core with real partitions, batches and memory around it. It stops where the effects begin: who embeds it
// carries those out.
type stage struct {
	t          testing.TB
	core       *Core
	now        time.Duration
	pool       *bufferpool.Pool
	acc        *accumulator.Accumulator
	leaderless *accumulator.Leader
	topics     []*stageTopic
	fresh      func(b *batch.Batch) // told of each batch as the core learns of it
}

// stageTopic is a topic on both sides of the core's border.
type stageTopic struct {
	topic *Topic
	acc   *accumulator.Topic
}

// newStage makes a stage; the caller sets core.
func newStage(t testing.TB, poolBytes int64) *stage {
	return stageOver(t, bufferpool.New(poolBytes, bufferpool.Hooks{Poison: true}))
}

// stageOver makes a stage with this memory.
func stageOver(t testing.TB, pool *bufferpool.Pool) *stage {
	return &stage{
		t: t, pool: pool, acc: accumulator.New(pool, dispatch.New(dispatch.Config{})),
		leaderless: &accumulator.Leader{Account: pool.Account(bufferpool.NoLeader)},
		fresh:      func(*batch.Batch) {},
	}
}

// refusal is Config.Refusal of the tests.
func refusal(_ string, code int16, message string) error {
	if code == answers.None {
		return nil
	}
	return &testRefusal{code, message}
}

// addTopic makes a topic with so many partitions known to the core.
func (s *stage) addTopic(name string, partitions int, config TopicConfig, boarding *accumulator.Settings) *stageTopic {
	sticky := partitioner.NewSticky(partitioner.StickyOptions{Seed: 1}, new(partitioner.View))
	t := &stageTopic{topic: &Topic{Name: name, Config: config}, acc: accumulator.NewTopic(name, boarding, sticky, s.leaderless)}
	s.acc.Update(t.acc, &partitioner.View{Partitions: int32(partitions)}, func(added []*accumulator.Partition) {
		s.core.AddPartitions(t.topic, added)
	})
	s.topics = append(s.topics, t)
	return t
}

// broker is what the core is told of a broker.
func (s *stage) broker(id int32, address string) Broker {
	return Broker{ID: id, Address: address, Account: s.pool.Account(id)}
}

// board appends a record without waiting for room. The core does not hear of it before news.
func (s *stage) board(p *accumulator.Partition, value []byte, waiter bool) (accumulator.Place, error) {
	entry := &batch.Entry{Record: wire.Record{Value: value}, Timestamp: s.now.Milliseconds()}
	return s.acc.Append(context.Background(), p.Topic, entry, &accumulator.Boarding{Partition: p, Ticket: true, Waiter: waiter})
}

// news tells the core what the partitions have to tell, as the loop does.
func (s *stage) news() {
	var fresh []*batch.Batch
	for _, p := range s.acc.Inbox.Take(nil) {
		var signals accumulator.Signal
		signals, fresh = p.TakeNews(fresh[:0])
		for _, b := range fresh {
			b.Created, b.Aged = s.now, false // by the test's clock, not the accumulator's
			s.fresh(b)
		}
		s.core.News(s.now, p.Sender.(*Lane), signals, fresh)
	}
}

// next is when the core wants to be woken, never in the past.
func (s *stage) next() (time.Duration, bool) {
	next := s.core.Next()
	return max(next, s.now), next != 0
}

func (s *stage) CloseBatch(p *accumulator.Partition, b *batch.Batch, readyBytes int) (reached bool) {
	spare, reached := p.CloseBatch(b, readyBytes)
	s.pool.Put(spare)
	return reached
}

func (s *stage) SetReady(p *accumulator.Partition, sizeBytes int) bool { return p.SetReady(sizeBytes) }

func (s *stage) Release(b *batch.Batch) { s.acc.ReleaseBatch(b) }

// tell does what the producer does with an outcome nobody has a callback for: the batch is gone when it returns.
func (s *stage) tell(b *batch.Batch, o batch.Outcome) {
	b.Resolve(0, b.Count(), o)
	s.acc.ReleaseBatch(b)
}

// leak complains about what the core still holds when everything is over.
func (s *stage) leak() error {
	var found []error
	complain := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	if b := s.core.open.Oldest; b != nil {
		complain("a batch of %d records has no outcome, in state %d of lane %s", b.Count(), b.Sender.State, laneName(LaneOf(b)))
	}
	for _, t := range s.core.topics {
		for _, l := range t.lanes {
			if len(l.batches) != 0 || l.InFlight != 0 || !l.place.Nowhere() {
				complain("lane %s: %d batches, %d in flight, place %+v", laneName(l), len(l.batches), l.InFlight, l.place)
			}
		}
	}
	for _, n := range s.core.Nodes {
		if n.unanswered != 0 || len(n.departures) != 0 || n.underway != 0 || n.lanes.Ready() != 0 {
			complain("node %d: %d unanswered, %d departing, %d batches underway, %d ready", n.ID, n.unanswered, len(n.departures), n.underway, n.lanes.Ready())
		}
	}
	if s.core.encoding != 0 {
		complain("%d batches still count as being encoded", s.core.encoding)
	}
	if used := s.pool.Stats().Used; used != 0 {
		complain("%d bytes of the pool are still in use", used)
	}
	return errors.Join(found...)
}

func laneName(l *Lane) string { return fmt.Sprintf("%s/%d", l.Topic.Name, l.Part.Number) }
