package whole

import (
	"encoding/binary"
	"slices"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// judge holds what was told against the logs.
func (s *schedule) judge() {
	s.application.mu.Lock()
	for _, complaint := range s.application.mu.complaints {
		s.broke("%s", complaint)
	}
	s.application.mu.Unlock()
	if s.producer == nil {
		return // it never came to rest
	}
	s.judgeStats()
	for _, l := range s.links {
		if written, closed := l.socket.Take(); !closed {
			s.broke("connection %d with broker %d is open after Close, with %d bytes", l.number, l.peer.id, len(written))
		}
	}
	for _, t := range s.topics {
		s.judgeTopic(t)
	}
	for i := range s.doing.alarms.all {
		s.judgeAlarm(&s.doing.alarms.all[i])
	}
	s.result.Took = s.Now
}

// judgeStats complains about what the producer itself says it holds after its end, or has lost count of.
func (s *schedule) judgeStats() {
	stats := s.producer.Stats()
	s.result.Inquiries, s.result.Alarms = stats.Inquiries, stats.DataLosses
	for what, held := range map[string]int64{
		"bytes of the buffer": stats.BufferUsedBytes, "records without an outcome": stats.Pending, "callbacks": stats.CallbacksPending,
		"panics": stats.Panics, "connections": stats.ConnectionsOpened - stats.ConnectionsClosed, "requests in flight": stats.RequestsInFlight,
	} {
		if held != 0 {
			s.broke("%s: %d %s", check.Leak, held, what)
		}
	}
	if told := stats.Acked + stats.NotWritten + stats.Unknown; told != stats.Accepted {
		s.broke("%d records accepted, %d outcomes counted", stats.Accepted, told)
	}
}

// judgeTopic lets the checker judge a topic.
func (s *schedule) judgeTopic(t *topic) {
	c := check.New(check.Rules{Duplicates: !t.Idempotent, Holes: true}, t.histories...)
	for number := range t.parts {
		s.read(t, int32(number), c)
	}
	report := c.Finish()
	s.result.Records += report.Records
	s.result.Acked += report.Acked
	s.result.NotWritten += report.NotWritten
	s.result.Unknown += report.Unknown
	s.result.Refused += report.Refused
	for _, kind := range s.tolerated(t) {
		if kind == check.Lost {
			s.result.Lost += report.Violations[kind]
		}
		delete(report.Violations, kind)
	}
	if len(report.Violations) > 0 {
		s.broke("topic %s: %v", t.Name, report)
	}
	if s.innocent(t) && report.NotWritten+report.Unknown > 0 {
		s.broke("topic %s: %d not written and %d unknown, though nothing happened for which records may fail: the first with %v", t.Name, report.NotWritten,
			report.Unknown, t.failure.Load())
	}
}

// tolerated are the violations that are none, because nobody promised otherwise.
func (s *schedule) tolerated(t *topic) (kinds []check.Kind) {
	if !t.Idempotent || t.recreated { // one topic after another has no order
		kinds = append(kinds, check.Reorder)
	}
	if t.Acks != -1 || s.setup.Cluster.Unclean {
		kinds = append(kinds, check.Lost, check.WrongOffset)
	}
	return kinds
}

// innocent reports whether a record may not fail: no time or attempts ran out, nobody gave up, no broker refused it for
// good, and it can be found out what became of it.
func (s *schedule) innocent(t *topic) bool {
	c, k := &s.setup.Client, &s.setup.Cluster
	return c.DeliveryTimeout > settledMax && c.Retries < 0 && !c.Halt && !s.doing.gaveUp && !s.doing.excused &&
		!k.Unclean && !k.Mute && !k.Old && !s.setup.Whole.Undescribed && t.KeylessOf100 == 0 && t.BytesMax >= 1<<20 && !t.recreated && t.Acks != 0
}

// read has the checker read a partition: first what was deleted of it. Of a topic that was made anew only those records
// are read in the old log that were acknowledged there: the others may well be in both, or nowhere.
func (s *schedule) read(t *topic, number int32, c *check.Checker) {
	at := model.TopicPartition{Topic: t.Name, Partition: number}
	log, deleted := s.log(at, s.leader(at)), t.parts[number].archive
	read := func(r *sim.Record, offset int64) {
		c.Read(&check.Record{Topic: t.Name, Partition: number, Offset: offset, Key: r.Key, Value: r.Value})
	}
	seen := make(map[uint64]bool)
	see := func(r *sim.Record, _ int64) { seen[identity(r)] = true }
	if t.recreated {
		each(deleted, see)
		each(log, see)
	}
	each(t.parts[number].former, func(r *sim.Record, offset int64) {
		told := t.outcome(r)
		if !seen[identity(r)] && told.Fate == check.Acked && (told.Offset < 0 || told.Offset == offset) {
			see(r, offset)
			read(r, offset)
		}
	})
	each(deleted, func(r *sim.Record, offset int64) {
		if len(log) == 0 || offset < log[0].Offset {
			read(r, offset)
		}
	})
	each(log, read)
}

// each visits the records of the producer.
func each(batches []*model.Batch, visit func(r *sim.Record, offset int64)) {
	for _, b := range batches {
		held, ok := b.Payload.(*sim.Batch)
		if !ok || len(held.Records) == 0 || string(held.Records[0].Value) == foreign {
			continue
		}
		for i := range held.Records {
			visit(&held.Records[i], b.Offset+int64(i))
		}
	}
}

// identity is a record's writer and sequence, 0 for one that has none: the checker will complain.
func identity(r *sim.Record) uint64 {
	if len(r.Value) < check.StampBytes {
		return 0
	}
	return binary.BigEndian.Uint64(r.Value[8:])
}

// outcome is what was told about a record.
func (t *topic) outcome(r *sim.Record) check.Outcome {
	id := identity(r)
	if writer, sequence := int(id>>32), uint32(id); writer < len(t.histories) && int(sequence) < t.histories[writer].Count() {
		return t.histories[writer].Outcome(sequence)
	}
	return check.Outcome{}
}

// judgeAlarm complains about an alarm of lost data for which there is no reason: each acknowledged record that it speaks of
// is there. After an unclean election what was lost may be back.
func (s *schedule) judgeAlarm(loss *omnibus.DataLoss) {
	t := s.named(loss.Topic)
	if s.setup.Cluster.Unclean || t == nil || t.recreated {
		return
	}
	at := model.TopicPartition{Topic: loss.Topic, Partition: loss.Partition}
	there := make(map[int64]uint64)
	each(slices.Concat(t.parts[loss.Partition].archive, s.log(at, s.leader(at))), func(r *sim.Record, offset int64) { there[offset] = identity(r) })
	for w, h := range t.histories {
		for sequence := range uint32(h.Count()) {
			o := h.Outcome(sequence)
			if o.Fate != check.Acked || o.Partition != loss.Partition || o.Offset < loss.FromOffset || o.Offset > loss.ToOffset {
				continue
			}
			if id, ok := there[o.Offset]; !ok || id != uint64(w)<<32|uint64(sequence) {
				return
			}
		}
	}
	s.broke("%s/%d: false alarm: %+v", loss.Topic, loss.Partition, *loss)
}
