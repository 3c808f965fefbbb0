package core

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// tooLarge splits a batch that the topic refused for its size. The parts are as large as what the topic is known to
// take, or half of what it refused while nothing is known; nothing of a refused size is sent again.
func (c *Core) tooLarge(p Passenger, err error) {
	b, t := p.Batch, p.Lane.Topic
	if b.Count() == 1 || b.Sender.InDoubt || p.Lane.halted {
		if b.Count() == 1 {
			err = fmt.Errorf("%w; alone in its batch it has %d bytes; %w", ErrTooLarge, b.Bytes(), err)
		}
		c.fail(p, err)
		return
	}
	p.Lane.Part.Topic.LimitBatch(b.Bytes() - 1)
	parts, failed := b.SplitBySize(t.partBytes(b.Bytes()), b.Bytes())
	if failed != nil {
		c.fail(p, failed)
		return
	}
	c.offRequest(p)
	c.replace(p.Lane, b, parts)
}

// partBytes is how large the parts of a batch shall be that the topic refused, or would.
func (t *Topic) partBytes(refused int) int {
	half := (refused + wire.BatchHeaderLen) / 2 // each half has a header of its own
	if t.fitsBytes < refused {
		return max(half, t.fitsBytes)
	}
	return half
}

// cutToFit splits a batch that is about to leave if the topic refused its size meanwhile, and reports whether it did. Not one
// that must keep its number, nor one of a topic that compresses: its size is not known yet.
func (c *Core) cutToFit(l *Lane, b *batch.Batch) bool {
	limit := l.Part.Topic.BatchLimit()
	if b.Bytes() <= limit || b.Count() == 1 || b.Sender.Numbered || b.Sender.InDoubt || l.Topic.Config.Codec != compress.None {
		return false
	}
	parts, err := b.SplitBySize(min(limit, l.Topic.partBytes(limit+1)), limit+1)
	if err != nil {
		return false
	}
	c.replace(l, b, parts)
	return true
}

// failRecords fails the records that the broker named and sends the others again.
func (c *Core) failRecords(p Passenger, a *answers.Answer, err error) {
	b := p.Batch
	if len(a.Errors) == 0 || b.Sender.InDoubt || p.Lane.halted {
		c.fail(p, err)
		return
	}
	culprits := make(map[int]error, len(a.Errors))
	for _, e := range a.Errors {
		if e.Index >= 0 && int(e.Index) < b.Count() {
			culprits[int(e.Index)] = c.Config.Refusal(p.Lane.Topic.Name, a.Code, cmp.Or(e.Message, a.Message))
		}
	}
	if len(culprits) == 0 {
		c.fail(p, err)
		return
	}
	parts, failed := b.SplitAround(culprits)
	if failed != nil {
		c.fail(p, failed)
		return
	}
	c.offRequest(p)
	c.replace(p.Lane, b, parts)
}

// replace puts the parts of a waiting batch where it stood, and ends those that consist of a culprit. If it had a number,
// theirs are the partition's next epoch's: what the broker refused cannot be in the log.
func (c *Core) replace(l *Lane, whole *batch.Batch, parts []batch.Part) {
	at := l.indexOf(whole)
	if whole == l.doubt.probe {
		l.reopen()
	}
	l.gap = l.gap || whole.Sender.Numbered
	behind := whole
	fresh := make([]*batch.Batch, 0, len(parts))
	for i, part := range parts {
		s := &part.Batch.Sender
		s.State, s.Departed = batch.Waiting, whole.Sender.Departed || i > 0 // one departure is counted
		s.Attempts, s.Deadline, s.LastErr = whole.Sender.Attempts, whole.Sender.Deadline, whole.Sender.LastErr
		c.open.InsertAfter(behind, part.Batch)
		behind = part.Batch
		fresh = append(fresh, part.Batch)
	}
	c.open.Remove(whole)
	whole.Sender.Told = true
	l.batches = slices.Replace(l.batches, at, at+1, fresh...)
	for _, part := range parts {
		if part.Err != nil {
			c.failWaiting(l, part.Batch, part.Err, "in flight")
		}
	}
	c.do.Release(whole) // the reference of the pipeline; the parts hold their own on its memory
}
