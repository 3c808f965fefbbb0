package core

import (
	"errors"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/settling"
)

// Leader is what metadata says of one partition.
type Leader struct {
	Partition *accumulator.Partition
	Leader    int32 // -1 for none
	Epoch     int32
	TopicID   [16]byte
}

// Broker is what metadata says of a broker.
type Broker struct {
	ID      int32
	Address string
	Account *bufferpool.Account
}

// ErrMoved closes a connection to an address that is no longer the broker's.
var ErrMoved = errors.New("the broker has another address now")

// AddPartitions makes partitions of a topic known.
func (c *Core) AddPartitions(t *Topic, partitions []*accumulator.Partition) {
	if len(t.lanes) == 0 {
		t.ordinal = int32(len(c.topics))
		c.topics = append(c.topics, t)
	}
	for _, p := range partitions {
		t.lanes = append(t.lanes, &Lane{Part: p, Topic: t, epoch: -1})
		p.Sender = t.lanes[len(t.lanes)-1]
	}
}

// Leaders tells which partitions have another leader now.
func (c *Core) Leaders(now time.Duration, news []Leader) {
	c.now = now
	for i := range news {
		c.lead(&news[i])
	}
	c.pumpAll()
}

// lead gives a lane its leader.
func (c *Core) lead(news *Leader) {
	l := news.Partition.Sender.(*Lane)
	leader := c.node(news.Leader)
	if another := c.identify(l, news.TopicID); leader == l.leader && news.Epoch == l.epoch && !another {
		return
	}
	if l.leader != nil {
		l.leader.lanes.Dequeue(l)
	}
	if news.Epoch > l.epoch {
		l.backoffUntil = 0 // the cause of the last failure is gone (KIP-951; Java's ProducerBatch.hasLeaderChangedForTheOngoingRetry)
	}
	if l.num != nil {
		l.num.LeaderChanged()
	}
	if doubtful := l.inDoubt() && l.num != nil && !l.Topic.mute; (doubtful || l.doubt.Stage != settling.Settled) && l.doubt.proven == nil {
		l.reopen() // the new leader is asked: it may not recognize what the old one would have
	}
	switch {
	case leader == nil:
		l.Part.SetLeader(nil)
		l.Part.Troubled(ErrNoLeader)
	case leader != l.leader:
		l.Part.SetLeader(leader.leader)
		if l.leader == nil {
			l.Part.Troubled(nil)
		}
	}
	l.leader, l.epoch = leader, news.Epoch
	c.place(l)
}

// identify notes the topic's id. A topic made anew under the same name is another one: its partitions have numbers of
// their own, and what may have reached the old one is certainly not in the new one. It reports whether it is another.
func (c *Core) identify(l *Lane, id [16]byte) (another bool) {
	known := l.id
	l.Topic.ID, l.id = id, id
	switch {
	case known == id || l.num == nil:
		return false
	case known == [16]byte{}: // brokers only just learned to tell ids: the numbers are this topic's from now on
		c.table.Get(id, l.Topic.Name, l.Part.Number)
		return false
	}
	c.located(l, nil)
	l.doubt = doubt{Case: settling.Case{Ticket: l.doubt.Ticket + 1}}
	l.num = c.table.Ensure(id, l.Topic.Name, l.Part.Number, c.id)
	l.gap = true
	l.Topic.mute = false
	for _, b := range l.batches { // also of what is in flight: its number means nothing in the new topic
		b.Sender.Numbered, b.Sender.InDoubt = false, false
	}
	return true
}

// node returns the node with the id, or nil.
func (c *Core) node(id int32) *Node {
	for _, n := range c.Nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// Brokers tells which brokers the cluster has now. One that is gone keeps its node while lanes or requests refer to it.
func (c *Core) Brokers(now time.Duration, news []Broker) {
	c.now = now
	for _, b := range news {
		n := c.node(b.ID)
		if n == nil {
			n = &Node{ID: b.ID}
			n.leader = &accumulator.Leader{Account: b.Account, Away: n.Reach.Away, Slow: n.Reach.Slow}
			c.Nodes = append(c.Nodes, n)
		}
		if n.Address != b.Address {
			n.Address = b.Address
			if n.link != linkDown {
				c.do.Disconnect(n, ErrMoved)
			}
			if n.link == linkUp {
				n.link = linkClosing
			}
			n.retryAt, n.Failures = 0, 0
		}
	}
}

// Connected tells that the node's connection is there.
func (c *Core) Connected(now time.Duration, n *Node, conn *broker.Conn) {
	c.now = now
	n.link, n.Failures, n.Conn = linkUp, 0, conn
	n.leader.Stall(0)
	c.pump(n)
}

// ConnectFailed tells that the node could not be reached.
func (c *Core) ConnectFailed(now time.Duration, n *Node) {
	c.now = now
	c.down(n)
	if l := n.lanes.FirstReady(); l != nil {
		c.do.Refresh(l.Topic.Name) // perhaps the partition is led elsewhere by now
	}
}

// Disconnected tells that the node's connection ended; Done came for each of its requests.
func (c *Core) Disconnected(now time.Duration, n *Node, peaceful bool) {
	c.now = now
	n.Conn = nil
	c.down(n)
	if peaceful {
		n.Failures, n.retryAt = 0, now
		n.leader.Stall(0)
	}
	c.sendEncoded(n) // takes back what was about to be sent
	c.pumpAll()
}

// down notes that the node has no connection.
func (c *Core) down(n *Node) {
	if n.link != linkConnecting || n.Failures == 0 {
		n.leader.Stall(c.now)
	}
	n.link = linkDown
	n.Failures++
	n.retryAt = c.now + max(c.Config.Reconnect.After(n.Failures, c.random.Float64()), pauseMin)
}
