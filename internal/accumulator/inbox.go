package accumulator

import "sync/atomic"

// Inbox is the list of partitions that have news for the send loop. Putting a partition on it takes no lock, so it is
// legal under the partition's own.
type Inbox struct {
	head atomic.Pointer[Partition]
	// parked is set while the send loop sleeps; the one who clears it wakes the loop.
	parked atomic.Bool
	wake   chan struct{}
}

// NewInbox returns an empty inbox.
func NewInbox() *Inbox { return &Inbox{wake: make(chan struct{}, 1)} }

// put adds a partition. A partition is on the list at most once: its first signal puts it there, TakeNews after Take
// makes it free to come back.
func (i *Inbox) put(p *Partition) {
	for {
		head := i.head.Load()
		p.next = head
		if i.head.CompareAndSwap(head, p) {
			break
		}
	}
	i.Wake()
}

// Take empties the inbox into dst, first come first.
func (i *Inbox) Take(dst []*Partition) []*Partition {
	start := len(dst)
	for p := i.head.Swap(nil); p != nil; {
		next := p.next
		p.next = nil
		dst = append(dst, p)
		p = next
	}
	for a, b := start, len(dst)-1; a < b; a, b = a+1, b-1 {
		dst[a], dst[b] = dst[b], dst[a]
	}
	return dst
}

// Empty reports whether nothing is in the inbox.
func (i *Inbox) Empty() bool { return i.head.Load() == nil }

// Wake makes a parked send loop run.
func (i *Inbox) Wake() {
	if i.parked.Load() && i.parked.CompareAndSwap(true, false) {
		select {
		case i.wake <- struct{}{}:
		default:
		}
	}
}

// Park announces that the send loop is about to sleep on C; it must look once more at everything it reads after Park
// and before sleeping, because whoever came before Park did not wake it.
func (i *Inbox) Park() { i.parked.Store(true) }

// Unpark tells that the loop runs again.
func (i *Inbox) Unpark() { i.parked.Store(false) }

// C is what the parked loop sleeps on.
func (i *Inbox) C() <-chan struct{} { return i.wake }
