package agenda

import (
	"slices"
	"time"
)

// Queues are where members wait at one place: those that are ready, first come first served, and those that linger until a time. A
// member waits in one queue of one place at most. The zero value is empty.
//
// A member that leaves a queue leaves its ticket behind, which is stale from then on and means nothing. It is passed over when its turn
// comes, or swept when there are too many of its kind.
type Queues[M Member] struct {
	ready        []ticket[M]
	readyNow     int // those that are not stale
	lingering    Agenda[ticket[M]]
	lingeringNow int
}

// Member is who can wait.
type Member interface{ Place() *Place }

// Place is where a member waits, which the member keeps itself. The zero value is nowhere.
type Place struct {
	in     queue
	number uint64 // of its ticket; the member's own count, because it may go from one place to another
	due    time.Duration
}

// Ready reports whether the member waits for nothing but its turn.
func (p *Place) Ready() bool { return p.in == readyQueue }

// Lingers reports whether the member waits until exactly due.
func (p *Place) Lingers(due time.Duration) bool { return p.in == lingerQueue && p.due == due }

// Nowhere reports whether the member does not wait.
func (p *Place) Nowhere() bool { return p.in == noQueue }

// Due is the time until which the member lingers; it means nothing if it does not.
func (p *Place) Due() time.Duration { return p.due }

// queue is one of Queues.
type queue uint8

const (
	noQueue queue = iota
	readyQueue
	lingerQueue
)

// staleSpare is how many stale tickets a queue may hold whatever its length.
const staleSpare = 64

// ticket is a member's place in a queue. It is stale once the member has another one.
type ticket[M Member] struct {
	member M
	number uint64
}

func (t ticket[M]) stale() bool {
	p := t.member.Place()
	return p.in == noQueue || p.number != t.number
}

// enter gives the member its place in a queue.
func enter[M Member](m M, in queue, due time.Duration) ticket[M] {
	p := m.Place()
	p.in, p.due = in, due
	p.number++
	return ticket[M]{m, p.number}
}

// Ready is how many members are ready.
func (q *Queues[M]) Ready() int { return q.readyNow }

// Lingering is how many members linger.
func (q *Queues[M]) Lingering() int { return q.lingeringNow }

// Enqueue makes a member ready that waits nowhere.
func (q *Queues[M]) Enqueue(m M) {
	if len(q.ready) > 2*q.readyNow+staleSpare { // nobody's turn comes while a broker is away, but batches expire
		q.ready = slices.DeleteFunc(q.ready, ticket[M].stale)
	}
	q.readyNow++
	q.ready = append(q.ready, enter(m, readyQueue, 0))
}

// Linger makes a member that waits nowhere linger until due.
func (q *Queues[M]) Linger(m M, due time.Duration) {
	if q.lingering.Len() > 2*q.lingeringNow+staleSpare { // most leave before they are due
		q.lingering.Keep(func(t ticket[M]) bool { return !t.stale() })
	}
	q.lingeringNow++
	q.lingering.Add(due, enter(m, lingerQueue, due))
}

// Dequeue takes the member out of the queue that it is in, if any.
func (q *Queues[M]) Dequeue(m M) {
	p := m.Place()
	switch p.in {
	case readyQueue:
		q.readyNow--
	case lingerQueue:
		q.lingeringNow--
	}
	p.in = noQueue
}

// Serve offers those that are ready their turn, one after the other, until serve says that this was the last. Who is served must
// have been dequeued by serve; who is not keeps its turn. serve must not call Enqueue.
func (q *Queues[M]) Serve(serve func(m M) (served, last bool)) {
	kept := q.ready[:0]
	for i, t := range q.ready {
		if t.stale() {
			continue
		}
		served, last := serve(t.member)
		if !served {
			kept = append(kept, t)
		}
		if last {
			kept = append(kept, q.ready[i+1:]...)
			break
		}
	}
	clear(q.ready[len(kept):])
	q.ready = kept
}

// FirstReady is the member whose turn is next, or none.
func (q *Queues[M]) FirstReady() (m M) {
	for _, t := range q.ready {
		if !t.stale() {
			return t.member
		}
	}
	return m
}

// FirstDue is the member that lingers and is due first, or none.
func (q *Queues[M]) FirstDue() (m M) {
	for q.lingering.Len() > 0 {
		if _, t := q.lingering.First(); !t.stale() {
			return t.member
		}
		q.lingering.Drop()
	}
	return m
}
