package model

import (
	"slices"
	"time"
)

// Kill ends a broker's process. Its logs stay as they are; the controller knows nothing yet (see Fence). Whoever waits for
// an answer of it gets none.
func (c *Cluster) Kill(now time.Time, node int32) {
	c.advance(now)
	n := c.node(node)
	n.up, n.isolated, n.frozen = false, false, nil
	c.eachPartition(func(p *partition) {
		r := p.replica(node)
		if r == nil {
			return
		}
		for _, w := range r.waits {
			w.answer.lost = true
		}
		r.waits, r.leads = nil, noLeader
	})
}

// Shutdown ends a broker in order: it hands its leaderships over first, if other brokers are in sync.
func (c *Cluster) Shutdown(now time.Time, node int32) {
	c.advance(now)
	c.depose(node)
	c.Kill(now, node)
}

// Fence makes the controller take a broker for dead: it leads nothing any more and is in sync nowhere, except where it
// was the last one.
func (c *Cluster) Fence(now time.Time, node int32) {
	c.advance(now)
	c.depose(node)
}

// depose takes everything from a broker, and gives it to others where elections are automatic.
func (c *Cluster) depose(node int32) {
	n := c.node(node)
	if n.fenced {
		return
	}
	n.fenced = true
	c.eachPartition(func(p *partition) {
		if p.word.leader == node {
			c.replace(p)
		}
		if p.word.leader != noLeader {
			p.setISR(func(id int32) bool { return slices.Contains(p.word.isr, id) && id != node })
		}
		c.publish(p)
		if leader := p.replica(p.word.leader); leader != nil && leader.leads == p.word.epoch {
			leader.raise(p)
			c.replicate(p)
		}
	})
}

// replace takes the leadership of a partition from its broker, and gives it to another where elections are automatic.
func (c *Cluster) replace(p *partition) {
	p.word.leader = noLeader
	if c.options.Election {
		c.electAlive(p)
	}
	if p.word.leader == noLeader {
		p.word.epoch++
	}
}

// electAlive makes the most preferred broker that is alive the leader: one that is in sync, unless the topic does not insist.
func (c *Cluster) electAlive(p *partition) {
	for _, inSync := range []bool{true, false} {
		for _, r := range p.replicas {
			if slices.Contains(p.word.isr, r.node.id) == inSync && !r.node.fenced && (inSync || p.topic.options.Unclean) {
				c.elect(p, r.node.id)
				return
			}
		}
	}
}

// elect makes a broker the leader in a new epoch. The new in-sync set is what is alive of the old one, or, if the broker
// is not in that, the broker alone (an unclean election).
func (c *Cluster) elect(p *partition, node int32) {
	inSync := p.word.isr
	if !slices.Contains(inSync, node) {
		inSync = nil
	}
	p.word.leader, p.lastLeader = node, node
	p.word.epoch++
	p.setISR(func(id int32) bool { return id == node || slices.Contains(inSync, id) && !c.node(id).fenced })
}

// Start starts a broker that was killed or shut down. Of each producer it recognizes the last batch, if that is not too
// old. It leads again what has no leader and was its own last, or, with automatic elections, whatever has no leader.
func (c *Cluster) Start(now time.Time, node int32) {
	c.advance(now)
	n := c.node(node)
	c.depose(node) // a restart is noticed, however short
	n.up = true
	c.eachPartition(func(p *partition) {
		if r := p.replica(node); r != nil {
			r.restart(c.clock())
		}
	})
	c.welcome(n)
}

// Isolate cuts a broker off from the others, not from clients. It goes on with what it knows.
func (c *Cluster) Isolate(now time.Time, node int32) {
	c.advance(now)
	n := c.node(node)
	n.isolated, n.frozen = true, make(map[*partition]leadership)
	c.eachPartition(func(p *partition) { n.frozen[p] = p.word })
}

// Rejoin ends the isolation of a broker: it learns who leads, and cuts off what it should not have taken.
func (c *Cluster) Rejoin(now time.Time, node int32) {
	c.advance(now)
	n := c.node(node)
	n.isolated, n.frozen = false, nil
	if n.up {
		c.welcome(n)
	}
}

// welcome has the controller take a broker for alive.
func (c *Cluster) welcome(n *node) {
	n.fenced = false
	c.eachPartition(func(p *partition) {
		switch {
		case p.word.leader != noLeader:
		case c.options.Election:
			c.electAlive(p)
		case p.lastLeader == n.id:
			c.elect(p, n.id)
		}
		c.publish(p)
	})
}

// Elect makes a broker the leader of a partition in a new epoch. If it is out of sync the election is unclean: what only
// others have is lost. Node -1 leaves the partition without a leader.
func (c *Cluster) Elect(now time.Time, at TopicPartition, node int32) {
	c.advance(now)
	p := c.partition(at)
	if node == noLeader {
		p.word.leader = noLeader
		p.word.epoch++
	} else {
		c.elect(p, node)
	}
	c.publish(p)
}

// Truncate cuts off what a broker has of a partition at the offset and behind it, as a loss of power does. Where it leads,
// the followers cut off the same. To be called while the broker is down, or of the only replica.
func (c *Cluster) Truncate(now time.Time, at TopicPartition, node int32, offset int64) {
	c.advance(now)
	p := c.partition(at)
	r := p.replica(node)
	r.truncate(offset, c.clock())
	c.publish(p)
}

// DeleteRecords removes what stands wholly before the offset from all copies that can be reached.
func (c *Cluster) DeleteRecords(now time.Time, at TopicPartition, before int64) {
	c.advance(now)
	p := c.partition(at)
	for _, r := range p.replicas {
		if r.node.connected() {
			r.trim(min(before, r.high))
		}
	}
}

// ExpireProducers is the check for old producers, out of turn.
func (c *Cluster) ExpireProducers(now time.Time) {
	c.advance(now)
	c.expireProducers(now)
}
