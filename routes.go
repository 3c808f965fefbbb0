package omnibus

import (
	"context"
	"errors"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/metadata"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
	"github.com/omnibus-kafka/omnibus/internal/sender"
)

// route is the way of a topic's records: how they are partitioned, where they board.
type route struct {
	topic   *accumulator.Topic
	sender  *sender.Topic
	sizeMax int // of a record, as it may stand in a batch
}

// route returns the way to a topic. The first record of a topic waits for its metadata, for at most wait or until ctx
// ends; with a wait of 0 its look-up is begun and ErrMetadataPending returned. left is what remains of wait.
func (p *Producer) route(ctx context.Context, topic string, wait time.Duration) (r *route, left time.Duration, err error) {
	if r, ok := p.routes.Load(topic); ok {
		return r.(*route), wait, nil
	}
	if fault := topicNameFault(topic); fault != "" {
		return nil, 0, errors.Join(ErrInvalidRecord, errors.New(fault))
	}
	if wait <= 0 {
		p.metadata.Want(topic)
		return nil, 0, ErrMetadataPending
	}
	began := time.Now()
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	known, err := p.metadata.Wait(bounded, topic, -1)
	if err != nil {
		return nil, 0, p.closedOr(err)
	}
	r, err = p.addRoute(known)
	return r, max(wait-time.Since(began), 0), err
}

// closedOr is ErrClosed if the producer is closing, which explains any failure, else err.
func (p *Producer) closedOr(err error) error {
	if p.closing.Load() {
		return ErrClosed
	}
	return err
}

// addRoute makes the way to a topic, or returns the one that another caller made.
func (p *Producer) addRoute(known *metadata.Topic) (*route, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return nil, ErrClosed
	}
	if r, ok := p.routes.Load(known.Name); ok {
		return r.(*route), nil
	}
	own := p.settings.topic(known.Name)
	boarding := &accumulator.Settings{BatchBytes: own.batchBytes, BatchBytesMax: own.batchBytesMax, OneRecord: own.batchBytes <= 1}
	sticky := partitioner.NewSticky(partitioner.StickyOptions{
		QuantumBytes: own.batchBytes, Uniform: p.settings.DisableAdaptive,
	}, new(partitioner.View))
	r := &route{
		topic:   accumulator.NewTopic(known.Name, boarding, sticky),
		sender:  p.sender.NewTopic(known.Name, own.senderConfig()),
		sizeMax: boarding.SizeMax(p.settings.MaxRequestBytes, int(min(p.settings.BufferBytes/2, 1<<30))),
	}
	p.followLocked(r, known, p.metadata.Cluster())
	p.routes.Store(known.Name, r)
	return r, nil
}

// senderConfig is what the sender must know of the topic's settings.
func (t *topicSettings) senderConfig() sender.TopicConfig {
	acks := map[Acks]int16{AcksAll: -1, AcksLeader: 1, AcksNone: 0}
	return sender.TopicConfig{
		Acks: acks[t.acks], Idempotent: t.idempotent, Codec: compress.Codec(t.codec), Level: t.compressLevel(),
		Linger: t.linger, DeliveryTimeout: t.deliveryTimeout,
	}
}

// compressLevel is the topic's level as the codec takes it: the defaults of Java are the codecs' own.
func (t *topicSettings) compressLevel() compress.Level {
	switch {
	case t.codec == CompressionNone || t.codec == CompressionSnappy,
		t.codec == CompressionGzip && t.level == None:
		return compress.Level{}
	}
	return compress.AtLevel(t.level)
}

// followLocked brings a route, and the sender, to what metadata knows of the topic.
func (p *Producer) followLocked(r *route, known *metadata.Topic, cluster *metadata.Cluster) {
	p.tellBrokersLocked(cluster)
	view := &partitioner.View{
		Partitions: int32(len(known.Partitions)), Available: known.Available, SameRack: p.nearby(known, cluster),
		Queued: r.queued(p.accumulator.Clock, p.settings.AvailabilityTimeout),
	}
	p.accumulator.Update(r.topic, view, p.leaderless, func(added []*accumulator.Partition) {
		p.sender.AddPartitions(r.sender, added)
	})
	leaders := make([]sender.Leader, 0, len(known.Partitions))
	for i, partition := range r.topic.Partitions() {
		leader := sender.Leader{Partition: partition, Leader: -1, Epoch: -1, TopicID: known.ID}
		if i < len(known.Partitions) {
			leader.Leader, leader.Epoch = known.Partitions[i].Leader, known.Partitions[i].LeaderEpoch
		}
		leaders = append(leaders, leader)
	}
	p.sender.Lead(p.mu.brokers, leaders)
}

// nearby lists the partitions whose leader is in the client's rack (KIP-1123).
func (p *Producer) nearby(known *metadata.Topic, cluster *metadata.Cluster) []int32 {
	if !p.settings.RackAware {
		return nil
	}
	var near []int32
	for _, n := range known.Available {
		if cluster.Brokers[known.Partitions[n].Leader].Rack == p.settings.Rack {
			near = append(near, n)
		}
	}
	return near
}

// queued is the load of the route's partitions, for the adaptive choice.
func (r *route) queued(clock *accumulator.Clock, availability time.Duration) func(int32) (int, bool) {
	return func(n int32) (int, bool) {
		partition := r.topic.Partitions()[n]
		if availability > 0 {
			if since := partition.StalledSince(); since != 0 && clock.Now()-since > availability {
				return partition.Queued(), false
			}
		}
		return partition.Queued(), true
	}
}

// tellBrokersLocked takes over the brokers of the cluster, and reports whether they are others than before.
func (p *Producer) tellBrokersLocked(cluster *metadata.Cluster) (changed bool) {
	changed = len(cluster.Brokers) != len(p.mu.brokers)
	for _, b := range p.mu.brokers {
		changed = changed || cluster.Brokers[b.ID].Address != b.Address
	}
	if !changed {
		return false
	}
	ids := make([]int32, 0, len(cluster.Brokers))
	brokers := make([]sender.Broker, 0, len(cluster.Brokers))
	for id, b := range cluster.Brokers {
		ids = append(ids, id)
		brokers = append(brokers, sender.Broker{ID: id, Address: b.Address, Account: p.pool.Account(id)})
	}
	p.pool.SetAccounts(ids)
	p.mu.brokers = brokers
	return true
}

// metadataChanged brings the routes of the changed topics up to date. It runs on the metadata manager's goroutine.
func (p *Producer) metadataChanged(_, next *metadata.Cluster, changed []string) {
	p.mu.Lock()
	if p.tellBrokersLocked(next) {
		p.sender.Lead(p.mu.brokers, nil)
	}
	for _, name := range changed {
		r, ok := p.routes.Load(name)
		if known := next.Topics[name]; ok && known != nil && len(known.Partitions) > 0 {
			p.followLocked(r.(*route), known, next)
		}
	}
	p.mu.Unlock()
	if t := p.settings.Trace; t != nil && t.MetadataUpdated != nil {
		p.guard("Trace.MetadataUpdated", func() { t.MetadataUpdated(changed) })
	}
}

// PartitionInfo is what the cluster says of one partition.
type PartitionInfo struct {
	// Partition is its number, from 0.
	Partition int32
	// Leader is the broker that takes its records, -1 while there is none.
	Leader int32
	// LeaderEpoch counts the partition's leaders, -1 where brokers do not tell.
	LeaderEpoch int32
}

// PartitionsFor returns the partitions of a topic, in order. It waits for the topic's metadata like Enqueue, for at most
// max.block.ms.
func (p *Producer) PartitionsFor(ctx context.Context, topic string) ([]PartitionInfo, error) {
	if fault := topicNameFault(topic); fault != "" {
		return nil, errors.Join(ErrInvalidRecord, errors.New(fault))
	}
	ctx, cancel := context.WithTimeout(ctx, p.settings.MaxBlock)
	defer cancel()
	known, err := p.metadata.Wait(ctx, topic, -1)
	if err != nil {
		return nil, p.closedOr(err)
	}
	infos := make([]PartitionInfo, len(known.Partitions))
	for i, partition := range known.Partitions {
		infos[i] = PartitionInfo{Partition: int32(i), Leader: partition.Leader, LeaderEpoch: partition.LeaderEpoch}
	}
	return infos, nil
}
