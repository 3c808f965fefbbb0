package model

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ProduceRequest is a Produce request.
type ProduceRequest struct {
	// Acks is -1 (all), 1 or 0.
	Acks int16
	// Timeout is how long acks=all may wait.
	Timeout time.Duration
	// TransactionalID is that of a transaction, else "".
	TransactionalID string
	// ByID tells that topics are named by id, as from version 13 on.
	ByID bool
	Sent []Sent
}

// Sent is a batch on its way to a partition.
type Sent struct {
	Topic     string // or
	TopicID   ID
	Partition int32
	// Batch is what the log gets a copy of, with its place.
	Batch *Batch
	// Heads are the records, as far as a broker looks at them; nil for records that are well.
	Heads []Head
	// Fault is what is wrong with the bytes, nil for nothing.
	Fault *Fault
}

// Produced is the answer to a Produce request. It may become complete in a later step.
type Produced struct {
	Parts          []ProducedPart // as in the request
	ThrottleMillis int32

	deadline   time.Time
	open       int // parts without an answer
	done, lost bool
}

// ProducedPart is the answer for one batch. Offsets are -1 where there are none. An answer that says REQUEST_TIMED_OUT,
// NOT_ENOUGH_REPLICAS_AFTER_APPEND, or NOT_LEADER_OR_FOLLOWER after an append, has the offset nevertheless.
type ProducedPart struct {
	Code       int16
	Message    string
	BaseOffset int64
	// AppendTime is the broker's time where it counts, else -1, in milliseconds. A repetition has the timestamp of its
	// batch whatever the topic says.
	AppendTime int64
	LogStart   int64
	// Leader and LeaderEpoch are the hint of KIP-951, -1 for none.
	Leader, LeaderEpoch int32
	Records             []RecordError
	// Batch is what this request put into the log, nil for nothing.
	Batch *Batch

	waits bool
}

// RecordError names a record that was refused (KIP-467), by its place in the batch.
type RecordError struct {
	Index   int32
	Message string
}

// Done reports whether the answer is complete.
func (a *Produced) Done() bool { return a.done }

// Lost reports that there will never be an answer, because the broker went down.
func (a *Produced) Lost() bool { return a.lost }

// complete gives a part that waits its answer.
func (a *Produced) complete(part *ProducedPart, code int16) {
	if a.done || a.lost || !part.waits {
		return
	}
	part.waits, part.Code = false, code
	if a.open--; a.open == 0 {
		a.done = true
	}
}

// timeOut answers all that still waits.
func (a *Produced) timeOut() {
	for i := range a.Parts {
		a.complete(&a.Parts[i], kerr.RequestTimedOut.Code)
	}
}

// Produce is a Produce request that arrives at a broker. With acks=all the answer may come later; it is lost if the broker
// is down, or goes down before.
func (c *Cluster) Produce(now time.Time, node int32, r *ProduceRequest) *Produced {
	c.advance(now)
	n := c.node(node)
	answer := &Produced{
		Parts: make([]ProducedPart, len(r.Sent)), ThrottleMillis: n.throttleMillis, deadline: now.Add(r.Timeout), lost: !n.up,
	}
	if answer.lost {
		return answer
	}
	for i := range r.Sent {
		part := &answer.Parts[i]
		*part = ProducedPart{BaseOffset: -1, AppendTime: -1, LogStart: -1, Leader: noLeader, LeaderEpoch: -1}
		a := arrival{cluster: c, node: n, request: r, sent: &r.Sent[i], part: part, answer: answer}
		part.Code = a.serve()
	}
	// Followers copy when all is written, so that a request waits for all its partitions together.
	for i := range r.Sent {
		if p := c.partitionOf(r, &r.Sent[i]); p != nil && answer.Parts[i].BaseOffset >= 0 {
			c.replicate(p)
			if replica := p.replica(node); replica != nil && replica.leads >= 0 {
				replica.raise(p)
			}
		}
	}
	if answer.open == 0 {
		answer.done = true
	} else {
		c.waiting = append(c.waiting, answer)
	}
	return answer
}

// partitionOf finds what a batch is for, or nil.
func (c *Cluster) partitionOf(r *ProduceRequest, s *Sent) *partition {
	t := c.topicOf(r, s)
	if t == nil || s.Partition < 0 || int(s.Partition) >= len(t.partitions) {
		return nil
	}
	return t.partitions[s.Partition]
}

func (c *Cluster) topicOf(r *ProduceRequest, s *Sent) *topic {
	if r.ByID {
		return c.topicWithID(s.TopicID)
	}
	return c.topicNamed(s.Topic)
}

// arrival is a batch at a broker.
type arrival struct {
	cluster *Cluster
	node    *node
	request *ProduceRequest
	sent    *Sent
	part    *ProducedPart
	answer  *Produced
}

// serve answers for the batch, in the order in which KafkaApis and ReplicaManager look.
func (a *arrival) serve() int16 {
	t := a.cluster.topicOf(a.request, a.sent)
	p := a.cluster.partitionOf(a.request, a.sent)
	switch {
	case a.sent.Batch.Transactional && a.request.TransactionalID == "":
		return kerr.TransactionalIDAuthorizationFailed.Code
	case t == nil && a.request.ByID:
		return kerr.UnknownTopicID.Code
	case t != nil && a.cluster.denies(t.name, Write):
		return kerr.TopicAuthorizationFailed.Code
	case p == nil:
		return kerr.UnknownTopicOrPartition.Code
	case a.sent.Fault != nil && a.sent.Fault.Request:
		return a.sent.Fault.Code
	case a.request.Acks < -1 || a.request.Acks > 1:
		return kerr.InvalidRequiredAcks.Code
	}
	r := p.replica(a.node.id)
	if r == nil || r.leads < 0 {
		a.hint(p)
		return kerr.NotLeaderForPartition.Code
	}
	if a.request.Acks == -1 && len(r.isr) < p.minInSync() {
		return kerr.NotEnoughReplicas.Code
	}
	if code := a.validate(t, p); code != 0 {
		if a.part.Records != nil {
			a.part.LogStart = r.start
		}
		return code
	}
	a.part.LogStart = r.start
	return a.write(p, r)
}

// hint tells who leads, as far as the broker knows (KIP-951).
func (a *arrival) hint(p *partition) {
	if word, known := a.node.word(p); known {
		a.part.Leader, a.part.LeaderEpoch = word.leader, word.epoch
	}
}

// validate refuses what is wrong with the batch by itself (UnifiedLog.analyzeAndValidateRecords, LogValidator).
func (a *arrival) validate(t *topic, p *partition) int16 {
	switch {
	case a.sent.Batch.Bytes > t.options.BatchBytesMax:
		return kerr.MessageTooLarge.Code
	case a.sent.Fault != nil:
		return a.sent.Fault.Code
	}
	code := int16(0)
	refuse := func(index int, with int16, format string, args ...any) {
		code = with
		a.part.Message = "One or more records have been rejected"
		a.part.Records = append(a.part.Records, RecordError{int32(index), fmt.Sprintf(format, args...)})
	}
	latest := a.cluster.now.Add(t.options.TimestampAheadMax).UnixMilli()
	for i, h := range a.sent.Heads {
		switch {
		case h.Keyless && t.options.Compacted:
			refuse(i, kerr.InvalidRecord.Code, "Compacted topic cannot accept message without key in topic partition %s-%d.", t.name, p.number)
		case h.Timestamp > latest && !t.options.LogAppendTime:
			refuse(i, kerr.InvalidTimestamp.Code, "Timestamp %d of message with offset %d is out of range.", h.Timestamp, i)
		}
	}
	return code
}

// write appends the batch, recognizes it, or refuses what does not follow. With acks=all its part then waits.
func (a *arrival) write(p *partition, r *replica) int16 {
	b := a.sent.Batch
	if b.Transactional {
		if code := a.cluster.join(p, a.request.TransactionalID, b); code != 0 {
			return code
		}
	}
	if b.ProducerID != noProducer {
		if old := r.producers.find(b); old != nil {
			a.part.BaseOffset, a.part.AppendTime = old.offset, old.timestamp
			a.await(r, old.offset+int64(b.Count))
			return 0
		}
		if code := r.producers.check(b, a.cluster.options.UnknownProducerID); code != 0 {
			return code
		}
	}
	placed := *b
	placed.Offset, placed.LeaderEpoch = r.end, r.leads
	if p.topic.options.LogAppendTime {
		placed.MaxTimestamp = a.cluster.now.UnixMilli()
		a.part.AppendTime = placed.MaxTimestamp
	}
	r.add(&placed)
	a.part.BaseOffset, a.part.Batch = placed.Offset, &placed
	a.await(r, r.end)
	return 0
}

// await lets the part wait for the high watermark, with acks=all.
func (a *arrival) await(r *replica, required int64) {
	if a.request.Acks != -1 || r.high >= required {
		return
	}
	a.part.waits = true
	a.answer.open++
	r.waits = append(r.waits, wait{required, a.answer, a.part})
}
