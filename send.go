package omnibus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
	"github.com/omnibus-kafka/omnibus/internal/metadata"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
	"github.com/omnibus-kafka/omnibus/internal/pipeline"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// Send gets one record to the broker and waits for its acknowledgement; Java's send(), which does not wait, is Enqueue.
// The record does not linger: it leaves at once, or with the next answer if some of its partition are in flight; up to 4 ms later
// while 256 batches or more are on their way to its broker. ctx
// bounds the wait only: when it ends first the error is a *PendingError and the record goes on. Any other error is a
// *RecordError.
func (p *Producer) Send(ctx context.Context, r Record) (Ack, error) {
	how := accumulator.Boarding{Ticket: true, Waiter: true, Wait: p.settings.MaxBlock}
	d, err := p.submit(ctx, &r, nil, &how)
	if err != nil {
		return Ack{}, err
	}
	return d.Wait(ctx)
}

// Enqueue accepts one record and returns its Delivery, to wait on later or to ignore. It waits for the topic's metadata
// (first use only) and for room in the buffer, together for at most max.block.ms or until ctx ends. An error, always a
// *RecordError, means that the record was not accepted and has no outcome.
func (p *Producer) Enqueue(ctx context.Context, r Record) (Delivery, error) {
	how := accumulator.Boarding{Ticket: true, Wait: p.settings.MaxBlock}
	return p.submit(ctx, &r, nil, &how)
}

// EnqueueFunc is Enqueue with a callback instead of a Delivery: it is called exactly once with the record's outcome if
// EnqueueFunc returned nil, and never otherwise. Callbacks of one partition run one after the other, in the order of its
// records; they may block, and may call any method of the producer. When very many callbacks of a partition have yet to
// run, EnqueueFunc for that partition waits for them too.
func (p *Producer) EnqueueFunc(ctx context.Context, r Record, callback func(Ack, error)) error {
	how := accumulator.Boarding{Wait: p.settings.MaxBlock}
	_, err := p.submit(ctx, &r, callback, &how)
	return err
}

// TryEnqueue is Enqueue that waits for nothing. When there is no room its error is ErrBufferFull; when nothing is known
// of the topic yet, its look-up is begun and the error is ErrMetadataPending. ctx goes to interceptors only.
func (p *Producer) TryEnqueue(ctx context.Context, r Record) (Delivery, error) {
	how := accumulator.Boarding{Ticket: true}
	return p.submit(ctx, &r, nil, &how)
}

// Result is the outcome of one record of SendAll.
type Result struct {
	// Ack is the broker's word, the zero value if Err is not nil.
	Ack Ack
	// Err is nil for an acknowledged record, else a *RecordError, or a *PendingError if ctx ended first.
	Err error
}

// SendAll sends all records and waits for their outcomes, which it returns in the order of the records. It attempts
// every record, whatever becomes of the others.
func (p *Producer) SendAll(ctx context.Context, records []Record) []Result {
	results := make([]Result, len(records))
	deliveries := make([]Delivery, len(records))
	for i := range records {
		deliveries[i], results[i].Err = p.Enqueue(ctx, records[i])
	}
	for i, d := range deliveries {
		if results[i].Err == nil {
			results[i].Ack, results[i].Err = d.Wait(ctx)
		}
	}
	return results
}

// submit takes a record through the interceptors, if there are any, and lets it board.
func (p *Producer) submit(
	ctx context.Context, r *Record, callback func(Ack, error), how *accumulator.Boarding,
) (Delivery, error) {
	if len(p.settings.Interceptors) > 0 {
		return p.intercept(ctx, r, callback, how)
	}
	return p.board(ctx, r, callback, how)
}

// board lets a record board its partition.
func (p *Producer) board(ctx context.Context, r *Record, callback func(Ack, error), how *accumulator.Boarding) (Delivery, error) {
	if callback != nil {
		how.Callback = callback
	}
	how.Tag = r.Tag
	place, where, err := p.append(ctx, r, how)
	if err != nil {
		return Delivery{}, p.refused(r, how, where, err)
	}
	return Delivery{result: place.Result, seat: place.Seat, delta: place.Delta}, nil
}

// append finds the record's partition and boards it. where names the stage in which it failed.
func (p *Producer) append(
	ctx context.Context, r *Record, how *accumulator.Boarding,
) (place accumulator.Place, where string, err error) {
	if p.pipeline.Closing() {
		return place, "closed", ErrClosed
	}
	way, left, err := p.route(ctx, r.Topic, how.Wait)
	if err != nil {
		return place, "metadata", err
	}
	how.Wait = left
	if err := p.choose(ctx, way, r, how); err != nil {
		return place, "partitioner", err
	}
	entry := batch.Entry{Timestamp: p.timestamp(r)}
	entry.Record.Key, entry.Record.Value = r.Key, r.Value
	if len(r.Headers) > 0 {
		return p.appendWithHeaders(ctx, way, r, &entry, how)
	}
	return p.appendEntry(ctx, way, r, &entry, how)
}

// headerSpace is how many bytes of encoded headers cost no allocation.
const headerSpace = 256

// appendWithHeaders encodes the record's headers and boards it. It is a function of its own because the space for them is
// cleared each time.
func (p *Producer) appendWithHeaders(
	ctx context.Context, way *pipeline.Route, r *Record, entry *batch.Entry, how *accumulator.Boarding,
) (place accumulator.Place, where string, err error) {
	var space [headerSpace]byte
	entry.Record.HeaderCount = int32(len(r.Headers))
	entry.Record.Headers = appendHeaders(space[:0], r.Headers)
	return p.appendEntry(ctx, way, r, entry, how)
}

// appendEntry boards a record on its way.
func (p *Producer) appendEntry(
	ctx context.Context, way *pipeline.Route, r *Record, entry *batch.Entry, how *accumulator.Boarding,
) (place accumulator.Place, where string, err error) {
	if entry.Timestamp < 0 {
		return place, "timestamp check", fmt.Errorf("%w: timestamp %v is before 1970 or beyond all that Kafka can store; leave Record.Timestamp zero for now", ErrInvalidRecord, r.Timestamp)
	}
	if size := entry.SizeMax(); size > way.SizeMax {
		return place, "size check", fmt.Errorf("%w: it takes up to %d bytes, and %d is the most that max.request.size and buffer.memory allow", ErrRecordTooLarge, size, way.SizeMax)
	}
	place, err = p.pipeline.Accumulator.Append(ctx, way.Topic, entry, how)
	return place, "buffer", err
}

// appendHeaders encodes a record's headers.
func appendHeaders(dst []byte, headers []Header) []byte {
	for i := range headers {
		dst = wire.AppendHeader(dst, headers[i].Key, headers[i].Value)
	}
	return dst
}

// timestamp is the record's own time, or now, in milliseconds; negative if Kafka cannot store it.
func (p *Producer) timestamp(r *Record) int64 {
	if r.Timestamp.IsZero() {
		return p.pipeline.Accumulator.Clock.Millis()
	}
	if s := r.Timestamp.Unix(); s < 0 || s >= math.MaxInt64/1000 {
		return -1 // UnixMilli would come round to some other time
	}
	return r.Timestamp.UnixMilli()
}

// route returns the way to a topic, and what its metadata left of the wait.
func (p *Producer) route(ctx context.Context, topic string, wait time.Duration) (*pipeline.Route, time.Duration, error) {
	if r, ok := p.pipeline.Known(topic); ok {
		return r, wait, nil
	}
	if fault := topicNameFault(topic); fault != "" {
		return nil, 0, invalidTopic(topic, fault)
	}
	r, left, err := p.pipeline.Route(ctx, topic, wait)
	return r, left, p.closedOr(err)
}

// invalidTopic is the error of a topic's name that cannot be one. The name may be anything, so it is cut short.
func invalidTopic(topic, fault string) error {
	return fmt.Errorf("%w: %.249q is no topic's name; a name has %s", ErrInvalidRecord, topic, fault)
}

// closedOr is ErrClosed if the producer is closing, which explains any failure, else err.
func (p *Producer) closedOr(err error) error {
	if err != nil && p.pipeline.Closing() {
		return ErrClosed
	}
	return err
}

// choose sets how.Partition, or how.Sticky for a record that may go anywhere.
func (p *Producer) choose(ctx context.Context, way *pipeline.Route, r *Record, how *accumulator.Boarding) error {
	if n, explicit := r.Partition.Explicit(); explicit {
		return p.chooseExplicit(ctx, way, n, how)
	}
	if p.settings.Partitioner != nil {
		return p.chooseCustom(way, r, how)
	}
	if r.Key != nil && !p.settings.IgnoreKeys {
		partitions := way.Topic.Current()
		how.Partition = partitions[partitioner.Java(r.Key, int32(len(partitions)))]
		return nil
	}
	how.Sticky = true
	return nil
}

// chooseExplicit takes the partition that the record names. One that does not exist may be about to: metadata is asked
// for it once more.
func (p *Producer) chooseExplicit(ctx context.Context, way *pipeline.Route, n int32, how *accumulator.Boarding) error {
	if n < 0 {
		return fmt.Errorf("%w: partition %d is negative; leave Record.Partition zero to let the partitioner decide", ErrInvalidRecord, n)
	}
	if int(n) >= len(way.Topic.Current()) {
		began := time.Now()
		bounded, cancel := context.WithTimeout(ctx, min(how.Wait, growthWait))
		defer cancel()
		if err := p.pipeline.Grow(bounded, way, n); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalidRecord, err)
		}
		how.Wait = max(how.Wait-time.Since(began), 0)
	}
	how.Partition = way.Topic.Partitions()[n]
	return nil
}

// growthWait is how long a record waits for its explicit partition to come into being: long enough for one look at the
// cluster, where Java waits for all of max.block.ms.
const growthWait = 3 * time.Second

// chooseCustom asks the configured partitioner.
func (p *Producer) chooseCustom(way *pipeline.Route, r *Record, how *accumulator.Boarding) error {
	if s, ok := p.settings.Partitioner.(scheme); ok {
		partitions := way.Topic.Current()
		n, keyed := s.hash.Partition(r.Key, int32(len(partitions)))
		if how.Sticky = !keyed; keyed {
			how.Partition = partitions[n]
		}
		return nil
	}
	n, err := p.askPartitioner(way, r)
	partitions := way.Topic.Partitions() // as many as the partitioner can have seen, or more
	switch {
	case err != nil:
		return err
	case n < 0 || int(n) >= len(partitions):
		return fmt.Errorf("%w: the partitioner chose partition %d of topic %q, which has %d (0 to %d)", ErrInvalidRecord, n, r.Topic, len(partitions), len(partitions)-1)
	}
	how.Partition = partitions[n]
	return nil
}

// askPartitioner calls the application's partitioner, whose panic is the record's error.
func (p *Producer) askPartitioner(way *pipeline.Route, r *Record) (n int32, err error) {
	defer p.recovered("Config.Partitioner", &err)
	return p.settings.Partitioner.Partition(r.Topic, r.Key, r.Value, Partitions{way.Topic})
}

// refused is the error of a record that was not accepted: always proof that it is not in the log.
func (p *Producer) refused(r *Record, how *accumulator.Boarding, where string, err error) *RecordError {
	e := &RecordError{Topic: r.Topic, Partition: -1, Tag: r.Tag, Where: where, Err: p.explain(err), notWritten: true}
	if how.Partition != nil {
		e.Partition = how.Partition.Number
	}
	p.failures.refused.Add(1)
	return e
}

// explain turns the stages' errors into the package's.
func (p *Producer) explain(err error) error {
	var timeout *bufferpool.TimeoutError
	switch {
	case errors.Is(err, pipeline.ErrPending):
		return ErrMetadataPending
	case errors.Is(err, accumulator.ErrFull):
		return ErrBufferFull
	case errors.As(err, &timeout):
		return fmt.Errorf("%w; waited max.block.ms (%v)", ErrBufferFull, p.settings.MaxBlock)
	case errors.Is(err, bufferpool.ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrRecordTooLarge, err)
	case errors.Is(err, bufferpool.ErrClosed), errors.Is(err, dispatch.ErrClosed), errors.Is(err, metadata.ErrClosed):
		return ErrClosed
	case errors.Is(err, dispatch.ErrLaneFull):
		return ErrCallbacksBehind
	}
	return err
}
