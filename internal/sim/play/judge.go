package play

import (
	"encoding/binary"
	"slices"

	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// judge holds what was told against the logs.
func (s *schedule) judge() {
	s.leaks()
	for i, done := range s.doing.flushes {
		select {
		case <-done:
		default:
			s.broke("flush %d did not end", i)
		}
	}
	for _, t := range s.client.topics {
		s.judgeTopic(t)
	}
}

// leaks complains about what is held although everything is over.
func (s *schedule) leaks() {
	for _, t := range s.client.topics {
		for _, p := range t.acc.Partitions() {
			if n := p.Sender.(*core.Lane).InFlight; n != 0 {
				s.broke("%s/%d: %d batches count as in flight", t.Name, p.Number, n)
			}
		}
	}
	for _, n := range s.core.Nodes {
		if !n.Idle() {
			s.broke("broker %d: something is still on its way", n.ID)
		}
	}
	if used := s.client.pool.Stats().Used; used != 0 {
		s.broke("%s: %d bytes of the pool", check.Leak, used)
	}
}

// judgeTopic lets the checker judge a topic.
func (s *schedule) judgeTopic(t *topic) {
	c := check.New(check.Rules{Duplicates: !t.Idempotent, Holes: true}, t.history)
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
	if s.setup.Client.Halt && t.Idempotent && !t.recreated && !s.setup.Cluster.Unclean {
		s.judgeHalt(t)
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

// logOf is a partition's log as it is in the end, and what was deleted of it.
func (s *schedule) logOf(t *topic, number int32) (log, deleted []*model.Batch) {
	at := model.TopicPartition{Topic: t.Name, Partition: number}
	log = s.cluster.Log(at, s.cluster.Leader(at))
	return log, t.parts[number].archive
}

// read has the checker read a partition: first what was deleted of it. Of a topic that was made anew only those records
// are read in the old log that were acknowledged there: the others may well be in both, or nowhere.
func (s *schedule) read(t *topic, number int32, c *check.Checker) {
	log, deleted := s.logOf(t, number)
	read := func(r *stored, offset int64) {
		c.Read(&check.Record{Topic: t.Name, Partition: number, Offset: offset, Key: r.key, Value: r.value})
	}
	seen := make(map[uint32]bool)
	see := func(r *stored, _ int64) { seen[sequenceOf(r)] = true }
	if t.recreated {
		each(deleted, see)
		each(log, see)
	}
	each(t.parts[number].former, func(r *stored, offset int64) {
		told := &t.told[sequenceOf(r)]
		if !seen[sequenceOf(r)] && told.fate == check.Acked && (told.offset < 0 || told.offset == offset) {
			see(r, offset)
			read(r, offset)
		}
	})
	each(deleted, func(r *stored, offset int64) {
		if len(log) == 0 || offset < log[0].Offset {
			read(r, offset)
		}
	})
	each(log, read)
}

// each visits the records of the producer.
func each(batches []*model.Batch, visit func(r *stored, offset int64)) {
	for _, b := range batches {
		if c, ours := b.Payload.(*content); ours {
			for i := range c.records {
				visit(&c.records[i], b.Offset+int64(i))
			}
		}
	}
}

// sequenceOf is the record's number in its history.
func sequenceOf(r *stored) uint32 { return binary.BigEndian.Uint32(r.value[12:]) }

// hasAt reports whether a log has a record at an offset.
func hasAt(log []*model.Batch, sequence uint32, offset int64) (found bool) {
	each(log, func(r *stored, at int64) { found = found || at == offset && sequenceOf(r) == sequence })
	return found
}

// judgeHalt complains about records that overtook one that failed, under Config.HaltOnFailure.
func (s *schedule) judgeHalt(t *topic) {
	for number := range t.parts {
		log, deleted := s.logOf(t, int32(number))
		var there []uint32
		add := func(r *stored, _ int64) { there = append(there, sequenceOf(r)) }
		each(deleted, add)
		each(log, add)
		slices.Sort(there)
		failed := slices.IndexFunc(t.told, func(r told) bool { return r.partition == int32(number) && r.fate == check.NotWritten })
		if failed >= 0 && len(there) > 0 && there[len(there)-1] > uint32(failed) {
			s.broke("%s/%d: record %d is in the log, though record %d was not written before it", t.Name, number, there[len(there)-1], failed)
		}
	}
}

// innocent reports whether a record may not fail: no time or attempts ran out, nobody gave up, no broker refused it for
// good, and it can be found out what became of it.
func (s *schedule) innocent(t *topic) bool {
	c, k := &s.setup.Client, &s.setup.Cluster
	return c.DeliveryTimeout > settledMax && c.Retries < 0 && !c.Halt && !s.doing.stopped && !s.doing.excused &&
		!k.Unclean && !k.Mute && !k.Old && t.KeylessOf100 == 0 && t.BytesMax == 1<<20 && !t.recreated
}
