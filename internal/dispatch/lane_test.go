package dispatch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func reserve(t *testing.T, d *Dispatcher, l *Lane, n int) {
	t.Helper()
	for range n {
		if err := d.Reserve(t.Context(), l, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullLaneBlocksNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 3})
		defer d.Close()
		var full, empty Lane
		reserve(t, d, &full, 3)
		start := time.Now()
		err := d.Reserve(t.Context(), &full, time.Minute)
		if !errors.Is(err, ErrLaneFull) || time.Since(start) != time.Minute {
			t.Errorf("got %v after %v, want ErrLaneFull after 1m", err, time.Since(start))
		}
		reserve(t, d, &empty, 3)
		if full.Pending() != 3 || empty.Pending() != 3 {
			t.Errorf("%d and %d pending, want 3 and 3", full.Pending(), empty.Pending())
		}
	})
}

func TestReserveWithoutTimeAnswersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 1})
		defer d.Close()
		var lane Lane
		reserve(t, d, &lane, 1)
		start := time.Now()
		for _, timeout := range []time.Duration{0, -time.Second} {
			if err := d.Reserve(t.Context(), &lane, timeout); !errors.Is(err, ErrLaneFull) {
				t.Errorf("timeout %v: got %v, want ErrLaneFull", timeout, err)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("it took %v", time.Since(start))
		}
		d.Release(&lane, 1)
		reserve(t, d, &lane, 1)
	})
}

func TestReserveEndsWithItsContextAndItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 1})
		defer d.Close()
		var lane Lane
		reserve(t, d, &lane, 1)
		cause := errors.New("the caller lost interest")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		if err := d.Reserve(ctx, &lane, time.Minute); !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
		d.Release(&lane, 1)
		if lane.Pending() != 0 {
			t.Errorf("%d pending: the one who gave up took room", lane.Pending())
		}
	})
}

func TestCloseEndsBlockedReserves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 1})
		var lane Lane
		reserve(t, d, &lane, 1)
		time.AfterFunc(time.Second, d.Close)
		start := time.Now()
		if err := d.Reserve(t.Context(), &lane, time.Minute); !errors.Is(err, ErrClosed) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want ErrClosed after 1s", err, time.Since(start))
		}
	})
}

func TestBlockedReservesAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{LanePendingMax: 2})
		defer d.Close()
		var lane Lane
		reserve(t, d, &lane, 2)
		var mu sync.Mutex
		var served []int
		for i := range 4 {
			go func() {
				if err := d.Reserve(t.Context(), &lane, time.Minute); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				served = append(served, i)
			}()
			synctest.Wait()
		}
		for range 4 {
			d.Release(&lane, 1)
			// Nobody passes those who wait.
			if err := d.Reserve(t.Context(), &lane, 0); err == nil {
				t.Error("a newcomer was served before those who wait")
			}
			synctest.Wait()
		}
		if !slices.Equal(served, []int{0, 1, 2, 3}) {
			t.Errorf("served in the order %v", served)
		}
		if lane.Pending() != 2 || lane.blocked.Load() != 0 {
			t.Errorf("%d pending and %d blocked, want 2 and none", lane.Pending(), lane.blocked.Load())
		}
	})
}

func TestReservationsNeverExceedTheMaximumNorGetLost(t *testing.T) {
	const pendingMax, callers, rounds = 3, 32, 400
	d := New(Config{LanePendingMax: pendingMax})
	defer d.Close()
	var lane Lane
	seats := make(chan struct{}, pendingMax)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for n := range rounds {
				timeout := time.Minute
				if (i+n)%5 == 0 {
					timeout = time.Microsecond // so that giving up races with being served
				}
				if err := d.Reserve(t.Context(), &lane, timeout); err != nil {
					if !errors.Is(err, ErrLaneFull) || timeout == time.Minute {
						t.Error(err)
					}
					continue
				}
				select {
				case seats <- struct{}{}:
				default:
					t.Error("more reservations than the maximum")
				}
				<-seats
				d.Release(&lane, 1)
			}
		})
	}
	wg.Wait()
	if lane.Pending() != 0 || lane.blocked.Load() != 0 {
		t.Errorf("%d pending and %d blocked at the end", lane.Pending(), lane.blocked.Load())
	}
}

func BenchmarkReserveAndRelease(b *testing.B) {
	d := New(Config{})
	defer d.Close()
	var lane Lane
	for b.Loop() {
		if err := d.Reserve(b.Context(), &lane, time.Second); err != nil {
			b.Fatal(err)
		}
		d.Release(&lane, 1)
	}
}

func TestAWaiterTakesRoomThatWasGivenBackBeforeItQueued(t *testing.T) {
	// Between the look of Reserve that finds no room and its place in the queue, all room may come back; then no
	// Release follows that could wake it.
	var lane Lane
	r := &reservation{granted: make(chan struct{})}
	lane.enqueue(r, 1)
	select {
	case <-r.granted:
	default:
		t.Error("it waits though there is room")
	}
	if lane.Pending() != 1 || lane.blocked.Load() != 0 {
		t.Errorf("%d pending and %d blocked, want 1 and none", lane.Pending(), lane.blocked.Load())
	}
}
