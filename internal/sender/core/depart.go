package core

import (
	"slices"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/compress"
)

// perPartitionBytes is what a partition takes in a request besides its batch, at most.
const perPartitionBytes = 16

// depart fills one request for the node and reports whether it did: lanes that are ready, in their order, then those
// that would leave soon anyway. A request has batches of one acks only, and one batch of each partition.
func (c *Core) depart(n *Node) bool {
	r := c.newRequest(n)
	n.lanes.Serve(func(l *Lane) (served, last bool) {
		served = c.board(r, l, l.why)
		return served, r.full
	})
	if len(r.Batches) == 0 {
		c.dropRequest(r)
		return false
	}
	c.boardCompany(r)
	r.boarded = len(r.Batches)
	n.underway += r.boarded
	n.lastDeparture = c.now
	for _, p := range r.Batches {
		c.place(p.Lane) // its next batch may be due as well, for the next request
	}
	n.departures = append(n.departures, r)
	c.sendEncoded(n)
	return true
}

// boardCompany lets lanes that linger board the request if they would leave within a quarter of their linger anyway:
// another request for them would cost more than the little they might still collect.
func (c *Core) boardCompany(r *Request) {
	n := r.Node
	soon := func(l *Lane) bool {
		return l.why == batch.ReasonLinger && l.place.Due() <= c.now+l.Topic.Config.Linger/4
	}
	for l := n.lanes.FirstDue(); l != nil && !r.full && soon(l); l = n.lanes.FirstDue() {
		if !c.board(r, l, batch.ReasonCompany) {
			c.place(l) // it may be closed now, and lingers no more
			return
		}
	}
}

// board lets the lane's next batch leave with the request, and reports whether it did: a batch whose acks differ, or
// which does not fit, stays where it is queued.
func (c *Core) board(r *Request, l *Lane, why batch.Reason) bool {
	b := l.next(c.inFlightMax(l))
	if b == nil {
		l.leader.lanes.Dequeue(l)
		return true
	}
	if len(r.Batches) > 0 && r.acks != l.Topic.Config.Acks {
		return false
	}
	reached := c.do.CloseBatch(l.Part, b, l.Part.Settings.ReadyBytes(l.InFlight+1))
	if c.cutToFit(l, b) {
		b = l.next(c.inFlightMax(l))
	}
	if len(r.Batches) > 0 && r.Bytes+b.Bytes()+perPartitionBytes > c.Config.RequestBytesMax {
		// It is closed now, and leaves with the next request. To look for one that still fits would close all the others too.
		l.full, r.full = true, true
		return false
	}
	l.leader.lanes.Dequeue(l)
	r.acks = l.Topic.Config.Acks
	r.Bytes += b.Bytes() + perPartitionBytes
	r.full = r.Bytes >= c.Config.RequestBytesMax
	r.Batches = append(r.Batches, Passenger{Lane: l, Batch: b, number: l.Part.Number, ordinal: l.Topic.ordinal})
	c.leave(r, l, b, why)
	l.full = reached
	return true
}

// leave numbers a batch and puts it on its way.
func (c *Core) leave(r *Request, l *Lane, b *batch.Batch, why batch.Reason) {
	if l.Topic.Config.Idempotent {
		if !b.Sender.Numbered {
			b.Sender.Numbered = true
			id := l.num.ID()
			b.Stamp(id.ID, id.Epoch, l.num.Next(int32(b.Count())))
		}
	} else {
		b.Stamp(batch.NoProducerID, batch.NoEpoch, batch.NoSequence)
	}
	c.do.Departed(l, b, why)
	b.Sender.State, b.Sender.Departed = batch.Departing, true
	b.Sender.Attempts++
	b.Retain()
	l.InFlight++
	if l.Topic.Config.Codec != compress.None && !b.Encoded() {
		r.encoding++
		c.encoding++
		c.do.Encode(r, b)
	}
}

// Encoded tells that a worker is done with one of the request's batches.
func (c *Core) Encoded(now time.Duration, r *Request) {
	c.now = now
	n := r.Node // r may end in sendEncoded
	r.encoding--
	c.encoding--
	c.sendEncoded(n)
	c.endFlushes()
	c.pumpAll() // a worker is free: whoever waited for one may go, and what was taken back may be led elsewhere by now
}

// sendEncoded hands over the node's departures as far as they are encoded. A request never passes another one, so the
// batches of a partition stay in order however long each takes to compress.
func (c *Core) sendEncoded(n *Node) {
	for len(n.departures) > 0 && n.departures[0].encoding == 0 {
		r := n.departures[0]
		n.departures = slices.Delete(n.departures, 0, 1)
		if n.link != linkUp {
			c.takeBack(r)
			continue
		}
		c.dropTold(r)
		if c.stepBack(r); len(r.Batches) == 0 {
			c.dropRequest(r)
			continue
		}
		for _, p := range r.Batches {
			p.Batch.Sender.State = batch.InFlight
		}
		n.unanswered++
		if !c.do.Send(n, r) {
			n.unanswered--
			n.link = linkClosing
			c.takeBack(r)
		}
	}
}

// takeBack undoes the departure of a request that was never handed to a connection.
func (c *Core) takeBack(r *Request) {
	c.dropTold(r)
	for _, p := range r.Batches {
		c.backToWaiting(p)
	}
	for _, p := range r.Batches {
		c.place(p.Lane)
	}
	c.dropRequest(r)
}

// backToWaiting returns a batch from a request that has not been sent to its lane, where it still stands in its place.
func (c *Core) backToWaiting(p Passenger) {
	p.Batch.Sender.Attempts--
	c.open.Wait(p.Batch)
	c.offRequest(p)
	if p.Lane.halted {
		c.failWaiting(p.Lane, p.Batch, ErrHalted, "queue")
	}
}

// dropTold takes batches off a request that has not been sent, which were given up meanwhile: their outcome says that they are
// not written, unless an earlier attempt was. So they must not be.
func (c *Core) dropTold(r *Request) {
	r.Batches = slices.DeleteFunc(r.Batches, func(p Passenger) bool {
		if !p.Batch.Sender.Told {
			return false
		}
		if f := p.Batch.Sender.Doom; f != nil {
			c.doomed--
			c.do.Resolve(p.Lane, p.Batch, batch.Outcome{Offset: -1, LogAppendTime: -1, Failure: f})
		}
		c.ghostDone(p, false, nil)
		c.place(p.Lane)
		return true
	})
}

// stepBack takes batches off a request that has not been sent, which would overtake an older one: it was in flight when they
// departed, and goes again. And those whose number is another topic's.
func (c *Core) stepBack(r *Request) {
	r.Batches = slices.DeleteFunc(r.Batches, func(p Passenger) bool {
		back := p.Lane.overtakes(p.Batch) || p.stale()
		if back {
			c.backToWaiting(p)
			c.place(p.Lane)
		}
		return back
	})
}
