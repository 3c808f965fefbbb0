package bufferpool

// Class is a size of slabs.
type Class uint8

// The classes, from 1 KiB to 64 KiB; each is four times the one before.
const (
	Class1K Class = iota
	Class4K
	Class16K
	Class64K
)

const (
	classes = 4
	// unitBytes is the smallest slab and the unit of an arena's bitmap.
	unitBytes = 1 << 10
	// arenaBytes is one arena: 64 units, and the largest slab.
	arenaBytes = 64 * unitBytes
)

// Bytes returns the capacity of a slab of class c.
func (c Class) Bytes() int { return unitBytes << (2 * c) }

// ClassFor returns the smallest class whose slab has room for bytes, or Class64K if none has.
func ClassFor(bytes int) Class {
	c := Class1K
	for c < Class64K && c.Bytes() < bytes {
		c++
	}
	return c
}

// plan says how many slabs of each class serve a request.
type plan struct {
	slabs  [classes]int
	charge int64 // the sum of their capacities
}

// planFor covers bytes with slabs of class hint or larger, the largest first. The last one has at most a quarter of its
// capacity to spare, or is of class hint.
func planFor(bytes int64, hint Class) (p plan) {
	need := max(bytes, 1)
	for c := Class64K; need > 0; c-- {
		size := int64(c.Bytes())
		n := need / size
		need -= n * size
		if need > 0 && (c <= hint || 4*need >= 3*size) {
			n, need = n+1, 0
		}
		p.slabs[c] = int(n)
		p.charge += n * size
	}
	return p
}

// planExact covers bytes and spares less than a KiB.
func planExact(bytes int64) (p plan) {
	need := roundUp(max(bytes, 1))
	p.charge = need
	for c := Class64K; need > 0; c-- {
		size := int64(c.Bytes())
		p.slabs[c] = int(need / size)
		need %= size
	}
	return p
}

// roundUp returns n in whole units.
func roundUp(n int64) int64 { return (n + unitBytes - 1) &^ (unitBytes - 1) }
