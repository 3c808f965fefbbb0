package core

import (
	"slices"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/sender/agenda"
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

	ready        []ticket              // lanes whose next batch is due, first come first served, with stale tickets among them
	readyNow     int                   // those that are not stale
	lingering    agenda.Agenda[ticket] // lanes whose next batch is due at a time, likewise
	lingeringNow int

	// Of the loop; the core only keeps them.
	Conn    *broker.Conn
	LastErr error
}

// staleSpare is how many stale tickets a node's queue may hold whatever its length.
const staleSpare = 64

// ticket is a lane's place in a queue. It is stale once the lane has another one.
type ticket struct {
	lane   *Lane
	number uint64
}

func (t ticket) stale() bool { return t.lane.queued.in == noQueue || t.lane.queued.ticket != t.number }

// slots is how many more requests the node takes.
func (n *Node) slots(limit int) int { return limit - n.unanswered - len(n.departures) }

// Idle reports whether nothing is on its way to the node or about to be.
func (n *Node) Idle() bool { return n.unanswered == 0 && len(n.departures) == 0 && n.readyNow == 0 }

// away reports whether the node cannot be reached, as far as it was tried.
func (n *Node) away() bool { return n.link != linkUp && n.Failures > 0 }

// enqueue makes the lane leave when its turn comes.
func (n *Node) enqueue(l *Lane, why batch.Reason) {
	if len(n.ready) > 2*n.readyNow+staleSpare { // nobody leaves while the node is away, but batches expire
		n.ready = slices.DeleteFunc(n.ready, ticket.stale)
	}
	n.readyNow++
	l.queued.why = why
	n.ready = append(n.ready, l.enter(readyQueue, 0))
}

// linger makes the lane leave at a time.
func (n *Node) linger(l *Lane, due time.Duration, company bool) {
	if n.lingering.Len() > 2*n.lingeringNow+staleSpare { // most leave before they are due
		n.lingering.Keep(func(t ticket) bool { return !t.stale() })
	}
	n.lingeringNow++
	l.queued.company = company
	n.lingering.Add(due, l.enter(lingerQueue, due))
}

// dequeue takes the lane out of the queue that it is in, if any.
func (n *Node) dequeue(l *Lane) {
	switch l.queued.in {
	case readyQueue:
		n.readyNow--
	case lingerQueue:
		n.lingeringNow--
	}
	l.queued.in = noQueue
}

// firstDue is the lane that lingers and is due first, or nil.
func (n *Node) firstDue() *Lane {
	for n.lingering.Len() > 0 {
		if _, t := n.lingering.First(); !t.stale() {
			return t.lane
		}
		n.lingering.Drop()
	}
	return nil
}
