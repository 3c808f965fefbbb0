package omnibus

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
)

// chain is the interceptors' view of one record: what each of them keeps of it until its outcome.
type chain struct {
	producer *Producer
	states   []any // of the interceptors that ran, in their order
	key      any   // as the interceptors left them
	value    any
}

// before runs the interceptors' Before in order, until one refuses the record.
func (p *Producer) before(ctx context.Context, out *Outgoing) (*chain, error) {
	c := &chain{producer: p, states: make([]any, 0, len(p.settings.Interceptors))}
	for i, interceptor := range p.settings.Interceptors {
		state, err := p.callBefore(ctx, interceptor, out)
		if err != nil {
			return c, fmt.Errorf("interceptor %d (%T): %w", i, interceptor, err)
		}
		c.states = append(c.states, state)
	}
	c.key, c.value = out.Key, out.Value
	return c, nil
}

// callBefore calls one interceptor, whose panic is the record's error.
func (p *Producer) callBefore(ctx context.Context, i Interceptor, out *Outgoing) (state any, err error) {
	defer p.recovered("Interceptor.Before", &err)
	return i.Before(ctx, out)
}

// after runs After of the interceptors that ran Before, in reverse order.
func (c *chain) after(ack Ack, err error) {
	for i := len(c.states) - 1; i >= 0; i-- {
		c.callAfter(i, ack, err)
	}
}

func (c *chain) callAfter(i int, ack Ack, err error) {
	defer func() {
		if v := recover(); v != nil {
			c.producer.panicked(fmt.Sprintf("Interceptor.After: %v", v), debug.Stack())
		}
	}()
	c.producer.settings.Interceptors[i].After(c.states[i], ack, err)
}

// intercept takes a record of the producer's own methods, whose key and value are bytes, through the chain.
func (p *Producer) intercept(
	ctx context.Context, r *Record, callback func(Ack, error), how *accumulator.Boarding,
) (Delivery, error) {
	out := r.outgoing(r.Key, r.Value)
	c, err := p.before(ctx, out)
	if err == nil {
		*r = out.record()
		err = bytesOf(&r.Key, c.key, "key")
	}
	if err == nil {
		err = bytesOf(&r.Value, c.value, "value")
	}
	return p.boardIntercepted(ctx, r, callback, how, intercepted{c, err, "interceptor"})
}

// intercepted is what the chain, and serialization after it, made of a record.
type intercepted struct {
	chain *chain
	err   error
	where string
}

// boardIntercepted lets an intercepted record board, or refuses it; the chain is told either way.
func (p *Producer) boardIntercepted(
	ctx context.Context, r *Record, callback func(Ack, error), how *accumulator.Boarding, i intercepted,
) (Delivery, error) {
	err := i.err
	if err != nil {
		err = p.refused(r, how, i.where, err)
	} else {
		var d Delivery
		if d, err = p.board(ctx, r, i.chain.around(callback), how); err == nil {
			return d, nil
		}
	}
	i.chain.after(Ack{Topic: r.Topic, Partition: -1, Offset: -1, Tag: r.Tag}, err)
	return Delivery{}, err
}

// around is the callback that tells the chain and then the record's own callback, which may be nil.
func (c *chain) around(callback func(Ack, error)) func(Ack, error) {
	return func(ack Ack, err error) {
		c.after(ack, err)
		if callback != nil {
			callback(ack, err)
		}
	}
}

// outgoing is the record as interceptors see it, with the key and value as they were handed in.
func (r *Record) outgoing(key, value any) *Outgoing {
	return &Outgoing{
		Topic: r.Topic, Partition: r.Partition, Timestamp: r.Timestamp, Headers: r.Headers, Tag: r.Tag,
		Key: key, Value: value,
	}
}

// record is the record as interceptors left it, without key and value.
func (o *Outgoing) record() Record {
	return Record{Topic: o.Topic, Partition: o.Partition, Timestamp: o.Timestamp, Headers: o.Headers, Tag: o.Tag}
}

// bytesOf takes what the chain left of a key or value that was bytes.
func bytesOf(dst *[]byte, left any, what string) error {
	b, ok := left.([]byte)
	if !ok && left != nil {
		return fmt.Errorf("%w: an interceptor made the %s a %T where it was []byte; its type must stay", ErrInvalidRecord, what, left)
	}
	*dst = b
	return nil
}
