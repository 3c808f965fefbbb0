package dispatch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestACallbackMaySubmitDrainAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Workers: 1})
		var own, other Lane
		var order []string
		d.Submit(&own, jobFunc(func() {
			d.Submit(&own, jobFunc(func() { order = append(order, "own") }))
			d.Submit(&other, jobFunc(func() {
				time.Sleep(time.Second)
				order = append(order, "other")
			}))
			if err := d.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			order = append(order, "drained")
			d.Close()
		}))
		drain(t, d)
		if len(order) != 3 || order[0] != "other" || order[1] != "drained" || order[2] != "own" {
			t.Errorf("ran %q; Drain in a callback must wait for the other lane and not for its own", order)
		}
	})
}

func TestCallbacksThatDrainDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// More lanes than workers may ever be there: all drain, and a job that none of them runs waits behind them.
		d := New(Config{Workers: 1, WorkersMax: 3})
		defer d.Close()
		start := time.Now()
		var lanes [10]Lane
		for i := range lanes {
			for range 2 {
				d.Submit(&lanes[i], jobFunc(func() {
					if err := d.Drain(t.Context()); err != nil {
						t.Error(err)
					}
				}))
			}
		}
		ran := false
		d.Submit(new(Lane), jobFunc(func() { time.Sleep(time.Second); ran = true }))
		drain(t, d)
		if took := time.Since(start); !ran || took > 3*time.Second {
			t.Errorf("ran %v after %v", ran, took)
		}
	})
}

func TestDrainInACallbackEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Workers: 2})
		defer d.Close()
		d.Submit(new(Lane), jobFunc(func() { time.Sleep(time.Minute) }))
		var err error
		d.Submit(new(Lane), jobFunc(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err = d.Drain(ctx)
		}))
		drain(t, d)
		if err == nil {
			t.Error("Drain did not end before the other lane's callback")
		}
		if d.mu.draining != 0 {
			t.Errorf("%d callbacks still counted as draining", d.mu.draining)
		}
	})
}

func TestACallbackIsAdmittedBeyondTheMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 1})
		defer d.Close()
		var lane Lane
		d.Submit(&lane, jobFunc(func() {
			if err := d.Admit(t.Context(), &lane, 0); err != nil {
				t.Error(err)
			}
			d.Submit(&lane, jobFunc(func() {}))
		}))
		drain(t, d)
		if lane.Pending() != 0 {
			t.Errorf("%d pending at the end", lane.Pending())
		}
	})
}

func TestOnWorkerKnowsCallbacksOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, other := New(Config{}), New(Config{})
		defer d.Close()
		defer other.Close()
		var inside, foreign bool
		d.Submit(new(Lane), jobFunc(func() { inside, foreign = d.OnWorker(), other.OnWorker() }))
		drain(t, d)
		if !inside || foreign || d.OnWorker() {
			t.Errorf("in a callback %v, in another dispatcher's %v, outside %v", inside, foreign, d.OnWorker())
		}
	})
}
