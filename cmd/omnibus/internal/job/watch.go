package job

import (
	"context"
	"fmt"
	"time"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// watchInterval is how often lines of -o and letters are handed on, and the longest that an interrupt goes unnoticed while
// records come without a pause.
const watchInterval = 100 * time.Millisecond

// watch is the goroutine beside the one that sends: it shows how far the work has come, hands on what was gathered for
// standard output and for the dead-letter file, and gives up when nothing gets through any more.
type watch struct {
	job   *job
	began time.Time
	last  progress // as shown last
	stop  chan struct{}
	ended chan struct{}

	acked    uint64    // acknowledgements at the last look
	ackedAt  time.Time // when there was one more
	timeouts uint64    // how many records had timed out by then
}

func (j *job) startWatch(ctx context.Context, began time.Time) *watch {
	w := &watch{job: j, began: began, stop: make(chan struct{}), ended: make(chan struct{}), ackedAt: began}
	go w.run(ctx)
	return w
}

// end stops the goroutine, and hands on what is left. Records have all their outcomes by then.
func (w *watch) end() {
	close(w.stop)
	<-w.ended
	w.handOn()
	w.showStatus("")
}

func (w *watch) run(ctx context.Context) {
	defer w.job.factory.Recover()
	defer close(w.ended)
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	var due <-chan time.Time
	if interval := w.job.flags.interval(w.job.factory.IO); interval > 0 {
		progress := time.NewTicker(interval)
		defer progress.Stop()
		due = progress.C
	}
	reading := ctx.Done()
	for {
		select {
		case <-ticker.C:
			w.handOn()
			w.doubt()
		case <-due:
			w.show()
		case <-reading:
			w.stopReading(ctx)
			reading = nil
		case <-w.stop:
			return
		}
	}
}

// stopReading stops the reading, and says why unless it was the user.
func (w *watch) stopReading(ctx context.Context) {
	w.job.stop.Store(true)
	if cause := context.Cause(ctx); !cli.Interrupted(ctx) {
		w.job.errors.always("given up: " + cause.Error())
	}
}

// doubt gives up when records time out and none was acknowledged for as long as one record has for its delivery: the
// cluster is gone, and to read on would turn the rest of the input into failures.
func (w *watch) doubt() {
	_, acked := w.job.tally.told()
	timeouts := w.job.tally.timeouts.Load()
	switch silence := time.Since(w.ackedAt); {
	case acked != w.acked:
		w.acked, w.ackedAt, w.timeouts = acked, time.Now(), timeouts
	case timeouts > w.timeouts && silence >= w.job.patience:
		w.job.giveUp(fmt.Errorf("no record was acknowledged for %v (delivery.timeout.ms is %v)", silence.Round(time.Second), w.job.patience))
	}
}

// handOn writes what was gathered. A failure is told once.
func (w *watch) handOn() {
	for _, flush := range []func() error{w.job.acks.flush, w.job.letters.Flush} {
		if err := flush(); err != nil {
			w.job.errors.always(err.Error())
		}
	}
}

// show shows how far the work has come.
func (w *watch) show() {
	now := w.job.progress(w.began)
	text := now.text(w.job.topic, &w.last)
	w.last = now
	if w.job.factory.IO.Status == nil {
		w.job.errors.always(text)
		return
	}
	w.showStatus(text)
}

func (w *watch) showStatus(text string) {
	if status := w.job.factory.IO.Status; status != nil {
		status(text)
	}
}
