// Package load sends made-up records and measures how long each takes, for `omnibus perf` and `omnibus perf-test`.
//
// With a rate the load is open: record i is meant for the moment i/rate, whatever became of those before it, and its latency
// counts from there to its callback. A broker that stalls for a second so delays all records that were meant for that
// second, and every one of them shows it:
//
//	meant for   0    1    2    3    4    5    6 ms
//	sent at     0    1    2              5    5  6      enqueue blocked from 2 to 5
//	latency     ├────┤ …  ├───────── …   from 3, not from 5
//
// Invariants:
//
//  1. The intended time travels as the record's tag, so nothing is allocated or looked up for a record.
//  2. accepted = acked + not written + unknown, once Run has returned; what nobody told of is unknown.
//  3. Latencies are those of acknowledged records. Failures are counted beside them, because the time to a failure says
//     more about a timeout than about a broker.
//
// Rejected: to wait for an outcome before the next record (that is coordinated omission: the load slows down with the
// broker and the waiting goes uncounted), and to correct latencies afterwards by the expected interval (a guess).
package load

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// interruptedFlush is how long records get to arrive after an interrupt.
const interruptedFlush = 10 * time.Second

// Plan is what to send.
type Plan struct {
	// Topic is where all records go.
	Topic string
	// Records is how many to send.
	Records uint64
	// Rate is how many a second; 0 for as many as the producer takes, which is no open load any more.
	Rate float64
	// Payload makes the values.
	Payload Payload
	// Keys is how many distinct keys there are, in no order; 0 for records without a key.
	Keys uint64
	// Goroutines share the records: each has every so many-th. At least 1.
	Goroutines int
	// Warmup is how many records at the beginning do not count for Outcome.Steady.
	Warmup uint64
	// FromSend has latencies count from the call that sends the record instead of the intended time, as Java's tool does.
	FromSend bool
}

// Load is one run of a plan.
type Load struct {
	plan     Plan
	producer *omnibus.Producer
	factory  *cli.Factory
	began    time.Time
	stop     atomic.Bool  // no further record is to be sent
	counters []counter    // one for each goroutine
	steadyAt atomic.Int64 // when the first record behind the warm-up was due, since began
	recorder *recorder
	failures failures
}

// counter counts what one goroutine sent. It has a cache line of its own.
type counter struct {
	records, bytes atomic.Uint64
	_              [48]byte
}

// New returns a run of the plan over the producer, which Run will close.
func New(f *cli.Factory, producer *omnibus.Producer, plan Plan) *Load {
	return &Load{
		plan: plan, producer: producer, factory: f, recorder: newRecorder(plan.Warmup > 0),
		failures: failures{out: f.IO.Err}, counters: make([]counter, plan.Goroutines),
	}
}

// Run sends all records, waits for their outcomes, closes the producer and returns what came of it. Each interval, show is
// told what was measured since the last time, and of the rest at the end (Window.Last), one call at a time. When ctx ends,
// what was sent gets 10 s to arrive.
func (l *Load) Run(ctx context.Context, interval time.Duration, show func(Window)) *Outcome {
	l.began = time.Now()
	defer context.AfterFunc(ctx, func() { l.stop.Store(true) })()
	live := l.startLive(interval, show)
	var generators sync.WaitGroup
	for first := range l.plan.Goroutines {
		generators.Go(func() {
			defer l.factory.Recover()
			l.generate(ctx, uint64(first))
		})
	}
	generators.Wait()
	l.finish(ctx)
	live.end()
	return l.outcome(ctx)
}

// generate sends every Goroutines-th record from first on.
func (l *Load) generate(ctx context.Context, first uint64) {
	sent := &l.counters[first]
	pace := pacer{began: l.began, rate: l.plan.Rate, fromSend: l.plan.FromSend}
	record := omnibus.Record{Topic: l.plan.Topic}
	var key, value []byte
	for i := first; i < l.plan.Records && !l.stop.Load(); i += uint64(l.plan.Goroutines) {
		due, err := pace.wait(ctx, i)
		if err != nil {
			return
		}
		if l.plan.Keys > 0 {
			key = strconv.AppendUint(key[:0], mix(i)%l.plan.Keys, 10)
			record.Key = key
		}
		value = l.plan.Payload(value, i)
		record.Value = value
		record.Tag = l.mark(due, i)
		if err := l.enqueue(ctx, &record); err != nil {
			l.refused(ctx, err)
			return
		}
		sent.records.Add(1)
		sent.bytes.Add(uint64(len(record.Key) + len(record.Value)))
	}
}

// accepted is how many records were accepted so far, and how many bytes their keys and values have.
func (l *Load) accepted() (records, bytes uint64) {
	for i := range l.counters {
		records += l.counters[i].records.Load()
		bytes += l.counters[i].bytes.Load()
	}
	return records, bytes
}

// bytesEach is the mean size of key and value so far.
func (l *Load) bytesEach() float64 {
	records, bytes := l.accepted()
	return float64(bytes) / float64(max(records, 1))
}

// mark is the tag of record i: when it was due, and whether it comes behind the warm-up.
func (l *Load) mark(due time.Duration, i uint64) uint64 {
	tag := uint64(due) << 1
	if l.plan.Warmup > 0 && i >= l.plan.Warmup {
		l.steadyAt.CompareAndSwap(0, int64(max(due, 1)))
		return tag | 1
	}
	return tag
}

// enqueue enqueues the record. While the buffer is full it asks again for as long as others are acknowledged.
func (l *Load) enqueue(ctx context.Context, record *omnibus.Record) error {
	acked := l.recorder.acked()
	for {
		err := l.producer.EnqueueFunc(ctx, *record, l.told)
		switch before := acked; {
		case err == nil:
			return nil
		case errors.Is(err, omnibus.ErrCallbacksBehind):
		case errors.Is(err, omnibus.ErrBufferFull):
			if acked = l.recorder.acked(); acked == before {
				return err
			}
		default:
			return err
		}
	}
}

// refused ends the sending.
func (l *Load) refused(ctx context.Context, err error) {
	l.stop.Store(true)
	if ctx.Err() == nil {
		l.failures.giveUp(err)
	}
}

// told is the callback of all records.
func (l *Load) told(ack omnibus.Ack, err error) {
	if err != nil {
		l.failures.count(err)
		return
	}
	due := time.Duration(ack.Tag >> 1)
	l.recorder.record(time.Since(l.began)-due, ack.Tag&1 != 0)
}

// finish waits for every outcome, for a bounded time once a signal came, and ends the producer.
func (l *Load) finish(ctx context.Context) {
	if err := l.producer.Flush(ctx); err == nil {
		l.producer.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), interruptedFlush)
	defer cancel()
	l.producer.Shutdown(ctx)
}
