package metadata

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	// goneAfter answers in a row that do not know a known topic make it gone: one may come from a broker that has
	// just restarted and not yet caught up. With a refresh's backoff that is about 0.7 s.
	goneAfter = 3
	// staleMax answers in a row with older epochs are believed if the topic has no id (brokers before 2.8): it was
	// deleted and made anew, and its epochs began anew, which nothing else in the protocol tells. And where an epoch is
	// older by more than behindMax: no broker is that far behind, so whoever told the newer one was wrong.
	staleMax  = 10
	behindMax = 1000
)

// change is what an answer or a hint changed, beside the picture itself.
type change struct {
	// differs tells that the new picture is worth publishing at all.
	differs bool
	// topics are the names whose partitions, leaders, epochs, id or error are others than before, sorted.
	topics []string
	// grown, recreated and vanished are for the log; they are few.
	grown     []growth
	recreated []string
	vanished  []string

	partitionsAdded int
	leaderChanges   int
	staleAnswers    int
}

// growth is a topic that got more partitions.
type growth struct {
	topic    string
	from, to int
}

// merge lays an answer over the picture and returns the new picture, or the old one if nothing is different. After
// a rebootstrap the answer is taken anew: epochs known before do not count. forget are topics to leave out.
func (c *Cluster) merge(a *answer, anew bool, forget []string) (*Cluster, change) {
	var ch change
	next := &Cluster{ClusterID: a.clusterID, Brokers: a.brokers}
	if next.ClusterID == "" {
		next.ClusterID = c.ClusterID
	}
	if next.ClusterID != c.ClusterID || !maps.Equal(c.Brokers, a.brokers) {
		ch.differs = true
	}
	replaced := make(map[string]*Topic, len(a.topics))
	for name, told := range a.topics {
		old := c.Topics[name]
		merged := old.merge(told, anew, &ch)
		if merged != old {
			replaced[name] = merged
			ch.differs = true
		}
		if !old.looksLike(merged) {
			ch.topics = append(ch.topics, name)
		}
	}
	for _, name := range forget {
		if _, ok := c.Topics[name]; ok {
			replaced[name] = nil
			ch.topics = append(ch.topics, name)
			ch.differs = true
		}
	}
	if !ch.differs {
		return c, ch
	}
	slices.Sort(ch.topics)
	next.Topics = replace(c.Topics, replaced)
	return next, ch
}

// replace is a copy of topics with some replaced; nil removes.
func replace(topics, with map[string]*Topic) map[string]*Topic {
	if len(with) == 0 {
		return topics
	}
	next := make(map[string]*Topic, len(topics)+len(with))
	maps.Copy(next, topics)
	for name, t := range with {
		if t == nil {
			delete(next, name)
		} else {
			next[name] = t
		}
	}
	return next
}

// merge is the topic after an answer about it. t is nil for a topic that was not known; t itself is returned if nothing
// is different.
func (t *Topic) merge(told *Topic, anew bool, ch *change) *Topic {
	switch {
	case t == nil:
		return told
	case told.Code != 0:
		return t.mergeError(told, ch)
	case t.ID != told.ID && t.ID != [16]byte{} && told.ID != [16]byte{}:
		ch.recreated = append(ch.recreated, t.Name)
		return told
	}
	merged := *told
	if merged.ID == [16]byte{} {
		merged.ID = t.ID
	}
	merged.Partitions = slices.Clone(told.Partitions)
	if !anew {
		merged.keepNewer(t, ch)
	}
	merged.Available = available(merged.Partitions)
	merged.count(t, ch)
	if merged.equal(t) {
		return t
	}
	return &merged
}

// mergeError is the topic after an answer that holds an error: what was known stays, until it is certain that the topic
// is gone.
func (t *Topic) mergeError(told *Topic, ch *change) *Topic {
	merged := *t
	merged.Code = told.Code
	if told.Code != kerr.UnknownTopicOrPartition.Code {
		merged.missing = 0
	} else if merged.missing < goneAfter {
		merged.missing++
	}
	if merged.missing == goneAfter && len(t.Partitions) > 0 {
		merged.Partitions, merged.Available, merged.ID = nil, available(nil), [16]byte{}
		ch.vanished = append(ch.vanished, t.Name)
	}
	if merged.equal(t) {
		return t
	}
	return &merged
}

// keepNewer puts back those of the old partitions that the answer is older than. Kafka never takes partitions away, so
// an answer with fewer of them under the same id is an older one too.
func (t *Topic) keepNewer(old *Topic, ch *change) {
	withoutID, insists := t.ID == [16]byte{}, old.stale+1 >= staleMax
	if withoutID && insists {
		return
	}
	stale, disputed := 0, withoutID
	for i := range min(len(t.Partitions), len(old.Partitions)) {
		p, was := &t.Partitions[i], old.Partitions[i]
		disputes := p.LeaderEpoch >= 0 && p.LeaderEpoch < was.LeaderEpoch-behindMax
		switch {
		case disputes && insists:
		case p.LeaderEpoch < 0:
			p.LeaderEpoch = was.LeaderEpoch
		case p.LeaderEpoch < was.LeaderEpoch:
			*p = was
			stale++
		}
		disputed = disputed || disputes
	}
	if n := len(t.Partitions); n < len(old.Partitions) && !withoutID {
		t.Partitions = append(t.Partitions, old.Partitions[n:]...)
		stale++
	}
	if stale > 0 {
		ch.staleAnswers++
		if disputed && !insists {
			t.stale = old.stale + 1
		}
	}
}

// count adds to the change how the topic differs from what it was.
func (t *Topic) count(old *Topic, ch *change) {
	if from, to := len(old.Partitions), len(t.Partitions); from > 0 && to > from {
		ch.grown = append(ch.grown, growth{topic: t.Name, from: from, to: to})
		ch.partitionsAdded += to - from
	}
	for i := range min(len(t.Partitions), len(old.Partitions)) {
		if t.Partitions[i].Leader != old.Partitions[i].Leader {
			ch.leaderChanges++
		}
	}
}

// equal reports whether nothing at all is different.
func (t *Topic) equal(old *Topic) bool {
	return t.ID == old.ID && t.Code == old.Code && t.Internal == old.Internal &&
		t.missing == old.missing && t.stale == old.stale && slices.Equal(t.Partitions, old.Partitions)
}

// looksLike reports whether readers need not be told: replicas falling in and out of sync do not concern them, nor do
// the counters in here. t may be nil.
func (t *Topic) looksLike(other *Topic) bool {
	if t == other {
		return true
	}
	if t == nil || other == nil || t.ID != other.ID || t.Code != other.Code {
		return false
	}
	return slices.EqualFunc(t.Partitions, other.Partitions, func(a, b Partition) bool {
		return a.Leader == b.Leader && a.LeaderEpoch == b.LeaderEpoch
	})
}
