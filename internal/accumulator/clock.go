package accumulator

import (
	"sync"
	"sync/atomic"
	"time"
)

// How the coarse clock ticks, and how long it goes on without being told that the producer is busy.
const (
	clockTick    = time.Millisecond
	clockIdleMax = 20 * clockTick
)

// Clock gives records their timestamps. Reading the system's clock costs tens of nanoseconds, a good part of what a
// small record may cost altogether; so while batches of many records leave, one goroutine reads it each millisecond for
// all of them. A producer that is not busy reads the system's clock for each record, and nothing ticks.
type Clock struct {
	start   time.Time
	coarse  atomic.Int64 // milliseconds since the epoch while the clock ticks, else 0
	busy    atomic.Bool  // somebody called Busy since the last look
	ticking atomic.Bool
	stop    chan struct{} // closed by Stop
	running sync.WaitGroup
}

// NewClock returns a clock whose monotonic time begins now.
func NewClock() *Clock { return &Clock{start: time.Now(), stop: make(chan struct{})} }

// Millis is the time in milliseconds since the epoch.
func (c *Clock) Millis() int64 {
	if ms := c.coarse.Load(); ms != 0 {
		return ms
	}
	return time.Now().UnixMilli()
}

// Now is the time since the clock was made. It is monotonic: jumps of the system's clock do not show.
func (c *Clock) Now() time.Duration { return time.Since(c.start) }

// Stop ends the ticking and returns when its goroutine has ended. Busy must not be called any more; the other methods may.
func (c *Clock) Stop() {
	close(c.stop)
	c.running.Wait()
}

// Busy makes the coarse clock tick for a while.
func (c *Clock) Busy() {
	if !c.busy.Load() {
		c.busy.Store(true)
	}
	if !c.ticking.Load() && c.ticking.CompareAndSwap(false, true) {
		c.coarse.Store(time.Now().UnixMilli())
		c.running.Go(c.tick)
	}
}

// tick keeps the coarse time until nobody was busy for clockIdleMax.
func (c *Clock) tick() {
	ticker := time.NewTicker(clockTick)
	defer ticker.Stop()
	for idle := time.Duration(0); idle < clockIdleMax; idle += clockTick {
		select {
		case now := <-ticker.C:
			c.coarse.Store(now.UnixMilli())
		case <-c.stop:
			c.coarse.Store(0)
			return
		}
		if c.busy.Swap(false) {
			idle = 0
		}
	}
	c.coarse.Store(0)
	c.ticking.Store(false)
}
