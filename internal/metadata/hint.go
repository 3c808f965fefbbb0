package metadata

import (
	"maps"
	"slices"
)

// Hint is a broker's word, inside a Produce answer, on who leads a partition now (KIP-951). It spares the failing
// partition a round of metadata.
type Hint struct {
	Topic string
	// TopicID is the id that the answer was about; zero if it was by name.
	TopicID   [16]byte
	Partition int32
	// Leader and LeaderEpoch are what the answer's CurrentLeader says.
	Leader      int32
	LeaderEpoch int32
	// Nodes are the answer's NodeEndpoints, made with NewBroker.
	Nodes []Broker
}

// apply lays hints over the picture. A hint counts only if its epoch is newer than the known one, its topic id is the
// known one, and its leader can be reached; all others are dropped without a word, for they are merely late.
func (c *Cluster) apply(hints map[hintKey]Hint) (*Cluster, change) {
	var ch change
	brokers := c.Brokers
	replaced := make(map[string]*Topic)
	for _, h := range hints {
		t := replaced[h.Topic]
		if t == nil {
			t = c.Topics[h.Topic]
		}
		node, reachable := h.leader(brokers)
		if !reachable || !h.newer(t) {
			continue
		}
		if brokers[node.ID] != node {
			brokers = maps.Clone(brokers)
			brokers[node.ID] = node
		}
		if _, ok := replaced[h.Topic]; !ok {
			t = t.clone()
			replaced[h.Topic] = t
			ch.topics = append(ch.topics, h.Topic)
		}
		p := &t.Partitions[h.Partition]
		if p.Leader != h.Leader {
			ch.leaderChanges++
		}
		p.Leader, p.LeaderEpoch = h.Leader, h.LeaderEpoch
	}
	if len(replaced) == 0 {
		return c, ch
	}
	for _, t := range replaced {
		t.Available = available(t.Partitions)
	}
	slices.Sort(ch.topics)
	ch.differs = true
	return &Cluster{ClusterID: c.ClusterID, Brokers: brokers, Topics: replace(c.Topics, replaced)}, ch
}

// leader finds the hinted leader: among the answer's own endpoints first, for they are the newer ones.
func (h *Hint) leader(brokers map[int32]Broker) (Broker, bool) {
	for _, n := range h.Nodes {
		if n.ID == h.Leader && n.check() == nil {
			return n, true
		}
	}
	b, ok := brokers[h.Leader]
	return b, ok
}

// newer reports whether the hint knows more than the picture.
func (h *Hint) newer(t *Topic) bool {
	if t == nil || h.Partition < 0 || int(h.Partition) >= len(t.Partitions) {
		return false
	}
	if h.TopicID != t.ID && h.TopicID != [16]byte{} && t.ID != [16]byte{} {
		return false
	}
	return h.LeaderEpoch > t.Partitions[h.Partition].LeaderEpoch
}

// clone is a copy whose partitions may be changed.
func (t *Topic) clone() *Topic {
	c := *t
	c.Partitions = slices.Clone(t.Partitions)
	return &c
}

// hintKey is a partition's name: of several hints about it only the newest is kept.
type hintKey struct {
	topic     string
	partition int32
}
