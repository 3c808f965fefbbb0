package sim

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// sent lists the batches of a Produce request.
func (c *Cluster) sent(raw *kmsg.ProduceRequest) []Sent {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Sent
	for _, asked := range raw.Topics {
		name := asked.Topic
		if raw.Version >= produceVersionMax {
			name = c.mu.model.NameOf(asked.TopicID)
		}
		for _, part := range asked.Partitions {
			s := Sent{Topic: name, Partition: part.Partition}
			s.Batch, s.Err = decodeBatch(part.Records)
			all = append(all, s)
		}
	}
	return all
}

// producing is a Produce request between its arrival and its answer.
type producing struct {
	reply
	request *Request
	raw     *kmsg.ProduceRequest
	places  []int // of what the model got in request.Batches
	answer  *model.Produced
}

// produce has the model write what the script does not refuse, and waits for its answer; nil if there will be none.
func (e *reply) produce(r *Request, raw *kmsg.ProduceRequest) kmsg.Response {
	p := e.beginProduce(r, raw)
	if !p.answer.Done() && !p.answer.Lost() {
		e.steppedLocked()
	}
	for !p.answer.Done() && !p.answer.Lost() && !e.mu.closed {
		e.changed.Wait()
	}
	if !p.answer.Done() {
		return nil
	}
	return p.finish()
}

// beginProduce has the model write what the script does not refuse.
func (e *reply) beginProduce(r *Request, raw *kmsg.ProduceRequest) *producing {
	p := &producing{reply: *e, request: r, raw: raw}
	request := &model.ProduceRequest{
		Acks: raw.Acks, Timeout: time.Duration(raw.TimeoutMillis) * time.Millisecond, ByID: raw.Version >= produceVersionMax,
	}
	if raw.TransactionID != nil {
		request.TransactionalID = *raw.TransactionID
	}
	next := 0 // of r.Batches, which are in the request's order
	for i := range raw.Topics {
		for range raw.Topics[i].Partitions {
			s := &r.Batches[next]
			if e.refused(s.Topic, s.Partition) == 0 || e.fate.Refusal.Append {
				request.Sent = append(request.Sent, s.model(raw.Topics[i].TopicID))
				p.places = append(p.places, next)
			}
			next++
		}
	}
	p.answer = e.mu.model.Produce(e.now, e.node, request)
	return p
}

// finish lays out the answer that the model has by now.
func (p *producing) finish() kmsg.Response {
	r := p.request
	parts := make([]*model.ProducedPart, len(r.Batches))
	for i, place := range p.places {
		parts[place] = &p.answer.Parts[i]
		if placed := p.answer.Parts[i].Batch; placed != nil {
			r.Batches[place].Batch.place(placed, p.answer.Parts[i].AppendTime)
		}
	}
	response := p.raw.ResponseKind().(*kmsg.ProduceResponse)
	response.ThrottleMillis = p.throttleMillis()
	p.fill(response, r, p.raw, parts)
	return response
}

// model returns the batch as the model takes it.
func (s *Sent) model(id model.ID) model.Sent {
	out := model.Sent{Topic: s.Topic, TopicID: id, Partition: s.Partition}
	out.Batch, out.Heads = s.Batch.model()
	if damaged := (*damage)(nil); errors.As(s.Err, &damaged) {
		out.Fault = &damaged.fault
	}
	return out
}

// fill lays out the answer. A part is nil for a batch that the script refused.
func (e *reply) fill(response *kmsg.ProduceResponse, r *Request, raw *kmsg.ProduceRequest, parts []*model.ProducedPart) {
	next := 0
	for _, asked := range raw.Topics {
		told := kmsg.NewProduceResponseTopic()
		told.Topic, told.TopicID = asked.Topic, asked.TopicID
		for range asked.Partitions {
			s := &r.Batches[next]
			part := partOf(s, parts[next])
			if e.refused(s.Topic, s.Partition) != 0 {
				e.fate.Refusal.fill(&part)
			}
			told.Partitions = append(told.Partitions, part)
			next++
		}
		response.Topics = append(response.Topics, told)
	}
	e.addEndpoints(response)
}

// partOf is the model's answer for a batch as the protocol has it.
func partOf(s *Sent, p *model.ProducedPart) kmsg.ProduceResponseTopicPartition {
	told := kmsg.NewProduceResponseTopicPartition()
	told.Partition, told.BaseOffset = s.Partition, -1
	if p == nil {
		return told
	}
	told.ErrorCode, told.BaseOffset, told.LogAppendTime, told.LogStartOffset = p.Code, p.BaseOffset, p.AppendTime, p.LogStart
	told.CurrentLeader.LeaderID, told.CurrentLeader.LeaderEpoch = p.Leader, p.LeaderEpoch
	if p.Message != "" {
		told.ErrorMessage = &p.Message
	}
	if p.Code == kerr.CorruptMessage.Code && s.Err != nil {
		told.ErrorMessage = kmsg.StringPtr(s.Err.Error()) // for whoever reads the test's log
	}
	for _, culprit := range p.Records {
		record := kmsg.NewProduceResponseTopicPartitionErrorRecord()
		record.RelativeOffset, record.ErrorMessage = culprit.Index, &culprit.Message
		told.ErrorRecords = append(told.ErrorRecords, record)
	}
	return told
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
			id := p.CurrentLeader.LeaderID
			if id < 1 || int(id) > len(c.nodes) || named[id] {
				continue
			}
			named[id] = true
			n, b := c.nodes[id-1], kmsg.NewProduceResponseBroker()
			b.NodeID, b.Host, b.Port = n.id, n.host, n.port
			response.Brokers = append(response.Brokers, b)
		}
	}
}

// failed reports whether an answer has an error, which a producer that wants none hears by the end of its connection.
func failed(response *kmsg.ProduceResponse) bool {
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return true
			}
		}
	}
	return false
}
