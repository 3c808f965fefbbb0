package core

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// openBatches lists all batches whose outcome is open, oldest first, linked through the batches themselves. It serves
// the delivery timeout, Flush, and the choice of what leaves when memory is short.
type openBatches struct {
	oldest, youngest *batch.Batch
	lastID           uint64
	// earliest is no later than the earliest deadline in the list, 0 while nothing was added since expire found it
	// empty. Removing a batch leaves it as it is: then expire looks once for nothing and sets it anew.
	earliest time.Duration
}

// add appends a batch and gives it its id.
func (o *openBatches) add(b *batch.Batch) {
	o.lastID++
	b.Sender.ID = o.lastID
	o.link(o.youngest, b, nil)
	o.earliest = sooner(o.earliest, b.Sender.Deadline)
}

// insertAfter adds a part of a split batch behind another one, with that one's id.
func (o *openBatches) insertAfter(at, b *batch.Batch) {
	b.Sender.ID = at.Sender.ID
	o.link(at, b, at.Sender.Next)
}

// link puts b between two neighbours.
func (o *openBatches) link(prev, b, next *batch.Batch) {
	b.Sender.Prev, b.Sender.Next = prev, next
	if prev == nil {
		o.oldest = b
	} else {
		prev.Sender.Next = b
	}
	if next == nil {
		o.youngest = b
	} else {
		next.Sender.Prev = b
	}
}

// remove takes a batch off the list.
func (o *openBatches) remove(b *batch.Batch) {
	prev, next := b.Sender.Prev, b.Sender.Next
	if prev == nil {
		o.oldest = next
	} else {
		prev.Sender.Next = next
	}
	if next == nil {
		o.youngest = prev
	} else {
		next.Sender.Prev = prev
	}
	b.Sender.Prev, b.Sender.Next = nil, nil
}

// resolvedUpTo reports whether every batch with an id up to the given one has its outcome.
func (o *openBatches) resolvedUpTo(id uint64) bool { return o.oldest == nil || o.oldest.Sender.ID > id }

// first is the oldest batch of which found is true, or nil.
func (o *openBatches) first(found func(*batch.Batch) bool) *batch.Batch {
	b := o.oldest
	for b != nil && !found(b) {
		b = b.Sender.Next
	}
	return b
}

// findEarliest sets earliest anew.
func (o *openBatches) findEarliest() {
	o.earliest = 0
	for b := o.oldest; b != nil; b = b.Sender.Next {
		o.earliest = sooner(o.earliest, b.Sender.Deadline)
	}
}
