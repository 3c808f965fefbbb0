package sender

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/broker"
)

// addPartitions makes partitions of a topic known.
func (c *core) addPartitions(t *topic, partitions []*accumulator.Partition) {
	if len(t.lanes) == 0 {
		c.topics = append(c.topics, t)
	}
	for _, p := range partitions {
		l := &lane{part: p, topic: t, epoch: -1}
		l.queued.index = -1
		p.Sender = l
		t.lanes = append(t.lanes, l)
	}
}

// led tells new leaders.
func (c *core) led(now time.Duration, news []Leader) {
	c.now = now
	for i := range news {
		c.lead(&news[i])
	}
	c.pumpAll()
}

// lead gives a lane its leader.
func (c *core) lead(news *Leader) {
	l := news.Partition.Sender.(*lane)
	leader := c.node(news.Leader)
	c.identify(l, news.TopicID)
	if leader == l.leader && news.Epoch == l.epoch {
		return
	}
	if l.leader != nil {
		l.leader.dequeue(l)
	}
	if news.Epoch > l.epoch {
		l.backoffUntil = 0 // the cause of the last failure is gone (KIP-951; Java's ProducerBatch.hasLeaderChangedForTheOngoingRetry)
	}
	if l.num != nil {
		l.num.LeaderChanged()
	}
	switch {
	case leader == nil:
		l.part.Troubled(ErrNoLeader)
	case leader != l.leader:
		l.part.SetLeader(leader.leader)
		if l.leader == nil {
			l.part.Troubled(nil)
		}
	}
	l.leader, l.epoch = leader, news.Epoch
	c.place(l)
}

// identify notes the topic's id. A topic made anew under the same name is another one: its partitions have numbers of
// their own, and what may have reached the old one is certainly not in the new one.
func (c *core) identify(l *lane, id [16]byte) {
	known := l.id
	l.topic.id, l.id = id, id
	if known == id || known == [16]byte{} || l.num == nil {
		return // where brokers only just learned to tell ids, the table moves the numbers over
	}
	l.num = c.table.Ensure(id, l.topic.name, l.part.Number, c.id)
	l.gap = true
	for _, b := range l.batches {
		if b.Sender.State == batch.Waiting {
			b.Sender.InDoubt = false
		}
	}
}

// node returns the node with the id, or nil.
func (c *core) node(id int32) *node {
	for _, n := range c.nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}

// brokers tells which brokers the cluster has now. One that is gone keeps its node while lanes or requests refer to it.
func (c *core) brokers(now time.Duration, news []Broker) {
	c.now = now
	for _, b := range news {
		n := c.node(b.ID)
		if n == nil {
			n = &node{id: b.ID}
			n.leader = &accumulator.Leader{Account: b.Account, Away: n.reach.away, Slow: n.reach.slow}
			c.nodes = append(c.nodes, n)
		}
		if n.address != b.Address {
			n.address = b.Address
			if n.link != linkDown {
				c.do.disconnect(n, errMoved)
			}
			if n.link == linkUp {
				n.link = linkClosing
			}
			n.retryAt, n.failures = 0, 0
		}
	}
}

// connected tells that the node's connection is there.
func (c *core) connected(now time.Duration, n *node, conn *broker.Conn) {
	c.now = now
	n.link, n.failures, n.conn = linkUp, 0, conn
	n.leader.Stall(0)
	c.pump(n)
}

// connectFailed tells that the node could not be reached.
func (c *core) connectFailed(now time.Duration, n *node) {
	c.now = now
	c.down(n)
	for _, r := range n.ready {
		if r.valid() {
			c.do.refresh(r.lane.topic.name) // perhaps the partition is led elsewhere by now
			break
		}
	}
}

// disconnected tells that the node's connection ended; done came for each of its requests.
func (c *core) disconnected(now time.Duration, n *node, peaceful bool) {
	c.now = now
	n.conn = nil
	c.down(n)
	if peaceful {
		n.failures, n.retryAt = 0, now
		n.leader.Stall(0)
	}
	c.sendEncoded(n) // takes back what was about to be sent
	c.pump(n)
}

// down notes that the node has no connection.
func (c *core) down(n *node) {
	if n.link != linkConnecting || n.failures == 0 {
		n.leader.Stall(c.now)
	}
	n.link = linkDown
	n.failures++
	n.retryAt = c.now + c.backoff(c.config.Reconnect, n.failures)
}
