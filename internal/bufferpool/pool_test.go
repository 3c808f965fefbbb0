package bufferpool

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func (p *Pool) mustTryGet(t *testing.T, a *Account, bytes int, hint Class) *Slab {
	t.Helper()
	s := p.TryGet(a, bytes, hint)
	if s == nil {
		t.Fatalf("no room for %d bytes: %+v, account %d: %+v", bytes, p.Stats(), a.id, p.AccountStats(a))
	}
	return s
}

// fill takes memory for a, in 1 KiB slabs, until there is no more, and returns it as one chain.
func (p *Pool) fill(a *Account) (chain *Slab) {
	for {
		s := p.TryGet(a, 1, Class1K)
		if s == nil {
			return chain
		}
		s.Next, chain = chain, s
	}
}

func capacity(chain *Slab) (bytes int64) {
	for _, s := range slabs(chain) {
		bytes += int64(cap(s.Buf))
	}
	return bytes
}

func TestChainHasRoomAndIsChargedAsWhatItCosts(t *testing.T) {
	p := New(1<<20, Hooks{})
	a := p.Account(NoLeader)
	for _, c := range []struct {
		bytes int
		hint  Class
		cost  int64
	}{{100, Class1K, 1 << 10}, {100, Class16K, 16 << 10}, {70_000, Class4K, 72 << 10}} {
		chain := p.mustTryGet(t, a, c.bytes, c.hint)
		for _, s := range slabs(chain) {
			if len(s.Buf) != 0 {
				t.Errorf("a slab begins with %d bytes", len(s.Buf))
			}
		}
		if got := capacity(chain); got != c.cost || p.Stats().Used != c.cost || p.AccountStats(a).Used != c.cost {
			t.Errorf("%d bytes, hint %d: capacity %d, used %d; want %d", c.bytes, c.hint, got, p.Stats().Used, c.cost)
		}
		p.Put(chain)
	}
}

func TestTotalIsTheBoundToTheByte(t *testing.T) {
	for _, total := range []int64{1, 1 << 10, 100_000, 1 << 20, 1<<20 + 1} {
		p := New(total, Hooks{})
		p.SetAccounts([]int32{1, 2, 3})
		var chains []*Slab
		for id := int32(-1); id <= 3; id++ {
			chains = append(chains, p.fill(p.Account(id)))
		}
		s := p.Stats()
		// The shares are whole KiB, so that all of it is used.
		if want := roundUp(total); s.Used != want || s.Total != want || s.Held >= want+arenaBytes {
			t.Errorf("total %d: %+v", total, s)
		}
		for _, c := range chains {
			p.Put(c)
		}
		if used := p.Stats().Used; used != 0 {
			t.Errorf("total %d: %d bytes used after all were returned", total, used)
		}
	}
}

func TestHungAccountLeavesTheOthersTheirShares(t *testing.T) {
	const total = 8 << 20
	p := New(total, Hooks{})
	p.SetAccounts([]int32{1, 2, 3}) // with NoLeader four shares of 1 MiB
	hung, healthy := p.Account(1), p.Account(2)
	p.fill(hung)
	if got, want := p.AccountStats(hung).Used, int64(1<<20+total/2); got != want {
		t.Errorf("one account took %d bytes, want its share and what is shared: %d", got, want)
	}
	for round := range 3 {
		chain := p.fill(healthy)
		if got := capacity(chain); got != 1<<20 {
			t.Errorf("round %d: the other account got %d bytes, want its share of 1 MiB", round, got)
		}
		p.Put(chain)
	}
}

func TestRemovedAccountDrainsAndComesBack(t *testing.T) {
	p := New(8<<20, Hooks{})
	p.SetAccounts([]int32{1})
	gone := p.Account(1)
	chain := p.fill(gone) // 2 MiB share and 4 MiB shared
	p.SetAccounts([]int32{2})
	if s := p.AccountStats(gone); s.Share != 0 || s.Used != 6<<20 {
		t.Errorf("removed account: %+v", s)
	}
	if p.TryGet(gone, 1, Class1K) != nil {
		t.Error("the removed account got more although the shared half is overdrawn")
	}
	fresh := p.Account(2)
	rest := p.fill(fresh)
	if got := capacity(rest); got != 2<<20 {
		t.Errorf("its successor got %d bytes, want the 2 MiB that are free", got)
	}
	p.Put(chain)
	p.Put(rest)
	p.SetAccounts([]int32{1, 2, 2, NoLeader})
	if again := p.Account(1); again != gone || p.AccountStats(again).Share != 4<<20/3&^1023 {
		t.Errorf("account 1 came back with %+v", p.AccountStats(again))
	}
	if p.Stats().Used != 0 || p.mu.over != 0 {
		t.Errorf("used %d, over %d after all was returned", p.Stats().Used, p.mu.over)
	}
}

func TestHintYieldsWhereTheShareIsSmaller(t *testing.T) {
	p := New(64<<10, Hooks{})
	p.SetAccounts([]int32{1, 2, 3}) // shares of 8 KiB
	p.fill(p.Account(1))
	chain := p.mustTryGet(t, p.Account(2), 100, Class64K)
	if got := capacity(chain); got != 4<<10 {
		t.Errorf("%d bytes, want 4 KiB: the largest slab in a share of 8 KiB", got)
	}
}

func TestLargeRequestIsServedWhenThePoolIsQuiet(t *testing.T) {
	p := New(1<<20, Hooks{})
	p.SetAccounts([]int32{1, 2})
	a, b := p.Account(1), p.Account(2)
	all := p.mustTryGet(t, a, 1<<20, Class16K)
	if p.TryGet(b, 1, Class1K) != nil {
		t.Error("there is more memory than there is")
	}
	p.Put(all)
	small := p.mustTryGet(t, b, 1, Class1K)
	if p.TryGet(a, 1<<20, Class1K) != nil {
		t.Error("all of it was given although 1 KiB is used")
	}
	p.Put(p.mustTryGet(t, a, 1<<20-1<<10, Class1K))
	p.Put(small)
}

func TestRequestAboveTotalFailsAtOnce(t *testing.T) {
	p := New(64<<10, Hooks{})
	a := p.Account(NoLeader)
	_, err := p.Get(t.Context(), a, 64<<10+1, Class1K, time.Hour)
	var tooLarge *TooLargeError
	if !errors.As(err, &tooLarge) || !errors.Is(err, ErrTooLarge) || tooLarge.Most != 64<<10 {
		t.Errorf("%v", err)
	}
	if p.TryGet(a, int(^uint(0)>>1), Class1K) != nil {
		t.Error("TryGet gave more than there is")
	}
}

func TestGetWithoutTimeDoesNotWait(t *testing.T) {
	p := New(64<<10, Hooks{OnPressure: func() { t.Error("a request that does not wait presses") }})
	a := p.Account(NoLeader)
	chain := p.fill(a)
	_, err := p.Get(t.Context(), a, 5000, Class1K, 0)
	var timeout *TimeoutError
	if !errors.As(err, &timeout) || !errors.Is(err, ErrTimeout) {
		t.Fatalf("%v", err)
	}
	if want := (TimeoutError{Wanted: 5000, Used: 64 << 10, Total: 64 << 10}); *timeout != want {
		t.Errorf("%+v, want %+v", *timeout, want)
	}
	if !strings.Contains(err.Error(), "65536 of 65536") || !timeout.Timeout() {
		t.Errorf("%v", err)
	}
	if s := p.Stats(); s.Exhausted != 1 || s.Waits != 0 {
		t.Errorf("%+v", s)
	}
	p.Put(chain)
}

func TestClosedPoolRefusesAndTakesBack(t *testing.T) {
	p := New(64<<10, Hooks{})
	a := p.Account(NoLeader)
	s := p.mustTryGet(t, a, 1, Class1K)
	p.Close()
	if p.TryGet(a, 1, Class1K) != nil {
		t.Error("TryGet after Close")
	}
	if _, err := p.Get(t.Context(), a, 1, Class1K, time.Second); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	p.Put(s)
	if used := p.Stats().Used; used != 0 {
		t.Errorf("%d bytes used", used)
	}
}

func TestTrimKeepsWhatWasUsedLately(t *testing.T) {
	p := New(1<<20, Hooks{})
	a := p.Account(NoLeader)
	p.Put(p.mustTryGet(t, a, 512<<10, Class64K))
	kept := p.mustTryGet(t, a, 1, Class1K)
	for i, want := range []int64{512 << 10, 64 << 10, 64 << 10} {
		p.Trim()
		if got := p.Stats().Held; got != want {
			t.Errorf("trim %d: %d bytes held, want %d", i, got, want)
		}
	}
	p.Put(kept)
	p.Trim()
	p.Trim()
	if got := p.Stats().Held; got != 0 {
		t.Errorf("%d bytes held by an idle pool", got)
	}
	p.Put(p.mustTryGet(t, a, 512<<10, Class1K))
}

func panics(f func()) (message any) {
	defer func() { message = recover() }()
	f()
	return nil
}

func TestSlabReturnedTwiceIsFoundOut(t *testing.T) {
	for _, poison := range []bool{false, true} {
		p := New(64<<10, Hooks{Poison: poison})
		s := p.mustTryGet(t, p.Account(NoLeader), 1, Class1K)
		p.Put(s)
		if got := panics(func() { p.Put(s) }); got != returnedTwice {
			t.Errorf("poison %v: %v", poison, got)
		}
	}
}

func TestUseAfterPutIsFoundOutInAPoisonedPool(t *testing.T) {
	p := New(64<<10, Hooks{Poison: true})
	a := p.Account(NoLeader)
	s := p.mustTryGet(t, a, 1, Class4K)
	s.Buf = append(s.Buf, "record"...)
	stale := s.Buf
	p.Put(s)
	if string(stale) != strings.Repeat("\xdb", 6) {
		t.Errorf("a returned slab still reads %q", stale)
	}
	p.Put(p.mustTryGet(t, a, 1, Class4K))
	stale[3] = 'x'
	if got := panics(func() { p.TryGet(a, 1, Class4K) }); got != writtenAfterReturn {
		t.Errorf("a write after the return: %v", got)
	}
}

func TestGetAndPutDoNotAllocateOnceWarm(t *testing.T) {
	p := New(8<<20, Hooks{})
	p.SetAccounts([]int32{1, 2})
	a, b := p.Account(1), p.Account(2)
	ctx := context.Background()
	allocs := testing.AllocsPerRun(1000, func() {
		one := p.TryGet(a, 1, Class16K)
		two, err := p.Get(ctx, b, 100_000, Class1K, time.Second)
		if one == nil || err != nil {
			t.Fatal(one, err)
		}
		p.Put(two)
		p.Put(one)
	})
	if allocs != 0 {
		t.Errorf("%v allocations a round", allocs)
	}
}

func BenchmarkTryGetPut16K(b *testing.B) {
	p := New(32<<20, Hooks{})
	a := p.Account(NoLeader)
	for b.Loop() {
		p.Put(p.TryGet(a, 1, Class16K))
	}
}
