package pipeline

import (
	"maps"
	"slices"

	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/metadata"
)

// The guaranteed half of the buffer is divided among the brokers that lead a partition of a topic in use, not among all
// that the cluster has: of a hundred brokers three may be written to, and what the other ninety-seven were promised
// would be of no use to anyone.

// shareLocked gives the leaders of one more topic their share.
func (p *Pipeline) shareLocked(known *metadata.Topic) {
	leading := maps.Clone(p.mu.leading)
	if leading == nil {
		leading = make(map[int32]struct{})
	}
	leaders(known, leading)
	p.setLeadingLocked(leading)
}

// divideLocked divides the guaranteed half anew among those that lead by now.
func (p *Pipeline) divideLocked(cluster *metadata.Cluster) {
	leading := make(map[int32]struct{})
	p.routes.Range(func(name, _ any) bool {
		if known := cluster.Topics[name.(string)]; known != nil {
			leaders(known, leading)
		}
		return true
	})
	p.setLeadingLocked(leading)
}

// setLeadingLocked tells the pool who leads, if that has changed. While nobody does, as when a cluster is gone, the
// shares stay as they are.
func (p *Pipeline) setLeadingLocked(leading map[int32]struct{}) {
	if len(leading) == 0 || maps.Equal(leading, p.mu.leading) {
		return
	}
	p.mu.leading = leading
	p.pool.SetAccounts(append(slices.Collect(maps.Keys(leading)), bufferpool.Callbacks))
}

// leaders adds the leaders of a topic's partitions.
func leaders(known *metadata.Topic, leading map[int32]struct{}) {
	for _, partition := range known.Partitions {
		if partition.Leader >= 0 {
			leading[partition.Leader] = struct{}{}
		}
	}
}
