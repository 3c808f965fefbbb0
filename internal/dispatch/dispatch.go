package dispatch

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// The defaults of Config.
const (
	defaultWorkersMax     = 256
	defaultHeldMax        = 10 * time.Millisecond
	defaultIdleMax        = 5 * time.Second
	defaultLanePendingMax = 1 << 16
)

// Job is the outcome of one batch, ready to be told.
type Job interface {
	// Run calls all callbacks of the batch, in the order of their records. It recovers from a callback's panic by
	// itself, and should go on in a deferred call when a callback ends its goroutine with runtime.Goexit; what it lets
	// through is counted, and costs the rest of this job and nothing else. It is called once.
	Run()
	// Records is the number of records in the batch, for Stats and Admit. It is called once, by Submit.
	Records() int
}

// Config sets the bounds of a Dispatcher. In every field zero means the default.
type Config struct {
	// Workers is how many jobs run at a time while none is slow. Default: GOMAXPROCS.
	Workers int
	// WorkersMax is the number of workers beyond which slow jobs no longer add any; it is never less than Workers.
	// Default: 256.
	WorkersMax int
	// HeldMax is the time after which a running job no longer counts against Workers, because its callbacks wait for
	// something rather than compute. Default: 10 ms.
	HeldMax time.Duration
	// IdleMax is the time after which a worker without work ends. Default: 5 s.
	IdleMax time.Duration
	// LanePendingMax is how many records of one lane may wait for their callbacks before Admit blocks. Default: 65,536.
	LanePendingMax int
	// OnPanic is told of a panic that a job let through, on the worker's goroutine, with the stack of the panic. It
	// must not block. nil means that the panic is only counted.
	OnPanic func(value any, stack []byte)
}

// withDefaults returns c with every zero replaced.
func (c Config) withDefaults() Config {
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.WorkersMax <= 0 {
		c.WorkersMax = defaultWorkersMax
	}
	c.WorkersMax = max(c.WorkersMax, c.Workers)
	if c.HeldMax <= 0 {
		c.HeldMax = defaultHeldMax
	}
	if c.IdleMax <= 0 {
		c.IdleMax = defaultIdleMax
	}
	if c.LanePendingMax <= 0 {
		c.LanePendingMax = defaultLanePendingMax
	}
	return c
}

// Dispatcher runs the jobs of any number of lanes on a few workers. All methods may be called by any goroutine,
// callbacks included.
type Dispatcher struct {
	config  Config        // immutable
	closing chan struct{} // closed by Close, which ends blocked Admit calls
	panics  atomic.Uint64

	mu struct {
		sync.Mutex
		closed  bool
		waiting laneQueue // lanes with work that no worker runs

		workers     int       // all, running or not
		coming      int       // called up, but not yet at the waiting lanes
		idle        []*worker // the last to become idle is the first to be called, so that the rest can end
		unheld      busyList  // running for less than HeldMax when last looked at, oldest first
		held        int       // running for longer, and therefore not counted against Config.Workers
		byGoroutine map[uint64]*worker

		heldTimer *time.Timer
		armed     bool // heldTimer will fire

		drainers []*drainer
		draining int // workers whose callback is inside Drain

		pendingJobs    int
		pendingRecords int
		heldTotal      uint64
	}
}

// New returns a Dispatcher without any goroutine: workers start with the first job.
func New(config Config) *Dispatcher {
	d := &Dispatcher{config: config.withDefaults(), closing: make(chan struct{})}
	d.mu.byGoroutine = make(map[uint64]*worker)
	return d
}

// Submit queues j behind the jobs of its lane. It never blocks and, once the lane has seen its longest queue, allocates
// nothing. It is legal after Close: the job then runs on a worker that ends with it.
func (d *Dispatcher) Submit(l *Lane, j Job) {
	records := j.Records()
	l.pending.Add(int64(records))
	d.mu.Lock()
	defer d.mu.Unlock()
	l.queue.push(task{job: j, records: records})
	d.mu.pendingJobs++
	d.mu.pendingRecords += records
	if l.queue.len() > 1 {
		return
	}
	d.mu.waiting.push(l)
	d.callUpLocked(time.Now())
}

// Close ends the idle workers and returns when they have ended. It does not wait for running jobs, which Drain does:
// their workers end by themselves when nothing is left to run. Admit calls that block return ErrClosed. Calling Close
// again, or within a callback, is harmless.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	if !d.mu.closed {
		d.mu.closed = true
		close(d.closing)
	}
	idle := d.mu.idle
	d.mu.idle = nil
	d.mu.Unlock()
	for _, w := range idle {
		w.wake <- struct{}{}
	}
	for _, w := range idle {
		<-w.ended
	}
}

// Stats is the state of a Dispatcher at one moment.
type Stats struct {
	PendingJobs    int    // submitted and not yet done, the running ones included
	PendingRecords int    // the records of those jobs
	Workers        int    // goroutines, idle ones included
	Held           uint64 // jobs so far that ran for longer than Config.HeldMax
	Panics         uint64 // panics so far that a job, or Config.OnPanic, let through
}

// Stats returns the counters of d.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Stats{
		PendingJobs:    d.mu.pendingJobs,
		PendingRecords: d.mu.pendingRecords,
		Workers:        d.mu.workers,
		Held:           d.mu.heldTotal,
		Panics:         d.panics.Load(),
	}
}
