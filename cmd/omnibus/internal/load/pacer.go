package load

import (
	"context"
	"time"
)

// pacer lets the records of one goroutine go when they are due. It reads the clock only when it has caught up with it.
type pacer struct {
	began    time.Time
	rate     float64
	fromSend bool
	now      time.Duration // the last reading
}

// wait returns when record i may go: the time since began from which its latency counts. The error is the context's.
func (p *pacer) wait(ctx context.Context, i uint64) (time.Duration, error) {
	if p.rate <= 0 {
		return time.Since(p.began), nil
	}
	due := time.Duration(float64(i) / p.rate * float64(time.Second))
	if due > p.now {
		p.now = time.Since(p.began)
	}
	if due > p.now {
		timer := time.NewTimer(due - p.now)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	if p.fromSend {
		return time.Since(p.began), nil
	}
	return due, nil
}
