// Package ask has the brokers of the model answer what a producer asks them besides Produce: what they remember of it, where
// their logs end, and the headers in them.
//
// Stage: none; package play asks so, because nothing of it goes over a wire there. internal/sim has its own answers, with
// whole records, for whoever asks over a connection.
//
// Invariant: an answer is the model's of one moment, and nothing of it is kept.
package ask

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// headerBytes is the size of a record batch without records.
const headerBytes = 61

// broker is who is asked, and when.
type broker struct {
	*model.Cluster
	now  time.Time
	node int32
}

// Broker is a broker's answer to DescribeProducers, OffsetForLeaderEpoch, ListOffsets or Fetch, the latter three about one
// partition; other requests are an error.
func Broker(c *model.Cluster, now time.Time, node int32, request kmsg.Request) (kmsg.Response, error) {
	s := broker{c, now, node}
	response := request.ResponseKind()
	switch r := response.(type) {
	case *kmsg.DescribeProducersResponse:
		s.producers(request.(*kmsg.DescribeProducersRequest), r)
	case *kmsg.OffsetForLeaderEpochResponse:
		s.epochEnd(&request.(*kmsg.OffsetForLeaderEpochRequest).Topics[0], r)
	case *kmsg.ListOffsetsResponse:
		s.offset(&request.(*kmsg.ListOffsetsRequest).Topics[0], r)
	case *kmsg.FetchResponse:
		asked := fetchOf(request)
		if asked == nil {
			return nil, fmt.Errorf("a Fetch of the type %T", request)
		}
		s.fetch(&asked.Topics[0], request.MaxVersion(), r)
	default:
		return nil, fmt.Errorf("nobody answers a %T", request)
	}
	return response, nil
}

// fetchOf finds the request in what may be wrapped to limit its version.
func fetchOf(request kmsg.Request) *kmsg.FetchRequest {
	if plain, ok := request.(*kmsg.FetchRequest); ok {
		return plain
	}
	copied := kmsg.NewPtrFetchRequest()
	copied.SetVersion(namedMax)
	request.SetVersion(namedMax)
	if copied.ReadFrom(request.AppendTo(nil)) != nil {
		return nil
	}
	return copied
}

// namedMax is the last version of Fetch that calls topics by name.
const namedMax = 12

func (s broker) producers(asked *kmsg.DescribeProducersRequest, r *kmsg.DescribeProducersResponse) {
	for _, topic := range asked.Topics {
		told := kmsg.NewDescribeProducersResponseTopic()
		told.Topic = topic.Topic
		for _, number := range topic.Partitions {
			part := kmsg.NewDescribeProducersResponseTopicPartition()
			states, code := s.Cluster.DescribeProducers(s.now, s.node, model.TopicPartition{Topic: topic.Topic, Partition: number})
			part.Partition, part.ErrorCode = number, code
			for _, state := range states {
				active := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
				active.ProducerID, active.ProducerEpoch, active.LastSequence = state.ProducerID, int32(state.Epoch), state.LastSequence
				part.ActiveProducers = append(part.ActiveProducers, active)
			}
			told.Partitions = append(told.Partitions, part)
		}
		r.Topics = append(r.Topics, told)
	}
}

func (s broker) epochEnd(asked *kmsg.OffsetForLeaderEpochRequestTopic, r *kmsg.OffsetForLeaderEpochResponse) {
	q := &asked.Partitions[0]
	told, part := kmsg.NewOffsetForLeaderEpochResponseTopic(), kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	at := model.TopicPartition{Topic: asked.Topic, Partition: q.Partition}
	part.LeaderEpoch, part.EndOffset, part.ErrorCode = s.Cluster.EpochEnd(s.now, s.node, at, q.CurrentLeaderEpoch, q.LeaderEpoch)
	told.Topic, told.Partitions = asked.Topic, append(told.Partitions, part)
	r.Topics = append(r.Topics, told)
}

func (s broker) offset(asked *kmsg.ListOffsetsRequestTopic, r *kmsg.ListOffsetsResponse) {
	q := &asked.Partitions[0]
	told, part := kmsg.NewListOffsetsResponseTopic(), kmsg.NewListOffsetsResponseTopicPartition()
	at := model.TopicPartition{Topic: asked.Topic, Partition: q.Partition}
	part.Offset, part.ErrorCode = s.Cluster.ListOffset(s.now, s.node, at, q.CurrentLeaderEpoch, q.Timestamp)
	told.Topic, told.Partitions = asked.Topic, append(told.Partitions, part)
	r.Topics = append(r.Topics, told)
}

// fetchBytes is a small part of what is asked for, so that reading takes several requests.
const fetchBytes = 1000

// fetch gives the headers of batches, without their records.
func (s broker) fetch(asked *kmsg.FetchRequestTopic, version int16, r *kmsg.FetchResponse) {
	name := asked.Topic
	if version > namedMax {
		name = s.Cluster.NameOf(asked.TopicID)
	}
	q := &asked.Partitions[0]
	got := s.Cluster.Fetch(s.now, s.node, model.FetchRequest{
		At: model.TopicPartition{Topic: name, Partition: q.Partition}, Epoch: q.CurrentLeaderEpoch, Offset: q.FetchOffset, BytesMax: fetchBytes,
	})
	told, part := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
	part.ErrorCode, part.HighWatermark, part.LogStartOffset = got.Code, got.High, got.LogStart
	for _, b := range got.Batches {
		part.RecordBatches = appendHeader(part.RecordBatches, b)
	}
	told.Topic, told.Partitions = asked.Topic, append(told.Partitions, part)
	r.Topics = append(r.Topics, told)
}

// appendHeader lays out a batch without records.
func appendHeader(to []byte, b *model.Batch) []byte {
	be := binary.BigEndian
	to = be.AppendUint64(to, uint64(b.Offset))
	to = be.AppendUint32(to, headerBytes-12)
	to = be.AppendUint32(to, uint32(b.LeaderEpoch))
	to = append(to, 2)          // magic
	to = be.AppendUint32(to, 0) // CRC
	to = be.AppendUint16(to, 0) // attributes
	to = be.AppendUint32(to, uint32(b.Count-1))
	to = be.AppendUint64(to, uint64(b.MaxTimestamp))
	to = be.AppendUint64(to, uint64(b.MaxTimestamp))
	to = be.AppendUint64(to, uint64(b.ProducerID))
	to = be.AppendUint16(to, uint16(b.ProducerEpoch))
	to = be.AppendUint32(to, uint32(b.Sequence))
	return be.AppendUint32(to, uint32(b.Count))
}
