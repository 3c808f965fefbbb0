// Package agenda holds what waits for its turn or for a time (Queues), and beneath that a list of what is due at which time, of which
// only the first is ever looked at (Agenda): a binary heap in one piece of memory.
//
// The times stand in the list itself, and nothing outside knows its place in it. container/heap, over pointers that each know
// theirs, touches some twenty of them whenever the first one leaves; of ten thousand partitions that linger none is in a cache, and
// each is a hundred nanoseconds. The price is that nothing can be taken out of the midst: what leaves early leaves an entry behind
// that means nothing any more, is passed over when it comes first, and swept now and then (Keep).
package agenda

import (
	"cmp"
	"slices"
	"time"
)

// Agenda is a list of what is due. The zero value is empty.
type Agenda[T any] struct{ entries []entry[T] }

type entry[T any] struct {
	due  time.Duration
	what T
}

// Len is how many entries there are.
func (a *Agenda[T]) Len() int { return len(a.entries) }

// First is what is due first. The list must not be empty.
func (a *Agenda[T]) First() (due time.Duration, what T) { return a.entries[0].due, a.entries[0].what }

// Add puts something on the list. As a rule things come in the order in which they are due, and stay where they are appended.
func (a *Agenda[T]) Add(due time.Duration, what T) {
	a.entries = append(a.entries, entry[T]{})
	s, i := a.entries, len(a.entries)-1
	for up := (i - 1) / 2; i > 0 && due < s[up].due; up = (i - 1) / 2 {
		s[i] = s[up]
		i = up
	}
	s[i] = entry[T]{due, what}
}

// Drop takes the first one off. The list must not be empty.
func (a *Agenda[T]) Drop() {
	last := len(a.entries) - 1
	moved := a.entries[last]
	a.entries[last] = entry[T]{}
	a.entries = a.entries[:last]
	if last == 0 {
		return
	}
	s, i := a.entries, 0
	for down := 1; down < last; down = 2*i + 1 {
		if right := down + 1; right < last && s[right].due < s[down].due {
			down = right
		}
		if moved.due <= s[down].due {
			break
		}
		s[i] = s[down]
		i = down
	}
	s[i] = moved
}

// Keep takes everything off that is not wanted.
func (a *Agenda[T]) Keep(wanted func(T) bool) {
	a.entries = slices.DeleteFunc(a.entries, func(e entry[T]) bool { return !wanted(e.what) })
	slices.SortStableFunc(a.entries, func(a, b entry[T]) int { return cmp.Compare(a.due, b.due) }) // sorted, it is a heap
}
