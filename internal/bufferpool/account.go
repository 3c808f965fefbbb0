package bufferpool

import (
	"slices"
	"time"
)

// NoLeader is the account of the partitions whose leader is not known.
const NoLeader int32 = -1

// Callbacks is the account of what callbacks enqueue when the account of the partition's broker has no room. It has a
// share only if SetAccounts names it.
const Callbacks int32 = -2

// Account is whom memory is charged to: a broker, or NoLeader. It lives as long as its pool; there are as many as the
// cluster ever had broker ids.
type Account struct {
	id int32

	// Guarded by the pool's mutex.
	share int64 // guaranteed bytes; 0 for a broker that SetAccounts did not name
	used  int64 // bytes charged and not yet credited
	first *waiter
	last  *waiter
}

// over is what an account with this use has of the shared half.
func (a *Account) over(used int64) int64 { return max(used-a.share, 0) }

// waiter is one call of Get that waits. All fields but done and timer are guarded by the pool's mutex until done has been
// sent. One that was served serves another call: its channel and its timer cost five objects, and on a full pool callers
// wait all the time.
type waiter struct {
	bytes   int64
	hint    Class
	began   time.Time
	granted *Slab
	closed  bool          // the pool was closed
	done    chan struct{} // of capacity 1: who sends does not wait
	timer   *time.Timer   // the caller's, stopped while nobody waits
	next    *waiter
	prev    *waiter
}

// enqueueLocked makes the request the last one of a's waiters.
func (p *Pool) enqueueLocked(a *Account, bytes int64, hint Class) *waiter {
	w := p.restedLocked()
	*w = waiter{bytes: bytes, hint: hint, began: time.Now(), done: w.done, timer: w.timer, prev: a.last}
	if a.last == nil {
		a.first = w
		p.mu.line = append(p.mu.line, a)
	} else {
		a.last.next = w
	}
	a.last = w
	p.mu.stats.Waiters++
	p.mu.stats.Waits++
	return w
}

// waitersKept is how many waiters are kept for other calls.
const waitersKept = 64

// restedLocked returns a waiter that nobody uses.
func (p *Pool) restedLocked() *waiter {
	last := len(p.mu.rested) - 1
	if last < 0 {
		return &waiter{done: make(chan struct{}, 1)}
	}
	w := p.mu.rested[last]
	p.mu.rested = p.mu.rested[:last]
	return w
}

// rest keeps a waiter whose done was received: nobody else has it any more.
func (p *Pool) rest(w *waiter) {
	w.granted = nil
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.mu.rested) < waitersKept {
		p.mu.rested = append(p.mu.rested, w)
	}
}

// leaveLocked takes w out of a's waiters. If none is left, the caller takes a out of the line.
func (p *Pool) leaveLocked(a *Account, w *waiter) {
	if w.prev == nil {
		a.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		a.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.next, w.prev = nil, nil
	p.mu.stats.Waiters--
	p.mu.stats.WaitTime += time.Since(w.began)
}

// planLocked chooses the slabs for a request of account a. The hint is a wish: it is lowered, and in the end dropped,
// where it would make the request need more than the account's share, and so lose the guarantee that the bytes have.
func (p *Pool) planLocked(a *Account, bytes int64, hint Class) plan {
	for {
		pl := planFor(bytes, hint)
		switch {
		case pl.charge <= a.share:
			return pl
		case hint == Class1K:
			return planExact(bytes)
		}
		hint--
	}
}

// sharedBytesLocked is the shared half: what no account's share takes.
func (p *Pool) sharedBytesLocked() int64 { return p.total - p.mu.guaranteed }

// needLocked says what a charge would take of the shared half, and whether it is a large request, which ignores the
// shares and waits for free memory instead.
func (p *Pool) needLocked(a *Account, charge int64) (shared int64, large bool) {
	return a.over(a.used+charge) - a.over(a.used), charge > p.sharedBytesLocked()
}

// fitsLocked reports whether a may be charged now. sharedOpen is false while another account gathers shared memory.
func (p *Pool) fitsLocked(a *Account, charge int64, sharedOpen bool) bool {
	if charge > p.total-p.mu.used {
		return false
	}
	shared, large := p.needLocked(a, charge)
	return shared == 0 || (sharedOpen && (large || shared <= p.sharedBytesLocked()-p.mu.over))
}

// gathersLocked reports whether a's oldest waiter needs shared memory, so that nobody behind it in the line gets any.
func (p *Pool) gathersLocked(a *Account) bool {
	pl := p.planLocked(a, a.first.bytes, a.first.hint)
	shared, large := p.needLocked(a, pl.charge)
	return shared > 0 && !large
}

// chargeLocked changes a's use by delta bytes.
func (p *Pool) chargeLocked(a *Account, delta int64) {
	p.mu.over += a.over(a.used+delta) - a.over(a.used)
	a.used += delta
	p.mu.used += delta
}

// tryLocked serves a newcomer, if nobody waits whom it would overtake.
func (p *Pool) tryLocked(a *Account, bytes int64, hint Class) *Slab {
	if a.first != nil || p.mu.closed || bytes > p.total {
		return nil
	}
	pl := p.planLocked(a, bytes, hint)
	sharedOpen := !slices.ContainsFunc(p.mu.line, p.gathersLocked)
	if !p.fitsLocked(a, pl.charge, sharedOpen) {
		return nil
	}
	p.chargeLocked(a, pl.charge)
	return p.cutLocked(a, pl)
}

// grantLocked serves the waiters that now fit, one of each account in turn. An account that was served goes to the end
// of the line.
func (p *Pool) grantLocked() {
	sharedOpen := true
	for i := 0; i < len(p.mu.line); {
		a := p.mu.line[i]
		w := a.first
		pl := p.planLocked(a, w.bytes, w.hint)
		if !p.fitsLocked(a, pl.charge, sharedOpen) {
			sharedOpen = sharedOpen && !p.gathersLocked(a)
			i++
			continue
		}
		p.chargeLocked(a, pl.charge)
		w.granted = p.cutLocked(a, pl)
		p.leaveLocked(a, w)
		w.done <- struct{}{}
		p.mu.line = slices.Delete(p.mu.line, i, i+1)
		if a.first != nil {
			p.mu.line = append(p.mu.line, a)
		}
	}
}
