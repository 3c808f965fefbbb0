package bufferpool

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// log is what waiters write when they got their memory.
type log struct {
	sync.Mutex
	names []string
}

func (l *log) take() []string {
	l.Lock()
	defer l.Unlock()
	names := l.names
	l.names = nil
	return names
}

// waitFor starts a Get and returns once it waits. Its memory is returned to the channel of chains.
func waitFor(t *testing.T, p *Pool, l *log, name string, a *Account, bytes int) <-chan *Slab {
	t.Helper()
	before := p.Stats().Waiters
	chains := make(chan *Slab, 1)
	go func() {
		s, err := p.Get(context.Background(), a, bytes, Class1K, time.Hour)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		l.Lock()
		l.names = append(l.names, name)
		l.Unlock()
		chains <- s
	}()
	synctest.Wait()
	if got := p.Stats().Waiters; got != before+1 {
		t.Fatalf("%s does not wait: %d waiters", name, got)
	}
	return chains
}

func TestWaitersOfAnAccountAreServedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(64<<10, Hooks{Poison: true})
		a := p.Account(NoLeader)
		memory := separate(p.fill(a))
		l := new(log)
		var chains []<-chan *Slab
		for i, bytes := range []int{3000, 1, 1, 2000} {
			chains = append(chains, waitFor(t, p, l, fmt.Sprint(i), a, bytes))
		}
		p.Put(memory[0])
		synctest.Wait()
		if got := l.take(); len(got) != 0 {
			t.Errorf("%v overtook the first waiter, which needs more", got)
		}
		if p.TryGet(a, 1, Class1K) != nil {
			t.Error("a newcomer overtook a waiter")
		}
		var order []string
		for _, s := range memory[1:] {
			p.Put(s)
			synctest.Wait()
			order = append(order, l.take()...)
		}
		if want := []string{"0", "1", "2", "3"}; !slices.Equal(order, want) {
			t.Errorf("served in the order %v", order)
		}
		for _, c := range chains {
			p.Put(<-c)
		}
		if s := p.Stats(); s.Used != 0 || s.Waiters != 0 || s.Waits != 4 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAccountsAreServedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(64<<10, Hooks{})
		hog := p.Account(NoLeader)
		memory := separate(p.fill(hog))
		l := new(log)
		// Neither has a share: both live on what is shared.
		a, b, c := p.Account(1), p.Account(2), p.Account(3)
		for _, name := range []string{"a1", "a2", "a3"} {
			waitFor(t, p, l, name, a, 1)
		}
		waitFor(t, p, l, "b1", b, 1)
		waitFor(t, p, l, "c1", c, 1)
		waitFor(t, p, l, "b2", b, 1)
		var order []string
		for _, s := range memory {
			p.Put(s)
			synctest.Wait()
			order = append(order, l.take()...)
		}
		if want := []string{"a1", "b1", "c1", "a2", "b2", "a3"}; !slices.Equal(order, want) {
			t.Errorf("served in the order %v, want %v", order, want)
		}
	})
}

func TestLargeWaiterGathersWhileOthersLiveOnTheirShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(256<<10, Hooks{})
		p.SetAccounts([]int32{1, 2, 3}) // shares of 32 KiB, 128 KiB shared
		hog, large, small := p.Account(1), p.Account(2), p.Account(3)
		memory := separate(p.fill(hog))
		l := new(log)
		got := waitFor(t, p, l, "large", large, 100<<10) // 68 KiB beyond its share
		own := p.fill(small)
		if capacity(own) != 32<<10 {
			t.Errorf("an account within its share got %d bytes", capacity(own))
		}
		waitFor(t, p, l, "small", small, 1)
		for i, s := range memory[:67] {
			p.Put(s)
			synctest.Wait()
			if served := l.take(); len(served) > 0 {
				t.Fatalf("%v served after %d KiB", served, i+1)
			}
			if p.TryGet(hog, 1, Class1K) != nil {
				t.Fatal("shared memory went to a newcomer")
			}
		}
		p.Put(memory[67])
		synctest.Wait()
		if served := l.take(); !slices.Equal(served, []string{"large"}) {
			t.Errorf("served %v, want the large one", served)
		}
		p.Put(memory[68])
		synctest.Wait()
		if served := l.take(); !slices.Equal(served, []string{"small"}) {
			t.Errorf("served %v, want the small one", served)
		}
		p.Put(<-got)
	})
}

func TestRequestAboveHalfHoldsUpItsOwnAccountOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(256<<10, Hooks{})
		p.SetAccounts([]int32{1, 2})
		a, b := p.Account(1), p.Account(2)
		some := p.mustTryGet(t, b, 100<<10, Class1K)
		l := new(log)
		got := waitFor(t, p, l, "large", a, 200<<10)
		p.Put(p.mustTryGet(t, b, 50<<10, Class1K))
		if p.TryGet(a, 1, Class1K) != nil {
			t.Error("a newcomer overtook the large request of its account")
		}
		p.Put(some)
		synctest.Wait()
		if served := l.take(); len(served) != 1 {
			t.Error("the large request was not served by a quiet pool")
		}
		p.Put(<-got)
	})
}

func TestRequestAboveHalfDoesNotOvertakeAWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(256<<10, Hooks{})
		p.SetAccounts([]int32{1, 2}) // shares of 42 KiB, 130 KiB shared
		out := p.mustTryGet(t, p.Account(1), 122<<10, Class1K)
		l := new(log)
		got := waitFor(t, p, l, "waiter", p.Account(2), 100<<10)
		if p.TryGet(p.Account(NoLeader), 131<<10, Class1K) != nil {
			t.Error("a large request took what another account gathers")
		}
		p.Put(out)
		p.Put(<-got)
	})
}

func TestNewSharesServeWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(256<<10, Hooks{})
		p.SetAccounts([]int32{1, 2, 3})
		hung := p.fill(p.Account(1))
		l := new(log)
		got := waitFor(t, p, l, "new broker", p.Account(9), 1)
		p.SetAccounts([]int32{1, 9})
		synctest.Wait()
		if served := l.take(); len(served) != 1 {
			t.Error("a waiter was not served although its account has a share now")
		}
		p.Put(<-got)
		p.Put(hung)
	})
}

func TestEveryEndOfAWaitLeaksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pressed atomic.Int32
		p := New(64<<10, Hooks{OnPressure: func() { pressed.Add(1) }, Poison: true})
		a := p.Account(NoLeader)
		chain := p.fill(a)
		began := time.Now()

		_, err := p.Get(t.Context(), a, 2000, Class1K, 3*time.Second)
		var timeout *TimeoutError
		if !errors.As(err, &timeout) || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		} else if want := (TimeoutError{2000, 3 * time.Second, 64 << 10, 64 << 10}); *timeout != want {
			t.Errorf("%+v, want %+v", *timeout, want)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Get(ctx, a, 2000, Class1K, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}

		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := p.Get(t.Context(), a, 1, Class1K, time.Hour); !errors.Is(err, ErrClosed) {
					t.Errorf("%v", err)
				}
			})
		}
		synctest.Wait()
		if s := p.Stats(); s.Waiters != 3 || s.Waits != 5 || s.Exhausted != 1 || s.WaitTime != 4*time.Second {
			t.Errorf("%+v", s)
		}
		p.Close()
		wg.Wait()
		p.Put(chain)
		if s := p.Stats(); s.Used != 0 || s.Waiters != 0 || pressed.Load() != 5 {
			t.Errorf("pressed %d times, %+v", pressed.Load(), s)
		}
	})
}

func TestWaiterThatLeavesLetsThoseBehindItGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(64<<10, Hooks{})
		a := p.Account(NoLeader)
		memory := separate(p.fill(a))
		p.Put(memory[0])
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := p.Get(ctx, a, 30<<10, Class1K, time.Hour)
			left <- err
		}()
		synctest.Wait()
		l := new(log)
		waitFor(t, p, l, "behind", a, 1)
		cancel()
		synctest.Wait()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if served := l.take(); len(served) != 1 {
			t.Error("the one behind still waits")
		}
	})
}

func TestGrantToAWaiterThatGivesUpComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(64<<10, Hooks{Poison: true})
		a := p.Account(NoLeader)
		chain := p.fill(a)
		p.mu.Lock()
		w := p.enqueueLocked(a, 2000, Class1K)
		p.mu.Unlock()
		p.Put(chain) // grants
		if w.granted == nil || p.Stats().Used != 2<<10 {
			t.Fatalf("not granted: %+v", p.Stats())
		}
		p.abandon(a, w, true)
		if s := p.Stats(); s.Used != 0 || s.Waiters != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestPressureIsToldBeforeTheWaitAndMayEndIt(t *testing.T) {
	var p *Pool
	var chain *Slab
	p = New(64<<10, Hooks{OnPressure: func() {
		if p.Stats().Waiters != 1 {
			t.Error("told before the waiter stood in line")
		}
		p.Put(chain)
	}})
	a := p.Account(NoLeader)
	chain = p.fill(a)
	s, err := p.Get(t.Context(), a, 1, Class1K, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	p.Put(s)
}

func TestManyGoroutinesHandMemoryOver(t *testing.T) {
	const workers, rounds = 16, 300
	p := New(192<<10, Hooks{Poison: true})
	p.SetAccounts([]int32{0, 1, 2})
	all := p.TryGet(p.Account(0), 192<<10, Class64K) // until somebody waits
	if all == nil {
		t.Fatal("an empty pool does not give all that it has")
	}
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			a := p.Account(int32(worker % 5)) // 3 and 4 have no share
			for round := range rounds {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(round%7)*100*time.Microsecond)
				bytes := 1 + (worker*7919+round*104729)%(48<<10)
				chain, err := p.Get(ctx, a, bytes, Class(round%classes), time.Duration(1+round%3)*time.Millisecond)
				cancel()
				if err != nil {
					if !errors.Is(err, ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					continue
				}
				for s := chain; s != nil; s = s.Next {
					for len(s.Buf) < cap(s.Buf) {
						s.Buf = append(s.Buf, byte(worker), byte(round))
					}
				}
				for s := chain; s != nil; s = s.Next {
					for i := 0; i < len(s.Buf); i += 2 {
						if s.Buf[i] != byte(worker) || s.Buf[i+1] != byte(round) {
							t.Errorf("two owners of one slab")
							return
						}
					}
				}
				p.Put(chain)
				if round%50 == 0 {
					p.SetAccounts([]int32{0, 1, int32(round / 50)})
					p.Trim()
				}
			}
		})
	}
	for p.Stats().Waits == 0 {
		runtime.Gosched()
	}
	p.Put(all)
	wg.Wait()
	if s := p.Stats(); s.Used != 0 || s.Waiters != 0 || p.mu.over != 0 {
		t.Errorf("%+v", s)
	}
}

// Callers of a full pool wait all the time: each wait after the first is to cost next to nothing, and to end by itself.
func TestAWaiterServesAnotherCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(64<<10, Hooks{})
		a := p.Account(NoLeader)
		held := p.TryGet(a, 64<<10, Class64K)
		for round := range 10 {
			got := make(chan *Slab)
			go func() {
				s, err := p.Get(t.Context(), a, 64<<10, Class64K, time.Duration(round+1)*time.Second)
				if err != nil {
					t.Errorf("round %d: %v", round, err)
				}
				got <- s
			}()
			time.Sleep(500 * time.Millisecond)
			p.Put(held)
			held = <-got
			if rested := len(p.mu.rested); rested != 1 {
				t.Fatalf("round %d: %d waiters are kept, wanted the one", round, rested)
			}
		}
		var late *TimeoutError
		if _, err := p.Get(t.Context(), a, 1, Class1K, 3*time.Second); !errors.As(err, &late) || late.Waited != 3*time.Second {
			t.Errorf("a wait that was to take 3 s ended with %v", err)
		}
	})
}
