package settling

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/broker"
)

const (
	// timestampEarliest and timestampLatest ask ListOffsets for where the log begins, and for the high watermark.
	timestampEarliest = -2
	timestampLatest   = -1
	// fetchBytes bounds what one answer brings. A broker gives at least one batch, however large.
	fetchBytes = 1 << 20
	// ownMax bounds how many own batches are kept, whatever a broker says: the newest, for open ones are among them.
	ownMax = 64 << 10
	// namesVersionMax is the last version of Fetch that calls topics by name.
	namesVersionMax = 12
	// headerLen is how far a batch is read: to its base sequence, just before the records.
	headerLen = 57
)

// errNotReplicated says that the leader's log goes on above the high watermark, where it cannot be read.
var errNotReplicated = errors.New("the end of the log has not reached its replicas yet")

// reading reads a partition's log back, headers only. Every request names the leader epoch, so that a deposed leader, or a
// client that has not heard of the new one, cannot take an old end of the log for the present one.
type reading struct {
	ctx      context.Context
	asker    Asker
	leader   int32
	question *Question
	evidence *Evidence

	next     int64 // offset to read
	readable int64 // the high watermark
	since    int64 // no open batch stands before it
	rewound  bool
}

// run reads what the log has at the last acked offset, and all that can be one of the open batches', and fills in the evidence.
func (r *reading) run() {
	end, err := r.logEnd()
	if err == nil {
		err = r.begin(end)
	}
	for err == nil {
		if err = r.fetch(); r.next >= r.readable {
			break
		}
	}
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, broker.ErrUnsupported):
		*r.evidence = Evidence{Refused: true}
	case err != nil:
		*r.evidence = Evidence{Err: err}
	case r.next < end:
		*r.evidence = Evidence{Err: errNotReplicated}
	default:
		r.evidence.Read = true
	}
}

// begin decides where to read from, and notes a log that ends before what was acknowledged.
func (r *reading) begin(end int64) error {
	if err := r.search(); err != nil {
		return err
	}
	acked := r.question.AckedOffset
	if acked >= 0 && acked < end {
		r.next = acked
		return nil
	}
	if acked >= end {
		r.evidence.Loss = &Loss{From: end, To: acked}
	}
	return r.rewind()
}

// search finds the first record that can be one of the open batches': others may have written for days since the last acked
// one. It ends at the high watermark: if it finds none below, reading begins at where that was before, for it may move
// meanwhile.
func (r *reading) search() error {
	high, err := r.offsetAt(timestampLatest)
	if err != nil {
		return err
	}
	if r.since, err = r.offsetAt(max(r.question.SinceMillis, 0)); r.since < 0 {
		r.since = high
	}
	return err
}

// rewind reads on from the first record that can be one of the open batches'.
func (r *reading) rewind() error {
	r.rewound, r.next = true, r.since
	if !r.question.Aged {
		return nil
	}
	start, err := r.offsetAt(timestampEarliest)
	r.begins(start)
	return err
}

// begins notes where the log begins. If what stands there is older than the open batches, nothing of them was deleted.
func (r *reading) begins(start int64) {
	q := r.question
	if start >= r.since && start > q.AckedOffset+1 && (q.Aged || q.AckedOffset >= 0) {
		r.evidence.Removed = true
	}
}

// logEnd is the leader's log end offset: the end of its present epoch (OffsetForLeaderEpoch, KIP-101). The end that a
// consumer sees is the high watermark, behind which an own batch may hide.
func (r *reading) logEnd() (int64, error) {
	request := kmsg.NewPtrOffsetForLeaderEpochRequest()
	request.ReplicaID = -1
	partition := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	partition.Partition = r.question.Partition
	partition.CurrentLeaderEpoch, partition.LeaderEpoch = r.question.LeaderEpoch, r.question.LeaderEpoch
	topic := kmsg.NewOffsetForLeaderEpochRequestTopic()
	topic.Topic = r.question.Topic
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	response, err := r.asker.RequestTo(r.ctx, r.leader, request)
	if err != nil {
		return 0, err
	}
	answer, ok := response.(*kmsg.OffsetForLeaderEpochResponse)
	if !ok || len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return 0, unexpected(request)
	}
	p := &answer.Topics[0].Partitions[0]
	switch {
	case p.ErrorCode != 0:
		return 0, fmt.Errorf("OffsetForLeaderEpoch: %w", kerr.ErrorForCode(p.ErrorCode))
	case p.EndOffset < 0:
		return 0, fmt.Errorf("OffsetForLeaderEpoch: the leader knows nothing of its own epoch %d", r.question.LeaderEpoch)
	}
	return p.EndOffset, nil
}

// offsetAt is the offset of the first record from a time on (milliseconds), negative if consumers can read none yet; or one of
// the two ends.
func (r *reading) offsetAt(timestampMillis int64) (int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Partition = r.question.Partition
	partition.CurrentLeaderEpoch = r.question.LeaderEpoch
	partition.Timestamp = timestampMillis
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = r.question.Topic
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	response, err := r.asker.RequestTo(r.ctx, r.leader, request)
	if err != nil {
		return 0, err
	}
	answer, ok := response.(*kmsg.ListOffsetsResponse)
	if !ok || len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return 0, unexpected(request)
	}
	p := &answer.Topics[0].Partitions[0]
	switch {
	case p.ErrorCode != 0:
		return 0, fmt.Errorf("ListOffsets: %w", kerr.ErrorForCode(p.ErrorCode))
	case p.Offset < 0 && timestampMillis < 0:
		return 0, fmt.Errorf("ListOffsets: the answer has offset %d", p.Offset)
	}
	return p.Offset, nil
}

// fetch reads one piece of the log.
func (r *reading) fetch() error {
	response, err := r.asker.RequestTo(r.ctx, r.leader, r.fetchRequest())
	if err != nil {
		return err
	}
	answer, ok := response.(*kmsg.FetchResponse)
	switch {
	case !ok:
		return unexpected(kmsg.NewPtrFetchRequest())
	case answer.ErrorCode != 0:
		return fmt.Errorf("Fetch: %w", kerr.ErrorForCode(answer.ErrorCode))
	case len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1:
		return unexpected(kmsg.NewPtrFetchRequest())
	}
	p := &answer.Topics[0].Partitions[0]
	switch {
	case p.ErrorCode == kerr.OffsetOutOfRange.Code:
		return r.skipRemoved()
	case p.ErrorCode != 0:
		return fmt.Errorf("Fetch: %w", kerr.ErrorForCode(p.ErrorCode))
	}
	r.readable = p.HighWatermark
	before := r.next
	r.scan(p.RecordBatches)
	switch {
	case r.evidence.Loss != nil && !r.rewound:
		return r.rewind()
	case r.next == before && r.next < r.readable:
		return fmt.Errorf("Fetch: the broker gave nothing at offset %d, before its high watermark %d", r.next, r.readable)
	}
	r.next = max(r.next, r.since)
	return nil
}

// skipRemoved goes on where the log begins, because retention took what was to be read.
func (r *reading) skipRemoved() error {
	start, err := r.offsetAt(timestampEarliest)
	switch {
	case err != nil:
		return err
	case start <= r.next:
		return fmt.Errorf("Fetch: the broker has no offset %d, and its log begins at %d", r.next, start)
	}
	r.begins(start)
	r.next, r.readable = max(start, r.since), max(start, r.since)+1
	return nil
}

// fetchRequest asks for the log from next on.
func (r *reading) fetchRequest() kmsg.Request {
	request := kmsg.NewPtrFetchRequest()
	request.ReplicaID = -1
	request.MinBytes, request.MaxBytes = 0, fetchBytes
	request.SessionEpoch = -1
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition = r.question.Partition
	partition.CurrentLeaderEpoch = r.question.LeaderEpoch
	partition.FetchOffset = r.next
	partition.PartitionMaxBytes = fetchBytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = r.question.Topic, r.question.TopicID
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	if topic.TopicID == [16]byte{} {
		return namedFetch{request}
	}
	return request
}

// namedFetch is a Fetch that calls topics by name.
type namedFetch struct{ *kmsg.FetchRequest }

// MaxVersion is the last version with names.
func (namedFetch) MaxVersion() int16 { return namesVersionMax }

// scan reads the headers of the batches in data, the last of which may be cut off.
func (r *reading) scan(data []byte) {
	for len(data) >= headerLen {
		base := int64(binary.BigEndian.Uint64(data))
		size := 12 + int(int32(binary.BigEndian.Uint32(data[8:])))
		records := int64(int32(binary.BigEndian.Uint32(data[23:]))) + 1
		if size < headerLen || records < 1 || base < 0 {
			return
		}
		if end := base + records; end > r.next {
			r.note(data, base, records)
			r.next = end
		}
		data = data[min(size, len(data)):]
	}
}

// note keeps an own batch, and looks whether the batch at the last acked offset is one of the producer's.
func (r *reading) note(header []byte, base, records int64) {
	q, e := r.question, r.evidence
	writer := int64(binary.BigEndian.Uint64(header[43:]))
	if writer != q.AckedBy && e.Loss == nil && q.AckedOffset >= base && q.AckedOffset < base+records {
		e.Loss = &Loss{From: base, To: q.AckedOffset}
	}
	if writer == q.ID.ID {
		if len(e.Own) == ownMax {
			e.Own = append(e.Own[:0], e.Own[ownMax/2:]...)
		}
		e.Own = append(e.Own, Own{
			Epoch:  int16(binary.BigEndian.Uint16(header[51:])),
			First:  int32(binary.BigEndian.Uint32(header[53:])),
			Offset: base,
		})
	}
}

// unexpected says that an answer does not fit its request.
func unexpected(request kmsg.Request) error {
	return fmt.Errorf("the answer to a %s request about one partition is not about one partition", kmsg.NameForKey(request.Key()))
}
