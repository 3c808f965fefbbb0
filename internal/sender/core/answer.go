package core

import (
	"errors"
	"fmt"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/settling"
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
			c.ghostDone(p, err == nil && a.Answered && answers.Accepted(a.Code), a)
		case err != nil:
			c.lost(p, written, err)
		case r.acks == 0:
			c.acked(p, &answers.Answer{Offset: -1, LogAppendTime: -1})
		case !a.Answered:
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
func (c *Core) judge(r *Request, p Passenger, a *answers.Answer) {
	meaning := answers.MeaningOf(a.Code)
	if meaning == answers.MeansAccepted {
		c.acked(p, a)
		return
	}
	err := c.Config.Refusal(p.Lane.Topic.Name, a.Code, a.Message)
	switch meaning {
	case answers.MeansMoved:
		if a.Leader >= 0 && a.Epoch > p.Lane.epoch && p.topicID == p.Lane.id { // not of a topic that is no more
			c.do.Hint(r, p, a)
		}
		c.do.Refresh(p.Lane.Topic.Name)
		// A leader that appended the batch, and was deposed or lost its disk while it waited for the replicas, says so
		// too; and these may have it (DelayedProduce.tryComplete). What was in doubt before is so at the next leader.
		if a.Code == answers.NotLeader || a.Code == answers.StorageError || p.Batch.Sender.InDoubt {
			c.unsettle(p)
		}
		c.retry(p, err)
	case answers.MeansMaybe:
		c.unsettle(p)
		c.retry(p, err)
	case answers.MeansAgain:
		c.retry(p, err)
	case answers.MeansOnceMore:
		if p.Batch.Sender.Corrupted {
			c.fail(p, err)
			return
		}
		p.Batch.Sender.Corrupted = true
		c.retry(p, err)
	case answers.MeansTooLarge:
		c.tooLarge(p, err)
	case answers.MeansOutOfOrder:
		c.outOfOrder(p, err)
	case answers.MeansRecords:
		c.failRecords(p, a, err)
	default:
		c.fail(p, err)
	}
}

// acked tells that the batch is in the log.
func (c *Core) acked(p Passenger, a *answers.Answer) {
	l, b := p.Lane, p.Batch
	l.Topic.fitsBytes = max(l.Topic.fitsBytes, b.Bytes())
	o := batch.Outcome{Offset: max(a.Offset, -1), LogAppendTime: l.Topic.times.LogAppendTime(a, b.Sender.InDoubt)}
	c.offRequest(p)
	if l.proves(b) {
		c.confirmed(l, b, o)
		return
	}
	if b == l.doubt.probe {
		l.doubt.probe = nil
		l.doubt.Settle()
	}
	c.noteAck(l, b, o.Offset)
	c.end(l, b, o)
}

// offRequest takes a batch off its request for good or for another attempt.
func (c *Core) offRequest(p Passenger) {
	p.Lane.InFlight--
	p.Lane.urgentNow = p.Lane.urgent
	if c.do.SetReady(p.Lane.Part, p.Lane.Part.Settings.ReadyBytes(p.Lane.InFlight)) {
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
	c.open.Remove(b)
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
		c.unsettle(p)
	}
	c.retry(p, err)
}

// retry lets the batch wait for another attempt where it stands, and reports that it does; or ends it if it had all that
// Config.Retries allows.
func (c *Core) retry(p Passenger, err error) (waits bool) {
	l, b := p.Lane, p.Batch
	b.Sender.LastErr = err
	if c.Config.Retries >= 0 && b.Sender.Attempts > c.Config.Retries {
		c.fail(p, err)
		return false
	}
	if l.halted { // an older one failed for good while this one was in flight
		c.fail(p, fmt.Errorf("%w: %w", ErrHalted, err))
		return false
	}
	c.do.Retried(l, b, err)
	c.offRequest(p)
	c.open.Wait(b)
	l.backoffUntil = c.now + c.Config.RetryBackoff.After(b.Sender.Attempts, c.random.Float64())
	return true
}

// fail ends a batch that was refused, or that may not be tried again.
func (c *Core) fail(p Passenger, err error) {
	c.offRequest(p)
	c.failWaiting(p.Lane, p.Batch, err, "in flight")
}

// failWaiting ends a batch that is on no request.
func (c *Core) failWaiting(l *Lane, b *batch.Batch, err error, where string) {
	if !b.Sender.Departed && c.do.CloseBatch(l.Part, b, l.Part.Settings.ReadyBytes(l.InFlight)) {
		l.full = true
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
func (c *Core) ghostDone(p Passenger, accepted bool, a *answers.Answer) {
	switch {
	case accepted:
		c.noteAck(p.Lane, p.Batch, a.Offset)
	case p.Batch.Sender.Numbered:
		p.Lane.gap = true
	}
	p.Lane.drop(p.Batch)
	c.offRequest(p)
}

// noteAck notes in the partition's numbers that a batch is in the log. Of one with old records the leader may forget it at
// once, so that the next one goes alone too.
func (c *Core) noteAck(l *Lane, b *batch.Batch, offset int64) {
	if !b.Sender.Numbered || b.Epoch() != l.num.ID().Epoch {
		return
	}
	count := int32(b.Count())
	if offset >= 0 {
		offset += int64(count) - 1
	}
	known := l.num.LastAckedOffset()
	if !l.num.Acked(idempotence.Last(b.Sequence(), count), offset, c.now) {
		c.do.Lost(l, settling.Loss{From: offset - int64(count) + 1, To: known})
	}
	if b.Aged {
		l.num.LeaderChanged()
	}
}

// outOfOrder acts on an answer that says the batch's sequence does not follow what the broker has.
func (c *Core) outOfOrder(p Passenger, err error) {
	l, b := p.Lane, p.Batch
	if !l.Topic.Config.Idempotent {
		c.fail(p, err) // it had no number that could be out of order
		return
	}
	if b == l.doubt.probe || (l.batches[0] == b && (!l.gap || b.Sender.InDoubt)) {
		c.misnumbered(p, err)
		return
	}
	// An older batch is not in yet, and this one's turn comes after it; or it was refused for good, and closeGap numbers this
	// one anew. Either way nothing is won by a pause of its own.
	pause := l.backoffUntil
	c.retry(p, err)
	l.backoffUntil = pause
}

// closeGap numbers the lane's batches anew, in the partition's next epoch, once that is safe: nothing is in flight and
// nothing that waits may be in the log under its old number.
func (c *Core) closeGap(l *Lane) {
	if !l.gap || l.InFlight > 0 || l.inDoubt() || l.doubt.proven != nil {
		return
	}
	l.gap = false
	l.doubt.probe = nil
	l.doubt.Settle()
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
		c.located(l, nil)
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
