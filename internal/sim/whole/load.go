package whole

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
)

// writer is a goroutine of the application. Its fields are its own once it runs.
type writer struct {
	producer  *omnibus.Producer
	number    int
	strict    bool // all by callbacks, whose order is checked
	dice      draw.Dice
	jobs      chan *burst
	topics    []*topic
	callbacks []func(omnibus.Ack, error) // by topic
	open      []ticket
	value     []byte
}

// ticket is a record whose outcome the writer has not seen yet.
type ticket struct {
	delivery omnibus.Delivery
	topic    *topic
	sequence uint32
}

// burst is some records that are written at once.
type burst struct {
	topic     int
	partition int32 // of those that there are, by remainder
	count     int
	keyed     bool // the key decides the partition
	verb      verb
	hurry     time.Duration // how long the writer is ready to wait; 0 for any time
}

// verb is how a record is handed over.
type verb int

const (
	enqueueFunc verb = iota
	enqueue
	send
	sendAll
	tryEnqueue
	verbs
)

// ageMax is how old the records of aged topics are: older than brokers remember producers for.
const ageMax = 25 * time.Hour

// application is the goroutines that use the producer.
type application struct {
	writing sync.WaitGroup
	rest    sync.WaitGroup
	mu      struct {
		sync.Mutex
		complaints []string
	}
}

// complain notes a broken promise, from any goroutine.
func (a *application) complain(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.complaints = append(a.mu.complaints, fmt.Sprintf(format, args...))
}

// load plans what is written, and when the producer is closed.
func (s *schedule) load() {
	d := draw.NewDice(s.setup.Seed, draw.ForLoad)
	for i := range s.setup.Whole.Writers {
		s.addWriter(i)
	}
	most := draw.Pick(d, 3, 40, 400)
	for left := s.setup.Whole.Records; left > 0; {
		w := s.writers[d.IntN(len(s.writers))]
		b := s.drawBurst(d, w, min(left, 1+d.IntN(most)))
		left -= b.count
		s.After(d.Within(draw.FaultsEnd), func() { w.jobs <- b })
	}
	for range s.setup.Load.Flushes {
		s.After(d.Within(draw.FaultsEnd), func() { s.application.rest.Go(s.flush) })
	}
	s.After(draw.FaultsEnd+time.Millisecond, func() {
		for _, w := range s.writers {
			close(w.jobs)
		}
	})
	early := s.setup.Load.Close
	s.After(max(early, 0), func() {
		if early > 0 {
			s.doing.gaveUp = true
		}
		s.application.rest.Go(func() { s.close(early > 0) })
	})
}

func (s *schedule) addWriter(number int) {
	w := &writer{
		producer: s.producer, number: number, dice: draw.NewDice(s.setup.Seed, forWriters+uint64(number)), topics: s.topics,
		jobs:  make(chan *burst, s.setup.Whole.Records), // enough for never to hold up the schedule
		value: make([]byte, check.StampBytes+s.setup.Whole.PayloadMax),
	}
	w.strict = w.dice.Chance(60)
	for _, t := range s.topics {
		h := t.histories[number]
		if w.strict {
			h.InOrder()
		}
		w.callbacks = append(w.callbacks, s.callback(t, h))
	}
	s.writers = append(s.writers, w)
	s.application.writing.Go(w.run)
}

// slowMax is how long a slow callback takes at most.
const slowMax = 5 * time.Millisecond

// callback is what all records of a writer to a topic share.
func (s *schedule) callback(t *topic, h *check.History) func(omnibus.Ack, error) {
	every := s.setup.Whole.SlowEvery
	return func(a omnibus.Ack, err error) {
		t.tell(h, a, err)
		if every > 0 && a.Tag%uint64(every) == 0 {
			<-time.After(time.Duration(a.Tag) * time.Microsecond % slowMax)
		}
	}
}

func (s *schedule) drawBurst(d draw.Dice, w *writer, count int) *burst {
	b := &burst{topic: d.IntN(len(s.topics)), partition: d.Int32N(60), count: count, keyed: d.Chance(s.setup.Whole.KeyedOf100)}
	if d.Chance(s.setup.Load.HotOf100) {
		b.topic, b.partition = 0, 0
	}
	if !w.strict {
		b.verb = verb(d.IntN(int(verbs)))
	}
	if b.verb == send {
		b.count = min(b.count, 5) // each waits for the one before it
	}
	if d.Chance(5) {
		b.hurry = d.Within(20 * time.Millisecond)
	}
	return b
}

// run writes one burst after the other, and looks at the end after what it has not seen.
func (w *writer) run() {
	for b := range w.jobs {
		w.write(b)
	}
	for i := range w.open {
		w.wait(context.Background(), &w.open[i])
	}
}

// write writes a burst.
func (w *writer) write(b *burst) {
	ctx := context.Background()
	if b.hurry > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.hurry)
		defer cancel()
	}
	if b.verb == sendAll {
		w.sendAll(ctx, b)
		return
	}
	for i := range b.count {
		w.hand(ctx, b, i)
	}
}

// record makes a burst's next record, of which the value is the writer's own and will be written over.
func (w *writer) record(b *burst, value []byte) (r omnibus.Record, h *check.History, sequence uint32) {
	t := w.topics[b.topic]
	r = omnibus.Record{Topic: t.Name, Key: []byte("k"), Value: value}
	asked := int32(check.NoPartition)
	if b.keyed {
		r.Key = []byte{'k', byte('0' + w.dice.IntN(8))}
	} else {
		asked = b.partition % t.count.Load()
		r.Partition = omnibus.At(asked)
		if w.dice.Chance(t.KeylessOf100) {
			r.Key = nil
		}
	}
	if t.Aged {
		r.Timestamp = time.Now().Add(-ageMax)
	}
	h = t.histories[w.number]
	sequence = h.Add(asked)
	r.Tag = uint64(sequence)
	h.Stamp(value, r.Key, sequence)
	return r, h, sequence
}

// hand hands a record over.
func (w *writer) hand(ctx context.Context, b *burst, i int) {
	length := check.StampBytes + (i*7+b.count)%(len(w.value)-check.StampBytes)
	r, h, sequence := w.record(b, w.value[:length])
	one := ticket{topic: w.topics[b.topic], sequence: sequence}
	var err error
	switch b.verb {
	case enqueueFunc:
		if err = w.producer.EnqueueFunc(ctx, r, w.callbacks[b.topic]); err == nil {
			return
		}
	case enqueue:
		one.delivery, err = w.producer.Enqueue(ctx, r)
	case tryEnqueue:
		one.delivery, err = w.producer.TryEnqueue(ctx, r)
	case send:
		ack, err := w.producer.Send(ctx, r)
		w.sent(h, &one, ack, err)
		return
	}
	if err != nil {
		h.Refuse(sequence)
	} else {
		w.open = append(w.open, one)
	}
}

// sent notes what became of a record that somebody waited for. One that never left is taken for refused: the error of both is
// the same.
func (w *writer) sent(h *check.History, one *ticket, ack omnibus.Ack, err error) {
	if pending := (*omnibus.PendingError)(nil); errors.As(err, &pending) {
		one.delivery = pending.Delivery
		w.open = append(w.open, *one)
		return
	}
	if failed := (*omnibus.RecordError)(nil); errors.As(err, &failed) && failed.Attempts == 0 && failed.NotWritten() {
		h.Refuse(one.sequence)
		return
	}
	one.topic.tell(h, ack, err)
}

// sendAll writes a burst by SendAll, of not too many records.
func (w *writer) sendAll(ctx context.Context, b *burst) {
	b.count = min(b.count, 100)
	var records []omnibus.Record
	first := uint32(0)
	for i := range b.count {
		value := make([]byte, check.StampBytes+i%5)
		r, _, sequence := w.record(b, value)
		if i == 0 {
			first = sequence
		}
		records = append(records, r)
	}
	t := w.topics[b.topic]
	for i, result := range w.producer.SendAll(ctx, records) {
		w.sent(t.histories[w.number], &ticket{topic: t, sequence: first + uint32(i)}, result.Ack, result.Err)
	}
}

// wait waits for a record's outcome.
func (w *writer) wait(ctx context.Context, one *ticket) {
	ack, err := one.delivery.Wait(ctx)
	one.topic.tell(one.topic.histories[w.number], ack, err)
}

// tell notes an outcome.
func (t *topic) tell(h *check.History, ack omnibus.Ack, err error) {
	if err == nil {
		if ack.Offset >= 0 {
			t.acked[ack.Partition].Store(true)
		}
		h.Tell(uint32(ack.Tag), check.Outcome{Fate: check.Acked, Partition: ack.Partition, Offset: ack.Offset})
		return
	}
	failed := (*omnibus.RecordError)(nil)
	if !errors.As(err, &failed) {
		return // the record stays open, which the check complains about
	}
	t.failure.CompareAndSwap(nil, failed)
	fate := check.Unknown
	if omnibus.NotWritten(err) {
		fate = check.NotWritten
	}
	h.Tell(uint32(failed.Tag), check.Outcome{Fate: fate, Partition: failed.Partition, Offset: -1})
}

// flush asks for a flush, which must end.
func (s *schedule) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), settledMax)
	defer cancel()
	if err := s.producer.Flush(ctx); err != nil {
		s.application.complain("a flush did not end: %v", err)
	}
}

// close closes the producer: in the middle of its work, or when all is done.
func (s *schedule) close(early bool) {
	limit := closeMax
	if early {
		limit = s.setup.Load.CloseMax
	} else {
		s.application.writing.Wait()
		s.flush()
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := s.producer.Shutdown(ctx)
	unsent := (*omnibus.UnsentError)(nil)
	switch took := time.Since(began); {
	case err != nil && !early, err != nil && !errors.As(err, &unsent) && ctx.Err() == nil:
		s.application.complain("Shutdown: %v", err)
	case took > limit+closeSlack:
		s.application.complain("Shutdown took %v, bound by %v", took, limit)
	}
	if left := s.producer.Stats().CallbacksPending; err == nil && left > 0 {
		s.application.complain("%d callbacks have not run when Shutdown returns", left)
	}
	for waited := time.Duration(0); waited < lateCallbacksMax && s.producer.Stats().CallbacksPending > 0; waited += slowMax {
		<-time.After(slowMax)
	}
	s.application.writing.Wait()
	s.doing.closed.Store(true)
	s.network.rouse()
}

// lateCallbacksMax is how long callbacks may take that a Shutdown left behind, which was bound too closely.
const lateCallbacksMax = 10 * time.Second

// closeSlack is how much longer than asked for Shutdown may take.
const closeSlack = time.Second
