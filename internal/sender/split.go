package sender

import (
	"cmp"
	"errors"
	"slices"

	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// tooLarge splits a batch that the topic refused for its size. The parts are as large as what the topic is known to
// take, or half of what it refused while nothing is known; nothing of a refused size is sent again.
func (c *core) tooLarge(p passenger, err error) {
	b, t := p.batch, p.lane.topic
	if b.Count() == 1 || b.Sender.InDoubt {
		if b.Count() == 1 {
			err = errors.Join(ErrTooLarge, err)
		}
		c.fail(p, err)
		return
	}
	refused := b.Bytes()
	target := refused / 2
	if t.fitsBytes > 0 && t.fitsBytes < refused {
		target = max(target, t.fitsBytes)
	}
	p.lane.part.Topic.LimitBatch(refused - 1)
	parts, failed := b.SplitBySize(target, refused)
	if failed != nil {
		c.fail(p, failed)
		return
	}
	c.replace(p, parts)
}

// failRecords fails the records that the broker named and sends the others again.
func (c *core) failRecords(p passenger, a *answer, err error) {
	b := p.batch
	if len(a.errors) == 0 || b.Sender.InDoubt {
		c.fail(p, err)
		return
	}
	culprits := make(map[int]error, len(a.errors))
	for _, e := range a.errors {
		if e.Index >= 0 && int(e.Index) < b.Count() {
			culprits[int(e.Index)] = c.config.Refusal(a.code, cmp.Or(e.Message, a.message))
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
	c.replace(p, parts)
}

// replace puts the parts of a batch where it stood, and ends those that consist of a culprit. Their numbers are the
// partition's next epoch's: what the broker refused cannot be in the log.
func (c *core) replace(p passenger, parts []batch.Part) {
	l, whole := p.lane, p.batch
	c.offRequest(p)
	at := slices.Index(l.batches, whole)
	l.gap = l.gap || whole.Sender.Numbered
	behind := whole
	fresh := make([]*batch.Batch, 0, len(parts))
	for _, part := range parts {
		s := &part.Batch.Sender
		s.State, s.Departed = batch.Waiting, true
		s.Attempts, s.Deadline, s.LastErr = whole.Sender.Attempts, whole.Sender.Deadline, whole.Sender.LastErr
		c.open.insertAfter(behind, part.Batch)
		behind = part.Batch
		fresh = append(fresh, part.Batch)
	}
	c.open.remove(whole)
	whole.Sender.Told = true
	l.batches = slices.Replace(l.batches, at, at+1, fresh...)
	for _, part := range parts {
		if part.Err != nil {
			c.failWaiting(l, part.Batch, part.Err, "in flight")
		}
	}
	c.do.release(whole) // the reference of the pipeline; the parts hold their own on its memory
}
