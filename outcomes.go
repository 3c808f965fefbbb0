package omnibus

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// failureCounters count what is no batch's business.
type failureCounters struct {
	// refused counts records that were never accepted, panics the panics of the application's code.
	refused, panics atomic.Int64
}

// tell gives a batch's records their outcome. It runs on the send loop. Who waits for a Delivery is woken at once; callbacks
// follow in the order of the partition's records.
func (p *Producer) tell(part *accumulator.Partition, b *batch.Batch, o batch.Outcome) {
	b.Resolve(0, b.Count(), o)
	if !part.Turns.Pass(b, o) {
		return
	}
	for ok := true; ok; b, o, ok = part.Turns.Next() {
		p.callBack(part, b, o)
	}
}

// callBack hands a batch's callbacks to the partition's lane.
func (p *Producer) callBack(part *accumulator.Partition, b *batch.Batch, o batch.Outcome) {
	if b.Callbacks() == 0 && (o.Failure == nil || p.settings.OnFailure == nil) {
		p.pipeline.Accumulator.ReleaseBatch(b)
		return
	}
	if o.Failure == nil {
		p.pipeline.Accumulator.ReleaseSlabs(b) // nobody reads an acknowledged record again
	}
	t, _ := p.tellings.Get().(*telling)
	if t == nil {
		t = new(telling)
	}
	*t = telling{producer: p, part: part, batch: b, outcome: o}
	p.pipeline.Callbacks.Submit(&part.Lane, t)
}

// telling is the job of running a batch's callbacks.
type telling struct {
	producer *Producer
	part     *accumulator.Partition
	batch    *batch.Batch
	outcome  batch.Outcome

	next    int            // record to go on with
	records []batch.Stored // read back from a failed batch at first use
}

// Records is dispatch.Job's.
func (t *telling) Records() int { return t.batch.Count() }

// Run calls all callbacks, each of which may panic, or even end its goroutine, without harm to the others.
func (t *telling) Run() {
	defer t.end() // also when a callback ends the goroutine
	last := len(t.batch.Seats())
	if t.outcome.Failure != nil && t.producer.settings.OnFailure != nil {
		last = t.batch.Count()
	}
	t.run(last)
}

// end gives back what the job held, and the job itself for another batch.
func (t *telling) end() {
	p := t.producer
	p.pipeline.Accumulator.ReleaseBatch(t.batch)
	*t = telling{}
	p.tellings.Put(t)
}

// run calls the callbacks from t.next on.
func (t *telling) run(last int) {
	for t.next < last {
		t.runUntilPanic(last)
	}
}

// runUntilPanic calls callbacks until one panics; one that ends the goroutine (runtime.Goexit) has the rest called on the
// way out.
func (t *telling) runUntilPanic(last int) {
	finished := false
	defer func() {
		if finished {
			return
		}
		if v := recover(); v != nil {
			t.producer.panicked(v, debug.Stack())
			return
		}
		t.run(last)
	}()
	for t.next < last {
		at := t.next
		t.next++
		t.tellOne(at)
	}
	finished = true
}

// tellOne calls what is to be called for one record.
func (t *telling) tellOne(at int) {
	var seat batch.Seat
	if seats := t.batch.Seats(); at < len(seats) {
		seat = seats[at]
	}
	callback, _ := seat.Callback.(func(Ack, error))
	topic, number := t.part.Topic.Name, t.part.Number
	if t.outcome.Failure == nil {
		if callback != nil {
			o := t.outcome
			if o.Offset >= 0 {
				o.Offset += int64(at)
			}
			callback(ackOf(topic, number, seat.Tag, o, t.batch.BaseTimestamp()+int64(seat.Delta)), nil)
		}
		return
	}
	err := failed(topic, number, seat.Tag, t.outcome.Failure)
	err.source = &recordSource{telling: t, at: at, tag: seat.Tag}
	defer err.source.close()
	if callback != nil {
		defer t.onFailure(err)
		callback(Ack{Topic: topic, Partition: number, Offset: -1, Tag: seat.Tag}, err)
		return
	}
	t.onFailure(err)
}

// onFailure tells Config.OnFailure.
func (t *telling) onFailure(err *RecordError) {
	if f := t.producer.settings.OnFailure; f != nil {
		t.producer.guard("Config.OnFailure", func() { f(err) })
	}
}

// recordSource is where a failed record can be read while its callback runs.
type recordSource struct {
	mu struct {
		sync.Mutex
		closed bool
	}
	telling *telling
	at      int
	tag     uint64
}

// read returns the record, while it is there.
func (s *recordSource) read() (Record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return Record{}, false
	}
	return s.telling.record(s.at, s.tag)
}

// close ends the reading: the callback has returned.
func (s *recordSource) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	s.telling = nil
}

// record reads a failed record back from its batch.
func (t *telling) record(at int, tag uint64) (Record, bool) {
	if t.records == nil {
		records, _, err := t.batch.Records()
		if err != nil {
			return Record{}, false
		}
		t.records = records
	}
	stored := &t.records[at]
	r := Record{
		Topic: t.part.Topic.Name, Partition: At(t.part.Number), Key: stored.Key, Value: stored.Value, Tag: tag,
		Timestamp: time.UnixMilli(t.batch.BaseTimestamp() + stored.TimestampDelta),
	}
	for _, h := range stored.Headers {
		r.Headers = append(r.Headers, Header{Key: string(h.Name), Value: h.Value})
	}
	return r, true
}

// panicked logs and counts a panic of the application's code.
func (p *Producer) panicked(value any, stack []byte) {
	p.failures.panics.Add(1)
	p.log.Error("application code panicked; the producer goes on", "panic", value, "stack", string(stack))
}

// guard calls a function of the application and survives its panic.
func (p *Producer) guard(name string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			p.panicked(fmt.Sprintf("%s: %v", name, v), debug.Stack())
		}
	}()
	f()
}

// recovered turns a panic of the application's code into err; it must be deferred.
func (p *Producer) recovered(name string, err *error) {
	if v := recover(); v != nil {
		p.panicked(fmt.Sprintf("%s: %v", name, v), debug.Stack())
		*err = fmt.Errorf("%w: %s: %v", ErrPanic, name, v)
	}
}
