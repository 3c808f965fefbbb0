package dispatch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// behind makes n records of the lane wait behind a callback that ends when the returned function is called.
func behind(d *Dispatcher, l *Lane, n int) (release func()) {
	hold := make(chan struct{})
	for range n {
		d.Submit(l, jobFunc(func() { <-hold }))
	}
	return sync.OnceFunc(func() { close(hold) })
}

func TestALaneThatIsBehindBlocksNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 3})
		defer d.Close()
		var full, empty Lane
		defer behind(d, &full, 3)()
		start := time.Now()
		err := d.Admit(t.Context(), &full, time.Minute)
		if !errors.Is(err, ErrLaneFull) || time.Since(start) != time.Minute {
			t.Errorf("got %v after %v, want ErrLaneFull after 1m", err, time.Since(start))
		}
		if err := d.Admit(t.Context(), &empty, 0); err != nil {
			t.Error(err)
		}
		if full.Pending() != 3 || empty.Pending() != 0 {
			t.Errorf("%d and %d pending, want 3 and 0", full.Pending(), empty.Pending())
		}
	})
}

func TestAdmitWithoutTimeAnswersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 1})
		defer d.Close()
		var lane Lane
		release := behind(d, &lane, 1)
		start := time.Now()
		for _, timeout := range []time.Duration{0, -time.Second} {
			if err := d.Admit(t.Context(), &lane, timeout); !errors.Is(err, ErrLaneFull) {
				t.Errorf("timeout %v: got %v, want ErrLaneFull", timeout, err)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("it took %v", time.Since(start))
		}
		release()
		synctest.Wait()
		if err := d.Admit(t.Context(), &lane, 0); err != nil {
			t.Errorf("with room: %v", err)
		}
	})
}

func TestAdmitEndsWithItsContextAndItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 1})
		defer d.Close()
		var lane Lane
		defer behind(d, &lane, 1)()
		cause := errors.New("no patience")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		if err := d.Admit(ctx, &lane, time.Minute); !errors.Is(err, cause) {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
}

func TestCloseEndsBlockedAdmits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 1})
		var lane Lane
		defer behind(d, &lane, 1)()
		time.AfterFunc(time.Second, d.Close)
		start := time.Now()
		if err := d.Admit(t.Context(), &lane, time.Minute); !errors.Is(err, ErrClosed) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want ErrClosed after 1s", err, time.Since(start))
		}
	})
}

func TestBlockedAdmitsGoOnWhenCallbacksHaveRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 2})
		defer d.Close()
		var lane Lane
		release := behind(d, &lane, 2)
		var admitted atomic.Int32
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() {
				if err := d.Admit(t.Context(), &lane, time.Minute); err != nil {
					t.Error(err)
				}
				admitted.Add(1)
			})
		}
		synctest.Wait()
		if admitted.Load() != 0 {
			t.Errorf("%d were admitted to a lane that is behind", admitted.Load())
		}
		release()
		callers.Wait()
		if lane.Pending() != 0 {
			t.Errorf("%d pending, want none", lane.Pending())
		}
	})
}

func TestNoAdmitMissesTheRoomThatWasMade(t *testing.T) {
	d := New(Config{LanePendingMax: 1})
	defer d.Close()
	var lane Lane
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 2000 {
				if err := d.Admit(t.Context(), &lane, time.Minute); err != nil {
					t.Error(err)
					return
				}
				d.Submit(&lane, jobFunc(func() {}))
			}
		})
	}
	callers.Wait()
	drain(t, d)
	if lane.Pending() != 0 {
		t.Errorf("%d pending at the end", lane.Pending())
	}
}

func BenchmarkAdmit(b *testing.B) {
	d := New(Config{})
	defer d.Close()
	var lane Lane
	for b.Loop() {
		if err := d.Admit(b.Context(), &lane, time.Second); err != nil {
			b.Fatal(err)
		}
	}
}
