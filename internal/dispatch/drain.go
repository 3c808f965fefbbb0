package dispatch

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// drainer is one call of Drain that waits.
type drainer struct {
	self *worker // the worker that runs the callback which called Drain, or nil
	done chan struct{}
}

// Drain waits until no job is pending, or until ctx ends, with an error that wraps its cause. It is meant for the time
// when nothing is submitted any more: under steady traffic there may never be such a moment.
//
// Within a callback it waits for the other lanes only, since nothing of the callback's own lane can run before the
// callback has returned; and for the same reason not for lanes whose callbacks are inside Drain as well.
func (d *Dispatcher) Drain(ctx context.Context) error {
	w := &drainer{done: make(chan struct{})}
	d.enterDrain(w)
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
	}
	if d.leaveDrain(w) {
		return fmt.Errorf("%d records still wait for their callbacks: %w", d.Stats().PendingRecords, context.Cause(ctx))
	}
	return nil // done in the same moment
}

func (d *Dispatcher) enterDrain(w *drainer) {
	goroutine := goroutineID()
	d.mu.Lock()
	defer d.mu.Unlock()
	w.self = d.mu.byGoroutine[goroutine]
	d.mu.drainers = append(d.mu.drainers, w)
	if w.self != nil {
		d.mu.draining++
		d.callUpLocked(time.Now())
	}
	d.releaseDrainersLocked()
}

// leaveDrain takes w off the books. It reports false when w was released already.
func (d *Dispatcher) leaveDrain(w *drainer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.mu.drainers, w)
	if i < 0 {
		return false
	}
	d.mu.drainers = slices.Delete(d.mu.drainers, i, i+1)
	if w.self != nil {
		d.mu.draining--
	}
	return true
}

// releaseDrainersLocked ends the Drain calls that have nothing left to wait for.
func (d *Dispatcher) releaseDrainersLocked() {
	if len(d.mu.drainers) == 0 {
		return
	}
	stuck := 0 // jobs that cannot end before a Drain within a callback does, that one's own included
	for _, w := range d.mu.drainers {
		if w.self != nil {
			stuck += w.self.lane.queue.len()
		}
	}
	d.mu.drainers = slices.DeleteFunc(d.mu.drainers, func(w *drainer) bool {
		done := d.mu.pendingJobs == 0 || w.self != nil && d.mu.pendingJobs == stuck
		if !done {
			return false
		}
		if w.self != nil {
			d.mu.draining--
		}
		close(w.done)
		return true
	})
}

// OnWorker reports whether the calling goroutine is one of d's workers, that is, whether the caller is a callback. It
// costs about a microsecond.
func (d *Dispatcher) OnWorker() bool {
	goroutine := goroutineID()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.byGoroutine[goroutine] != nil
}

// register notes the goroutine of w.
func (d *Dispatcher) register(w *worker) {
	goroutine := goroutineID()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.mu.byGoroutine, w.goroutine)
	w.goroutine = goroutine
	d.mu.byGoroutine[goroutine] = w
}

// goroutineID returns the number of the calling goroutine, which Go tells only in the first line of a stack trace
// ("goroutine 42 [running]:"). A callback that calls back into the producer can be known by nothing else: its
// signature carries no context, and users pass contexts of their own. So it is read here, where a call would wait
// otherwise, and once for each worker's start: never on the path of a record.
func goroutineID() uint64 {
	var buffer [64]byte
	trace := buffer[:runtime.Stack(buffer[:], false)]
	digits, _, _ := bytes.Cut(bytes.TrimPrefix(trace, []byte("goroutine ")), []byte(" "))
	id, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		// invariant: the runtime has written this line in this form since Go 1.0; a test would notice a change.
		panic(fmt.Sprintf("unexpected first line of a stack trace: %q", trace))
	}
	return id
}
