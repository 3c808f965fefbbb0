package core

import (
	"container/heap"
	"slices"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/broker"
)

// linkState is the state of a node's connection.
type linkState uint8

const (
	linkDown linkState = iota
	linkConnecting
	linkUp
	linkClosing // it refused a request; Disconnected is under way
)

// Node is a broker as the sender sees it: its connection, what is on the way to it, and the lanes that it leads.
type Node struct {
	ID      int32
	Address string
	leader  *accumulator.Leader // what its partitions share
	Reach   broker.Reach

	link       linkState
	Failures   int           // to connect, in a row
	retryAt    time.Duration // earliest next attempt to connect
	throttled  time.Duration // the broker asked for silence until then
	unanswered int           // requests sent and not done

	// departures are requests that are being encoded, in the order in which they will be sent.
	departures []*Request

	ready     []readyLane // lanes whose next batch is due, first come first served, with stale entries among them
	readyNow  int         // those that are not stale
	lingering laneHeap    // lanes whose next batch is due at a time

	// Of the loop; the core only keeps them.
	Conn    *broker.Conn
	LastErr error
}

// readySpare is how many stale entries a node's ready list may have whatever its length.
const readySpare = 64

// readyLane is an entry of Node.ready; it is stale when the lane has another ticket.
type readyLane struct {
	lane   *Lane
	ticket uint64
}

// valid reports whether the entry is not stale.
func (r readyLane) valid() bool { return r.lane.queued.ready && r.lane.queued.ticket == r.ticket }

// slots is how many more requests the node takes.
func (n *Node) slots(limit int) int { return limit - n.unanswered - len(n.departures) }

// Idle reports whether nothing is on its way to the node or about to be.
func (n *Node) Idle() bool { return n.unanswered == 0 && len(n.departures) == 0 && n.readyNow == 0 }

// away reports whether the node cannot be reached, as far as it was tried.
func (n *Node) away() bool { return n.link != linkUp && n.Failures > 0 }

// enqueue makes the lane leave when its turn comes.
func (n *Node) enqueue(l *Lane, why batch.Reason) {
	if len(n.ready) > 2*n.readyNow+readySpare { // nobody leaves while the node is away, but batches expire
		n.ready = slices.DeleteFunc(n.ready, func(r readyLane) bool { return !r.valid() })
	}
	n.readyNow++
	l.queued.ticket++
	l.queued.ready, l.queued.why = true, why
	n.ready = append(n.ready, readyLane{l, l.queued.ticket})
}

// linger makes the lane leave at a time.
func (n *Node) linger(l *Lane, due time.Duration, company bool) {
	l.queued.due, l.queued.company = due, company
	heap.Push(&n.lingering, l)
}

// dequeue takes the lane out of the queues, wherever it is.
func (n *Node) dequeue(l *Lane) {
	if l.queued.ready {
		l.queued.ready = false
		n.readyNow--
	}
	if l.queued.index >= 0 {
		heap.Remove(&n.lingering, l.queued.index)
	}
}

// laneHeap orders lanes by when they are due.
type laneHeap []*Lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].queued.due < h[j].queued.due }
func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].queued.index, h[j].queued.index = i, j
}

// Push is heap.Interface's.
func (h *laneHeap) Push(x any) {
	l := x.(*Lane)
	l.queued.index = len(*h)
	*h = append(*h, l)
}

// Pop is heap.Interface's.
func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	l.queued.index = -1
	return l
}
