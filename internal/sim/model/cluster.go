package model

import (
	"encoding/binary"
	"slices"
	"time"
)

// Cluster is a cluster. Each method with a now is a step; now never goes back. It is not safe for concurrent use.
type Cluster struct {
	options Options
	nodes   []*node
	// topics is in the order of creation, so that steps visit them alike.
	topics     []*topic
	topicsMade uint64 // ids are not used again
	now        time.Time
	began      time.Time // of the checks' rhythm: the first step
	expired    int64     // checks of old producers so far
	lagged     int64     // checks of slow followers so far
	waiting    []*Produced
	producerID int64
	txns       map[string]*txn
	denied     map[denial]bool
}

// node is one broker.
type node struct {
	id int32
	// up: the process runs. fenced: the controller takes it for dead. isolated: it reaches neither the controller nor other
	// brokers, while clients reach it.
	up, fenced, isolated bool
	// frozen is what the broker knows of the leaderships while it is isolated.
	frozen         map[*partition]leadership
	throttleMillis int32
}

// connected reports whether the broker hears from the others.
func (n *node) connected() bool { return n.up && !n.isolated }

// topic is a topic.
type topic struct {
	name       string
	id         ID
	options    TopicOptions
	partitions []*partition
}

// denial is a right that clients do not have.
type denial struct {
	topic string
	right Right
}

// Right is what a client may be allowed to do with a topic.
type Right uint8

// The rights. Read is what DescribeProducers and Fetch take, Write what Produce takes, Describe what the rest takes.
const (
	Read Right = iota
	Write
	Describe
)

// New returns a cluster without topics.
func New(options Options) *Cluster {
	c := &Cluster{options: options.withDefaults(), txns: make(map[string]*txn), denied: make(map[denial]bool)}
	for id := int32(1); id <= int32(c.options.Nodes); id++ {
		c.nodes = append(c.nodes, &node{id: id, up: true})
	}
	return c
}

// node returns the broker with the id, or nil.
func (c *Cluster) node(id int32) *node {
	if id < 1 || int(id) > len(c.nodes) {
		return nil
	}
	return c.nodes[id-1]
}

// CreateTopic makes a topic and returns its id. The first replica of each partition leads it. A topic of that name that is
// there already is deleted first: the new one is empty and has another id.
func (c *Cluster) CreateTopic(now time.Time, name string, partitions int, options TopicOptions) ID {
	c.DeleteTopic(now, name)
	t := &topic{name: name, options: options.withDefaults()}
	c.topicsMade++
	binary.BigEndian.PutUint64(t.id[8:], c.topicsMade)
	c.topics = append(c.topics, t)
	c.grow(t, partitions)
	return t.id
}

// AddPartitions gives a topic more partitions, so that it has count.
func (c *Cluster) AddPartitions(now time.Time, name string, count int) {
	c.advance(now)
	if t := c.topicNamed(name); t != nil {
		c.grow(t, count)
	}
}

func (c *Cluster) grow(t *topic, count int) {
	for n := len(t.partitions); n < count; n++ {
		p := &partition{topic: t, number: int32(n)}
		for i := range max(len(t.options.Replicas), c.options.Nodes) {
			if len(t.options.Replicas) == 0 {
				p.replicas = append(p.replicas, newReplica(c.nodes[(n+i)%len(c.nodes)]))
			} else if i < len(t.options.Replicas) {
				p.replicas = append(p.replicas, newReplica(c.node(t.options.Replicas[i])))
			}
		}
		for _, r := range p.replicas {
			p.word.isr = append(p.word.isr, r.node.id)
		}
		p.word.leader, p.lastLeader = p.replicas[0].node.id, p.replicas[0].node.id
		t.partitions = append(t.partitions, p)
		c.publish(p)
	}
}

// DeleteTopic deletes a topic, if it is there.
func (c *Cluster) DeleteTopic(now time.Time, name string) {
	c.advance(now)
	t := c.topicNamed(name)
	if t == nil {
		return
	}
	c.topics = slices.DeleteFunc(c.topics, func(other *topic) bool { return other == t })
	for _, p := range t.partitions {
		for _, r := range p.replicas {
			r.resign()
		}
	}
}

func (c *Cluster) topicNamed(name string) *topic {
	for _, t := range c.topics {
		if t.name == name {
			return t
		}
	}
	return nil
}

func (c *Cluster) topicWithID(id ID) *topic {
	for _, t := range c.topics {
		if t.id == id {
			return t
		}
	}
	return nil
}

// partition returns a partition, or nil.
func (c *Cluster) partition(at TopicPartition) *partition {
	t := c.topicNamed(at.Topic)
	if t == nil || at.Partition < 0 || int(at.Partition) >= len(t.partitions) {
		return nil
	}
	return t.partitions[at.Partition]
}

// Deny takes a right at a topic from all clients, or gives it back.
func (c *Cluster) Deny(topic string, right Right, deny bool) { c.denied[denial{topic, right}] = deny }

func (c *Cluster) denies(topic string, right Right) bool { return c.denied[denial{topic, right}] }

// Throttle makes a broker's answers speak of a throttle time, until it is 0 again.
func (c *Cluster) Throttle(node int32, d time.Duration) {
	c.node(node).throttleMillis = int32(d.Milliseconds())
}

// Tick is the step in which nothing happens but time.
func (c *Cluster) Tick(now time.Time) { c.advance(now) }

// Next is when Tick can complete an answer that somebody waits for; zero if nobody waits.
func (c *Cluster) Next() time.Time {
	var next time.Time
	for _, w := range c.waiting {
		if next.IsZero() || w.deadline.Before(next) {
			next = w.deadline
		}
	}
	if lag := c.began.Add(time.Duration(c.lagged+1) * c.lagCheck()); !next.IsZero() && lag.Before(next) {
		return lag
	}
	return next
}

// lagCheck is how often leaders look for slow followers (ReplicaManager's isr-expiration).
func (c *Cluster) lagCheck() time.Duration { return c.options.ReplicaLagMax / 2 }

// advance does what was due until now. What was due more than once is done for the last time.
func (c *Cluster) advance(now time.Time) {
	if c.began.IsZero() {
		c.began, c.now = now, now
	}
	c.now = now
	c.dropAnswered()
	if n := int64(now.Sub(c.began) / c.lagCheck()); n > c.lagged {
		c.lagged = n
		c.shrinkAll()
	}
	if n := int64(now.Sub(c.began) / c.options.ProducerCheck); n > c.expired {
		c.expired = n
		c.expireProducers(c.began.Add(time.Duration(n) * c.options.ProducerCheck))
	}
	for _, w := range c.waiting {
		if !w.done && !w.lost && !w.deadline.After(now) {
			w.timeOut()
		}
	}
	c.dropAnswered()
}

func (c *Cluster) dropAnswered() {
	c.waiting = slices.DeleteFunc(c.waiting, func(w *Produced) bool { return w.done || w.lost })
}

// expireProducers is the check for old producers, on all brokers that are up.
func (c *Cluster) expireProducers(at time.Time) {
	for _, t := range c.topics {
		for _, p := range t.partitions {
			for _, r := range p.replicas {
				if r.node.up {
					r.producers.expire(at.UnixMilli(), c.options.ProducerExpiry.Milliseconds())
				}
			}
		}
	}
}

// clock is what logs need to know of the time.
func (c *Cluster) clock() clock {
	return clock{c.now.UnixMilli(), c.options.ProducerExpiry.Milliseconds()}
}

// eachPartition calls visit for every partition, in the order of creation.
func (c *Cluster) eachPartition(visit func(*partition)) {
	for _, t := range c.topics {
		for _, p := range t.partitions {
			visit(p)
		}
	}
}
