package dispatch

import (
	"runtime/debug"
	"slices"
	"time"
)

// worker is one goroutine that runs jobs.
type worker struct {
	wake  chan struct{} // capacity 1: who calls a worker does not wait for it
	ended chan struct{} // closed when the goroutine is done

	// Owned by the worker's goroutine.
	task      task
	idleTimer *time.Timer

	// Guarded by Dispatcher.mu.
	goroutine    uint64
	called       bool  // counted in coming
	lane         *Lane // whose job runs, or nil
	started      time.Time
	held         bool // counted in held, else in unheld
	older, newer *worker
}

// callUpLocked sees to it that a worker comes for every waiting lane, as far as the limit allows, and that the limit is
// looked at again when a running job might raise it.
func (d *Dispatcher) callUpLocked(now time.Time) {
	for d.mu.waiting.size > d.mu.coming {
		w := d.freeWorkerLocked(now)
		if w == nil {
			d.armLocked(now)
			return
		}
		w.called = true
		d.mu.coming++
	}
}

// freeWorkerLocked wakes the worker that became idle last, or starts one, or returns nil at the limit.
func (d *Dispatcher) freeWorkerLocked(now time.Time) *worker {
	if n := len(d.mu.idle); n > 0 {
		w := d.mu.idle[n-1]
		d.mu.idle = d.mu.idle[:n-1]
		w.wake <- struct{}{}
		return w
	}
	if d.mu.workers >= d.limitLocked(now) {
		return nil
	}
	d.mu.workers++
	w := &worker{wake: make(chan struct{}, 1), ended: make(chan struct{}), idleTimer: time.NewTimer(d.config.IdleMax)}
	go d.work(w)
	return w
}

// limitLocked is the number of workers that may be there now. Those inside Drain come on top of WorkersMax: they wait
// for other lanes, so if they took all places nobody would ever run what they wait for.
func (d *Dispatcher) limitLocked(now time.Time) int {
	for w := d.mu.unheld.oldest; w != nil && now.Sub(w.started) >= d.config.HeldMax; w = d.mu.unheld.oldest {
		d.mu.unheld.remove(w)
		w.held = true
		d.mu.held++
	}
	return min(d.config.Workers+d.mu.held, d.config.WorkersMax) + d.mu.draining
}

// armLocked sets the timer to the moment when the oldest running job will have held its worker for HeldMax.
func (d *Dispatcher) armLocked(now time.Time) {
	oldest := d.mu.unheld.oldest
	if d.mu.armed || oldest == nil || d.mu.workers >= d.config.WorkersMax+d.mu.draining {
		return
	}
	d.mu.armed = true
	wait := oldest.started.Add(d.config.HeldMax).Sub(now)
	if d.mu.heldTimer == nil {
		d.mu.heldTimer = time.AfterFunc(wait, d.heldTimerFired)
		return
	}
	d.mu.heldTimer.Reset(wait)
}

func (d *Dispatcher) heldTimerFired() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.armed = false
	d.callUpLocked(time.Now())
}

// work is the body of a worker's goroutine.
func (d *Dispatcher) work(w *worker) {
	d.register(w)
	for d.next(w) {
		d.run(w)
	}
	close(w.ended)
}

// run runs the worker's job. It is the last line of defence against what callbacks do.
func (d *Dispatcher) run(w *worker) {
	returned := false
	defer func() {
		if value := recover(); value != nil {
			d.panicked(value, debug.Stack())
			return
		}
		if !returned {
			// The callback called runtime.Goexit, as testing.T.FailNow does: this goroutine ends when its deferred
			// calls have, and another takes over the worker, its unfinished accounts included.
			go d.work(w)
		}
	}()
	w.task.job.Run()
	returned = true
}

// panicked counts a panic and tells Config.OnPanic of it, whose own panic is only counted.
func (d *Dispatcher) panicked(value any, stack []byte) {
	d.panics.Add(1)
	defer func() {
		if recover() != nil {
			d.panics.Add(1)
		}
	}()
	if d.config.OnPanic != nil {
		d.config.OnPanic(value, stack)
	}
}

// next closes the accounts of the worker's last job, if any, and finds the next, for which it may wait. It reports false
// when the worker's time is over.
func (d *Dispatcher) next(w *worker) bool {
	for {
		switch d.advance(w) {
		case workerBusy:
			return true
		case workerEnds:
			return false
		}
		if !d.await(w) {
			return false
		}
	}
}

// workerState says how a worker goes on.
type workerState int8

const (
	workerIdle workerState = iota
	workerBusy
	workerEnds
)

func (d *Dispatcher) advance(w *worker) workerState {
	now := time.Now()
	if w.lane != nil {
		d.ran(w.lane, w.task.records)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.called {
		w.called = false
		d.mu.coming--
	}
	d.finishLocked(w, now)
	if l := d.mu.waiting.pop(); l != nil {
		w.lane, w.task, w.started = l, l.queue.first, now
		d.mu.unheld.push(w)
		d.callUpLocked(now)
		return workerBusy
	}
	if d.mu.closed {
		d.retireLocked(w)
		return workerEnds
	}
	d.mu.idle = append(d.mu.idle, w)
	return workerIdle
}

// finishLocked takes the job that w has run off the books. Its lane, if it has more, goes behind the other lanes.
func (d *Dispatcher) finishLocked(w *worker, now time.Time) {
	l := w.lane
	if l == nil {
		return
	}
	if w.held {
		w.held = false
		d.mu.held--
	} else {
		d.mu.unheld.remove(w)
	}
	if now.Sub(w.started) > d.config.HeldMax {
		d.mu.heldTotal++
	}
	d.mu.pendingJobs--
	d.mu.pendingRecords -= w.task.records
	w.lane, w.task = nil, task{}
	if l.queue.drop(); l.queue.len() > 0 {
		d.mu.waiting.push(l)
	}
	d.releaseDrainersLocked()
}

// await waits idly until the worker is called. It reports false when that did not happen for IdleMax.
func (d *Dispatcher) await(w *worker) bool {
	w.idleTimer.Reset(d.config.IdleMax)
	defer w.idleTimer.Stop()
	select {
	case <-w.wake:
		return true
	case <-w.idleTimer.C:
	}
	if d.retireIdle(w) {
		return false
	}
	<-w.wake // called in the same moment
	return true
}

// retireIdle takes w off the books unless it was called or told to end.
func (d *Dispatcher) retireIdle(w *worker) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.mu.idle, w)
	if i < 0 {
		return false
	}
	d.mu.idle = slices.Delete(d.mu.idle, i, i+1)
	d.retireLocked(w)
	return true
}

func (d *Dispatcher) retireLocked(w *worker) {
	d.mu.workers--
	delete(d.mu.byGoroutine, w.goroutine)
}
