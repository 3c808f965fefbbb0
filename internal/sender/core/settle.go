package core

import (
	"fmt"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/settling"
)

// doubt is what is open about a lane's numbers. Package settling decides; here it is carried out.
type doubt struct {
	settling.Case
	// probe goes next although older batches wait; nil unless the stage is Confirming or Guessing.
	probe *batch.Batch
	// proven was acknowledged with outcome while older ones waited: these are in as well, behind the offset after. nil unless
	// it is being asked where.
	proven  *batch.Batch
	outcome batch.Outcome
	after   int64
	afterBy int64 // the producer id that wrote there
}

// unsettle notes that the log may have a batch without our knowing.
func (c *Core) unsettle(p Passenger) {
	l, b := p.Lane, p.Batch
	b.Sender.InDoubt = !p.stale()
	if b.Sender.Numbered && !l.Topic.mute {
		c.located(l, nil)
		l.reopen()
	}
}

// reopen makes the lane ask, or ask again. No batch of it may be proven.
func (l *Lane) reopen() { l.doubt.probe = nil; l.doubt.Reopen() }

// misnumbered acts on a broker's word that a number does not follow what it has, although it should.
func (c *Core) misnumbered(p Passenger, err error) {
	l := p.Lane
	c.located(l, nil)
	guess := l.doubt.probe != nil
	l.reopen()
	l.doubt.Misnumbered()
	if !c.retry(p, err) || !l.Topic.mute {
		return
	}
	open, _ := l.numbered()
	n := len(open.Spans)
	if guess {
		n = l.indexOf(p.Batch) // the ones before it are left
	}
	c.carryOut(l, l.doubt.Guess(n, open), nil)
}

// settles brings the lane's settling forward, and reports whether a batch of it may leave.
func (c *Core) settles(l *Lane) bool {
	d := &l.doubt
	switch {
	case d.probe != nil:
		return true
	case !d.Due() || l.InFlight > 0:
		return false
	case l.leader == nil: // whatever the pause: nothing else would ask for one
		c.wantLeader(l)
		return false
	case l.backoffUntil > c.now:
		return false
	}
	open, since := l.numbered()
	if len(open.Spans) == 0 {
		d.Settle()
		return true
	}
	d.Ask()
	c.do.Inquire(l.leader, l, d.Ticket, l.question(since, d.proven != nil))
	return false
}

// numbered tells how the oldest batches stand, as far as they have a number, and the earliest of their timestamps.
func (l *Lane) numbered() (open settling.Open, sinceMillis int64) {
	for _, b := range l.batches {
		if !b.Sender.Numbered {
			break
		}
		open.Spans = append(open.Spans, settling.Span{First: b.Sequence(), Last: idempotence.Last(b.Sequence(), int32(b.Count()))})
		if len(open.Spans) == 1 || b.BaseTimestamp() < sinceMillis {
			sinceMillis = b.BaseTimestamp()
		}
	}
	open.Next, open.InDoubt, open.Gap = l.num.Peek(), l.inDoubt(), l.gap
	return open, sinceMillis
}

// question is what a lane's leader is asked.
func (l *Lane) question(sinceMillis int64, locate bool) settling.Question {
	q := settling.Question{
		Topic: l.Topic.Name, TopicID: l.Topic.ID, Partition: l.Part.Number, LeaderEpoch: l.epoch, ID: l.num.ID(),
		Acked: l.num.LastAcked(), AckedOffset: l.num.LastAckedOffset(), AckedBy: l.num.LastAckedBy(), SinceMillis: sinceMillis, Locate: locate,
		Aged: len(l.batches) > 0 && l.batches[0].Aged,
	}
	if l.doubt.proven != nil {
		q.Acked, q.AckedOffset, q.AckedBy = -1, l.doubt.after, l.doubt.afterBy
	}
	return q
}

// Inquired brings the answer to an Inquire.
func (c *Core) Inquired(now time.Duration, l *Lane, ticket uint64, e settling.Evidence) {
	c.now = now
	if !l.doubt.Expects(ticket) {
		return // of another leader, or about batches that have their outcome
	}
	if e.Loss != nil {
		c.do.Lost(l, *e.Loss)
		l.num.Truncated(e.Loss.From)
	}
	if e.Err != nil && len(l.batches) > 0 {
		l.batches[0].Sender.LastErr = fmt.Errorf("the partition's leader was asked what it has: %w", e.Err)
	}
	l.Topic.mute = l.Topic.mute || e.Refused
	open, since := l.numbered()
	q := l.question(since, true)
	if step := l.doubt.Learn(now, &q, &e, open); step.Do == settling.AskWhere {
		c.do.Inquire(l.leader, l, l.doubt.Ticket, q)
	} else {
		c.carryOut(l, step, &e)
	}
	c.failHalted()
	c.place(l)
	c.pumpLeader(l)
	c.endFlushes()
}

// carryOut does what was decided about a lane.
func (c *Core) carryOut(l *Lane, step settling.Step, e *settling.Evidence) {
	c.ackUpTo(l, step.Acked, e)
	if e != nil && !e.Remembered && e.Err == nil {
		l.num.LeaderChanged() // nothing else beside the next batch
	}
	switch step.Do {
	case settling.AskAgain:
		c.do.Refresh(l.Topic.Name)
		l.backoffUntil = max(step.Until, c.now+max(c.Config.RetryBackoff.After(1+step.Tries, c.random.Float64()), pauseMin))
	case settling.SendAt:
		l.gap, l.backoffUntil = step.Gap, c.now // no pause: there are no more guesses than batches
		l.doubt.probe = l.batches[step.At]
	case settling.Renumber:
		c.renumber(l)
	case settling.GiveUp:
		c.endInDoubt(l)
	case settling.Locate:
		c.located(l, e.Own)
	default:
		l.gap = step.Gap
	}
}

// renumber lets everything of the lane go on in the partition's next epoch: none of it is in the log.
func (c *Core) renumber(l *Lane) {
	l.gap = true
	for _, b := range l.batches {
		b.Sender.InDoubt = false
	}
	c.closeGap(l)
}

// proves reports whether the batch's acknowledgement proves that those before it, which wait, are in the log.
func (l *Lane) proves(b *batch.Batch) bool {
	oldest := &l.batches[0].Sender
	return l.batches[0] != b && b.Sender.Numbered && oldest.Numbered && oldest.State == batch.Waiting && oldest.InDoubt
}

// confirmed notes that a batch was acknowledged which proves those before it. Their outcome is certain, and told as soon as
// it was looked up where they are, if this client may read.
func (c *Core) confirmed(l *Lane, b *batch.Batch, o batch.Outcome) {
	c.located(l, nil) // a second proof ends what the first one left
	c.open.Wait(b)
	l.doubt.probe = nil
	l.doubt.Proven()
	l.doubt.proven, l.doubt.outcome, l.doubt.after, l.doubt.afterBy = b, o, l.num.LastAckedOffset(), l.num.LastAckedBy()
	c.noteAck(l, b, o.Offset)
	l.backoffUntil = 0
	if l.Topic.mute || l.batches[0] == b {
		c.located(l, nil)
	}
}

// located ends the proven batch and those before it, if there is one, at the offsets that were found.
func (c *Core) located(l *Lane, own []settling.Own) {
	proven, outcome := l.doubt.proven, l.doubt.outcome
	if proven == nil {
		return
	}
	l.doubt.proven = nil
	l.doubt.Settle()
	for l.batches[0] != proven {
		b, offset := l.batches[0], int64(-1)
		for _, o := range own {
			if o.Epoch == b.Epoch() && o.First == b.Sequence() {
				offset = o.Offset
			}
		}
		c.end(l, b, batch.Outcome{Offset: offset, LogAppendTime: -1})
	}
	c.end(l, proven, outcome)
}

// ackUpTo ends batches that were read from the log. Where the leader remembers nothing, one that was not found is missing in
// front of one that was, and cannot be sent behind it.
func (c *Core) ackUpTo(l *Lane, offsets []int64, e *settling.Evidence) {
	for _, offset := range offsets {
		b := l.batches[0]
		if offset < 0 && !e.Remembered {
			c.failWaiting(l, b, ErrInDoubt, "in flight")
			continue
		}
		c.noteAck(l, b, offset)
		c.end(l, b, batch.Outcome{Offset: offset, LogAppendTime: -1})
	}
}

// endInDoubt ends what was sent of a lane: the broker's memory of the partition cannot be brought together with ours.
func (c *Core) endInDoubt(l *Lane) {
	for len(l.batches) > 0 && l.batches[0].Sender.Numbered {
		c.failWaiting(l, l.batches[0], ErrInDoubt, "in flight")
	}
}
