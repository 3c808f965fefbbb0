package accumulator

import (
	"slices"
	"sync/atomic"

	"github.com/omnibus-kafka/omnibus/internal/partitioner"
)

// Topic is the producer's side of a topic: its partitions and where its unkeyed records go.
type Topic struct {
	Name     string
	Settings *Settings
	// Sticky chooses for records without a key.
	Sticky *partitioner.Sticky
	// leaderless takes the leader's place where a partition has none. It is fixed.
	leaderless *Leader

	partitions atomic.Pointer[[]*Partition]
	view       atomic.Pointer[partitioner.View]
	// limitBytes is the largest batch that the topic was not found to refuse.
	limitBytes atomic.Int64
}

// LimitBatch notes that the topic refuses batches larger than so many bytes.
func (t *Topic) LimitBatch(bytes int) {
	for {
		limit := t.limitBytes.Load()
		if limit <= int64(bytes) {
			return
		}
		if t.limitBytes.CompareAndSwap(limit, int64(bytes)) {
			break
		}
	}
	for _, p := range t.Partitions() {
		p.ease()
	}
}

// BatchLimit is the largest batch, in bytes, that the topic was not found to refuse.
func (t *Topic) BatchLimit() int { return int(t.limitBytes.Load()) }

// Partitions are the topic's partitions by number. The slice is immutable.
func (t *Topic) Partitions() []*Partition { return *t.partitions.Load() }

// Current are the partitions that the topic has now: those of Partitions but for what is left of a larger topic of the
// same name.
func (t *Topic) Current() []*Partition {
	count := int(t.view.Load().Partitions) // first: there are never fewer partitions than the view has
	partitions := *t.partitions.Load()
	return partitions[:min(count, len(partitions))]
}

// View is what the choice among the partitions is made from.
func (t *Topic) View() *partitioner.View { return t.view.Load() }

// Available are the numbers of the partitions that have a leader.
func (t *Topic) Available() []int32 { return t.view.Load().Available }

// NewTopic returns a topic without partitions. leaderless takes the leader's place where one has none.
func NewTopic(name string, settings *Settings, sticky *partitioner.Sticky, leaderless *Leader) *Topic {
	t := &Topic{Name: name, Settings: settings, Sticky: sticky, leaderless: leaderless}
	t.partitions.Store(new([]*Partition))
	t.limitBytes.Store(int64(settings.BatchBytesMax))
	t.view.Store(new(partitioner.View))
	return t
}

// Update brings the topic to as many partitions as the view has and lets unkeyed records follow the view. announce is
// called with the new partitions before a record can board them. Partitions are never taken away: a topic that was made
// anew with fewer keeps the old ones without a leader. The caller is the only updater.
func (a *Accumulator) Update(t *Topic, view *partitioner.View, announce func([]*Partition)) {
	count := int(view.Partitions)
	partitions := t.Partitions()
	if count > len(partitions) {
		grown := slices.Clone(partitions)
		for n := len(partitions); n < count; n++ {
			grown = append(grown, a.newPartition(t, int32(n)))
		}
		announce(grown[len(partitions):])
		t.partitions.Store(&grown)
	}
	t.view.Store(view)
	t.Sticky.Reset(view)
}

// stickyPartition is where the next unkeyed record goes.
func (t *Topic) stickyPartition() *Partition { return t.Partitions()[t.Sticky.Current()] }
