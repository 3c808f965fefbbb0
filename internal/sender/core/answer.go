package core

import (
	"errors"
	"fmt"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
)

// throttleMax bounds how long a broker may ask for silence: a hostile or broken answer must not stop a producer for days.
const throttleMax = 5 * time.Minute

// errNotAnswered is a hole in a broker's answer.
var errNotAnswered = errors.New("the broker's answer leaves the partition out")

// Done tells that a request was answered (err nil), or that it never will be. written is false where the broker cannot
// have seen any of it.
func (c *Core) Done(now time.Duration, r *Request, throttle time.Duration, written bool, err error) {
	c.now = now
	n := r.Node
	n.unanswered--
	if err == nil {
		n.leader.Stall(0)
	}
	if throttle > 0 {
		n.throttled = max(n.throttled, now+min(throttle, throttleMax))
	}
	c.do.Answered(r, throttle, err)
	for i, p := range r.Batches {
		switch a := &r.answers[i]; {
		case p.Batch.Sender.Told:
			c.ghostDone(p, err == nil && a.answered && accepted(a.code), a)
		case err != nil:
			c.lost(p, written, err)
		case r.acks == 0:
			c.acked(p, &Answer{offset: -1, logAppendTime: -1})
		case !a.answered:
			c.lost(p, true, errNotAnswered)
		default:
			c.judge(r, p, a)
		}
	}
	for _, p := range r.Batches {
		c.place(p.Lane)
		if p.Lane.leader != n {
			c.pumpLeader(p.Lane)
		}
	}
	c.dropRequest(r)
	c.failHalted()
	c.pump(n)
	c.endFlushes()
}

// judge acts on a broker's word about one batch.
func (c *Core) judge(r *Request, p Passenger, a *Answer) {
	verdict := verdictOf(a.code)
	if verdict == verdictAccepted {
		c.acked(p, a)
		return
	}
	err := c.Config.Refusal(a.code, a.message)
	switch verdict {
	case verdictMoved:
		if a.Leader >= 0 && a.Epoch > p.Lane.epoch {
			c.do.Hint(r, p, a)
		}
		c.do.Refresh(p.Lane.Topic.Name)
		// A leader that appended the batch, and was deposed or lost its disk while it waited for the replicas, says so
		// too; and these may have it (DelayedProduce.tryComplete).
		p.Batch.Sender.InDoubt = p.Batch.Sender.InDoubt || a.code == codeNotLeader || a.code == codeStorageError
		c.retry(p, err)
	case verdictMaybe:
		p.Batch.Sender.InDoubt = true
		c.retry(p, err)
	case verdictAgain:
		c.retry(p, err)
	case verdictOnceMore:
		if p.Batch.Sender.Corrupted {
			c.fail(p, err)
			return
		}
		p.Batch.Sender.Corrupted = true
		c.retry(p, err)
	case verdictTooLarge:
		c.tooLarge(p, err)
	case verdictOutOfOrder:
		c.outOfOrder(p, err)
	case verdictRecords:
		c.failRecords(p, a, err)
	default:
		c.fail(p, err)
	}
}

// acked tells that the batch is in the log.
func (c *Core) acked(p Passenger, a *Answer) {
	l, b := p.Lane, p.Batch
	c.noteAck(l, b, a.offset)
	l.Topic.fitsBytes = max(l.Topic.fitsBytes, b.Bytes())
	o := batch.Outcome{Offset: max(a.offset, -1), LogAppendTime: a.logAppendTime}
	if a.code == codeDuplicate {
		o.Offset = -1
	}
	c.offRequest(p)
	c.end(l, b, o)
}

// offRequest takes a batch off its request for good or for another attempt.
func (c *Core) offRequest(p Passenger) {
	p.Lane.InFlight--
	p.Lane.urgentNow = p.Lane.urgent
	if c.do.SetReady(p.Lane.Part, p.Lane.readySize(p.Lane.InFlight)) {
		p.Lane.full = true
	}
	c.do.Release(p.Batch)
}

// end tells a batch's outcome and forgets it.
func (c *Core) end(l *Lane, b *batch.Batch, o batch.Outcome) {
	l.drop(b)
	c.tell(l, b, o)
}

// tell tells a batch's outcome. A batch that is on no request must not be touched afterwards: whoever runs its callbacks
// gives it back for another life.
func (c *Core) tell(l *Lane, b *batch.Batch, o batch.Outcome) {
	c.open.remove(b)
	b.Sender.Told = true
	c.do.Resolve(l, b, o)
	if o.Failure != nil && c.Config.HaltOnFailure {
		c.halt(l, o.Failure)
	}
}

// lost tells that a request went without an answer: the batch is tried again under the same number. If any of it was
// written, the log may have it.
func (c *Core) lost(p Passenger, written bool, err error) {
	if written {
		p.Batch.Sender.InDoubt = true
	}
	c.retry(p, err)
}

// retry lets the batch wait for another attempt where it stands, or ends it if it had all that Config.Retries allows.
func (c *Core) retry(p Passenger, err error) {
	l, b := p.Lane, p.Batch
	b.Sender.LastErr = err
	if c.Config.Retries >= 0 && b.Sender.Attempts > c.Config.Retries {
		c.fail(p, err)
		return
	}
	if l.halted { // an older one failed for good while this one was in flight
		c.fail(p, fmt.Errorf("%w: %w", ErrHalted, err))
		return
	}
	c.do.Retried(l, b, err)
	c.offRequest(p)
	b.Sender.State = batch.Waiting
	l.backoffUntil = c.now + c.backoff(c.Config.RetryBackoff, b.Sender.Attempts)
}

// fail ends a batch that was refused, or that may not be tried again.
func (c *Core) fail(p Passenger, err error) {
	c.offRequest(p)
	c.failWaiting(p.Lane, p.Batch, err, "in flight")
}

// failWaiting ends a batch that is on no request.
func (c *Core) failWaiting(l *Lane, b *batch.Batch, err error, where string) {
	if !b.Sender.Departed {
		c.do.CloseBatch(l.Part, b)
	}
	if b.Sender.Numbered {
		l.gap = true
	}
	c.end(l, b, batch.Outcome{Offset: -1, LogAppendTime: -1, Failure: c.failure(b, err, where, !b.Sender.InDoubt)})
}

// failure describes the end of a batch.
func (c *Core) failure(b *batch.Batch, err error, where string, notWritten bool) *batch.Failure {
	return &batch.Failure{Err: err, NotWritten: notWritten, Attempts: b.Sender.Attempts, Age: c.now - b.Created, Where: where}
}

// ghostDone ends a batch whose outcome was told while it was in flight (its delivery timeout ran out). It is never
// sent again, whatever the broker said.
func (c *Core) ghostDone(p Passenger, accepted bool, a *Answer) {
	switch {
	case accepted:
		c.noteAck(p.Lane, p.Batch, a.offset)
	case p.Batch.Sender.Numbered:
		p.Lane.gap = true
	}
	p.Lane.drop(p.Batch)
	c.offRequest(p)
}

// noteAck notes in the partition's numbers that a batch is in the log.
func (c *Core) noteAck(l *Lane, b *batch.Batch, offset int64) {
	if !b.Sender.Numbered || b.Epoch() != l.num.ID().Epoch {
		return
	}
	count := int32(b.Count())
	if offset >= 0 {
		offset += int64(count) - 1
	}
	l.num.Acked(idempotence.Last(b.Sequence(), count), offset, c.now)
}

// outOfOrder acts on an answer that says the batch's sequence does not follow what the broker has.
func (c *Core) outOfOrder(p Passenger, err error) {
	l, b := p.Lane, p.Batch
	if !b.Sender.Numbered {
		c.fail(p, err) // it had no number that could be out of order
		return
	}
	if l.isHead(b) && (!l.gap || b.Sender.InDoubt) {
		c.endInDoubt(p)
		return
	}
	// An older batch is not in yet, and this one's turn comes after it; or it was refused for good, and closeGap numbers this
	// one anew. Either way nothing is won by a pause of its own.
	pause := l.backoffUntil
	c.retry(p, err)
	l.backoffUntil = pause
}

// endInDoubt ends all that was sent of a lane, and is not in flight any more, as unknown: the broker's memory of the
// partition cannot be brought together with ours.
func (c *Core) endInDoubt(p Passenger) {
	l := p.Lane
	c.offRequest(p)
	p.Batch.Sender.State, p.Batch.Sender.InDoubt = batch.Waiting, true
	l.gap = true
	for i := 0; i < len(l.batches); {
		b := l.batches[i]
		if b.Sender.State != batch.Waiting || !b.Sender.InDoubt {
			i++
			continue
		}
		c.end(l, b, batch.Outcome{Offset: -1, LogAppendTime: -1, Failure: c.failure(b, ErrInDoubt, "in flight", false)})
	}
}

// closeGap numbers the lane's batches anew, in the partition's next epoch, once that is safe: nothing is in flight and
// nothing that waits may be in the log under its old number.
func (c *Core) closeGap(l *Lane) {
	if !l.gap || l.InFlight > 0 || l.inDoubt() {
		return
	}
	l.gap = false
	for _, b := range l.batches {
		b.Sender.Numbered, b.Sender.InDoubt = false, false
	}
	if !l.num.Bump() {
		l.awaitsID = true
		c.askID()
	}
}

// halt lets nothing of a lane leave any more (Config.HaltOnFailure). failHalted ends what waits in it: not here, because
// the caller is on its way through a list of batches.
func (c *Core) halt(l *Lane, f *batch.Failure) {
	if l.halted {
		return
	}
	l.halted = true
	c.halting = append(c.halting, l)
	l.Part.Refuse(fmt.Errorf("%w: %w", ErrHalted, f.Err))
}

// failHalted fails everything of the lanes just halted that is on no request.
func (c *Core) failHalted() {
	for _, l := range c.halting {
		for i := 0; i < len(l.batches); {
			if b := l.batches[i]; b.Sender.State == batch.Waiting {
				c.failWaiting(l, b, ErrHalted, "queue")
			} else {
				i++
			}
		}
		c.place(l)
	}
	clear(c.halting)
	c.halting = c.halting[:0]
}
