package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrLaneFull is the reason why Reserve gave up at its timeout: Config.LanePendingMax callbacks of the lane have yet to
// run.
var ErrLaneFull = errors.New("too many callbacks of the partition have yet to run")

// ErrClosed is the reason why a blocked Reserve gave up when the Dispatcher was closed.
var ErrClosed = errors.New("dispatcher closed")

// Lane is the queue of jobs of one partition, and the account of its callbacks. The zero value is an empty lane. A lane
// belongs to one Dispatcher and must not be copied.
type Lane struct {
	pending atomic.Int64 // callbacks reserved and not released
	blocked atomic.Int32 // len(mu.waiters), readable without the lock

	// Guarded by Dispatcher.mu.
	queue     taskQueue
	scheduled bool  // among the waiting lanes, or being run
	next      *Lane // behind this one among the waiting lanes

	mu struct {
		sync.Mutex
		waiters []*reservation // first come, first served
	}
}

// reservation is one blocked Reserve.
type reservation struct{ granted chan struct{} }

// Pending is the number of callbacks that were reserved in l and not released.
func (l *Lane) Pending() int { return int(l.pending.Load()) }

// Reserve takes room for one callback in l, to be given back by Release. While Config.LanePendingMax are taken it blocks,
// in order of arrival, until there is room, ctx ends (the error wraps its cause), timeout has passed (ErrLaneFull) or d
// is closed (ErrClosed). With a timeout of zero or less it never blocks. Within a callback it always succeeds at once,
// because the room that it would wait for may be the very room that this callback holds.
func (d *Dispatcher) Reserve(ctx context.Context, l *Lane, timeout time.Duration) error {
	// Who blocks has come before: nobody passes them, even if there is room by now.
	if l.blocked.Load() == 0 {
		if l.pending.Add(1) <= int64(d.config.LanePendingMax) {
			return nil
		}
		l.pending.Add(-1)
	}
	return d.reserveSlow(ctx, l, timeout)
}

// TryReserve takes room for n callbacks at once, and reports whether it did: while nobody is blocked, and as long as that
// leaves half of the lane's room. It is for callers who keep a stock of rooms to save a Reserve for each callback.
func (d *Dispatcher) TryReserve(l *Lane, n int) bool {
	for l.blocked.Load() == 0 {
		pending := l.pending.Load()
		if pending+int64(n) > int64(d.config.LanePendingMax)/2 {
			return false
		}
		if l.pending.CompareAndSwap(pending, pending+int64(n)) {
			return true
		}
	}
	return false
}

func (d *Dispatcher) reserveSlow(ctx context.Context, l *Lane, timeout time.Duration) error {
	if d.OnWorker() {
		l.pending.Add(1)
		return nil
	}
	r := &reservation{granted: make(chan struct{})}
	l.enqueue(r, d.config.LanePendingMax)
	timer := time.NewTimer(max(timeout, 0))
	defer timer.Stop()
	var reason error
	select {
	case <-r.granted:
		return nil
	case <-ctx.Done():
		reason = context.Cause(ctx)
	case <-timer.C:
		reason = ErrLaneFull
	case <-d.closing:
		reason = ErrClosed
	}
	if l.abandon(r) {
		return fmt.Errorf("no room for the callback (%d pending): %w", l.Pending(), reason)
	}
	return nil // granted in the same moment
}

// Release gives back the room of n callbacks, which have run or never will.
func (d *Dispatcher) Release(l *Lane, n int) {
	l.pending.Add(int64(-n))
	// A waiter counts itself before it looks for room, and room is given back before the waiters are counted: one of
	// the two sees the other.
	if l.blocked.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grantLocked(d.config.LanePendingMax)
}

func (l *Lane) enqueue(r *reservation, pendingMax int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.waiters = append(l.mu.waiters, r)
	l.blocked.Store(int32(len(l.mu.waiters)))
	// There may be room: it was given back since the caller looked, or the caller's own look held it for a moment.
	l.grantLocked(pendingMax)
}

// abandon takes r from the waiters. It reports false when r was granted already.
func (l *Lane) abandon(r *reservation) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.mu.waiters, r)
	if i < 0 {
		return false
	}
	l.mu.waiters = slices.Delete(l.mu.waiters, i, i+1)
	l.blocked.Store(int32(len(l.mu.waiters)))
	return true
}

// grantLocked hands the free room to the waiters in their order.
func (l *Lane) grantLocked(pendingMax int) {
	granted := 0
	for granted < len(l.mu.waiters) && l.take(int64(pendingMax)) {
		close(l.mu.waiters[granted].granted)
		granted++
	}
	l.mu.waiters = slices.Delete(l.mu.waiters, 0, granted)
	l.blocked.Store(int32(len(l.mu.waiters)))
}

// take takes room for one callback if there is any.
func (l *Lane) take(pendingMax int64) bool {
	for {
		pending := l.pending.Load()
		if pending >= pendingMax {
			return false
		}
		if l.pending.CompareAndSwap(pending, pending+1) {
			return true
		}
	}
}
