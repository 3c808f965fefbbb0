package bufferpool

import "math/bits"

const allFree = ^uint64(0)

// arena is 64 KiB and the bitmap of what is free in it. All fields but buf are guarded by the pool's mutex.
type arena struct {
	buf  []byte
	free uint64 // bit u: unit u is free
	list int8   // index into arenas.lists
	next *arena
	prev *arena
}

// classMask is one slab of class c at unit 0.
func classMask(c Class) uint64 {
	if c == Class64K {
		return allFree
	}
	return 1<<(1<<(2*c)) - 1
}

// runs has the bit of each unit at which a whole slab of class c is free, at a multiple of its size.
func runs(free uint64, c Class) uint64 {
	switch c {
	case Class1K:
		return free
	case Class4K:
		free &= free >> 1
		return free & (free >> 2) & 0x1111_1111_1111_1111
	case Class16K:
		free = runs(free, Class4K)
		free &= free >> 4
		return free & (free >> 8) & 0x0001_0001_0001_0001
	default:
		if free == allFree {
			return 1
		}
		return 0
	}
}

// take finds a free slab of class c, marks it used, and returns its first unit. It spares the larger runs: one of
// class c that is part of a free run of the next class is taken only if there is no other. The arena has one.
func (a *arena) take(c Class) (unit uint8) {
	found := runs(a.free, c)
	if c < Class64K {
		// Each bit of the larger runs, multiplied by its mask, covers all units of that run.
		if alone := found &^ (runs(a.free, c+1) * classMask(c+1)); alone != 0 {
			found = alone
		}
	}
	unit = uint8(bits.TrailingZeros64(found))
	a.free &^= classMask(c) << unit
	return unit
}

// largest is the index of the list that an arena with these free units belongs to: 0 if it is full, else 1 + the
// largest class that it has a slab of.
func largest(free uint64) int8 {
	for c := Class64K; c > Class1K; c-- {
		if runs(free, c) != 0 {
			return int8(c) + 1
		}
	}
	return int8(min(free, 1))
}

// listEmpty is the list of the arenas that are wholly free.
const listEmpty = int8(Class64K) + 1

// arenas is the memory of a pool. It knows nothing of accounts.
type arenas struct {
	most  int // bound on held
	held  int // arenas that exist
	busy  int // those of them that have a slab in use
	peak  int // the most that were busy since the last trim
	lists [classes + 1]*arena
}

// find returns an arena that has a slab of class c, or nil. It prefers the one with the least to spoil, a used one to
// an empty one, and an empty one to a new one.
func (m *arenas) find(c Class) *arena {
	for list := int8(c) + 1; list <= listEmpty; list++ {
		if a := m.lists[list]; a != nil {
			return a
		}
	}
	if m.held == m.most {
		return nil
	}
	a := &arena{buf: make([]byte, arenaBytes), free: allFree, list: listEmpty}
	m.held++
	m.link(a)
	return a
}

// settle puts a into the list that its free units ask for, after they changed.
func (m *arenas) settle(a *arena) {
	list := largest(a.free)
	if list == a.list {
		return
	}
	m.unlink(a)
	if a.list == listEmpty {
		m.busy++
		m.peak = max(m.peak, m.busy)
	}
	if list == listEmpty {
		m.busy--
	}
	a.list = list
	m.link(a)
}

func (m *arenas) link(a *arena) {
	head := m.lists[a.list]
	a.prev, a.next = nil, head
	if head != nil {
		head.prev = a
	}
	m.lists[a.list] = a
}

func (m *arenas) unlink(a *arena) {
	if a.prev == nil {
		m.lists[a.list] = a.next
	} else {
		a.prev.next = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	}
	a.prev, a.next = nil, nil
}

// trim gives up empty arenas beyond the most that were busy since the last trim, and returns how many.
func (m *arenas) trim() (dropped int) {
	for m.held > m.peak && m.lists[listEmpty] != nil {
		m.unlink(m.lists[listEmpty])
		m.held--
		dropped++
	}
	m.peak = m.busy
	return dropped
}
