package core

import (
	"fmt"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// pressureBatches is how many batches leave early when a caller is blocked for memory.
const pressureBatches = 64

// Flush makes everything leave that is queued now, and closes done when all of it has its outcome.
func (c *Core) Flush(now time.Duration, done chan<- struct{}) {
	c.now = now
	c.open.Await(done)
	c.hurryAll(batch.ReasonFlush)
	c.endFlushes()
}

// hurryAll makes everything leave that is queued.
func (c *Core) hurryAll(why batch.Reason) {
	for b := c.open.Oldest; b != nil; b = b.Sender.Next {
		l := LaneOf(b)
		l.hurry(b.Sender.ID, why)
		c.place(l)
	}
	c.pumpAll()
}

// endFlushes wakes the callers of Flush whose batches all have their outcome.
func (c *Core) endFlushes() {
	if c.doomed == 0 {
		c.open.Wake()
	}
}

// Pressure makes the oldest batches leave that can, because a caller is blocked for memory. It takes a few at a time, so
// that a short pool does not cut every batch short.
func (c *Core) Pressure(now time.Duration) {
	c.now = now
	hurried := 0
	for b := c.open.OldestWaiting(); b != nil && hurried < pressureBatches; b = b.Sender.Next {
		l := LaneOf(b)
		if b.Sender.State != batch.Waiting || l.leader == nil || l.leader.away() || l.place.Ready() {
			continue
		}
		l.hurry(b.Sender.ID, batch.ReasonPressure)
		c.place(l)
		hurried++
	}
	c.pumpAll()
}

// Close makes everything leave and go on leaving without lingering.
func (c *Core) Close(now time.Duration) {
	c.now, c.closing = now, true
	c.hurryAll(batch.ReasonClose)
}

// Abort ends everything that is open: the producer closes and waits no longer. What is in flight ends as unknown; its
// memory stays until the connection has let go of it.
func (c *Core) Abort(now time.Duration, err error) {
	c.now = now
	for c.open.Oldest != nil {
		c.giveUp(c.open.Oldest, err)
	}
	c.failHalted()
	c.endFlushes()
}

// failWithoutID ends what waits for a producer id that the cluster refuses to give.
func (c *Core) failWithoutID(err error) {
	idle := func(b *batch.Batch) bool {
		l := LaneOf(b)
		return l.Topic.Config.Idempotent && (l.num == nil || l.awaitsID)
	}
	for b := c.open.First(idle); b != nil; b = c.open.First(idle) {
		c.giveUp(b, err)
	}
	c.failHalted()
	c.endFlushes()
}

// expire ends the batches whose delivery timeout ran out. One that ended may have another life by now, so the list is looked
// at anew each time; as a rule the oldest batch is the next to expire.
func (c *Core) expire() {
	if c.open.Earliest == 0 || c.open.Earliest > c.now {
		return
	}
	late := func(b *batch.Batch) bool { return b.Sender.Deadline <= c.now }
	for b := c.open.First(late); b != nil; b = c.open.First(late) {
		c.giveUp(b, timedOut(LaneOf(b), b))
	}
	c.failHalted()
	c.open.FindEarliest()
	c.endFlushes()
}

// giveUp ends a batch wherever it is. One on a request stays there as a ghost: its outcome is told, its memory and its
// place in the lane remain until the request is done.
func (c *Core) giveUp(b *batch.Batch, err error) {
	l := LaneOf(b)
	if l.doubt.proven != nil && l.indexOf(b) <= l.indexOf(l.doubt.proven) {
		c.located(l, nil) // all of these are in: only where was still asked
		c.place(l)
		return
	}
	switch b.Sender.State {
	case batch.Waiting:
		c.failWaiting(l, b, err, "queue")
		c.place(l)
	case batch.Departing:
		c.doom(l, b, c.failure(b, err, "queue", !b.Sender.InDoubt))
	default:
		c.tell(l, b, batch.Outcome{Offset: -1, LogAppendTime: -1, Failure: c.failure(b, err, "in flight", false)})
	}
}

// doom ends a batch whose request is not sent yet. A worker may be at its records, which a callback may want to read: so its
// outcome is told when the request drops it.
func (c *Core) doom(l *Lane, b *batch.Batch, f *batch.Failure) {
	f.Attempts-- // this one does not come about
	c.open.Remove(b)
	b.Sender.Told, b.Sender.Doom = true, f
	c.doomed++
	if c.Config.HaltOnFailure {
		c.halt(l, f)
	}
}

// timedOut is the error of a batch whose delivery timeout ran out: with what kept it.
func timedOut(l *Lane, b *batch.Batch) error {
	switch {
	case b.Sender.LastErr != nil:
		return fmt.Errorf("%w; the last attempt ended with: %w", ErrDeliveryTimeout, b.Sender.LastErr)
	case l.leader == nil:
		return fmt.Errorf("%w; %w", ErrDeliveryTimeout, ErrNoLeader)
	case l.leader.link != linkUp && l.leader.LastErr != nil:
		return fmt.Errorf("%w; its broker cannot be reached: %w", ErrDeliveryTimeout, l.leader.LastErr)
	}
	return ErrDeliveryTimeout
}
