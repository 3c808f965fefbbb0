package play

import (
	"context"
	"errors"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// client is the producer on this side of the core.
type client struct {
	dice       draw.Dice
	pool       *bufferpool.Pool
	acc        *accumulator.Accumulator
	leaderless *accumulator.Leader
	topics     []*topic
	fresh      []*batch.Batch
}

func newClient(d draw.Dice, bufferBytes int64) client {
	pool := bufferpool.New(bufferBytes, bufferpool.Hooks{Poison: true})
	return client{
		dice: d, pool: pool, acc: accumulator.New(pool, dispatch.New(dispatch.Config{LanePendingMax: 1})),
		leaderless: &accumulator.Leader{Account: pool.Account(bufferpool.NoLeader)},
	}
}

// topic is a topic as the producer has it, with what was told about its records.
type topic struct {
	*draw.Topic
	number  int
	core    *core.Topic
	acc     *accumulator.Topic
	history *check.History
	told    []told // by sequence
	id      model.ID
	parts   []*part
	// recreated and truncated loosen what is promised.
	recreated, truncated bool
}

// told is what was told about a record.
type told struct {
	fate      check.Fate
	partition int32
	offset    int64
}

// part is what the schedule must know of a partition.
type part struct {
	oneShots []oneShot      // for the next batches that come
	archive  []*model.Batch // of the log's beginning, which was deleted
	former   []*model.Batch // of the topics of that name before this one
	lagUntil time.Duration
}

func (s *schedule) addTopic(t *draw.Topic) {
	boarding := &accumulator.Settings{
		BatchBytes: t.BatchBytes, BatchBytesMax: max(t.BatchBytes, s.setup.Client.RequestBytesMax-200), OneRecord: t.OneRecord,
		Compresses: t.Codec != compress.None,
	}
	sticky := partitioner.NewSticky(partitioner.StickyOptions{Seed: 1}, new(partitioner.View))
	added := &topic{
		Topic: t, number: len(s.client.topics), acc: accumulator.NewTopic(t.Name, boarding, sticky, s.client.leaderless),
		core: &core.Topic{Name: t.Name, Config: core.TopicConfig{
			Acks: t.Acks, Idempotent: t.Idempotent, Codec: t.Codec, Linger: t.Linger, DeliveryTimeout: s.setup.Client.DeliveryTimeout,
		}},
		history: check.NewHistory(t.Name, s.setup.Seed, 0, partitionsMax),
	}
	added.history.InOrder()
	s.client.topics = append(s.client.topics, added)
	s.createTopic(added, t.Partitions)
	s.follow(added, t.Partitions)
}

// partitionsMax is how many partitions a topic grows to at most.
const partitionsMax = 6

// createTopic makes the topic at the brokers.
func (s *schedule) createTopic(t *topic, partitions int) {
	t.id = s.cluster.CreateTopic(s.Clock(), t.Name, partitions, model.TopicOptions{
		MinInSync: s.setup.Cluster.MinInSync, BatchBytesMax: t.BytesMax, LogAppendTime: t.LogAppendTime,
		Unclean: s.setup.Cluster.Unclean, Compacted: t.Compacted,
	})
	if s.setup.Cluster.Mute {
		s.cluster.Deny(t.Name, model.Read, true)
	}
	for len(t.parts) < partitions {
		t.parts = append(t.parts, new(part))
	}
}

// follow brings the producer to as many partitions.
func (s *schedule) follow(t *topic, partitions int) {
	view := &partitioner.View{Partitions: int32(partitions)}
	s.client.acc.Update(t.acc, view, func(added []*accumulator.Partition) { s.core.AddPartitions(t.core, added) })
}

// topicOf is the topic of a lane.
func (s *schedule) topicOf(l *core.Lane) *topic {
	for _, t := range s.client.topics {
		if t.core == l.Topic {
			return t
		}
	}
	return nil
}

// load plans what is written.
func (s *schedule) load() {
	l, d := &s.setup.Load, draw.NewDice(s.setup.Seed, draw.ForLoad)
	for left := l.Records; left > 0; {
		at := d.Within(draw.FaultsEnd)
		for range min(left, 1+d.IntN(l.Burst)) {
			r := drawRecord(s.setup, d)
			s.After(at+d.Within(20*time.Millisecond), func() { s.produce(&r) })
			left--
		}
	}
	for range l.Flushes {
		s.After(d.Within(draw.FaultsEnd), s.flush)
	}
}

// record is one that will be written.
type record struct {
	topic     int
	partition int32 // of those that there are, by remainder
	payload   int
	keyless   bool
	waiter    bool
	newsLate  time.Duration
}

func drawRecord(s *draw.Setup, d draw.Dice) record {
	r := record{topic: d.IntN(len(s.Topics)), partition: d.Int32N(60), payload: d.IntN(draw.Pick(d, 20, 200)), waiter: d.Chance(s.Load.WaitersOf100)}
	if d.Chance(s.Load.HotOf100) {
		r.topic, r.partition = 0, 0
	}
	r.keyless = d.Chance(s.Topics[r.topic].KeylessOf100)
	if d.Chance(20) {
		r.newsLate = d.Within(5 * time.Millisecond)
	}
	return r
}

// ageMillis is how old the records of aged topics are: older than brokers remember producers for.
const ageMillis = 25 * 60 * 60 * 1000

// produce hands a record over.
func (s *schedule) produce(r *record) {
	if s.doing.closed {
		return
	}
	t := s.client.topics[r.topic]
	partitions := t.acc.Partitions()
	p := partitions[int(r.partition)%len(partitions)]
	sequence := t.history.Add(p.Number)
	t.told = append(t.told, told{partition: p.Number, offset: -1})
	key := []byte("k")
	if r.keyless {
		key = nil
	}
	value := make([]byte, check.StampBytes+r.payload)
	for i := check.StampBytes; i < len(value); i++ {
		value[i] = byte(int(sequence) + i/7)
	}
	t.history.Stamp(value, key, sequence)
	stamp := s.Clock().UnixMilli()
	if t.Aged {
		stamp -= ageMillis
	}
	entry := &batch.Entry{Record: wire.Record{Key: key, Value: value}, Timestamp: stamp}
	how := &accumulator.Boarding{Partition: p, Callback: t, Tag: uint64(sequence), Waiter: r.waiter}
	_, err := s.client.acc.Append(context.Background(), t.acc, entry, how)
	clear(value) // the caller's bytes are the caller's again
	s.Note(s.Now, "produce t%d/%d record %d, %d bytes", int64(t.number), int64(p.Number), int64(sequence), int64(len(value)))
	if err != nil {
		s.refused(t, sequence, err)
		return
	}
	if r.newsLate > 0 {
		s.After(r.newsLate, s.news)
	} else {
		s.news()
	}
}

// refused notes that a record was not accepted.
func (s *schedule) refused(t *topic, sequence uint32, err error) {
	t.history.Refuse(sequence)
	t.told[sequence].fate = check.Refused
	switch {
	case errors.Is(err, accumulator.ErrFull):
		s.news()
		s.core.Pressure(s.Now)
	case !errors.Is(err, core.ErrHalted):
		s.broke("a record was refused: %v", err)
	}
}

// news tells the core what the partitions have to tell, as the send loop does.
func (s *schedule) news() {
	for _, p := range s.client.acc.Inbox.Take(nil) {
		var signals accumulator.Signal
		signals, s.client.fresh = p.TakeNews(s.client.fresh[:0])
		lane := p.Sender.(*core.Lane)
		for _, b := range s.client.fresh { // by this clock, not by the accumulator's
			b.Created, b.Aged = s.Now, s.topicOf(lane).Aged
		}
		s.core.News(s.Now, lane, signals, s.client.fresh)
	}
}

// flush asks for a flush, which must end.
func (s *schedule) flush() {
	if s.doing.stopped {
		return
	}
	done := make(chan struct{})
	s.doing.flushes = append(s.doing.flushes, done)
	s.news()
	s.core.Flush(s.Now, done)
}
