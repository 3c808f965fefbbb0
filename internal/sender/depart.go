package sender

import (
	"slices"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// request is a Produce request from its departure to its answer.
type request struct {
	broker.ProduceRequest

	node     *node
	acks     int16
	bytes    int
	encoding int // batches that are still on a worker
	batches  []passenger
	// answers are filled by the connection's read loop before done, one for each of batches, in their order.
	answers []answer
	nodes   []Endpoint // that the broker named beside them
	wires   wireScratch
}

// passenger is a batch on a request.
type passenger struct {
	lane  *lane
	batch *batch.Batch
	// topicID is the topic's id as it was sent: the answer has it, whatever the topic's has become meanwhile.
	topicID [16]byte
}

// answer is a broker's word about one batch.
type answer struct {
	answered      bool
	code          int16
	offset        int64
	logAppendTime int64
	leader, epoch int32 // -1 unless the broker named the partition's leader
	message       string
	errors        []wire.RecordError
}

// perPartitionBytes is what a partition takes in a request besides its batch, at most.
const perPartitionBytes = 16

// records is how many records the request carries.
func (r *request) records() (n int) {
	for _, p := range r.batches {
		n += p.batch.Count()
	}
	return n
}

// depart fills one request for the node and reports whether it did: lanes that are ready, in their order, then those
// that would leave soon anyway. A request has batches of one acks only, and one batch of each partition.
func (c *core) depart(n *node) bool {
	r := c.newRequest(n)
	kept := n.ready[:0]
	for i, entry := range n.ready {
		if !entry.valid() {
			continue
		}
		if !c.board(r, entry.lane, entry.lane.queued.why) {
			kept = append(kept, entry)
		}
		if r.bytes >= c.config.RequestBytesMax {
			kept = append(kept, n.ready[i+1:]...)
			break
		}
	}
	clear(n.ready[len(kept):])
	n.ready = kept
	if len(r.batches) == 0 {
		c.dropRequest(r)
		return false
	}
	c.boardCompany(r)
	for _, p := range r.batches {
		c.place(p.lane) // its next batch may be due as well, for the next request
	}
	n.departures = append(n.departures, r)
	c.sendEncoded(n)
	return true
}

// boardCompany lets lanes that linger board the request if they would leave within a quarter of their linger anyway:
// another request for them would cost more than the little they might still collect.
func (c *core) boardCompany(r *request) {
	n := r.node
	for len(n.lingering) > 0 && r.bytes < c.config.RequestBytesMax {
		l := n.lingering[0]
		if !l.queued.company || l.queued.due > c.now+l.topic.config.Linger/4 || !c.board(r, l, ReasonCompany) {
			return
		}
	}
}

// board lets the lane's next batch leave with the request, and reports whether it did: a batch whose acks differ, or
// which does not fit, stays where it is queued.
func (c *core) board(r *request, l *lane, why Reason) bool {
	b := l.next(c.inFlightMax(l))
	if b == nil {
		l.leader.dequeue(l)
		return true
	}
	if len(r.batches) > 0 && r.acks != l.topic.config.Acks {
		return false
	}
	c.do.closeBatch(l.part, b)
	if c.cutToFit(l, b) {
		b = l.next(c.inFlightMax(l))
	}
	if len(r.batches) > 0 && r.bytes+b.Bytes()+perPartitionBytes > c.config.RequestBytesMax {
		l.full = true // it is closed now, and leaves with the next request
		return false
	}
	l.leader.dequeue(l)
	r.acks = l.topic.config.Acks
	r.bytes += b.Bytes() + perPartitionBytes
	r.batches = append(r.batches, passenger{lane: l, batch: b})
	c.leave(r, l, b, why)
	return true
}

// leave numbers a batch and puts it on its way.
func (c *core) leave(r *request, l *lane, b *batch.Batch, why Reason) {
	if l.topic.config.Idempotent {
		if !b.Sender.Numbered {
			b.Sender.Numbered = true
			id := l.num.ID()
			b.Stamp(id.ID, id.Epoch, l.num.Next(int32(b.Count())))
		}
	} else {
		b.Stamp(batch.NoProducerID, batch.NoEpoch, batch.NoSequence)
	}
	c.do.departed(l, b, why)
	b.Sender.State, b.Sender.Departed = batch.Departing, true
	b.Sender.Attempts++
	b.Retain()
	l.inFlight++
	l.full = c.do.setReady(l.part, l.readySize(l.inFlight))
	if l.topic.config.Codec != compress.None && !b.Encoded() {
		r.encoding++
		c.encoding++
		c.do.encode(r, b)
	}
}

// encoded tells that a worker is done with one of the request's batches.
func (c *core) encoded(now time.Duration, r *request) {
	c.now = now
	n := r.node // r may end in sendEncoded
	r.encoding--
	c.encoding--
	c.sendEncoded(n)
	c.endFlushes()
	if c.encoding == c.config.Encoders-1 {
		c.pumpAll() // a worker is free: whoever waited for one may go
		return
	}
	c.pump(n)
}

// sendEncoded hands over the node's departures as far as they are encoded. A request never passes another one, so the
// batches of a partition stay in order however long each takes to compress.
func (c *core) sendEncoded(n *node) {
	for len(n.departures) > 0 && n.departures[0].encoding == 0 {
		r := n.departures[0]
		n.departures = slices.Delete(n.departures, 0, 1)
		if n.link != linkUp {
			c.takeBack(r)
			continue
		}
		c.dropTold(r)
		if c.stepBack(r); len(r.batches) == 0 {
			c.dropRequest(r)
			continue
		}
		for _, p := range r.batches {
			p.batch.Sender.State = batch.InFlight
		}
		n.unanswered++
		if !c.do.send(n, r) {
			n.unanswered--
			n.link = linkClosing
			c.takeBack(r)
		}
	}
}

// takeBack undoes the departure of a request that was never handed to a connection.
func (c *core) takeBack(r *request) {
	c.dropTold(r)
	for _, p := range r.batches {
		c.backToWaiting(p)
	}
	for _, p := range r.batches {
		c.place(p.lane)
	}
	c.dropRequest(r)
}

// backToWaiting returns a batch from a request that has not been sent to its lane, where it still stands in its place.
func (c *core) backToWaiting(p passenger) {
	p.batch.Sender.Attempts--
	p.batch.Sender.State = batch.Waiting
	c.offRequest(p)
	if p.lane.halted {
		c.failWaiting(p.lane, p.batch, ErrHalted, "queue")
	}
}

// dropTold takes batches off a request that has not been sent, which were given up meanwhile: their outcome says that they are
// not written, unless an earlier attempt was. So they must not be.
func (c *core) dropTold(r *request) {
	kept := r.batches[:0]
	for _, p := range r.batches {
		if p.batch.Sender.Told {
			if f := p.batch.Sender.Doom; f != nil {
				c.doomed--
				c.do.resolve(p.lane, p.batch, batch.Outcome{Offset: -1, LogAppendTime: -1, Failure: f})
			}
			c.ghostDone(p, false, nil)
			c.place(p.lane)
			continue
		}
		kept = append(kept, p)
	}
	clear(r.batches[len(kept):])
	r.batches = kept
}

// stepBack takes batches off a request that has not been sent, which would overtake an older one: it was in flight when they
// departed, and goes again.
func (c *core) stepBack(r *request) {
	kept := r.batches[:0]
	for _, p := range r.batches {
		if p.lane.overtakes(p.batch) {
			c.backToWaiting(p)
			c.place(p.lane)
			continue
		}
		kept = append(kept, p)
	}
	clear(r.batches[len(kept):])
	r.batches = kept
}

// newRequest returns an empty request for the node.
func (c *core) newRequest(n *node) *request {
	last := len(c.spare) - 1
	if last < 0 {
		return &request{node: n}
	}
	r := c.spare[last]
	c.spare = c.spare[:last]
	r.node = n
	return r
}

// dropRequest ends a request's life; another one takes over its memory.
func (c *core) dropRequest(r *request) {
	clear(r.batches)
	clear(r.answers)
	r.wires.clear()
	*r = request{batches: r.batches[:0], answers: r.answers[:0], nodes: r.nodes[:0], wires: r.wires}
	c.spare = append(c.spare, r)
}
