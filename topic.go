package omnibus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/serde"
)

// TopicProducer sends keys of type K and values of type V to one topic. Any number of them share one Producer, with its
// connections, memory and order. It needs no closing, and may be used by any number of goroutines at once.
type TopicProducer[K, V any] struct {
	producer *Producer
	topic    string
	key      serde.Serializer[K]
	value    serde.Serializer[V]
	scratch  sync.Pool // of *scratch
}

// TopicRecord is a record with a typed key and value.
type TopicRecord[K, V any] struct {
	// Key and Value are what the topic's serializers turn into bytes.
	Key   K
	Value V
	// Tombstone sends a null value, which deletes the key from a compacted topic; Value is then not looked at.
	Tombstone bool
	// Partition, Timestamp, Headers and Tag are those of Record.
	Partition Partition
	Timestamp time.Time
	Headers   []Header
	Tag       uint64
}

// scratch is the memory of one serialization. The record's bytes are copied into its batch before the call returns, so
// the scratch serves the next one.
type scratch struct {
	key, value []byte
	headers    serde.Headers
	list       []Header
}

// scratchKept is the most bytes of scratch that are kept for the next record.
const scratchKept = 64 << 10

// ForTopic returns a producer of typed records for one topic, over p.
func ForTopic[K, V any](p *Producer, topic string, key serde.Serializer[K], value serde.Serializer[V]) *TopicProducer[K, V] {
	t := &TopicProducer[K, V]{producer: p, topic: topic, key: key, value: value}
	// Never nil, so that a serializer's nil result can only mean null.
	t.scratch.New = func() any { return &scratch{key: make([]byte, 0, 64), value: make([]byte, 0, 512)} }
	return t
}

// Send is Producer.Send for a key and a value.
func (t *TopicProducer[K, V]) Send(ctx context.Context, key K, value V) (Ack, error) {
	return t.SendRecord(ctx, TopicRecord[K, V]{Key: key, Value: value})
}

// Delete is Send of a tombstone: a null value, which deletes the key from a compacted topic.
func (t *TopicProducer[K, V]) Delete(ctx context.Context, key K) (Ack, error) {
	return t.SendRecord(ctx, TopicRecord[K, V]{Key: key, Tombstone: true})
}

// Enqueue is Producer.Enqueue for a key and a value.
func (t *TopicProducer[K, V]) Enqueue(ctx context.Context, key K, value V) (Delivery, error) {
	return t.EnqueueRecord(ctx, TopicRecord[K, V]{Key: key, Value: value})
}

// EnqueueFunc is Producer.EnqueueFunc for a key and a value.
func (t *TopicProducer[K, V]) EnqueueFunc(ctx context.Context, key K, value V, callback func(Ack, error)) error {
	return t.EnqueueRecordFunc(ctx, TopicRecord[K, V]{Key: key, Value: value}, callback)
}

// SendRecord is Producer.Send for a typed record.
func (t *TopicProducer[K, V]) SendRecord(ctx context.Context, r TopicRecord[K, V]) (Ack, error) {
	d, err := t.submit(ctx, &r, nil, &accumulator.Boarding{Ticket: true, Waiter: true, Wait: t.producer.settings.MaxBlock})
	if err != nil {
		return Ack{}, err
	}
	return d.Wait(ctx)
}

// EnqueueRecord is Producer.Enqueue for a typed record.
func (t *TopicProducer[K, V]) EnqueueRecord(ctx context.Context, r TopicRecord[K, V]) (Delivery, error) {
	return t.submit(ctx, &r, nil, &accumulator.Boarding{Ticket: true, Wait: t.producer.settings.MaxBlock})
}

// EnqueueRecordFunc is Producer.EnqueueFunc for a typed record.
func (t *TopicProducer[K, V]) EnqueueRecordFunc(ctx context.Context, r TopicRecord[K, V], callback func(Ack, error)) error {
	_, err := t.submit(ctx, &r, callback, &accumulator.Boarding{Wait: t.producer.settings.MaxBlock})
	return err
}

// TryEnqueueRecord is Producer.TryEnqueue for a typed record. A serializer that waits for something still does.
func (t *TopicProducer[K, V]) TryEnqueueRecord(ctx context.Context, r TopicRecord[K, V]) (Delivery, error) {
	return t.submit(ctx, &r, nil, &accumulator.Boarding{Ticket: true})
}

// submit takes a record through interceptors and serializers and lets it board.
func (t *TopicProducer[K, V]) submit(
	ctx context.Context, r *TopicRecord[K, V], callback func(Ack, error), how *accumulator.Boarding,
) (Delivery, error) {
	p := t.producer
	plain := Record{Topic: t.topic, Partition: r.Partition, Timestamp: r.Timestamp, Headers: r.Headers, Tag: r.Tag}
	s := t.scratch.Get().(*scratch)
	defer t.putScratch(s)
	if len(p.settings.Interceptors) > 0 {
		return t.intercept(ctx, &plain, r, s, intercepting{callback, how})
	}
	if where, err := t.serialize(ctx, &plain, r, s); err != nil {
		return Delivery{}, p.refused(&plain, how, where, err)
	}
	return p.board(ctx, &plain, callback, how)
}

// intercepting is how a record goes on behind the interceptors.
type intercepting struct {
	callback func(Ack, error)
	how      *accumulator.Boarding
}

// intercept takes a record through the chain, which sees K and V, and then through the serializers.
func (t *TopicProducer[K, V]) intercept(
	ctx context.Context, plain *Record, r *TopicRecord[K, V], s *scratch, i intercepting,
) (Delivery, error) {
	out := plain.outgoing(r.Key, r.Value)
	if r.Tombstone {
		out.Value = nil
	}
	c, err := t.producer.before(ctx, out)
	where := "interceptor"
	if err == nil {
		*plain = out.record()
		err = r.takeBack(c)
	}
	if err == nil {
		where, err = t.serialize(ctx, plain, r, s)
	}
	return t.producer.boardIntercepted(ctx, plain, i.callback, i.how, intercepted{c, err, where})
}

// takeBack takes what the chain left of key and value, whose types must have stayed.
func (r *TopicRecord[K, V]) takeBack(c *chain) error {
	key, ok := c.key.(K)
	if !ok && c.key != nil {
		return fmt.Errorf("%w: an interceptor made the key a %T where it was %T; its type must stay", ErrInvalidRecord, c.key, r.Key)
	}
	value, ok := c.value.(V)
	if !ok && c.value != nil {
		return fmt.Errorf("%w: an interceptor made the value a %T where it was %T; its type must stay", ErrInvalidRecord, c.value, r.Value)
	}
	r.Key, r.Value = key, value
	return nil
}

// serialize fills in the record's bytes and what the serializers added to its headers.
func (t *TopicProducer[K, V]) serialize(
	ctx context.Context, plain *Record, r *TopicRecord[K, V], s *scratch,
) (where string, err error) {
	for _, h := range plain.Headers {
		s.headers.Add(h.Key, h.Value)
	}
	meta := serde.Meta{Context: ctx, Topic: plain.Topic, IsKey: true, Headers: &s.headers}
	if plain.Key, err = call(t.producer, t.key, s.key[:0], meta, r.Key); err != nil {
		return "key serializer", err
	}
	s.key = kept(s.key, plain.Key)
	if meta.IsKey = false; !r.Tombstone {
		if plain.Value, err = call(t.producer, t.value, s.value[:0], meta, r.Value); err != nil {
			return "value serializer", err
		}
		s.value = kept(s.value, plain.Value)
	}
	if s.headers.Len() > len(plain.Headers) {
		s.list = s.list[:0]
		for name, value := range s.headers.All() {
			s.list = append(s.list, Header{Key: name, Value: value})
		}
		plain.Headers = s.list
	}
	return "", nil
}

// call calls a serializer, whose panic is the record's error.
func call[T any](p *Producer, s serde.Serializer[T], dst []byte, m serde.Meta, v T) (b []byte, err error) {
	defer p.recovered("serializer", &err)
	return s(dst, m, v)
}

// kept is the scratch, or a larger one if what a serializer made did not fit in it, unless that is too large to keep. What
// was made is not kept itself: a serializer may return bytes of the application's own, which the next record must not
// overwrite.
func kept(scratch, made []byte) []byte {
	if len(made) > cap(scratch) && len(made) <= scratchKept {
		return make([]byte, 0, min(2*len(made), scratchKept))
	}
	return scratch
}

// putScratch keeps the scratch for the next record.
func (t *TopicProducer[K, V]) putScratch(s *scratch) {
	s.headers.Reset()
	clear(s.list)
	t.scratch.Put(s)
}
