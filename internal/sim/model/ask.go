package model

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// word is what a broker knows of a partition's leadership.
func (n *node) word(p *partition) (word leadership, known bool) {
	if n.isolated {
		word, known = n.frozen[p]
		return word, known
	}
	return p.word, true
}

// TopicState is what a broker's metadata say of a topic.
type TopicState struct {
	Code       int16
	Name       string
	ID         ID
	Partitions []PartitionState
}

// PartitionState is what a broker's metadata say of a partition. Leader is -1 while there is none.
type PartitionState struct {
	Code          int16
	Leader, Epoch int32
	Replicas, ISR []int32
}

// TopicNamed is what a broker says of a topic in answer to Metadata.
func (c *Cluster) TopicNamed(now time.Time, node int32, name string) TopicState {
	c.advance(now)
	t := c.topicNamed(name)
	if t == nil {
		return TopicState{Code: kerr.UnknownTopicOrPartition.Code, Name: name}
	}
	return c.describe(c.node(node), t)
}

// TopicWithID is TopicNamed by id.
func (c *Cluster) TopicWithID(now time.Time, node int32, id ID) TopicState {
	c.advance(now)
	t := c.topicWithID(id)
	if t == nil {
		return TopicState{Code: kerr.UnknownTopicID.Code, ID: id}
	}
	return c.describe(c.node(node), t)
}

func (c *Cluster) describe(n *node, t *topic) TopicState {
	if c.denies(t.name, Describe) {
		return TopicState{Code: kerr.TopicAuthorizationFailed.Code, Name: t.name}
	}
	state := TopicState{Name: t.name, ID: t.id}
	for _, p := range t.partitions {
		word, known := n.word(p)
		if !known {
			continue
		}
		told := PartitionState{Leader: word.leader, Epoch: word.epoch, ISR: word.isr}
		for _, r := range p.replicas {
			told.Replicas = append(told.Replicas, r.node.id)
		}
		if word.leader == noLeader {
			told.Code = kerr.LeaderNotAvailable.Code
		}
		state.Partitions = append(state.Partitions, told)
	}
	return state
}

// Partitions is the number of a topic's partitions, 0 for a topic that does not exist.
func (c *Cluster) Partitions(name string) int {
	if t := c.topicNamed(name); t != nil {
		return len(t.partitions)
	}
	return 0
}

// Leader is the broker that the controller has named the leader of a partition, -1 for none.
func (c *Cluster) Leader(at TopicPartition) int32 {
	if p := c.partition(at); p != nil {
		return p.word.leader
	}
	return noLeader
}

// NameOf is the name of the topic with the id, "" for none.
func (c *Cluster) NameOf(id ID) string {
	if t := c.topicWithID(id); t != nil {
		return t.name
	}
	return ""
}

// Throttled is the throttle time that a broker's answers speak of, in milliseconds.
func (c *Cluster) Throttled(node int32) int32 { return c.node(node).throttleMillis }

// Topics are the names of all topics, in the order of their creation.
func (c *Cluster) Topics() []string {
	var names []string
	for _, t := range c.topics {
		names = append(names, t.name)
	}
	return names
}

// Brokers are the ids of the brokers that the controller takes for alive.
func (c *Cluster) Brokers() []int32 {
	var ids []int32
	for _, n := range c.nodes {
		if !n.fenced {
			ids = append(ids, n.id)
		}
	}
	return ids
}

// Hears reports whether a broker runs and reaches the others.
func (c *Cluster) Hears(node int32) bool { return c.node(node).connected() }

// Up reports whether a broker's process runs.
func (c *Cluster) Up(node int32) bool { return c.node(node).up }

// Log is what a broker's copy of a partition holds; it must not be changed. nil if it has none.
func (c *Cluster) Log(at TopicPartition, node int32) []*Batch {
	if p := c.partition(at); p != nil {
		if r := p.replica(node); r != nil {
			return r.batches
		}
	}
	return nil
}

// Watermark is the high watermark and the end of a broker's copy of a partition.
func (c *Cluster) Watermark(at TopicPartition, node int32) (high, end int64) {
	r := c.partition(at).replica(node)
	return r.high, r.end
}

// ProducerState is what a replica remembers of a producer.
type ProducerState struct {
	ProducerID int64
	Epoch      int16
	// LastSequence is -1 if the epoch has no batch yet.
	LastSequence int32
	// LastTimestamp is the last batch's, in milliseconds.
	LastTimestamp int64
	// TxnStart is the first offset of the open transaction, or -1.
	TxnStart int64
}

// DescribeProducers is what a broker's copy of a partition knows of producers, by id. Any replica answers, also one that
// does not lead.
func (c *Cluster) DescribeProducers(now time.Time, node int32, at TopicPartition) ([]ProducerState, int16) {
	c.advance(now)
	r, code := c.copyAt(node, at, Read)
	if code != 0 {
		return nil, code
	}
	var states []ProducerState
	for _, id := range slices.SortedFunc(maps.Keys(r.producers), cmp.Compare) {
		p := r.producers[id]
		states = append(states, ProducerState{id, p.epoch, p.last(), p.timestamp, p.txnStart})
	}
	return states, 0
}

// copyAt returns a broker's copy of a partition.
func (c *Cluster) copyAt(node int32, at TopicPartition, right Right) (*replica, int16) {
	p := c.partition(at)
	switch {
	case c.denies(at.Topic, right):
		return nil, kerr.TopicAuthorizationFailed.Code
	case p == nil:
		return nil, kerr.UnknownTopicOrPartition.Code
	}
	r := p.replica(node)
	if r == nil {
		return nil, kerr.NotLeaderForPartition.Code
	}
	return r, 0
}

// epochCopy returns a broker's copy of a partition, if the client speaks of the epoch that the broker knows; -1 is any.
func (c *Cluster) epochCopy(node int32, at TopicPartition, right Right, epoch int32) (*replica, int16) {
	r, code := c.copyAt(node, at, right)
	if code != 0 {
		return nil, code
	}
	word, _ := c.node(node).word(c.partition(at))
	switch {
	case epoch >= 0 && epoch < word.epoch:
		return nil, kerr.FencedLeaderEpoch.Code
	case epoch > word.epoch:
		return nil, kerr.UnknownLeaderEpoch.Code
	}
	return r, 0
}

// Offsets of a partition, as ListOffsets is asked for them.
const (
	Latest   = -1
	Earliest = -2
)

// ListOffset is the first offset for consumers, or the next, which is the high watermark and is not told before that has
// reached the leader's epoch; or, if which is a time in milliseconds, the first offset of the first batch that has a
// record of that time or later, -1 for none. (Kafka knows the record.) Epoch is the leader epoch that the client knows, or
// -1.
func (c *Cluster) ListOffset(now time.Time, node int32, at TopicPartition, epoch int32, which int64) (offset int64, code int16) {
	c.advance(now)
	r, code := c.leaderCopy(node, at, epoch)
	switch {
	case code != 0:
		return -1, code
	case which == Earliest:
		return r.start, 0
	case r.high < r.epochStart:
		return -1, kerr.OffsetNotAvailable.Code
	case which == Latest:
		return r.high, 0
	}
	for _, b := range r.batches {
		if b.MaxTimestamp >= which && b.LastOffset() < r.high {
			return max(b.Offset, r.start), 0
		}
	}
	return -1, 0
}

// EpochEnd is OffsetForLeaderEpoch: the newest epoch up to the one asked for of which the leader has something, and the
// offset behind what it has of it. Of the leader's own epoch that is the end of its log. known is the leader epoch that
// the client knows, or -1.
func (c *Cluster) EpochEnd(now time.Time, node int32, at TopicPartition, known, asked int32) (epoch int32, end int64, code int16) {
	c.advance(now)
	r, code := c.leaderCopy(node, at, known)
	switch {
	case code != 0 || asked > r.leads:
		return -1, -1, code
	case asked == r.leads:
		return asked, r.end, 0
	}
	epoch = -1
	for _, b := range r.batches {
		if b.LeaderEpoch > asked {
			return epoch, b.Offset, 0
		}
		epoch = b.LeaderEpoch
	}
	return epoch, r.epochStart, 0
}

// leaderCopy returns a broker's copy of a partition if it leads it.
func (c *Cluster) leaderCopy(node int32, at TopicPartition, epoch int32) (*replica, int16) {
	r, code := c.epochCopy(node, at, Describe, epoch)
	if code == 0 && r.leads < 0 {
		code = kerr.NotLeaderForPartition.Code
	}
	return r, code
}

// FetchRequest is what a consumer asks of one partition.
type FetchRequest struct {
	At TopicPartition
	// Epoch is the leader epoch that the client knows, or -1.
	Epoch  int32
	Offset int64
	// LeaderOnly asks for the leader's copy, as Fetch before version 11 does. Later ones are answered by any replica, below
	// the high watermark that it knows of, which may be an old one (KIP-392).
	LeaderOnly bool
	// BytesMax ends the answer with the batch that reaches it. 0 is no limit.
	BytesMax int
}

// Fetched is what a consumer gets.
type Fetched struct {
	Code           int16
	High, LogStart int64
	Batches        []*Batch
}

// Fetch reads a partition from the batch on that has the offset, up to the high watermark.
func (c *Cluster) Fetch(now time.Time, node int32, f FetchRequest) Fetched {
	c.advance(now)
	r, code := c.epochCopy(node, f.At, Read, f.Epoch)
	if code == 0 && f.LeaderOnly && r.leads < 0 {
		code = kerr.NotLeaderForPartition.Code
	}
	if code != 0 {
		return Fetched{Code: code, High: -1, LogStart: -1}
	}
	if f.Offset < r.start || f.Offset > r.end {
		return Fetched{Code: kerr.OffsetOutOfRange.Code, High: -1, LogStart: -1}
	}
	out := Fetched{High: r.high, LogStart: r.start}
	size := 0
	for _, b := range r.batches[r.find(f.Offset):] {
		if b.LastOffset() >= r.high || f.BytesMax > 0 && size >= f.BytesMax {
			break
		}
		size += b.Bytes
		out.Batches = append(out.Batches, b)
	}
	return out
}

// InitProducerID gives a producer without transactions its id; the epoch is 0.
func (c *Cluster) InitProducerID() int64 {
	c.producerID++
	return c.producerID
}
