package broker

import (
	"math"

	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// latestMillis is the end of the year 9999: no broker's clock is beyond it, and time.Time's text form ends there.
const latestMillis = 253_402_300_799_999

// checkAnswer holds a Produce answer against its request. A partition that was not asked about, or is named twice, is
// an error: whose word it is cannot be told, so nothing of the answer is believed. A partition that is left out is
// the handler's to notice: nothing is known of it. Numbers that cannot be are replaced by "not told". The write loop may
// still be writing the request, so that only what it does not change is looked at.
func (r *ProduceRequest) checkAnswer(version int16, resp *wire.ProduceResponse) error {
	byID := version > produceVersionMaxByName
	if !r.answersInOrder(resp, byID) {
		if err := r.checkPartitions(resp, byID); err != nil {
			return err
		}
	}
	resp.ThrottleMillis = max(resp.ThrottleMillis, 0)
	for i := range resp.Partitions {
		result := &resp.Partitions[i]
		if result.BaseOffset < 0 || result.BaseOffset > math.MaxInt64-math.MaxInt32 {
			result.BaseOffset = -1 // with the last record's place behind it, it must still be a number
		}
		if result.LogAppendTime < 0 || result.LogAppendTime > latestMillis {
			result.LogAppendTime = -1
		}
	}
	return nil
}

// answersInOrder reports whether the answer names what was asked about, all of it and in the same order: brokers do.
func (r *ProduceRequest) answersInOrder(resp *wire.ProduceResponse, byID bool) bool {
	next := 0
	for i := range r.Wire.Topics {
		topic := &r.Wire.Topics[i]
		if len(topic.Partitions) > len(resp.Partitions)-next {
			return false
		}
		for j := range topic.Partitions {
			result := &resp.Partitions[next+j]
			if result.Partition != topic.Partitions[j].Index || !isAbout(result, topic, byID) {
				return false
			}
		}
		next += len(topic.Partitions)
	}
	return next == len(resp.Partitions)
}

func isAbout(result *wire.ProduceResult, topic *wire.ProduceTopic, byID bool) bool {
	if byID {
		return result.TopicID == topic.ID
	}
	return string(result.Topic) == topic.Name
}

// partitionKey names a partition the way that the request's version does.
type partitionKey struct {
	name      string
	id        [16]byte
	partition int32
}

// checkPartitions refuses partitions that were not asked about, and a second word on one.
func (r *ProduceRequest) checkPartitions(resp *wire.ProduceResponse, byID bool) error {
	told := make(map[partitionKey]bool)
	for i := range r.Wire.Topics {
		topic := &r.Wire.Topics[i]
		key := partitionKey{name: topic.Name}
		if byID {
			key = partitionKey{id: topic.ID}
		}
		for j := range topic.Partitions {
			key.partition = topic.Partitions[j].Index
			told[key] = false
		}
	}
	for i := range resp.Partitions {
		result := &resp.Partitions[i]
		key := partitionKey{string(result.Topic), result.TopicID, result.Partition}
		twice, asked := told[key]
		switch {
		case !asked:
			return protocolError("it is about partition %d of topic %.249q (id %x), which was not in the request",
				key.partition, key.name, key.id)
		case twice:
			return protocolError("partition %d of topic %.249q (id %x) is in it twice", key.partition, key.name, key.id)
		}
		told[key] = true
	}
	return nil
}
