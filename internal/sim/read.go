package sim

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

func (e *reply) describeProducers(raw *kmsg.DescribeProducersRequest) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.DescribeProducersResponse)
	response.ThrottleMillis = e.throttleMillis()
	for _, asked := range raw.Topics {
		told := kmsg.NewDescribeProducersResponseTopic()
		told.Topic = asked.Topic
		for _, number := range asked.Partitions {
			part := kmsg.NewDescribeProducersResponseTopicPartition()
			part.Partition = number
			if part.ErrorCode = e.refused(asked.Topic, number); part.ErrorCode == 0 {
				e.producersOf(model.TopicPartition{Topic: asked.Topic, Partition: number}, &part)
			}
			told.Partitions = append(told.Partitions, part)
		}
		response.Topics = append(response.Topics, told)
	}
	return response
}

func (e *reply) producersOf(at model.TopicPartition, part *kmsg.DescribeProducersResponseTopicPartition) {
	states, code := e.mu.model.DescribeProducers(e.now, e.node, at)
	part.ErrorCode = code
	for _, s := range states {
		active := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		active.ProducerID, active.ProducerEpoch, active.LastSequence = s.ProducerID, int32(s.Epoch), s.LastSequence
		active.LastTimestamp, active.CoordinatorEpoch, active.CurrentTxnStartOffset = s.LastTimestamp, -1, s.TxnStart
		part.ActiveProducers = append(part.ActiveProducers, active)
	}
}

func (e *reply) listOffsets(raw *kmsg.ListOffsetsRequest) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.ListOffsetsResponse)
	response.ThrottleMillis = e.throttleMillis()
	for _, asked := range raw.Topics {
		told := kmsg.NewListOffsetsResponseTopic()
		told.Topic = asked.Topic
		for _, p := range asked.Partitions {
			part := kmsg.NewListOffsetsResponseTopicPartition()
			part.Partition = p.Partition
			if part.ErrorCode = e.refused(asked.Topic, p.Partition); part.ErrorCode == 0 {
				at := model.TopicPartition{Topic: asked.Topic, Partition: p.Partition}
				part.Offset, part.ErrorCode = e.mu.model.ListOffset(e.now, e.node, at, p.CurrentLeaderEpoch, p.Timestamp)
			}
			told.Partitions = append(told.Partitions, part)
		}
		response.Topics = append(response.Topics, told)
	}
	return response
}

func (e *reply) epochEnds(raw *kmsg.OffsetForLeaderEpochRequest) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	response.ThrottleMillis = e.throttleMillis()
	for _, asked := range raw.Topics {
		told := kmsg.NewOffsetForLeaderEpochResponseTopic()
		told.Topic = asked.Topic
		for _, p := range asked.Partitions {
			part := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			part.Partition = p.Partition
			if part.ErrorCode = e.refused(asked.Topic, p.Partition); part.ErrorCode == 0 {
				at := model.TopicPartition{Topic: asked.Topic, Partition: p.Partition}
				part.LeaderEpoch, part.EndOffset, part.ErrorCode = e.mu.model.EpochEnd(e.now, e.node, at, p.CurrentLeaderEpoch, p.LeaderEpoch)
			}
			told.Partitions = append(told.Partitions, part)
		}
		response.Topics = append(response.Topics, told)
	}
	return response
}

// fetch serves a Fetch without a session, and never waits for more.
func (e *reply) fetch(raw *kmsg.FetchRequest) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.FetchResponse)
	response.ThrottleMillis = e.throttleMillis()
	for _, asked := range raw.Topics {
		told := kmsg.NewFetchResponseTopic()
		told.Topic, told.TopicID = asked.Topic, asked.TopicID
		name := asked.Topic
		if raw.Version >= 13 {
			name = e.mu.model.NameOf(asked.TopicID)
		}
		for _, p := range asked.Partitions {
			part := kmsg.NewFetchResponseTopicPartition()
			part.Partition, part.RecordBatches = p.Partition, []byte{}
			if part.ErrorCode = e.refused(name, p.Partition); part.ErrorCode == 0 && raw.Version >= 13 && name == "" {
				part.ErrorCode = kerr.UnknownTopicID.Code
			} else if part.ErrorCode == 0 {
				e.read(name, p, raw.Version, &part)
			}
			told.Partitions = append(told.Partitions, part)
		}
		response.Topics = append(response.Topics, told)
	}
	return response
}

func (e *reply) read(name string, p kmsg.FetchRequestTopicPartition, version int16, part *kmsg.FetchResponseTopicPartition) {
	got := e.mu.model.Fetch(e.now, e.node, model.FetchRequest{
		At: model.TopicPartition{Topic: name, Partition: p.Partition}, Epoch: p.CurrentLeaderEpoch, Offset: p.FetchOffset,
		BytesMax: int(p.PartitionMaxBytes), LeaderOnly: version < 11,
	})
	part.ErrorCode, part.HighWatermark, part.LastStableOffset, part.LogStartOffset = got.Code, got.High, got.High, got.LogStart
	for i, b := range got.Batches {
		part.RecordBatches = append(part.RecordBatches, bytesOf(b)...)
		if limit := int(p.PartitionMaxBytes); i > 0 && len(part.RecordBatches) > limit {
			part.RecordBatches = part.RecordBatches[:limit] // all but the first may be cut off
		}
	}
}
