package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ProduceResponse is a Produce response with the topics flattened away. It is parsed into again and again and keeps
// its slices. Views in it point into the parsed body.
type ProduceResponse struct {
	// ThrottleMillis is how long the broker wants to be left alone, 0 for not at all.
	ThrottleMillis int32
	// Partitions are in the order of the wire.
	Partitions []ProduceResult
	// Nodes are where the leaders named by Partitions are reached (KIP-951, version 10 on); at most nodesMax.
	Nodes []NodeEndpoint
	// PartitionsMax is set by the caller: an answer that names more partitions is an error. 0 is any number.
	PartitionsMax int

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
	// Errors are the records that made the broker refuse the batch (KIP-467, version 8 on); of one answer at most
	// recordErrorsMax, the rest is left out.
	Errors []RecordError
	// Message is the broker's own explanation of Code, empty if it gave none (version 8 on). It is printable, and no longer
	// than messageBytesMax.
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
	// Message is empty if the broker gave none; else printable, and no longer than messageBytesMax.
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

// What is kept of an answer at most, so that it does not take more memory than its bytes do. Records that are named beyond
// the limit are refused, and named, again when those that were not named are sent again.
const (
	recordErrorsMax = 64 << 10
	messageBytesMax = 1 << 10
	nodesMax        = 1000
	// keptMax is the length up to which the slices within an answer are kept for the next one.
	keptMax = 64
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
	into.Partitions, into.Nodes = into.Partitions[:0], kept(into.Nodes)
	p := produceParser{
		r: &into.reader, version: version, flexible: version >= produceFlexible, into: into, errorsLeft: recordErrorsMax,
	}
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
	// errorsLeft is how many more record errors are kept.
	errorsLeft int
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
	at, n := p.r.off, p.count(resultBytesMin)
	if most := p.into.PartitionsMax; most > 0 && n > most-len(p.into.Partitions) {
		p.r.fail("partitions", at, fmt.Sprintf("%d and %d more, at most %d can be meant", len(p.into.Partitions), n, most))
		return
	}
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
	*result = ProduceResult{Errors: kept(result.Errors), LeaderID: -1, LeaderEpoch: -1}
	return result
}

func (p *produceParser) result(into *ProduceResult) {
	into.Partition = p.r.Int32()
	into.Code = p.r.Int16()
	into.BaseOffset = p.r.Int64()
	into.LogAppendTime = p.r.Int64()
	into.LogStartOffset = p.r.Int64()
	if p.version >= produceRecordErrors {
		p.recordErrors(into)
		into.Message = p.message()
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

func (p *produceParser) recordErrors(into *ProduceResult) {
	n := p.count(recordErrBytesMin)
	keep := min(n, p.errorsLeft)
	p.errorsLeft -= keep
	into.Errors = slices.Grow(into.Errors, keep)
	for ; n > 0 && p.r.err == nil; n-- {
		if index := p.r.Int32(); len(into.Errors) < keep {
			into.Errors = append(into.Errors, RecordError{Index: index, Message: p.message()})
		} else {
			p.nullableView()
		}
		p.skipTags()
	}
}

// kept is s without its content, or nil if it is too large to be kept.
func kept[E any](s []E) []E {
	if cap(s) > keptMax {
		return nil
	}
	return s[:0]
}

func (p *produceParser) responseTag(tag uint32, r *Reader) {
	if tag != tagNodeEndpoints || p.version < produceLeaders {
		return
	}
	n := r.CompactCount(nodeBytesMin)
	keep := min(n, nodesMax)
	p.into.Nodes = slices.Grow(p.into.Nodes[:0], keep)
	for ; n > 0 && r.err == nil; n-- {
		id, host, port, rack := r.Int32(), r.CompactString(), r.Int32(), r.CompactNullableString()
		if len(p.into.Nodes) < keep {
			p.into.Nodes = append(p.into.Nodes, NodeEndpoint{ID: id, Host: string(host), Port: port, Rack: string(rack)})
		}
		r.SkipTags()
	}
}

func (p *produceParser) count(elemBytesMin int) int {
	if p.flexible {
		return p.r.CompactCount(elemBytesMin)
	}
	return p.r.Count(elemBytesMin)
}

func (p *produceParser) nullableView() []byte {
	if p.flexible {
		return p.r.CompactNullableString()
	}
	return p.r.NullableString()
}

func (p *produceParser) message() string { return printable(p.nullableView()) }

// printable is a broker's text in a form that cannot do anything to a log or a terminal, and no longer than
// messageBytesMax.
func printable(text []byte) string {
	if len(text) > messageBytesMax-utf8.UTFMax {
		text = append(bytes.Clone(text[:messageBytesMax-utf8.UTFMax]), "…"...)
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r != utf8.RuneError && unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return '?'
	}, string(text))
}

func (p *produceParser) skipTags() {
	if p.flexible {
		p.r.SkipTags()
	}
}
