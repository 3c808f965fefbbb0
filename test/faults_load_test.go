package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
)

// way is how a writer hands its records over.
type way uint8

const (
	wayKeyed    way = iota // a key, EnqueueFunc
	waySticky              // no key, Enqueue and Delivery.Wait
	wayExplicit            // a partition, EnqueueFunc
	waySend                // a key, Send
)

const (
	// historyPartitions is the most partitions that a topic under load has.
	historyPartitions = 16
	// loadKeys is how many keys the keyed writers use.
	loadKeys = 97
	// loadPayloadBytes is how much a record carries besides its stamp, at most.
	loadPayloadBytes = 160
	// paceInterval is how often a writer looks how many records are due.
	paceInterval = 5 * time.Millisecond
)

// writer is one goroutine that writes, and its history.
type writer struct {
	*check.History
	way        way
	partitions int32 // explicit ones go round these
	rate       int   // records a second while paced
	target     int   // records that it writes at least
	limit      int   // records that it writes at most, however much faster than its pace it may go

	random  *rand.Rand
	waiting sync.WaitGroup
	handed  chan ticket // of waySticky
}

// ticket is a Delivery and whose it is.
type ticket struct {
	sequence uint32
	delivery omnibus.Delivery
}

// load is a producer and the writers that share it.
type load struct {
	producer *omnibus.Producer
	topic    string
	writers  []*writer
	running  sync.WaitGroup
	// calm ends the pace: what is missing to the targets is written as fast as it goes.
	calm chan struct{}
	stop context.CancelFunc
	ctx  context.Context

	traffic *traffic
}

// traffic counts, from Trace, what became of the requests to each broker and how often batches of each partition were
// sent again.
type traffic struct {
	mu struct {
		sync.Mutex
		answered, lost map[int32]int // by broker
		retried        [historyPartitions]int
	}
}

func newTraffic() *traffic {
	c := new(traffic)
	c.mu.answered, c.mu.lost = make(map[int32]int), make(map[int32]int)
	return c
}

func (c *traffic) trace() *omnibus.Trace {
	return &omnibus.Trace{RequestDone: c.requestDone, BatchRetried: c.batchRetried}
}

func (c *traffic) requestDone(o omnibus.RequestOutcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.Err != nil {
		c.mu.lost[o.Broker]++
	} else {
		c.mu.answered[o.Broker]++
	}
}

func (c *traffic) batchRetried(o omnibus.BatchOutcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.retried[o.Partition]++
}

// of is how many requests to a broker were answered, and how many never.
func (c *traffic) of(broker int32) (answered, lost int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.answered[broker], c.mu.lost[broker]
}

// retried is how often batches of the partitions were sent again.
func (c *traffic) retried(partitions []int32) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, partition := range partitions {
		n += c.mu.retried[partition]
	}
	return n
}

// startLoad opens a producer and lets the writers begin. The producer logs into the test's log if the test fails.
func startLoad(t *testing.T, config omnibus.Config, topic string, writers ...*writer) *load {
	t.Helper()
	l := newLoad(context.Background(), topic, writers)
	config.Logger = failureLog(t)
	if err := l.begin(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.stop() // a test that failed half-way must not leave writers behind
		l.running.Wait()
		l.producer.Close()
	})
	return l
}

func newLoad(ctx context.Context, topic string, writers []*writer) *load {
	l := &load{topic: topic, writers: writers, calm: make(chan struct{}), traffic: newTraffic()}
	l.ctx, l.stop = context.WithCancel(ctx)
	return l
}

// begin opens the producer and starts the writers.
func (l *load) begin(config omnibus.Config) error {
	config.Trace = l.traffic.trace()
	producer, err := omnibus.Open(l.ctx, config)
	if err != nil {
		return err
	}
	l.producer = producer
	for _, w := range l.writers {
		l.running.Go(func() { l.write(w) })
	}
	return nil
}

// histories returns what the writers noted. The load must be finished.
func (l *load) histories() []*check.History {
	var all []*check.History
	for _, w := range l.writers {
		all = append(all, w.History)
	}
	return all
}

// checked compares what writers were told with what Kafka has.
func checked(log [][]*kgo.Record, rules check.Rules, histories []*check.History) *check.Report {
	c := check.New(rules, histories...)
	for _, records := range log {
		for _, r := range records {
			c.Read(&check.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value})
		}
	}
	return c.Finish()
}

// newWriter returns a writer that ends at twice its target.
func newWriter(topic string, run uint64, number uint32, way way, target int) *writer {
	h := check.NewHistory(topic, run, number, historyPartitions)
	if way == wayKeyed || way == wayExplicit {
		h.InOrder()
	}
	return &writer{
		History: h, way: way, partitions: loadPartitions, target: target, limit: 2*target + 100_000,
		random: rand.New(rand.NewPCG(run, uint64(number))),
	}
}

// write is a writer's goroutine: at its rate until calm, then on to its target.
func (l *load) write(w *writer) {
	if w.way == waySticky {
		w.handed = make(chan ticket, 1<<16)
		w.waiting.Go(w.collect)
		defer w.waiting.Wait()
		defer close(w.handed)
	}
	began, written := time.Now(), 0
	tick := time.NewTicker(paceInterval)
	defer tick.Stop()
	for l.ctx.Err() == nil && !l.calmed() {
		due := int(time.Since(began).Seconds()*float64(w.rate)) - written
		for ; due > 0 && !l.calmed(); due-- {
			if !l.writeOne(w) {
				return
			}
			written++
		}
		select {
		case <-tick.C:
		case <-l.ctx.Done():
		case <-l.calm:
		}
	}
	for w.Count() < w.target && l.ctx.Err() == nil && l.writeOne(w) {
	}
}

// calmed reports whether the pace has ended.
func (l *load) calmed() bool {
	select {
	case <-l.calm:
		return true
	default:
		return false
	}
}

// writeOne writes the writer's next record, and reports whether to go on.
func (l *load) writeOne(w *writer) bool {
	asked := int32(check.NoPartition)
	if w.way == wayExplicit {
		asked = int32(w.Count()) % w.partitions
	}
	return l.writeTo(w, asked)
}

func (l *load) writeTo(w *writer, asked int32) bool {
	if w.Count() >= w.limit {
		return false
	}
	sequence := w.Add(asked)
	var space [check.StampBytes + loadPayloadBytes]byte
	record := omnibus.Record{Topic: l.topic, Tag: uint64(sequence), Value: space[:check.StampBytes+w.random.IntN(loadPayloadBytes)]}
	for i := check.StampBytes; i < len(record.Value); i++ {
		record.Value[i] = byte(int(sequence) + i)
	}
	if w.way == wayKeyed || w.way == waySend {
		record.Key = fmt.Appendf(nil, "key-%d", w.random.IntN(loadKeys))
	}
	if asked >= 0 {
		record.Partition = omnibus.At(asked)
	}
	w.Stamp(record.Value, record.Key, sequence)
	return l.hand(w, sequence, record)
}

// hand gives a record to the producer and its outcome to the history. It goes on after a refusal, which is an outcome
// to check like any other.
func (l *load) hand(w *writer, sequence uint32, record omnibus.Record) bool {
	switch w.way {
	case waySticky:
		d, err := l.producer.Enqueue(l.ctx, record)
		if err != nil {
			w.Refuse(sequence)
			return l.ctx.Err() == nil
		}
		w.handed <- ticket{sequence, d}
	case waySend:
		ack, err := l.producer.Send(context.WithoutCancel(l.ctx), record)
		w.tell(ack, err)
	default:
		if err := l.producer.EnqueueFunc(l.ctx, record, w.tell); err != nil {
			w.Refuse(sequence)
			return l.ctx.Err() == nil
		}
	}
	return true
}

// tell notes an outcome. It serves as callback.
func (w *writer) tell(ack omnibus.Ack, err error) {
	tag, told := ack.Tag, check.Outcome{Fate: check.Acked, Partition: ack.Partition, Offset: ack.Offset}
	if err != nil {
		told.Fate, told.Offset = check.Unknown, -1
	}
	if failed := asRecordError(err); failed != nil {
		tag, told.Partition = failed.Tag, failed.Partition
	}
	if omnibus.NotWritten(err) {
		told.Fate = check.NotWritten
	}
	w.Tell(uint32(tag), told)
}

// collect waits for the writer's deliveries.
func (w *writer) collect() {
	for handed := range w.handed {
		w.tell(handed.delivery.Wait(context.Background()))
	}
}

// burst writes to the partitions as fast as it goes until it is stopped, so that at no moment nothing is in flight to
// their leader. It is the writer's only goroutine while it runs.
func (l *load) burst(w *writer, partitions []int32) (stop func()) {
	var done sync.WaitGroup
	var stopped atomic.Bool
	done.Go(func() {
		for i := 0; !stopped.Load(); i++ {
			if !l.writeTo(w, partitions[i%len(partitions)]) {
				return
			}
			if i%1000 == 999 { // fast, not all there is: memory should stay free for the others
				pause(time.Millisecond)
			}
		}
	})
	return func() {
		stopped.Store(true)
		done.Wait()
	}
}

// finish ends the pace, waits for the writers and closes the producer, which must leave nothing open.
func (l *load) finish() error {
	close(l.calm)
	l.running.Wait()
	flushed := l.producer.Flush(context.Background())
	return errors.Join(flushed, l.producer.Close())
}

// asRecordError returns the *omnibus.RecordError in err, or nil.
func asRecordError(err error) *omnibus.RecordError {
	failed, _ := errors.AsType[*omnibus.RecordError](err)
	return failed
}

// failureLogBytesMax is how much of a producer's log is kept.
const failureLogBytesMax = 256 << 10

// failureLog returns a logger of everything whose last part is shown if the test fails.
func failureLog(t *testing.T) *slog.Logger {
	tail := new(tailWriter)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the producer's log:\n%s", tail.String())
		}
	})
	return slog.New(slog.NewTextHandler(tail, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// tailWriter keeps the end of what is written to it.
type tailWriter struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
}

func (w *tailWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.Len() > 2*failureLogBytesMax {
		w.mu.Next(w.mu.Len() - failureLogBytesMax)
	}
	return w.mu.Buffer.Write(p)
}

func (w *tailWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.Buffer.String()
}
