package batch

import "time"

// List holds all batches whose outcome is open, oldest first, linked through the batches themselves. It serves
// the delivery timeout, Flush, and the choice of what leaves when memory is short.
type List struct {
	Oldest, youngest *Batch
	lastID           uint64
	// Earliest is no later than the earliest deadline in the list, 0 while nothing was added since expire found it
	// empty. Removing a batch leaves it as it is: then expire looks once for nothing and sets it anew.
	Earliest time.Duration
	// waiting is a batch before which none waits to leave; nil if none waits at all. Thousands may be in flight in front of the
	// first one that waits, which who makes the oldest ones leave need not walk past each time.
	waiting *Batch
	waiters []waiter
}

// waiter is a caller that waits for the batches up to an id.
type waiter struct {
	upTo uint64
	done chan<- struct{}
}

// Await makes Wake close done once every batch that was added so far has its outcome.
func (l *List) Await(done chan<- struct{}) { l.waiters = append(l.waiters, waiter{l.lastID, done}) }

// Wake closes what Await was given, where its batches all have their outcome.
func (l *List) Wake() {
	kept := l.waiters[:0]
	for _, w := range l.waiters {
		if l.Oldest == nil || l.Oldest.Sender.ID > w.upTo {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	clear(l.waiters[len(kept):])
	l.waiters = kept
}

// Add appends a batch and gives it its id.
func (l *List) Add(b *Batch) {
	l.lastID++
	b.Sender.ID = l.lastID
	l.link(l.youngest, b, nil)
	l.mayWait(b)
	l.Earliest = Sooner(l.Earliest, b.Sender.Deadline)
}

// InsertAfter adds a part of a split batch behind another one, with that one's id.
func (l *List) InsertAfter(at, b *Batch) {
	b.Sender.ID = at.Sender.ID
	l.link(at, b, at.Sender.Next)
	l.mayWait(b)
}

// Wait notes that a batch of the list waits to leave again.
func (l *List) Wait(b *Batch) {
	b.Sender.State = Waiting
	l.mayWait(b)
}

// mayWait sees to it that OldestWaiting looks at a batch. The parts of a split have the same id.
func (l *List) mayWait(b *Batch) {
	switch {
	case l.waiting == nil:
		l.waiting = b
	case b.Sender.ID <= l.waiting.Sender.ID:
		l.waiting = l.Oldest
	}
}

// OldestWaiting is the first batch that waits to leave, or nil.
func (l *List) OldestWaiting() *Batch {
	for l.waiting != nil && l.waiting.Sender.State != Waiting {
		l.waiting = l.waiting.Sender.Next
	}
	return l.waiting
}

// link puts b between two neighbours.
func (l *List) link(prev, b, next *Batch) {
	b.Sender.Prev, b.Sender.Next = prev, next
	if prev == nil {
		l.Oldest = b
	} else {
		prev.Sender.Next = b
	}
	if next == nil {
		l.youngest = b
	} else {
		next.Sender.Prev = b
	}
}

// Remove takes a batch off the list.
func (l *List) Remove(b *Batch) {
	prev, next := b.Sender.Prev, b.Sender.Next
	if b == l.waiting {
		l.waiting = next
	}
	if prev == nil {
		l.Oldest = next
	} else {
		prev.Sender.Next = next
	}
	if next == nil {
		l.youngest = prev
	} else {
		next.Sender.Prev = prev
	}
	b.Sender.Prev, b.Sender.Next = nil, nil
}

// First is the oldest batch of which found is true, or nil.
func (l *List) First(found func(*Batch) bool) *Batch {
	b := l.Oldest
	for b != nil && !found(b) {
		b = b.Sender.Next
	}
	return b
}

// FindEarliest sets Earliest anew.
func (l *List) FindEarliest() {
	l.Earliest = 0
	for b := l.Oldest; b != nil; b = b.Sender.Next {
		l.Earliest = Sooner(l.Earliest, b.Sender.Deadline)
	}
}

// Sooner is the earlier of two times of which 0 is never.
func Sooner(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
