package nullack

import (
	"encoding/binary"
	"fmt"

	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// From these versions on, Produce has these things.
const (
	produceRecordErrors = 8
	produceFlexible     = 9
	produceTopicIDs     = 13
)

// arrival is a Produce request while it is read and answered.
type arrival struct {
	*session
	version  int16
	flexible bool
	batches  int64
	records  int64
}

// produce reads a Produce request of size bytes and acknowledges all of it. The answer is written while the request is
// read: its partitions stand in the same order.
func (s *session) produce(version int16, size int) error {
	if version < produceVersionMin || version > produceVersionMax {
		return fmt.Errorf("produce version %d", version)
	}
	a := arrival{session: s, version: version, flexible: version >= produceFlexible}
	s.in.tags(a.flexible)
	a.putTags()
	s.in.string(a.flexible) // transactional id
	acks := s.in.int16()
	s.in.int32() // the time that replicas may take
	topics := s.in.count(a.flexible)
	a.putCount(topics)
	for ; topics > 0 && s.in.err == nil; topics-- {
		a.topic()
	}
	s.in.tags(a.flexible)
	s.out = binary.BigEndian.AppendUint32(s.out, 0) // throttle time
	a.putTags()
	if err := s.in.end(); err != nil {
		return err
	}
	a.book(4 + size)
	if acks == 0 {
		return nil
	}
	return s.answer()
}

// book counts the request.
func (a *arrival) book(bytes int) {
	c := &a.broker.counts
	c.bytes.Add(int64(bytes))
	c.batches.Add(a.batches)
	c.records.Add(a.records)
	c.requests.Add(1)
}

// topic reads the part of one topic and writes its answer.
func (a *arrival) topic() {
	var t *topic
	if a.version >= produceTopicIDs {
		var id [16]byte
		copy(id[:], a.in.take(len(id)))
		t = a.broker.byID[id]
		a.out = append(a.out, id[:]...)
	} else {
		name := a.in.string(a.flexible)
		t = a.broker.byName[string(name)]
		a.putString(name)
	}
	partitions := a.in.count(a.flexible)
	a.putCount(partitions)
	for ; partitions > 0 && a.in.err == nil; partitions-- {
		a.partition(t)
	}
	a.in.tags(a.flexible)
	a.putTags()
}

// partition reads one partition's batch, its records unread, and writes its answer.
func (a *arrival) partition(t *topic) {
	index := a.in.int32()
	size := a.in.count(a.flexible)
	code, offset := int16(codeUnknownTopic), int64(-1)
	if header, err := wire.ParseBatchHeader(a.in.peek(wire.BatchHeaderLen)); err != nil {
		a.in.fail(err)
	} else if t != nil && index >= 0 && int(index) < len(t.next) {
		count := int64(header.Count)
		a.batches++
		a.records += count
		code, offset = 0, t.next[index].Add(count)-count
	}
	a.in.skip(size)
	a.in.tags(a.flexible)

	be := binary.BigEndian
	out := be.AppendUint32(a.out, uint32(index))
	out = be.AppendUint16(out, uint16(code))
	out = be.AppendUint64(out, uint64(offset))
	out = be.AppendUint64(out, ^uint64(0)) // log append time: the records keep their own
	a.out = be.AppendUint64(out, 0)        // log start offset
	if a.version >= produceRecordErrors {
		a.putCount(0)
		a.putString(nil) // the error's text
	}
	a.putTags()
}

func (a *arrival) putCount(n int) {
	if a.flexible {
		a.out = wire.AppendUvarint(a.out, uint32(n+1))
	} else {
		a.out = binary.BigEndian.AppendUint32(a.out, uint32(n))
	}
}

// putString writes a string; nil is null.
func (a *arrival) putString(s []byte) {
	n := len(s)
	if s == nil {
		n = -1
	}
	if a.flexible {
		a.out = wire.AppendUvarint(a.out, uint32(n+1))
	} else {
		a.out = binary.BigEndian.AppendUint16(a.out, uint16(n))
	}
	a.out = append(a.out, s...)
}

// putTags ends a flexible structure without tagged fields.
func (a *arrival) putTags() {
	if a.flexible {
		a.out = append(a.out, 0)
	}
}
