package sender

import (
	"slices"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// wireScratch is the memory in which a request is laid out, kept from one use to the next.
type wireScratch struct {
	topics     []wire.ProduceTopic
	partitions []wire.ProducePartition
}

// clear lets go of what the scratch refers to.
func (s *wireScratch) clear() {
	clear(s.topics)
	clear(s.partitions)
}

// layOut fills r.Wire from r.batches, which it brings into the order of the wire: the partitions of a topic stand
// together.
func (r *request) layOut(timeoutMillis int32) {
	slices.SortStableFunc(r.batches, func(a, b passenger) int {
		if a.lane.topic == b.lane.topic {
			return 0
		}
		return strings.Compare(a.lane.topic.name, b.lane.topic.name)
	})
	s := &r.wires
	s.topics, s.partitions = s.topics[:0], slices.Grow(s.partitions[:0], len(r.batches))
	r.TopicIDs = true
	for i, p := range r.batches {
		t := p.lane.topic
		r.batches[i].topicID = t.id
		if i == 0 || r.batches[i-1].lane.topic != t {
			s.topics = append(s.topics, wire.ProduceTopic{Name: t.name, ID: t.id, Partitions: s.partitions[len(s.partitions):]})
			r.TopicIDs = r.TopicIDs && t.id != [16]byte{}
		}
		s.partitions = append(s.partitions, wire.ProducePartition{
			Index: p.lane.part.Number, Header: p.batch.Header(), Body: p.batch.Pieces(),
		})
		last := &s.topics[len(s.topics)-1]
		last.Partitions = last.Partitions[:len(last.Partitions)+1]
	}
	r.Tag = r
	r.Wire.Topics = s.topics
	r.Wire.Acks = r.acks
	r.Wire.TimeoutMillis = timeoutMillis
	r.Deadline = time.Time{}
	r.answers = append(r.answers[:0], make([]answer, len(r.batches))...)
}

// note copies what the broker said about each batch; it runs on the connection's read loop, where resp is valid.
func (r *request) note(resp *wire.ProduceResponse) {
	next := 0
	for i := range resp.Partitions {
		result := &resp.Partitions[i]
		at := r.find(result, next)
		if at < 0 {
			continue // a partition that was not asked about changes nothing
		}
		next = at + 1
		r.answers[at] = answer{
			answered: true, code: result.Code,
			offset: result.BaseOffset, logAppendTime: result.LogAppendTime,
			leader: result.LeaderID, epoch: result.LeaderEpoch,
			message: result.Message, errors: slices.Clone(result.Errors),
		}
	}
	r.nodes = r.nodes[:0]
	for _, n := range resp.Nodes {
		r.nodes = append(r.nodes, Endpoint{n.ID, n.Host, n.Port, n.Rack})
	}
}

// find is the place of the batch that a result is about, or -1. Brokers answer in the order of the request, so the place
// behind the last one is looked at first.
func (r *request) find(result *wire.ProduceResult, expected int) int {
	for i := range r.batches {
		at := (expected + i) % len(r.batches)
		p := &r.batches[at]
		if p.lane.part.Number == result.Partition && !r.answers[at].answered && p.named(result) {
			return at
		}
	}
	return -1
}

// named reports whether the result is about the passenger's topic, by id or by name, as the version has it.
func (p *passenger) named(result *wire.ProduceResult) bool {
	if len(result.Topic) > 0 {
		return string(result.Topic) == p.lane.topic.name
	}
	return result.TopicID == p.topicID
}
