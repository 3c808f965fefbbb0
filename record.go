package omnibus

import "time"

// Record is what a caller hands to the producer. It is passed by value and never changed, and its bytes are the
// caller's again as soon as the call that took it returns.
type Record struct {
	// Topic is required: 1 to 249 characters of a-z, A-Z, 0-9, '.', '_' and '-', other than "." and "..".
	Topic string
	// Partition is the partition to write to; its zero value lets the partitioner decide. See At.
	Partition Partition
	// Key decides the partition under the default partitioner. nil is Kafka's null and differs from an empty key.
	Key []byte
	// Value is the payload. nil is Kafka's null, a tombstone on a compacted topic, and differs from an empty value.
	Value []byte
	// Timestamp is the record's time, kept to the millisecond. The zero time means "when it was enqueued".
	Timestamp time.Time
	// Headers are sent in this order; names may repeat and a nil Value is Kafka's null.
	Headers []Header
	// Tag is the caller's own mark. It never reaches the broker; it comes back in Ack and RecordError, so that one
	// callback shared by all records knows which record it is told about.
	Tag uint64
}

// Header is one name and value beside a record's key and value.
type Header struct {
	// Key is the header's name. It may be empty, and several headers may have the same.
	Key string
	// Value is its bytes. nil is Kafka's null and differs from an empty value.
	Value []byte
}

// Partition is an explicit choice of partition, or none.
type Partition struct {
	number int32
	chosen bool
}

// At is the explicit choice of partition n. A negative n is refused when the record is enqueued.
func At(n int32) Partition { return Partition{number: n, chosen: true} }

// Explicit reports the chosen partition, and whether one was chosen.
func (p Partition) Explicit() (n int32, ok bool) { return p.number, p.chosen }

// Ack is a broker's word that a record is in the log.
type Ack struct {
	// Topic and Partition are where the record is.
	Topic     string
	Partition int32
	// Offset is the record's place in the partition. It is -1 where nobody can know it (acks=0, or a record known to
	// be in the log but not where); it is never a guess.
	Offset int64
	// Timestamp is the time the record has in the log: the broker's under LogAppendTime, else the record's own.
	Timestamp time.Time
	// Tag is Record.Tag.
	Tag uint64
}
