package sim

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sent lists the batches of a Produce request.
func (c *Cluster) sent(raw *kmsg.ProduceRequest) []Sent {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Sent
	for _, asked := range raw.Topics {
		name := asked.Topic
		if t := c.topicLocked(raw.Version, &asked); t != nil {
			name = t.name
		}
		for _, part := range asked.Partitions {
			s := Sent{Topic: name, Partition: part.Partition}
			s.Batch, s.Err = decodeBatch(part.Records)
			all = append(all, s)
		}
	}
	return all
}

// topicLocked finds the topic that a part of a Produce request is for: by its id from version 13 on, by name before.
func (c *Cluster) topicLocked(version int16, asked *kmsg.ProduceRequestTopic) *topic {
	if version < produceVersionMax {
		return c.mu.topics[asked.Topic]
	}
	for _, t := range c.mu.topics {
		if t.id == asked.TopicID {
			return t
		}
	}
	return nil
}

func (c *Cluster) produceLocked(n *node, r *Request, raw *kmsg.ProduceRequest, fate Fate) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.ProduceResponse)
	response.ThrottleMillis = int32(fate.Throttle.Milliseconds())
	next := 0 // of r.Batches, which are in the request's order
	for i := range raw.Topics {
		asked := &raw.Topics[i]
		told := kmsg.NewProduceResponseTopic()
		told.Topic, told.TopicID = asked.Topic, asked.TopicID
		t := c.topicLocked(raw.Version, asked)
		for range asked.Partitions {
			a := arrival{node: n, topic: t, sent: &r.Batches[next]}
			next++
			told.Partitions = append(told.Partitions, a.answer(raw.Version, fate.Refusal))
		}
		response.Topics = append(response.Topics, told)
	}
	c.addEndpoints(response)
	return response
}

// arrival is a batch at a broker.
type arrival struct {
	node  *node
	topic *topic // nil for one that does not exist
	sent  *Sent
}

// answer is what the broker says of the batch.
func (a *arrival) answer(version int16, refusal *Refusal) kmsg.ProduceResponseTopicPartition {
	told := kmsg.NewProduceResponseTopicPartition()
	told.Partition, told.BaseOffset = a.sent.Partition, -1
	refused := refusal.concerns(a.sent.Topic, a.sent.Partition)
	if !refused || refusal.Append {
		a.write(&told)
		if told.ErrorCode == kerr.UnknownTopicOrPartition.Code && version >= produceVersionMax {
			told.ErrorCode = kerr.UnknownTopicID.Code
		}
	}
	if refused {
		refusal.fill(&told)
	}
	return told
}

// write appends the batch to its log, or says why not.
func (a *arrival) write(told *kmsg.ProduceResponseTopicPartition) {
	if a.topic == nil || int(a.sent.Partition) >= len(a.topic.partitions) {
		told.ErrorCode = kerr.UnknownTopicOrPartition.Code
		return
	}
	p := a.topic.partitions[a.sent.Partition]
	switch {
	case p.leader != a.node.id:
		told.ErrorCode = kerr.NotLeaderForPartition.Code
		told.CurrentLeader.LeaderID, told.CurrentLeader.LeaderEpoch = p.leader, p.epoch
		return
	case a.sent.Err != nil:
		told.ErrorCode, told.ErrorMessage = kerr.CorruptMessage.Code, kmsg.StringPtr(a.sent.Err.Error())
		return
	case a.sent.Batch.Bytes > a.topic.options.BatchBytesMax:
		told.ErrorCode = kerr.MessageTooLarge.Code
		return
	}
	if a.topic.options.LogAppendTime {
		a.sent.Batch.stamp(time.Now())
	}
	written, code := p.append(a.sent.Batch)
	told.ErrorCode = code
	if written != nil {
		told.BaseOffset, told.LogStartOffset = written.Offset, 0
		if written.LogAppendTime {
			told.LogAppendTime = written.Records[0].Timestamp.UnixMilli()
		}
	}
}

// fill makes an answer the refusal's.
func (r *Refusal) fill(told *kmsg.ProduceResponseTopicPartition) {
	told.ErrorCode, told.BaseOffset, told.LogAppendTime = r.Code, -1, -1
	if r.Message != "" {
		told.ErrorMessage = &r.Message
	}
	for index, message := range r.Records {
		culprit := kmsg.NewProduceResponseTopicPartitionErrorRecord()
		culprit.RelativeOffset, culprit.ErrorMessage = index, &message
		told.ErrorRecords = append(told.ErrorRecords, culprit)
	}
	if r.Leader != nil {
		told.CurrentLeader.LeaderID, told.CurrentLeader.LeaderEpoch = *r.Leader, r.LeaderEpoch
	}
}

// addEndpoints names the brokers that the answer's hints speak of.
func (c *Cluster) addEndpoints(response *kmsg.ProduceResponse) {
	named := make(map[int32]bool)
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			n := c.node(p.CurrentLeader.LeaderID)
			if n == nil || named[n.id] {
				continue
			}
			named[n.id] = true
			b := kmsg.NewProduceResponseBroker()
			b.NodeID, b.Host, b.Port = n.id, n.host, n.port
			response.Brokers = append(response.Brokers, b)
		}
	}
}
