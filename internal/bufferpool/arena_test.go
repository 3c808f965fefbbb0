package bufferpool

import (
	"math/rand/v2"
	"testing"
)

func TestRunsAreTheAlignedFreeSlabs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		free := random.Uint64() | random.Uint64() | random.Uint64()<<uint(random.IntN(64))
		if random.IntN(8) == 0 {
			free = allFree
		}
		for c := Class1K; c <= Class64K; c++ {
			want := uint64(0)
			units := c.Bytes() / unitBytes
			for at := 0; at < 64; at += units {
				if mask := classMask(c) << at; free&mask == mask {
					want |= 1 << at
				}
			}
			if got := runs(free, c); got != want {
				t.Fatalf("class %d of %#x: %#x, want %#x", c, free, got, want)
			}
		}
	}
}

func TestArenaSparesLargeRuns(t *testing.T) {
	a := &arena{free: allFree}
	if u := a.take(Class16K); u != 0 {
		t.Fatalf("16 KiB at %d", u)
	}
	if u := a.take(Class1K); u != 16 {
		t.Fatalf("1 KiB at %d", u)
	}
	if u := a.take(Class4K); u != 20 {
		t.Errorf("4 KiB at unit %d, want 20: beside the 1 KiB slab, not in a fresh 16 KiB", u)
	}
	if u := a.take(Class1K); u != 17 {
		t.Errorf("1 KiB at unit %d, want 17: beside the other one", u)
	}
	if u := a.take(Class16K); u != 32 {
		t.Errorf("16 KiB at unit %d, want 32", u)
	}
	a = &arena{free: 0xffff | 1<<17}
	if u := a.take(Class1K); u != 17 {
		t.Errorf("1 KiB at unit %d, want 17: the 16 KiB before it are worth more whole", u)
	}
	if list := largest(a.free); list != int8(Class16K)+1 {
		t.Errorf("list %d, want that of 16 KiB", list)
	}
}

// slabs returns the slabs of chain.
func slabs(chain *Slab) (all []*Slab) {
	for s := chain; s != nil; s = s.Next {
		all = append(all, s)
	}
	return all
}

// separate cuts chain into chains of one slab.
func separate(chain *Slab) []*Slab {
	all := slabs(chain)
	for _, s := range all {
		s.Next = nil
	}
	return all
}

func TestFreeBytesServeAnyClassHoweverScattered(t *testing.T) {
	p := New(128<<10, Hooks{Poison: true})
	a := p.Account(NoLeader)
	pieces := separate(p.mustTryGet(t, a, 128<<10, Class1K))
	if len(pieces) != 2 {
		t.Fatalf("%d slabs for 128 KiB, want 2", len(pieces))
	}
	p.Put(pieces[0])
	p.Put(pieces[1])

	var small []*Slab
	for range 128 {
		small = append(small, p.mustTryGet(t, a, 1, Class1K))
	}
	for i, s := range small {
		if i%4 != 0 {
			p.Put(s)
		}
	}
	// 96 KiB are free, in pieces of at most 3 KiB.
	chain := p.mustTryGet(t, a, 64<<10, Class64K)
	if got := len(slabs(chain)); got != 64 {
		t.Errorf("64 KiB came as %d slabs, want 64 of 1 KiB", got)
	}
	p.Put(chain)
	for i, s := range small {
		if i%4 == 0 {
			p.Put(s)
		}
	}
	// Neighbours merged: the memory that was in small pieces serves the largest class again.
	chain = p.mustTryGet(t, a, 64<<10, Class64K)
	if got := len(slabs(chain)); got != 1 {
		t.Errorf("64 KiB came as %d slabs, want 1", got)
	}
	p.Put(chain)
	if s := p.Stats(); s.Used != 0 || s.Held != 128<<10 {
		t.Errorf("%+v, want nothing used and two arenas held", s)
	}
}

func TestPartlyUsedArenasComeFirst(t *testing.T) {
	p := New(1<<20, Hooks{})
	a := p.Account(NoLeader)
	var out []*Slab
	for i := range 48 { // of all sizes, 48 * (1 + 4 + 1) KiB = 288 KiB: five arenas, if none is wasted
		for _, c := range []Class{Class1K, Class4K, Class1K} {
			out = append(out, p.mustTryGet(t, a, c.Bytes(), c))
		}
		if used, held := p.Stats().Used, p.Stats().Held; held-used >= 2*arenaBytes {
			t.Fatalf("round %d: %d bytes held for %d used", i, held, used)
		}
	}
	for _, s := range out {
		p.Put(s)
	}
}
