package model

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// noLeader stands for a leader that there is not.
const noLeader = -1

// partition is a partition: the controller's word about it, and its replicas in the order of preference.
type partition struct {
	topic      *topic
	number     int32
	word       leadership
	lastLeader int32
	replicas   []*replica
	markers    []*Batch // of transactions that ended while there was no leader
}

// leadership is who leads a partition, and who is in sync. The set is replaced, never changed.
type leadership struct {
	leader, epoch int32
	isr           []int32
}

// replica is one broker's copy of a partition, and what this broker takes for the state of things.
type replica struct {
	log
	node *node
	// leads is the epoch in which the broker believes to lead, -1 while it does not. The fields below are a leader's.
	leads      int32
	isr        []int32
	epochStart int64
	followers  []progress // by place in partition.replicas
	waits      []wait
}

// progress is what a leader knows of a follower.
type progress struct {
	end      int64 // -1 until it has asked in this epoch
	caughtUp time.Time
}

// wait is a produced batch that waits for the high watermark.
type wait struct {
	required int64
	answer   *Produced
	part     *ProducedPart
}

func newReplica(n *node) *replica {
	return &replica{node: n, leads: noLeader, log: log{producers: make(producers)}}
}

// replica returns the copy on a broker, or nil.
func (p *partition) replica(node int32) *replica {
	for _, r := range p.replicas {
		if r.node.id == node {
			return r
		}
	}
	return nil
}

// minInSync is min.insync.replicas, but never more than there are replicas.
func (p *partition) minInSync() int { return min(p.topic.options.MinInSync, len(p.replicas)) }

// publish tells the controller's word to every broker that hears it.
func (c *Cluster) publish(p *partition) {
	for _, r := range p.replicas {
		if !r.node.connected() {
			continue
		}
		switch {
		case r.node.id != p.word.leader:
			r.resign()
		case r.leads == p.word.epoch:
			r.isr = p.word.isr
		default:
			r.lead(c, p)
		}
	}
	c.writeMarkers(p)
	c.replicate(p)
}

// lead makes a replica the leader.
func (r *replica) lead(c *Cluster, p *partition) {
	r.resign()
	r.leads, r.isr, r.epochStart = p.word.epoch, p.word.isr, r.end
	r.followers = make([]progress, len(p.replicas))
	for i := range r.followers {
		r.followers[i] = progress{end: -1, caughtUp: c.now}
	}
	r.raise(p)
}

// resign ends a leadership: who waits is told that this broker does not lead.
func (r *replica) resign() {
	r.leads = noLeader
	for _, w := range r.waits {
		w.answer.complete(w.part, kerr.NotLeaderForPartition.Code)
	}
	r.waits = nil
}

// raise moves the high watermark to the least end of the in-sync set, unless the set is too small, and tells those who
// waited for it (Partition.maybeIncrementLeaderHW, checkEnoughReplicasReachOffset). It reports whether it moved.
func (r *replica) raise(p *partition) bool {
	if len(r.isr) < p.minInSync() {
		return false
	}
	high := r.end
	for i, other := range p.replicas {
		if other != r && slices.Contains(r.isr, other.node.id) {
			high = min(high, r.followers[i].end)
		}
	}
	if high <= r.high {
		return false
	}
	r.high = high
	r.waits = slices.DeleteFunc(r.waits, func(w wait) bool {
		if w.required > high {
			return false
		}
		w.answer.complete(w.part, 0)
		return true
	})
	return true
}

// replicate lets all followers copy until they have everything, unless they do so stepwise.
func (c *Cluster) replicate(p *partition) {
	if c.options.Stepwise {
		return
	}
	for changed := true; changed; {
		changed = false
		for _, r := range p.replicas {
			changed = c.fetch(p, r) || changed
		}
	}
}

// Replicate is one fetch of a follower: the leader learns how far it was, and gives it what it does not have yet. So a
// batch is below the high watermark after two fetches of each follower, and a follower knows that after three.
func (c *Cluster) Replicate(now time.Time, at TopicPartition, node int32) {
	c.advance(now)
	if p := c.partition(at); p != nil {
		if r := p.replica(node); r != nil {
			c.fetch(p, r)
		}
	}
}

// fetch is one fetch of a follower. It reports whether that changed anything.
func (c *Cluster) fetch(p *partition, r *replica) (changed bool) {
	leader := p.replica(p.word.leader)
	if leader == nil || leader == r || leader.leads != p.word.epoch || !leader.node.connected() || !r.node.connected() {
		return false
	}
	if common := r.common(&leader.log); common < r.end {
		r.truncate(common, c.clock())
		changed = true
	}
	known := &leader.followers[slices.Index(p.replicas, r)]
	changed = changed || known.end != r.end
	known.end = r.end
	if r.end == leader.end {
		known.caughtUp = c.now
	}
	changed = c.rejoin(p, leader, r) || changed
	changed = leader.raise(p) || changed
	changed = r.copyFrom(&leader.log) || changed
	if high := min(leader.high, r.end); high > r.high {
		r.high, changed = high, true
	}
	return changed
}

// rejoin puts a follower that has caught up back into the in-sync set (Partition.maybeExpandIsr).
func (c *Cluster) rejoin(p *partition, leader, r *replica) bool {
	if slices.Contains(p.word.isr, r.node.id) || r.node.fenced || r.end < max(leader.high, leader.epochStart) {
		return false
	}
	p.setISR(func(id int32) bool { return id == r.node.id || slices.Contains(p.word.isr, id) })
	leader.isr = p.word.isr
	return true
}

// setISR makes the in-sync set those replicas that belong to it.
func (p *partition) setISR(belongs func(id int32) bool) {
	var isr []int32
	for _, r := range p.replicas {
		if belongs(r.node.id) {
			isr = append(isr, r.node.id)
		}
	}
	p.word.isr = isr
}

// shrinkAll has every leader take slow followers out of the in-sync set. One that is isolated cannot: the controller does
// not hear it.
func (c *Cluster) shrinkAll() {
	c.eachPartition(func(p *partition) {
		leader := p.replica(p.word.leader)
		if leader == nil || leader.leads != p.word.epoch || !leader.node.connected() {
			return
		}
		before := len(p.word.isr)
		p.setISR(func(id int32) bool { return slices.Contains(p.word.isr, id) && !c.lags(p, leader, id) })
		leader.isr = p.word.isr
		if len(p.word.isr) < before {
			leader.raise(p)
			c.replicate(p)
		}
	})
}

// lags reports whether a follower is too far behind to be in sync. One that can copy at any time and has everything is not.
func (c *Cluster) lags(p *partition, leader *replica, id int32) bool {
	r := p.replica(id)
	if r == leader {
		return false
	}
	known := &leader.followers[slices.Index(p.replicas, r)]
	if r.node.connected() && known.end == leader.end {
		known.caughtUp = c.now
	}
	return c.now.Sub(known.caughtUp) > c.options.ReplicaLagMax
}
