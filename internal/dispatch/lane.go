package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ErrLaneFull is the reason why Admit gave up at its timeout: Config.LanePendingMax callbacks of the lane have yet to
// run.
var ErrLaneFull = errors.New("too many callbacks of the partition have yet to run")

// ErrClosed is the reason why a blocked Admit gave up when the Dispatcher was closed.
var ErrClosed = errors.New("dispatcher closed")

// Lane is the queue of jobs of one partition. The zero value is an empty lane. A lane belongs to one Dispatcher and must
// not be copied.
type Lane struct {
	pending atomic.Int64 // records of the jobs that were submitted and have not run

	// Guarded by Dispatcher.mu.
	queue taskQueue // its first job stays until it has run, so that a lane without any neither runs nor waits
	next  *Lane     // behind this one among the waiting lanes

	mu struct {
		sync.Mutex
		room chan struct{} // made by the first who waits; closed when there is room
	}
}

// Pending is the number of records whose outcome is known and whose callbacks have yet to run.
func (l *Lane) Pending() int { return int(l.pending.Load()) }

// hasRoom reports whether Admit would return at once, as far as a look tells.
func (d *Dispatcher) hasRoom(l *Lane) bool { return l.pending.Load() < int64(d.config.LanePendingMax) }

// Admit returns as soon as fewer than Config.LanePendingMax records of l wait for their callbacks; as a rule that is at
// once and costs an atomic load. Else it blocks until so many callbacks have run, ctx ends (the error wraps its cause),
// timeout has passed (ErrLaneFull) or d is closed (ErrClosed); with a timeout of zero or less it never blocks. Within a
// callback it always succeeds at once, because what it would wait for may be the end of this very callback.
//
// It counts outcomes, not what is on its way to one: that is bounded by the buffer's memory. So the bound may be exceeded
// by what is in the buffer.
func (d *Dispatcher) Admit(ctx context.Context, l *Lane, timeout time.Duration) error {
	if d.hasRoom(l) || d.OnWorker() {
		return nil
	}
	timer := time.NewTimer(max(timeout, 0))
	defer timer.Stop()
	for {
		room := d.roomIn(l)
		if room == nil {
			return nil
		}
		var reason error
		select {
		case <-room:
			continue
		case <-ctx.Done():
			reason = context.Cause(ctx)
		case <-timer.C:
			reason = ErrLaneFull
		case <-d.closing:
			reason = ErrClosed
		}
		return fmt.Errorf("no room for the callback (%d pending): %w", l.Pending(), reason)
	}
}

// roomIn returns nil if the lane has room, or a channel that is closed when it has.
func (d *Dispatcher) roomIn(l *Lane) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.hasRoom(l) {
		return nil
	}
	if l.mu.room == nil {
		l.mu.room = make(chan struct{})
	}
	return l.mu.room
}

// ran notes that the callbacks of so many records have run.
func (d *Dispatcher) ran(l *Lane, records int) {
	// Who waits found no room under the lock. So the call that takes pending below the limit comes after that, and no other need look.
	left, limit := l.pending.Add(int64(-records)), int64(d.config.LanePendingMax)
	if left >= limit || left+int64(records) < limit {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.room != nil {
		close(l.mu.room)
		l.mu.room = nil
	}
}
