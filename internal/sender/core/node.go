package core

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
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

	link          linkState
	Failures      int           // to connect, in a row
	retryAt       time.Duration // earliest next attempt to connect
	throttled     time.Duration // the broker asked for silence until then
	unanswered    int           // requests sent and not done
	underway      int           // batches that departed with these and with departures
	lastDeparture time.Duration // when the last request was filled

	// departures are requests that are being encoded, in the order in which they will be sent.
	departures []*Request

	// lanes are those whose next batch is due now, or at a time.
	lanes agenda.Queues[*Lane]

	// Of the loop; the core only keeps them.
	Conn    *broker.Conn
	LastErr error
}

// slots is how many more requests the node takes.
func (n *Node) slots(limit int) int { return limit - n.unanswered - len(n.departures) }

// Idle reports whether nothing is on its way to the node or about to be.
func (n *Node) Idle() bool {
	return n.unanswered == 0 && len(n.departures) == 0 && n.lanes.Ready() == 0
}

// away reports whether the node cannot be reached, as far as it was tried.
func (n *Node) away() bool { return n.link != linkUp && n.Failures > 0 }
