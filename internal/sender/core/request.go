package core

import (
	"slices"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// Request is a Produce request from its departure to its answer.
type Request struct {
	broker.ProduceRequest

	Node     *Node
	acks     int16
	Bytes    int
	full     bool // no other batch boards it
	boarded  int  // batches when it was filled, which Node.underway counts until its end
	encoding int  // batches that are still on a worker
	Batches  []Passenger
	// answers are filled by the connection's read loop before Done, one for each of Batches, in their order.
	answers []answers.Answer
	Nodes   []answers.Endpoint // that the broker named beside them
	wires   wireScratch
}

// Passenger is a batch on a request.
type Passenger struct {
	Lane  *Lane
	Batch *batch.Batch
	// topicID is the topic's id as it was sent: the answer has it, whatever the topic's has become meanwhile.
	topicID [16]byte
	number  int32 // of the partition
	ordinal int32 // of the topic; both are here because of thousands of lanes none is in a cache
}

// stale reports whether the batch departed under a number that belongs to a topic of the same name that is no more.
func (p *Passenger) stale() bool { return p.Lane.Topic.Config.Idempotent && !p.Batch.Sender.Numbered }

// wireScratch is the memory in which a request is laid out, kept from one use to the next.
type wireScratch struct {
	topics     []wire.ProduceTopic
	partitions []wire.ProducePartition
	pieces     [][]byte
}

// clear lets go of what the scratch refers to.
func (s *wireScratch) clear() {
	clear(s.topics)
	clear(s.partitions)
	clear(s.pieces)
}

// newRequest returns an empty request for the node.
func (c *Core) newRequest(n *Node) *Request {
	last := len(c.spare) - 1
	if last < 0 {
		return &Request{Node: n}
	}
	r := c.spare[last]
	c.spare = c.spare[:last]
	r.Node = n
	return r
}

// dropRequest ends a request's life; another one takes over its memory.
func (c *Core) dropRequest(r *Request) {
	r.Node.underway -= r.boarded
	clear(r.Batches)
	clear(r.answers)
	r.wires.clear()
	*r = Request{Batches: r.Batches[:0], answers: r.answers[:0], Nodes: r.Nodes[:0], wires: r.wires}
	c.spare = append(c.spare, r)
}

// Records is how many records the request carries.
func (r *Request) Records() (n int) {
	for _, p := range r.Batches {
		n += p.Batch.Count()
	}
	return n
}

// LayOut fills r.Wire from r.Batches, which it brings into the order of the wire: the partitions of a topic stand
// together.
func (r *Request) LayOut(timeoutMillis int32) {
	slices.SortFunc(r.Batches, func(a, b Passenger) int { return int(a.ordinal - b.ordinal) })
	s := &r.wires
	s.topics, s.partitions, s.pieces = s.topics[:0], slices.Grow(s.partitions[:0], len(r.Batches)), s.pieces[:0]
	r.TopicIDs = true
	for i, p := range r.Batches {
		t := p.Lane.Topic
		r.Batches[i].topicID = t.ID
		if i == 0 || r.Batches[i-1].ordinal != p.ordinal {
			s.topics = append(s.topics, wire.ProduceTopic{Name: t.Name, ID: t.ID, Partitions: s.partitions[len(s.partitions):]})
			r.TopicIDs = r.TopicIDs && t.ID != [16]byte{}
		}
		before := len(s.pieces)
		s.pieces = p.Batch.AppendPieces(s.pieces)
		s.partitions = append(s.partitions, wire.ProducePartition{
			Index: p.number, Header: p.Batch.Header(), Body: s.pieces[before:],
		})
		last := &s.topics[len(s.topics)-1]
		last.Partitions = last.Partitions[:len(last.Partitions)+1]
	}
	r.Tag = r
	r.Wire.Topics = s.topics
	r.Wire.Acks = r.acks
	r.Wire.TimeoutMillis = timeoutMillis
	r.Deadline = time.Time{}
	r.answers = append(r.answers[:0], make([]answers.Answer, len(r.Batches))...)
}

// Note copies what the broker said about each batch; it runs on the connection's read loop, where resp is valid.
func (r *Request) Note(resp *wire.ProduceResponse) {
	next := 0
	for i := range resp.Partitions {
		result := &resp.Partitions[i]
		at := r.find(result, next)
		if at < 0 {
			continue // a partition that was not asked about changes nothing
		}
		next = at + 1
		r.answers[at] = answers.Of(result)
	}
	r.Nodes = answers.AppendEndpoints(r.Nodes[:0], resp)
}

// find is the place of the batch that a result is about, or -1. Brokers answer in the order of the request, so the place
// behind the last one is looked at first.
func (r *Request) find(result *wire.ProduceResult, expected int) int {
	for i := range r.Batches {
		at := (expected + i) % len(r.Batches)
		p := &r.Batches[at]
		if p.number == result.Partition && !r.answers[at].Answered && p.named(result) {
			return at
		}
	}
	return -1
}

// named reports whether the result is about the passenger's topic, by id or by name, as the version has it.
func (p *Passenger) named(result *wire.ProduceResult) bool {
	if len(result.Topic) > 0 {
		return string(result.Topic) == p.Lane.Topic.Name
	}
	return result.TopicID == p.topicID
}
