package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/sender/core"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/metadata"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
	"github.com/omnibus-kafka/omnibus/internal/sender"
)

// ErrPending is returned for a topic that is not known yet, by a call that may not wait.
var ErrPending = errors.New("metadata pending")

// ErrMaxBlock is the cause of a context that max.block.ms ended.
var ErrMaxBlock = errors.New("max.block.ms ran out")

// Route is the way of a topic's records.
type Route struct {
	Topic *accumulator.Topic
	// SizeMax is the largest record, in bytes as it may stand in a batch.
	SizeMax int

	sender *sender.Topic
}

// Known returns the route to a topic that was used before.
func (p *Pipeline) Known(topic string) (*Route, bool) {
	// Most producers write to one topic, and looking it up by its hash took a tenth of what a 100-byte record costs.
	if first := p.firstRoute.Load(); first != nil && first.Topic.Name == topic {
		return first, true
	}
	r, ok := p.routes.Load(topic)
	if !ok {
		return nil, false
	}
	return r.(*Route), true
}

// Route returns the route to a topic, and what remains of wait. A topic's first use waits for its metadata, for at most
// wait or until ctx ends; with a wait of 0 the look-up is begun, and the error is ErrPending.
func (p *Pipeline) Route(ctx context.Context, topic string, wait time.Duration) (r *Route, left time.Duration, err error) {
	if r, ok := p.Known(topic); ok {
		return r, wait, nil
	}
	if wait <= 0 {
		return p.routeNow(topic)
	}
	began := time.Now()
	bounded, cancel := context.WithTimeoutCause(ctx, wait, ErrMaxBlock)
	defer cancel()
	known, err := p.Metadata.Wait(bounded, topic, -1)
	if err != nil {
		return nil, 0, err
	}
	r, err = p.addRoute(known)
	return r, max(wait-time.Since(began), 0), err
}

// routeNow is Route for a call that may not wait.
func (p *Pipeline) routeNow(topic string) (r *Route, left time.Duration, err error) {
	if known := p.Metadata.Cluster().Topics[topic]; known != nil && known.Usable() {
		r, err = p.addRoute(known)
		return r, 0, err
	}
	p.Metadata.Want(topic)
	if err := p.Metadata.ShutOut(); err != nil {
		return nil, 0, err
	}
	return nil, 0, ErrPending
}

// Grow waits until a topic has the partition, which is beyond those known, or until ctx ends.
func (p *Pipeline) Grow(ctx context.Context, r *Route, partition int32) error {
	known, err := p.Metadata.Wait(ctx, r.Topic.Name, partition)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed != nil {
		return metadata.ErrClosed
	}
	p.followLocked(r, known, p.Metadata.Cluster())
	return nil
}

// addRoute makes the route to a topic, or returns the one that another caller made.
func (p *Pipeline) addRoute(known *metadata.Topic) (*Route, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed != nil {
		return nil, metadata.ErrClosed
	}
	if r, ok := p.Known(known.Name); ok {
		return r, nil
	}
	own := p.config.Topic(known.Name)
	sticky := partitioner.NewSticky(partitioner.StickyOptions{
		QuantumBytes: own.Boarding.BatchBytes, Uniform: p.config.Spread.Uniform, Seed: p.chance.Uint64(),
	}, new(partitioner.View))
	r := &Route{
		Topic:   accumulator.NewTopic(known.Name, &own.Boarding, sticky, p.leaderless),
		sender:  p.Sender.NewTopic(known.Name, own.Sender),
		SizeMax: own.Boarding.SizeMax(p.config.RequestBytesMax, int(min(p.config.BufferBytes/2, 1<<30))),
	}
	p.followLocked(r, known, p.Metadata.Cluster())
	p.routes.Store(known.Name, r)
	p.shareLocked(known)
	p.firstRoute.CompareAndSwap(nil, r)
	return r, nil
}

// followLocked brings a route, and the sender, to what metadata knows of the topic.
func (p *Pipeline) followLocked(r *Route, known *metadata.Topic, cluster *metadata.Cluster) {
	p.takeBrokersLocked(cluster)
	view := &partitioner.View{
		Partitions: int32(len(known.Partitions)), Available: known.Available, SameRack: p.nearby(known, cluster),
		Queued: p.load(r),
	}
	p.Accumulator.Update(r.Topic, view, func(added []*accumulator.Partition) {
		if p.mu.closed != nil { // leaders are followed until the last record has its outcome
			for _, partition := range added {
				partition.Refuse(p.mu.closed)
			}
		}
		p.Sender.AddPartitions(r.sender, added)
	})
	leaders := make([]core.Leader, 0, len(known.Partitions))
	for i, partition := range r.Topic.Partitions() {
		leader := core.Leader{Partition: partition, Leader: -1, Epoch: -1, TopicID: known.ID}
		if i < len(known.Partitions) {
			leader.Leader, leader.Epoch = known.Partitions[i].Leader, known.Partitions[i].LeaderEpoch
		}
		leaders = append(leaders, leader)
	}
	p.Sender.Lead(p.mu.brokers, leaders)
}

// nearby lists the partitions whose leader is in the client's rack (KIP-1123).
func (p *Pipeline) nearby(known *metadata.Topic, cluster *metadata.Cluster) []int32 {
	if p.config.Spread.Rack == "" {
		return nil
	}
	var near []int32
	for _, n := range known.Available {
		if cluster.Brokers[known.Partitions[n].Leader].Rack == p.config.Spread.Rack {
			near = append(near, n)
		}
	}
	return near
}

// load is the load of the route's partitions, for the adaptive choice.
func (p *Pipeline) load(r *Route) func(int32) (batches int, ready bool) {
	availability, clock := p.config.Spread.AvailabilityMax, p.Accumulator.Clock
	return func(n int32) (int, bool) {
		partition := r.Topic.Partitions()[n]
		since := partition.StalledSince()
		stalled := availability > 0 && since != 0 && clock.Now()-since > availability
		return partition.Queued(), !stalled
	}
}

// takeBrokersLocked takes over the brokers of the cluster, and reports whether they are others than before.
func (p *Pipeline) takeBrokersLocked(cluster *metadata.Cluster) (changed bool) {
	changed = len(cluster.Brokers) != len(p.mu.brokers)
	for _, b := range p.mu.brokers {
		changed = changed || cluster.Brokers[b.ID].Address != b.Address
	}
	if !changed {
		return false
	}
	brokers := make([]core.Broker, 0, len(cluster.Brokers))
	for id, b := range cluster.Brokers {
		brokers = append(brokers, core.Broker{ID: id, Address: b.Address, Account: p.pool.Account(id)})
	}
	p.mu.brokers = brokers
	return true
}

// metadataChanged brings the routes of the changed topics up to date. It runs on the metadata manager's goroutine.
func (p *Pipeline) metadataChanged(_, next *metadata.Cluster, changed []string) {
	p.mu.Lock()
	if p.takeBrokersLocked(next) {
		p.Sender.Lead(p.mu.brokers, nil)
	}
	for _, name := range changed {
		r, ok := p.Known(name)
		if known := next.Topics[name]; ok && known != nil && len(known.Partitions) > 0 {
			p.followLocked(r, known, next)
		}
	}
	p.divideLocked(next)
	p.mu.Unlock()
	p.config.Updated(changed)
}
