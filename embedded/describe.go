package embedded

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/embedded/internal/logdir"
)

// producerIdleMax is after how long a silent producer is forgotten (Kafka's producer.id.expiration.ms).
const producerIdleMax = 24 * time.Hour

// beforeDescribeProducers answers in place of kfake, which names producers of transactions only: a client that asks
// whether its batch is there would be told that it has never written. The answer is read from the log.
func (s *producerSeparator) beforeDescribeProducers(request kmsg.Request) kmsg.Response {
	describe, ok := request.(*kmsg.DescribeProducersRequest)
	if !ok {
		return nil
	}
	response := describe.ResponseKind().(*kmsg.DescribeProducersResponse)
	for i := range describe.Topics {
		topic := kmsg.NewDescribeProducersResponseTopic()
		topic.Topic = describe.Topics[i].Topic
		for _, number := range describe.Topics[i].Partitions {
			topic.Partitions = append(topic.Partitions, s.describe(topic.Topic, number))
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

func (s *producerSeparator) describe(topic string, number int32) kmsg.DescribeProducersResponseTopicPartition {
	answer := kmsg.NewDescribeProducersResponseTopicPartition()
	answer.Partition = number
	if s.cluster.PartitionInfo(topic, number) == nil {
		answer.ErrorCode = kerr.UnknownTopicOrPartition.Code
		return answer
	}
	if s.dir == "" {
		// Of all refusals this is the one that clients know what to do about: they cannot ask.
		text := "a broker in memory keeps no list of producers"
		answer.ErrorCode, answer.ErrorMessage = kerr.TopicAuthorizationFailed.Code, &text
		return answer
	}
	partition := logdir.Partition{Topic: topic, Number: number, Dir: logdir.PartitionDir(s.dir, topic, number)}
	producers, err := partition.Producers(time.Now().Add(-producerIdleMax))
	if err != nil {
		text := err.Error()
		answer.ErrorCode, answer.ErrorMessage = kerr.UnknownServerError.Code, &text
		return answer
	}
	salt := producerSalt(topic, number)
	for _, p := range producers {
		active := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		active.ProducerID = p.ID ^ salt
		if p.Transactional {
			active.ProducerID = p.ID
		}
		active.ProducerEpoch = int32(p.Epoch)
		active.LastSequence = p.LastSequence
		active.LastTimestamp = p.LastTimestamp
		active.CurrentTxnStartOffset = p.TransactionStart
		answer.ActiveProducers = append(answer.ActiveProducers, active)
	}
	return answer
}
