package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
)

// The versions of Produce that are spoken here. 7 came with Kafka 2.1; 9 is the first flexible one; 13 names topics
// by id (KIP-516).
const (
	ProduceVersionMin = 7
	ProduceVersionMax = 13

	produceFlexible     = 9
	produceRecordErrors = 8
	produceLeaders      = 10
	produceTopicIDs     = 13
)

// gatherBelow is the length in bytes below which copying a piece beats another entry in writev.
const gatherBelow = 1 << 10

// ProduceRequest is a Produce request whose batches are sealed. Encoding reads it and keeps no part of it but the
// batches' bytes.
type ProduceRequest struct {
	// Version is 7 to 13.
	Version int16
	// CorrelationID comes back in the response's header.
	CorrelationID int32
	// ClientID names the client in the broker's log and quotas; at most 32,767 bytes.
	ClientID string
	// TransactionalID is nil outside a transaction.
	TransactionalID *string
	// Acks is -1 for all, 1 for the leader, 0 for none; with 0 the broker sends no response.
	Acks int16
	// TimeoutMillis is how long the broker may wait for its replicas.
	TimeoutMillis int32
	// Topics stand once each.
	Topics []ProduceTopic
}

// ProduceTopic is the part of a ProduceRequest that is for one topic.
type ProduceTopic struct {
	// Name is used below version 13.
	Name string
	// ID is used from version 13 on.
	ID [16]byte
	// Partitions stand once each.
	Partitions []ProducePartition
}

// ProducePartition is one record batch on its way to one partition.
type ProducePartition struct {
	// Index is the partition's number.
	Index int32
	// Header is the sealed batch header, copied while encoding.
	Header *[BatchHeaderLen]byte
	// Body is the records in as many pieces as they lie in. Pieces of 1 KiB and more are referenced by the encoded
	// request and must stay as they are until it is written.
	Body [][]byte
}

// recordsLen is the length of the batch.
func (p *ProducePartition) recordsLen() int {
	n := BatchHeaderLen
	for _, piece := range p.Body {
		n += len(piece)
	}
	return n
}

// RequestSize is the length in bytes of the encoded request, its own 4-byte length included.
func (req *ProduceRequest) RequestSize() int {
	flexible := req.Version >= produceFlexible
	n := 4 + 8 + 2 + len(req.ClientID) + 2 + 4 // length, header without tags, client id, acks, timeout
	if flexible {
		n += 2 // the tags of header and body
	}
	if id := req.TransactionalID; id != nil {
		n += stringSize(*id, flexible)
	} else {
		n += nullSize(flexible)
	}
	n += countSize(len(req.Topics), flexible)
	for i := range req.Topics {
		n += req.topicSize(&req.Topics[i], flexible)
	}
	return n
}

func (req *ProduceRequest) topicSize(t *ProduceTopic, flexible bool) int {
	n := countSize(len(t.Partitions), flexible)
	if req.Version >= produceTopicIDs {
		n += len(t.ID)
	} else {
		n += stringSize(t.Name, flexible)
	}
	if flexible {
		n += 1 + len(t.Partitions) // tags
	}
	for i := range t.Partitions {
		records := t.Partitions[i].recordsLen()
		n += 4 + countSize(records, flexible) + records
	}
	return n
}

// stringSize, nullSize and countSize are the lengths of a string, of null and of an array's or byte slice's count.
func stringSize(s string, flexible bool) int {
	if flexible {
		return countSize(len(s), true) + len(s)
	}
	return 2 + len(s)
}

func nullSize(flexible bool) int {
	if flexible {
		return 1
	}
	return 2
}

func countSize(n int, flexible bool) int {
	if flexible {
		return uvarintLen(uint64(n) + 1)
	}
	return 4
}

// check refuses what the encoding cannot say.
func (req *ProduceRequest) check(size int) error {
	if req.Version < ProduceVersionMin || req.Version > ProduceVersionMax {
		return fmt.Errorf("wire: produce request version %d: wanted %d to %d", req.Version, ProduceVersionMin, ProduceVersionMax)
	}
	if size > math.MaxInt32 {
		return fmt.Errorf("wire: produce request of %d bytes: at most %d fit in a request", size, math.MaxInt32)
	}
	if len(req.ClientID) > math.MaxInt16 {
		return fmt.Errorf("wire: client id of %d bytes: at most %d fit", len(req.ClientID), math.MaxInt16)
	}
	if id := req.TransactionalID; id != nil && len(*id) > math.MaxInt16 {
		return fmt.Errorf("wire: transactional id of %d bytes: at most %d fit", len(*id), math.MaxInt16)
	}
	for i := range req.Topics {
		if n := len(req.Topics[i].Name); n > math.MaxInt16 {
			return fmt.Errorf("wire: topic name of %d bytes: at most %d fit", n, math.MaxInt16)
		}
	}
	return nil
}

// errSize cannot happen unless RequestSize and Encode disagree, which would put the connection out of step.
var errSize = errors.New("wire: produce request differs from its computed size; this is a bug")

// ProduceEncoder encodes Produce requests into memory that it keeps: one for each connection. The zero value is
// ready. It is for one goroutine.
type ProduceEncoder struct {
	flexible bool
	gather   bool
	scratch  []byte
	taken    int // scratch[:taken] is in pieces already
	pieces   net.Buffers
}

// Encode returns the whole request, 4-byte length first, as pieces to be written in order. With gather they are a
// single piece that shares nothing with req: for TLS and wrapped connections, where each piece would be a Write of its
// own. Otherwise body pieces of 1 KiB and more are referenced, for writev. The result is good until the next Encode;
// writing it with net.Buffers.WriteTo does the encoder no harm. An error means that nothing was encoded.
func (e *ProduceEncoder) Encode(req *ProduceRequest, gather bool) (net.Buffers, error) {
	size := req.RequestSize()
	if err := req.check(size); err != nil {
		return nil, err
	}
	e.flexible, e.gather = req.Version >= produceFlexible, gather
	clear(e.pieces) // what the last request referenced may be collected
	e.pieces, e.taken = e.pieces[:0], 0
	room := size
	if !gather {
		room -= req.referencedLen()
	}
	e.scratch = slices.Grow(e.scratch[:0], room)
	e.appendHeader(req, size)
	e.appendCount(len(req.Topics))
	for i := range req.Topics {
		e.appendTopic(&req.Topics[i], req.Version >= produceTopicIDs)
	}
	e.appendTags()
	e.takeScratch()
	if len(e.scratch) != room {
		return nil, errSize
	}
	return e.pieces, nil
}

// referencedLen is how much of the request is referenced rather than copied.
func (req *ProduceRequest) referencedLen() (n int) {
	for i := range req.Topics {
		partitions := req.Topics[i].Partitions
		for j := range partitions {
			for _, piece := range partitions[j].Body {
				if len(piece) >= gatherBelow {
					n += len(piece)
				}
			}
		}
	}
	return n
}

// appendHeader writes the length, the request header (v1 or v2; the client id is never compact) and the fields
// before the topics.
func (e *ProduceEncoder) appendHeader(req *ProduceRequest, size int) {
	be := binary.BigEndian
	b := be.AppendUint32(e.scratch, uint32(size-4))
	b = append(b, 0, 0) // Produce is API 0
	b = be.AppendUint16(b, uint16(req.Version))
	b = be.AppendUint32(b, uint32(req.CorrelationID))
	b = be.AppendUint16(b, uint16(len(req.ClientID)))
	e.scratch = append(b, req.ClientID...)
	e.appendTags()
	switch {
	case req.TransactionalID != nil:
		e.appendString(*req.TransactionalID)
	case e.flexible:
		e.scratch = append(e.scratch, 0)
	default:
		e.scratch = append(e.scratch, 0xff, 0xff)
	}
	b = be.AppendUint16(e.scratch, uint16(req.Acks))
	e.scratch = be.AppendUint32(b, uint32(req.TimeoutMillis))
}

func (e *ProduceEncoder) appendTopic(t *ProduceTopic, byID bool) {
	if byID {
		e.scratch = append(e.scratch, t.ID[:]...)
	} else {
		e.appendString(t.Name)
	}
	e.appendCount(len(t.Partitions))
	for i := range t.Partitions {
		e.appendPartition(&t.Partitions[i])
	}
	e.appendTags()
}

func (e *ProduceEncoder) appendPartition(p *ProducePartition) {
	e.scratch = binary.BigEndian.AppendUint32(e.scratch, uint32(p.Index))
	e.appendCount(p.recordsLen())
	e.scratch = append(e.scratch, p.Header[:]...)
	for _, piece := range p.Body {
		if e.gather || len(piece) < gatherBelow {
			e.scratch = append(e.scratch, piece...)
			continue
		}
		e.takeScratch()
		e.pieces = append(e.pieces, piece)
	}
	e.appendTags()
}

// takeScratch makes a piece of what has gone into the scratch since the last one.
func (e *ProduceEncoder) takeScratch() {
	if end := len(e.scratch); end > e.taken {
		e.pieces = append(e.pieces, e.scratch[e.taken:end:end])
		e.taken = end
	}
}

func (e *ProduceEncoder) appendString(s string) {
	if e.flexible {
		e.scratch = appendUvarint(e.scratch, uint64(len(s))+1)
	} else {
		e.scratch = binary.BigEndian.AppendUint16(e.scratch, uint16(len(s)))
	}
	e.scratch = append(e.scratch, s...)
}

func (e *ProduceEncoder) appendCount(n int) {
	if e.flexible {
		e.scratch = appendUvarint(e.scratch, uint64(n)+1)
	} else {
		e.scratch = binary.BigEndian.AppendUint32(e.scratch, uint32(n))
	}
}

// appendTags ends a flexible structure: no tagged fields.
func (e *ProduceEncoder) appendTags() {
	if e.flexible {
		e.scratch = append(e.scratch, 0)
	}
}
