package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Window is what was measured in one interval.
type Window struct {
	// At is how long the run takes so far, Took how much of it this window is.
	At, Took time.Duration
	// Acked counts the records that were acknowledged in it.
	Acked uint64
	// BytesEach is the mean size of key and value, since the beginning.
	BytesEach float64
	// Latency has their latencies in nanoseconds. It is valid until the function that was shown it returns.
	Latency *hdrhistogram.Histogram
	// Steady says that a record from behind the warm-up is among them.
	Steady bool
	// Last says that it is the rest, shorter than an interval.
	Last bool
}

// live is the goroutine that shows windows.
type live struct {
	load  *Load
	show  func(Window)
	last  time.Time
	stop  chan struct{}
	ended chan struct{}
}

func (l *Load) startLive(interval time.Duration, show func(Window)) *live {
	v := &live{load: l, show: show, last: l.began, stop: make(chan struct{}), ended: make(chan struct{})}
	go v.run(interval)
	return v
}

// end stops the goroutine, and shows the rest.
func (v *live) end() {
	close(v.stop)
	<-v.ended
	v.next(time.Now(), newHistogram(), true)
}

func (v *live) run(interval time.Duration) {
	defer v.load.factory.Recover()
	defer close(v.ended)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	spare := newHistogram()
	for {
		select {
		case now := <-ticker.C:
			spare = v.next(now, spare, false)
			spare.Reset()
		case <-v.stop:
			return
		}
	}
}

// next shows the window that ends now, and returns its histogram, in whose place the empty one counts from here.
func (v *live) next(now time.Time, empty *hdrhistogram.Histogram, last bool) *hdrhistogram.Histogram {
	latency, steady := v.load.recorder.take(empty)
	v.show(Window{
		At: now.Sub(v.load.began), Took: now.Sub(v.last),
		Acked: uint64(latency.TotalCount()), BytesEach: v.load.bytesEach(), Latency: latency, Steady: steady, Last: last,
	})
	v.last = now
	return latency
}
