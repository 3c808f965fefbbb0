package whole

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// topic is a topic and what happened to it.
type topic struct {
	*draw.Topic
	number    int
	parts     []*part
	histories []*check.History // by writer
	// recreated loosens what is promised.
	recreated bool
	// count is how many partitions there are, for the writers.
	count atomic.Int32
	// acked tells of each partition whether a record was acknowledged with its offset.
	acked [partitionsMax]atomic.Bool
	// failure is the first that was told.
	failure atomic.Pointer[omnibus.RecordError]
}

// part is what the schedule must know of a partition.
type part struct {
	oneShots []oneShot      // for the next batches that come
	archive  []*model.Batch // of the log's beginning, which was deleted
	former   []*model.Batch // of the topics of that name before this one
	lagUntil time.Duration
}

// oneShot is a fault that befalls the next batch of a partition.
type oneShot struct {
	kind fault.Kind
	code int16
}

// omission is a batch that is left out of an answer.
type omission struct {
	topic     *topic
	partition int32
}

// foreign is the value of another producer's records.
const foreign = "foreign"

// partitionsMax is how many partitions a topic grows to at most.
const partitionsMax = 6

func (s *schedule) addTopic(t *draw.Topic) {
	added := &topic{Topic: t, number: len(s.topics)}
	for w := range s.setup.Whole.Writers {
		added.histories = append(added.histories, check.NewHistory(t.Name, s.setup.Seed, uint32(w), partitionsMax))
	}
	s.topics = append(s.topics, added)
	s.createTopic(added, t.Partitions)
}

// createTopic makes the topic at the brokers.
func (s *schedule) createTopic(t *topic, partitions int) {
	s.cluster.AddTopic(t.Name, partitions, sim.TopicOptions{
		MinInSync: s.setup.Cluster.MinInSync, BatchBytesMax: t.BytesMax, LogAppendTime: t.LogAppendTime,
		Unclean: s.setup.Cluster.Unclean, Compacted: t.Compacted,
	})
	if s.setup.Cluster.Mute {
		s.model(func(_ time.Time, m *model.Cluster) { m.Deny(t.Name, model.Read, true) })
	}
	for len(t.parts) < partitions {
		t.parts = append(t.parts, new(part))
	}
	t.count.Store(int32(len(t.parts)))
}

func (s *schedule) named(name string) *topic {
	for _, t := range s.topics {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// numberOf is a topic's number, -1 for a topic that is not there any more.
func (s *schedule) numberOf(name string) int64 {
	if t := s.named(name); t != nil {
		return int64(t.number)
	}
	return -1
}

func (s *schedule) topicFault(t *topic, f *fault.Fault) bool {
	switch f.Kind {
	case fault.Recreate:
		count := s.cluster.Partitions(t.Name)
		for i, p := range t.parts {
			p.former, p.archive = append(p.former, p.archive...), nil
			for _, peer := range s.peers {
				p.former = append(p.former, s.log(model.TopicPartition{Topic: t.Name, Partition: int32(i)}, peer.id)...)
			}
		}
		t.recreated = true
		s.createTopic(t, count)
	case fault.Grow:
		count := s.cluster.Partitions(t.Name)
		if count == partitionsMax {
			return false
		}
		s.cluster.AddPartitions(t.Name, count+1)
		t.parts = append(t.parts, new(part))
		t.count.Store(int32(len(t.parts)))
	case fault.Deny:
		s.doing.excused = true
		s.model(func(_ time.Time, m *model.Cluster) { m.Deny(t.Name, model.Read, true) })
	default:
		return false
	}
	return true
}

// log is what a broker has of a partition.
func (s *schedule) log(at model.TopicPartition, node int32) (log []*model.Batch) {
	s.model(func(_ time.Time, m *model.Cluster) { log = slices.Clone(m.Log(at, node)) })
	return log
}

// trim deletes what consumers can read, and keeps it for the judge; see package play for when that is fair.
func (s *schedule) trim(t *topic, at model.TopicPartition) bool {
	leader := s.leader(at)
	apart := func(p *peer) bool { return !s.hears(p) }
	if leader < 1 || t.recreated || slices.ContainsFunc(s.peers, apart) || !t.Aged && !t.acked[at.Partition].Load() {
		return false
	}
	p, log := t.parts[at.Partition], s.log(at, leader)
	s.model(func(now time.Time, m *model.Cluster) {
		high, _ := m.Watermark(at, leader)
		for _, b := range log {
			if b.LastOffset() < high && (len(p.archive) == 0 || p.archive[len(p.archive)-1].Offset < b.Offset) {
				p.archive = append(p.archive, b)
			}
		}
		m.DeleteRecords(now, at, high)
	})
	s.doing.excused = true // what was in doubt may have been deleted
	return true
}

// copySoon lets followers copy, where they do so stepwise.
func (s *schedule) copySoon() {
	if !s.setup.Cluster.Stepwise || s.doing.copying {
		return
	}
	s.doing.copying = true
	s.After(s.dice.Within(s.quick(s.setup.Cluster.CopyMax)), s.copyAll)
}

// copyAll lets every follower copy once, and again as long as that changes something.
func (s *schedule) copyAll() {
	s.doing.copying = false
	moved := false
	for _, t := range s.topics {
		for number, p := range t.parts {
			if p.lagUntil > s.Now {
				s.After(p.lagUntil-s.Now, s.copySoon)
				continue
			}
			moved = s.copy(model.TopicPartition{Topic: t.Name, Partition: int32(number)}) || moved
		}
	}
	if moved || slices.ContainsFunc(s.links, func(l *link) bool { return l.serving != nil }) {
		s.copySoon()
	}
}

// copy lets the followers of a partition copy, and reports whether that changed something.
func (s *schedule) copy(at model.TopicPartition) (moved bool) {
	s.model(func(now time.Time, m *model.Cluster) {
		for _, peer := range s.peers {
			high, end := m.Watermark(at, peer.id)
			m.Replicate(now, at, peer.id)
			newHigh, newEnd := m.Watermark(at, peer.id)
			moved = moved || high != newHigh || end != newEnd
		}
	})
	return moved
}

// decide is the fate of a request: the first of its partitions for which a fault waits has it.
func (s *schedule) decide(r sim.Request) sim.Fate {
	for i := range r.Batches {
		t, number := s.named(r.Batches[i].Topic), r.Batches[i].Partition
		if t == nil || int(number) >= len(t.parts) || len(t.parts[number].oneShots) == 0 {
			continue
		}
		shot := t.parts[number].oneShots[0]
		t.parts[number].oneShots = t.parts[number].oneShots[1:]
		if shot.kind == fault.Omit {
			s.omitted = &omission{t, number}
			return sim.Fate{}
		}
		return sim.Fate{Refusal: &sim.Refusal{
			Code: shot.code, Append: shot.kind == fault.ErrorAfter,
			Only: func(topic string, partition int32) bool { return topic == t.Name && partition == number },
		}}
	}
	return sim.Fate{}
}

// omit leaves a partition out of an answer.
func (s *schedule) omit(o *omission, response *kmsg.ProduceResponse) {
	for i := range response.Topics {
		told := &response.Topics[i]
		name := told.Topic
		if name == "" {
			s.model(func(_ time.Time, m *model.Cluster) { name = m.NameOf(told.TopicID) })
		}
		if name == o.topic.Name {
			told.Partitions = slices.DeleteFunc(told.Partitions, func(p kmsg.ProduceResponseTopicPartition) bool { return p.Partition == o.partition })
		}
	}
}
