package play

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/settling"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// effects carries the core's decisions out. It is the schedule under another name, so that these methods are no part of
// the schedule's own.
type effects struct{ *schedule }

func (s effects) CloseBatch(p *accumulator.Partition, b *batch.Batch, readyBytes int) (reached bool) {
	spare, reached := p.CloseBatch(b, readyBytes)
	s.client.pool.Put(spare)
	return reached
}

func (s effects) SetReady(p *accumulator.Partition, sizeBytes int) bool { return p.SetReady(sizeBytes) }

func (s effects) Release(b *batch.Batch) { s.client.acc.ReleaseBatch(b) }

func (s effects) Encode(r *core.Request, b *batch.Batch) {
	s.doing.compressing[b] = true
	codec := core.LaneOf(b).Topic.Config.Codec
	s.After(s.client.dice.Within(workMax), func() {
		delete(s.doing.compressing, b)
		c, err := s.player.compressor(codec)
		if err == nil {
			spare, failed := b.Compress(c, new(batch.Scratch))
			s.client.pool.Put(spare)
			err = failed
		}
		if err != nil {
			s.broke("compression: %v", err)
		}
		b.Seal()
		s.core.Encoded(s.Now, r)
	})
}

func (s effects) Resolve(l *core.Lane, b *batch.Batch, o batch.Outcome) {
	t := s.topicOf(l)
	code := int64(0)
	if o.Failure != nil {
		code = 1
		if o.Failure.NotWritten {
			code = 2
		}
	}
	s.Note(s.Now, "resolve t%d/%d epoch %d sequence %d count %d: offset %d, failure %d", int64(t.number), int64(l.Part.Number), int64(b.Epoch()),
		int64(b.Sequence()), int64(b.Count()), o.Offset, code)
	if age := s.Now - b.Created; age > s.setup.Client.DeliveryTimeout+workMax {
		s.broke("told after %v, the delivery timeout is %v", age, s.setup.Client.DeliveryTimeout)
	}
	if s.doing.compressing[b] {
		s.broke("a batch was given back while a worker compresses it")
	}
	b.Resolve(0, b.Count(), o)
	if !l.Part.Turns.Pass(b, o) {
		return
	}
	for ok := true; ok; b, o, ok = l.Part.Turns.Next() {
		s.tell(t, l.Part.Number, b, o)
	}
}

// tell does what the producer does with an outcome: the callbacks run, and the batch is gone.
func (s *schedule) tell(t *topic, partition int32, b *batch.Batch, o batch.Outcome) {
	fate := check.Acked
	if f := o.Failure; f != nil {
		if fate = check.Unknown; f.NotWritten {
			fate = check.NotWritten
		}
		s.readable(b)
	}
	for seat := range b.Count() {
		sequence, offset := uint32(b.Tag(seat)), o.Offset
		if offset >= 0 {
			offset += int64(seat)
		}
		if int(sequence) >= len(t.told) || b.Callback(seat) != any(t) {
			s.broke("an outcome for record %d of topic %s, which is not there", sequence, t.Name)
			continue
		}
		t.history.Tell(sequence, check.Outcome{Fate: fate, Partition: partition, Offset: offset})
		t.told[sequence] = told{fate, partition, offset}
		if fate != check.Acked && s.innocent(t) {
			s.broke("%s/%d: record %d failed for nothing (not written: %v): %v", t.Name, partition, sequence, fate == check.NotWritten, o.Failure.Err)
		}
	}
	s.client.acc.ReleaseBatch(b)
}

// readable complains if the records of a failed batch are not those that its callbacks are about.
func (s *schedule) readable(b *batch.Batch) {
	records, _, err := b.Records()
	if err != nil || len(records) != b.Count() {
		s.broke("a failed batch of %d records has %d to read, error %v", b.Count(), len(records), err)
		return
	}
	for seat := range records {
		if v := records[seat].Value; len(v) < check.StampBytes || uint64(binary.BigEndian.Uint32(v[12:])) != b.Tag(seat) {
			s.broke("a failed batch has another record in seat %d than record %d", seat, b.Tag(seat))
		}
	}
}

func (s effects) Refresh(string) { s.refresh() }

func (s effects) Hint(r *core.Request, p core.Passenger, a *answers.Answer) {
	t, number := s.topicOf(p.Lane), p.Lane.Part.Number
	id, leader, epoch := p.Lane.Topic.ID, a.Leader, a.Epoch
	s.After(s.client.dice.Within(3*time.Millisecond), func() { s.hinted(t, number, id, leadership{leader, epoch}) })
}

func (s effects) FetchID() {
	s.After(s.client.dice.Within(50*time.Millisecond), func() {
		if s.doing.stopped {
			return
		}
		if s.Now < s.doing.noIDUntil {
			s.core.ProducerID(s.Now, idempotence.ProducerID{}, errRefused)
			return
		}
		id := idempotence.ProducerID{ID: s.cluster.InitProducerID()}
		if left := s.setup.Client.EpochsLeft; left >= 0 {
			id.Epoch = math.MaxInt16 - left
		}
		s.Note(s.Now, "producer id %d epoch %d", id.ID, int64(id.Epoch))
		s.core.ProducerID(s.Now, id, nil)
	})
}

func (s effects) Lost(l *core.Lane, loss settling.Loss) {
	t := s.topicOf(l)
	s.Note(s.Now, "t%d/%d: lost %d to %d", int64(t.number), int64(l.Part.Number), loss.From, loss.To)
	s.result.Alarms++
	if s.isLost(t, l.Part.Number, loss) {
		return
	}
	if s.setup.Cluster.Unclean { // what was lost when the broker was asked may be back
		return
	}
	s.broke("%s/%d: false alarm: %+v", t.Name, l.Part.Number, loss)
}

// isLost reports whether an acknowledged record with such an offset is not there, in the copy of some broker at least.
func (s *schedule) isLost(t *topic, partition int32, loss settling.Loss) bool {
	for _, p := range s.peers {
		log := s.cluster.Log(model.TopicPartition{Topic: t.Name, Partition: partition}, p.id)
		for sequence := range t.told {
			r := &t.told[sequence]
			if r.fate == check.Acked && r.partition == partition && r.offset >= loss.From && r.offset <= loss.To &&
				!hasAt(log, uint32(sequence), r.offset) {
				return true
			}
		}
	}
	return false
}

func (s effects) Departed(l *core.Lane, b *batch.Batch, why batch.Reason) {
	s.Note(s.Now, "depart t%d/%d epoch %d sequence %d count %d, reason %d, attempt %d", int64(s.topicOf(l).number), int64(l.Part.Number),
		int64(b.Epoch()), int64(b.Sequence()), int64(b.Count()), int64(why), int64(b.Sender.Attempts+1))
}

func (s effects) Retried(l *core.Lane, b *batch.Batch, _ error) {
	s.Note(s.Now, "retry t%d/%d epoch %d sequence %d", int64(s.topicOf(l).number), int64(l.Part.Number), int64(b.Epoch()), int64(b.Sequence()))
}

func (s effects) Answered(*core.Request, time.Duration, error) {}
