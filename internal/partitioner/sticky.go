package partitioner

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// StickyOptions shape a Sticky.
type StickyOptions struct {
	// QuantumBytes is how much a partition gets before the next one's turn: batch.size. Less than 1 counts as 1.
	QuantumBytes int
	// Uniform gives every available partition the same chance and asks for no loads
	// (partitioner.adaptive.partitioning.enable=false). Health is not looked at then, as in Java.
	Uniform bool
	// Seed makes the choices repeatable. 0 means a random seed.
	Seed uint64
}

// Sticky is the choice for one topic's unkeyed records (KIP-480, KIP-794): all goroutines fill one partition until a
// quantum of bytes is full, then another, drawn at random and, unless Uniform is set, the more likely the fewer
// batches wait for it. See the package comment for why no lock is taken per record.
type Sticky struct {
	quantumBytes int64
	uniform      bool

	current  atomic.Int32
	_        [64]byte // keeps the counter's cache line apart from current's
	produced atomic.Int64
	_        [64]byte

	mu struct {
		sync.Mutex
		random *rand.Rand
		view   *View
		table  *table // nil while somebody who moves has it
	}
}

// NewSticky returns a Sticky whose first partition is drawn at random from v.
func NewSticky(o StickyOptions, v *View) *Sticky {
	s := &Sticky{quantumBytes: int64(max(o.QuantumBytes, 1)), uniform: o.Uniform}
	seed := o.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	s.mu.random = rand.New(rand.NewPCG(seed, 0x6f6d6e69627573))
	s.current.Store(-1)
	s.Reset(v)
	return s
}

// Current returns the partition whose turn it is, or -1 if the topic has no partitions. The caller locks that
// partition and asks again: if the answer changed, it starts over.
func (s *Sticky) Current() int32 { return s.current.Load() }

// Produced counts bytes appended to partition by unkeyed records and, when partition's turn is over, gives the turn to
// another one. The turn is over once a quantum was produced and batchDone says that partition has no batch which takes
// more records, or once two quanta were, whatever batchDone says. It reports whether the turn is another's now.
//
// The caller holds the lock of partition, and partition was Current under that lock. bytes may be those of several
// records, so that not every record costs a call. A caller that finds the last batch full before it opens another one
// calls Produced(partition, 0, true): a switch that had to wait for the batch happens then.
func (s *Sticky) Produced(partition int32, bytes int, batchDone bool) (moved bool) {
	if s.current.Load() != partition {
		return true
	}
	produced := s.produced.Add(int64(bytes))
	if produced < s.quantumBytes || (!batchDone && produced < 2*s.quantumBytes) {
		return false
	}
	s.move(partition)
	return s.current.Load() != partition
}

// Reset makes v what further choices are made from. It is to be called whenever the topic's partitions or leaders
// change. The turn stays where it is, unless that partition is gone or lost its leader while another one has one.
func (s *Sticky) Reset(v *View) {
	s.mu.Lock()
	s.mu.view = v
	s.mu.Unlock()
	if current := s.current.Load(); !v.admits(current) {
		s.move(current)
	}
}

// move gives the turn to a partition drawn from the newest view, unless somebody else took it from `from` meanwhile.
// The loads are probed without s.mu, on a table that is this caller's alone until it is put back.
func (s *Sticky) move(from int32) {
	for {
		s.mu.Lock()
		v, t := s.mu.view, s.mu.table
		s.mu.table = nil
		s.mu.Unlock()

		if t == nil {
			t = new(table)
		}
		if !t.fresh(v) {
			t.build(v, !s.uniform)
		}

		s.mu.Lock()
		current := s.mu.view == v
		if current && s.current.Load() == from {
			s.publishLocked(t.pick(s.mu.random))
		}
		s.mu.table = t
		s.mu.Unlock()
		if current {
			return
		}
	}
}

// publishLocked starts the turn of partition. The order of the stores matters; see the package comment.
func (s *Sticky) publishLocked(partition int32) {
	s.produced.Store(0)
	s.current.Store(partition)
}
