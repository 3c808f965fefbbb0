package omnibus

import (
	"context"

	"github.com/omnibus-kafka/omnibus/internal/pipeline"
)

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
		return nil, invalidTopic(topic, fault)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.settings.MaxBlock, pipeline.ErrMaxBlock)
	defer cancel()
	known, err := p.pipeline.Metadata.Wait(ctx, topic, -1)
	if err != nil {
		return nil, p.closedOr(err)
	}
	infos := make([]PartitionInfo, len(known.Partitions))
	for i, partition := range known.Partitions {
		infos[i] = PartitionInfo{Partition: int32(i), Leader: partition.Leader, LeaderEpoch: partition.LeaderEpoch}
	}
	return infos, nil
}
