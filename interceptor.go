package omnibus

import (
	"context"
	"time"
)

// Interceptor sees every record before it is serialized and again before its callback runs. Several form a chain:
// Before runs in the order of Config.Interceptors, After in the reverse. Both may run on any goroutine, After on a
// callback worker. A panic in Before refuses the record with ErrPanic; one in After is logged and counted.
type Interceptor interface {
	// Before may change the record: its topic, partition, timestamp, headers, and key and value as long as their
	// types stay. The state it returns comes back in After. An error refuses the record: interceptors that already
	// ran see it in After, the caller of Enqueue gets it.
	Before(ctx context.Context, r *Outgoing) (state any, err error)
	// After tells the outcome, before the record's callback runs, for refused records too.
	After(state any, ack Ack, err error)
}

// Outgoing is a record on its way through the interceptors, before serialization.
type Outgoing struct {
	// Topic, Partition, Timestamp and Headers are those of Record, and may be changed. The slice of Headers is the
	// caller's: append to a copy of it.
	Topic     string
	Partition Partition
	Timestamp time.Time
	Headers   []Header
	// Key and Value are what the caller handed in: []byte for the producer's own methods, K and V for a
	// TopicProducer[K, V]. An interceptor may replace them by values of the same type.
	Key, Value any
	// Tag is Record.Tag. A change of it reaches the Ack and the error.
	Tag uint64
}
