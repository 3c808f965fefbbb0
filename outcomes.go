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
	if !b.HasCallbacks() && (o.Failure == nil || p.settings.OnFailure == nil) {
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
	t.tellAll()
}

// end gives back what the job held, and the job itself for another batch.
func (t *telling) end() {
	p := t.producer
	p.pipeline.Accumulator.ReleaseBatch(t.batch)
	*t = telling{}
	p.tellings.Put(t)
}

// tellAll calls the callbacks from t.next on.
func (t *telling) tellAll() {
	for !t.tellUntilPanic() {
	}
}

// tellUntilPanic calls callbacks until one panics, and reports whether none did; one that ends the goroutine
// (runtime.Goexit) has the rest called on the way out.
func (t *telling) tellUntilPanic() (finished bool) {
	defer func() {
		if finished {
			return
		}
		if v := recover(); v != nil {
			t.producer.panicked(v, debug.Stack())
			return
		}
		t.tellAll()
	}()
	if t.outcome.Failure == nil {
		t.tellAcked()
	} else {
		t.tellFailed()
	}
	return true
}

// tellAcked calls the callbacks of an acknowledged batch. It is the only code that runs once a record behind the broker's
// answer.
func (t *telling) tellAcked() {
	b, o := t.batch, t.outcome
	for t.next < b.Count() {
		run := b.RunAt(t.next)
		callback, _ := run.Callback.(func(Ack, error))
		if callback == nil {
			t.next = run.End
			continue
		}
		ack := ackOf(t.part.Topic.Name, t.part.Number, 0, o, b.BaseTimestamp()+int64(run.Delta))
		for t.next < run.End {
			if ack.Tag = b.Tag(t.next); o.Offset >= 0 {
				ack.Offset = o.Offset + int64(t.next)
			}
			t.next++
			callback(ack, nil)
		}
	}
}

// tellFailed tells each record of a failed batch, by its callback and by Config.OnFailure.
func (t *telling) tellFailed() {
	for t.next < t.batch.Count() {
		at := t.next
		t.next++
		callback, _ := t.batch.Callback(at).(func(Ack, error))
		if callback == nil && t.producer.settings.OnFailure == nil {
			continue
		}
		t.tellFailure(at, callback)
	}
}

// tellFailure tells one record.
func (t *telling) tellFailure(at int, callback func(Ack, error)) {
	topic, number, tag := t.part.Topic.Name, t.part.Number, t.batch.Tag(at)
	err := failed(topic, number, tag, t.outcome.Failure)
	err.source = &recordSource{telling: t, at: at, tag: tag}
	defer err.source.close()
	defer t.onFailure(err)
	if callback != nil {
		callback(Ack{Topic: topic, Partition: number, Offset: -1, Tag: tag}, err)
	}
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
