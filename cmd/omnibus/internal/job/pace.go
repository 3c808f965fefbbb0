package job

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// paceSlice is the time for which records are let through at once: short enough for an even flow, long enough not to
	// read the clock and set a timer for each record.
	paceSlice = 5 * time.Millisecond
	// paceDebtMax is how much of a delay is made up for. Without it timers that fire late would lower the rate; without a
	// bound a pause in the input would be followed by a flood.
	paceDebtMax = 50 * time.Millisecond
)

// pacer holds records back so that no more than a rate of them, or of their bytes, goes through.
type pacer struct {
	perSecond float64
	bytes     bool // it is bytes that count

	due   time.Time // when what was let through is up to the rate
	begun bool
	ahead float64 // let through since due was last moved
}

// parseRate reads --rate: records a second (500, 500/s) or bytes a second (10MB/s, 64KiB/s). The empty text is no rate.
func parseRate(text string) (*pacer, error) {
	if text == "" {
		return nil, nil
	}
	number := strings.TrimSuffix(text, "/s")
	p := &pacer{}
	unit := 1.0
	for _, known := range []struct {
		suffix string
		bytes  float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}} {
		if before, ok := strings.CutSuffix(number, known.suffix); ok {
			number, unit, p.bytes = before, known.bytes, true
			break
		}
	}
	rate, err := strconv.ParseFloat(number, 64)
	if err != nil || !(rate*unit > 0) || rate*unit > 1e15 {
		return nil, fmt.Errorf("--rate is %q, %w", text,
			errors.New("want records a second such as 500/s, or bytes a second such as 10MB/s or 64KiB/s"))
	}
	p.perSecond = rate * unit
	return p, nil
}

// wait returns when a record of so many bytes may go, or with the context's cause when ctx ends first.
func (p *pacer) wait(ctx context.Context, size int) error {
	slice := p.perSecond * paceSlice.Seconds()
	if p.ahead >= slice || !p.begun {
		if err := p.catchUp(ctx); err != nil {
			return err
		}
	}
	if p.bytes {
		p.ahead += float64(size)
	} else {
		p.ahead++
	}
	return nil
}

// catchUp waits until what was let through is up to the rate.
func (p *pacer) catchUp(ctx context.Context) error {
	now := time.Now()
	p.due = p.due.Add(time.Duration(p.ahead / p.perSecond * float64(time.Second)))
	p.ahead = 0
	if !p.begun || p.due.Before(now.Add(-paceDebtMax)) {
		p.begun, p.due = true, now
		return nil
	}
	wait := p.due.Sub(now)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
