package bufferpool

import "bytes"

// Slab is a piece of the pool's memory, and a link of a chain.
type Slab struct {
	// Buf is what the slab holds: empty when the slab is handed out, appended to by its owner, never beyond its
	// capacity.
	Buf []byte
	// Next is the next slab of the chain, or nil. The owner may take chains apart and join them.
	Next *Slab

	account *Account // who was charged; nil while the slab is the pool's
	arena   *arena
	unit    uint8
	class   Class
	_       [14]byte // to 64 bytes: they are made in arrays, and none shall have two cache lines
}

// spareMake is how many descriptors are made at once when none is spare.
const spareMake = 64

// poisonByte fills freed memory in a poisoned pool. As the first byte of a record's varint length it is negative, as
// that of a text it is not UTF-8: whoever reads it stumbles.
const poisonByte = 0xdb

// What a panic says. Both mean that somebody still has a slab that is not his: going on would corrupt records.
const (
	returnedTwice      = "bufferpool: a slab was returned twice"
	writtenAfterReturn = "bufferpool: a slab was written to after it was returned"
)

// cutLocked takes the slabs of a plan out of the arenas. There is room for the plan, so it cannot fail.
func (p *Pool) cutLocked(a *Account, pl plan) *Slab {
	var first *Slab
	last := &first
	count := pl.slabs
	for c := Class64K; ; c-- {
		for ; count[c] > 0; count[c]-- {
			from := p.mu.arenas.find(c)
			if from == nil {
				break
			}
			*last = p.slabLocked(a, from, c)
			last = &(*last).Next
		}
		if c == Class1K {
			break
		}
		// What this class cannot serve, four times as many of the next one do.
		count[c-1] += 4 * count[c]
	}
	if count[Class1K] > 0 {
		// invariant: what the accounts were charged and what the arenas gave out have the same sum, and any free KiB
		// serves any request.
		panic("bufferpool: memory is counted as free but is not there")
	}
	return first
}

func (p *Pool) slabLocked(a *Account, from *arena, c Class) *Slab {
	s := p.mu.spare
	if s == nil {
		made := make([]Slab, spareMake)
		for i := range made[1:] {
			made[i].Next = &made[i+1]
		}
		s = &made[0]
	}
	p.mu.spare = s.Next
	unit := from.take(c)
	p.mu.arenas.settle(from)
	*s = Slab{account: a, arena: from, unit: unit, class: c}
	s.Buf = s.memory()[:0]
	return s
}

// uncutLocked puts a slab back and returns its capacity.
func (p *Pool) uncutLocked(s *Slab) int64 {
	from := s.arena
	from.free |= classMask(s.class) << s.unit
	p.mu.arenas.settle(from)
	capacity := int64(s.class.Bytes())
	*s = Slab{Next: p.mu.spare}
	p.mu.spare = s
	return capacity
}

// memory is all of s, whatever became of Buf.
func (s *Slab) memory() []byte {
	start := int(s.unit) * unitBytes
	end := start + s.class.Bytes()
	return s.arena.buf[start:end:end]
}

// poison overwrites s before it is returned.
func (s *Slab) poison() {
	if s.account == nil {
		// invariant: a batch hands its slabs out once; only a poisoned pool, in a test, looks here.
		panic(returnedTwice)
	}
	memory := s.memory()
	memory[0] = poisonByte
	for n := 1; n < len(memory); n *= 2 {
		copy(memory[n:], memory[:n])
	}
}

// checkPoison panics if somebody wrote to s after it was returned. A zero is memory that was never used.
func (s *Slab) checkPoison() {
	memory := s.memory()
	if bytes.Count(memory, []byte{poisonByte})+bytes.Count(memory, []byte{0}) != len(memory) {
		// invariant: nobody keeps a slab that was returned; only a poisoned pool, in a test, looks here.
		panic(writtenAfterReturn)
	}
}
