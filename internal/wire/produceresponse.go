package wire

import (
	"fmt"
	"slices"
)

// ProduceResponse is a Produce response with the topics flattened away. It is parsed into again and again and keeps
// its slices. Views in it point into the parsed body.
type ProduceResponse struct {
	// ThrottleMillis is how long the broker wants to be left alone, 0 for not at all.
	ThrottleMillis int32
	// Partitions are in the order of the wire.
	Partitions []ProduceResult
	// Nodes are where the leaders named by Partitions are reached (KIP-951, version 10 on).
	Nodes []NodeEndpoint

	reader Reader // here rather than on the stack, from where Tags would move it to the heap
}

// ProduceResult is the broker's word on one batch.
type ProduceResult struct {
	// Topic is the topic's name, a view, below version 13; else nil.
	Topic []byte
	// TopicID is the topic's id from version 13 on.
	TopicID [16]byte
	// Partition is the partition's number.
	Partition int32
	// Code is Kafka's error code, 0 for none.
	Code int16
	// BaseOffset is the offset of the batch's first record, -1 where there is none.
	BaseOffset int64
	// LogAppendTime is the broker's time in Unix milliseconds if the topic uses it, else -1.
	LogAppendTime int64
	// LogStartOffset is where the partition's log begins, -1 where unknown.
	LogStartOffset int64
	// Errors are the records that made the broker refuse the batch (KIP-467, version 8 on).
	Errors []RecordError
	// Message is the broker's own explanation of Code, empty if it gave none (version 8 on).
	Message string
	// LeaderID is the leader's node id if the broker says that it is another one, else -1 (version 10 on).
	LeaderID int32
	// LeaderEpoch goes with LeaderID, else -1.
	LeaderEpoch int32
}

// RecordError is the broker's word on one record of a refused batch.
type RecordError struct {
	// Index is the record's place in the batch, from 0.
	Index int32
	// Message is empty if the broker gave none.
	Message string
}

// NodeEndpoint is where a broker listens.
type NodeEndpoint struct {
	// ID is the broker's node id.
	ID int32
	// Host is a name or an address.
	Host string
	// Port is a TCP port.
	Port int32
	// Rack is empty if the broker has none.
	Rack string
}

// The smallest encodings of a response's repeated parts, in bytes: what a count is held against.
const (
	topicBytesMin     = 3  // an empty compact name, no partitions, no tags
	resultBytesMin    = 30 // partition, code and three 64-bit fields
	recordErrBytesMin = 6  // index, null message, tags
	nodeBytesMin      = 11 // id, empty host, port, null rack, tags
)

// The tagged fields of a response: CurrentLeader of a partition, NodeEndpoints of the whole.
const (
	tagCurrentLeader = 0
	tagNodeEndpoints = 0
)

// ParseResponseHeader splits a response, without its 4-byte length, into its correlation id and its body. flexible
// says that the header is version 1 and ends in tagged fields: so it is for Produce from version 9 on, but never for
// ApiVersions.
func ParseResponseHeader(flexible bool, frame []byte) (correlation int32, body []byte, err error) {
	r := NewReader(frame)
	correlation = r.Int32()
	if flexible {
		r.SkipTags()
	}
	if r.err != nil {
		return 0, nil, fmt.Errorf("response header: %w", r.err)
	}
	return correlation, frame[r.off:], nil
}

// ParseProduceResponse parses the body of a Produce response of the version that was asked for into into, whose
// former content is lost. After an error into holds nothing of use, and since both sides disagree about the bytes,
// the connection is of no use either.
func ParseProduceResponse(version int16, body []byte, into *ProduceResponse) error {
	if version < ProduceVersionMin || version > ProduceVersionMax {
		return fmt.Errorf("wire: produce response version %d: wanted %d to %d", version, ProduceVersionMin, ProduceVersionMax)
	}
	into.reader = NewReader(body)
	into.Partitions, into.Nodes = into.Partitions[:0], into.Nodes[:0]
	p := produceParser{r: &into.reader, version: version, flexible: version >= produceFlexible, into: into}
	for n := p.count(topicBytesMin); n > 0 && p.r.err == nil; n-- {
		p.topic()
	}
	into.ThrottleMillis = p.r.Int32()
	if p.flexible {
		p.r.Tags(p.responseTag)
	}
	if err := p.r.End("produce response"); err != nil {
		return fmt.Errorf("produce response version %d: %w", version, err)
	}
	return nil
}

// produceParser is one ParseProduceResponse at work.
type produceParser struct {
	r        *Reader
	version  int16
	flexible bool
	into     *ProduceResponse
}

func (p *produceParser) topic() {
	var name []byte
	var id [16]byte
	switch {
	case p.version >= produceTopicIDs:
		id = p.r.UUID()
	case p.flexible:
		name = p.r.CompactString()
	default:
		name = p.r.String()
	}
	n := p.count(resultBytesMin)
	p.into.Partitions = slices.Grow(p.into.Partitions, n)
	for ; n > 0 && p.r.err == nil; n-- {
		result := p.into.nextResult()
		result.Topic, result.TopicID = name, id
		p.result(result)
	}
	p.skipTags()
}

// nextResult makes room for one more, and keeps the slice that its place held the last time.
func (resp *ProduceResponse) nextResult() *ProduceResult {
	n := len(resp.Partitions)
	resp.Partitions = resp.Partitions[:n+1]
	result := &resp.Partitions[n]
	*result = ProduceResult{Errors: result.Errors[:0], LeaderID: -1, LeaderEpoch: -1}
	return result
}

func (p *produceParser) result(into *ProduceResult) {
	into.Partition = p.r.Int32()
	into.Code = p.r.Int16()
	into.BaseOffset = p.r.Int64()
	into.LogAppendTime = p.r.Int64()
	into.LogStartOffset = p.r.Int64()
	if p.version >= produceRecordErrors {
		n := p.count(recordErrBytesMin)
		into.Errors = slices.Grow(into.Errors, n)
		for ; n > 0 && p.r.err == nil; n-- {
			into.Errors = append(into.Errors, RecordError{Index: p.r.Int32(), Message: p.nullableString()})
			p.skipTags()
		}
		into.Message = p.nullableString()
	}
	if !p.flexible {
		return
	}
	p.r.Tags(func(tag uint32, r *Reader) {
		if tag == tagCurrentLeader && p.version >= produceLeaders {
			into.LeaderID, into.LeaderEpoch = r.Int32(), r.Int32()
			r.SkipTags()
		}
	})
}

func (p *produceParser) responseTag(tag uint32, r *Reader) {
	if tag != tagNodeEndpoints || p.version < produceLeaders {
		return
	}
	n := r.CompactCount(nodeBytesMin)
	p.into.Nodes = slices.Grow(p.into.Nodes[:0], n)
	for ; n > 0 && r.err == nil; n-- {
		p.into.Nodes = append(p.into.Nodes, NodeEndpoint{
			ID:   r.Int32(),
			Host: string(r.CompactString()),
			Port: r.Int32(),
			Rack: string(r.CompactNullableString()),
		})
		r.SkipTags()
	}
}

func (p *produceParser) count(elemBytesMin int) int {
	if p.flexible {
		return p.r.CompactCount(elemBytesMin)
	}
	return p.r.Count(elemBytesMin)
}

func (p *produceParser) nullableString() string {
	if p.flexible {
		return string(p.r.CompactNullableString())
	}
	return string(p.r.NullableString())
}

func (p *produceParser) skipTags() {
	if p.flexible {
		p.r.SkipTags()
	}
}
