// Package serde turns keys and values into a record's bytes.
//
// A [Serializer] is a function, so most of this package is plain functions that are handed over by name:
//
//	orders := omnibus.ForTopic(p, "orders", serde.String, serde.JSON[Order])
//
// # Bytes drawn
//
// A serializer appends to dst and returns the longer slice, as strconv.AppendInt does, so that a record costs no
// allocation once the scratch behind dst has grown:
//
//	dst            [. . . .]
//	String "42"    [. . . . '4' '2']
//	Int32 42       [. . . . 00 00 00 2a]
//	null           nil
//
// # Invariants
//
//  1. The dst handed to a serializer is never nil. Hence a nil result is Kafka's null, and a result as long as dst is
//     an empty key or value: two different things, the first of which deletes on a compacted topic.
//  2. Only [Bytes], [NoKey] and [Nullable] of this package return nil; the others cannot write a tombstone by accident.
//  3. Where Java's client has a serializer of the same kind, the bytes are the same as Java's: integers and floating
//     point numbers are big endian, strings are UTF-8, a UUID is its 36 characters of text.
//  4. Beside an error the returned slice means nothing, and dst keeps the bytes it had.
//
// Rejected: an interface with Serialize and Close, as Java has it. A closure holds what such an object would hold, and
// whoever made it closes it. Rejected too: a func(T) ([]byte, error), which allocates for every record, and encodings
// chosen by reflection at run time, which turn a wrong type into an error in production instead of one in the build.
package serde

import (
	"context"
	"iter"
)

// Serializer appends the bytes of v to dst and returns the extended slice; a nil slice without an error is Kafka's null.
//
// It may be called by many goroutines at once, it runs on the goroutine that called Send or Enqueue, and it must not
// keep dst. It must not change what dst already holds. An error refuses the record before anything
// was sent: the call that took the record returns it.
//
// A library that appends fits with a small closure. For protocol buffers:
//
//	func(dst []byte, _ serde.Meta, m *pb.Order) ([]byte, error) {
//		return proto.MarshalOptions{}.MarshalAppend(dst, m)
//	}
type Serializer[T any] func(dst []byte, m Meta, v T) ([]byte, error)

// Meta tells a serializer which record its bytes are for. The producer fills every field.
type Meta struct {
	// Context is the one that Send or Enqueue was called with. A serializer that asks a schema registry passes it on, so
	// that the caller's deadline holds for the question too.
	Context context.Context
	// Topic is where the record goes; a schema registry derives the subject's name from it.
	Topic string
	// IsKey is true while the key is serialized and false while the value is.
	IsKey bool
	// Headers are the record's own: a serializer may read them and add to them. Key and value of one record share them,
	// and the key comes first. Nil only in a call that somebody else than the producer made.
	Headers *Headers
}

// Header is one name and value beside a record's key and value. Its shape is that of omnibus.Header, into which it
// can be converted.
type Header struct {
	// Key is the header's name. It may be empty, and names may repeat.
	Key string
	// Value is its bytes; nil is Kafka's null.
	Value []byte
}

// Headers are a record's headers while it is being serialized, in the order in which they will be sent. The zero value
// is empty and ready for use. It is not for use by several goroutines at once.
type Headers struct{ list []Header }

// Add puts a header behind those already there; names may repeat, as Kafka allows. A nil value is Kafka's null. The
// bytes of value are not copied: they must stay unchanged until the record was accepted.
func (h *Headers) Add(key string, value []byte) {
	h.list = append(h.list, Header{Key: key, Value: value})
}

// All yields the headers in order. It yields nothing on a nil *Headers.
func (h *Headers) All() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if h == nil {
			return
		}
		for _, header := range h.list {
			if !yield(header.Key, header.Value) {
				return
			}
		}
	}
}

// Len is the number of headers; 0 on a nil *Headers.
func (h *Headers) Len() int {
	if h == nil {
		return 0
	}
	return len(h.list)
}

// Reset empties h and keeps its memory for the next record. It lets go of the names and values it held.
func (h *Headers) Reset() {
	clear(h.list)
	h.list = h.list[:0]
}
