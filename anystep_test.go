package omnibus_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	stepsOfARun = 50
	stepTime    = 100 * time.Millisecond
	// graceMax is by how much a call may outlast what bounds it.
	graceMax = 20 * time.Millisecond
)

// TestEndingAtAnyStepHangsNothingAndTellsEverything plays a script of 50 steps in which every verb is used while brokers are slow,
// silent, cut off, away and deposed. For each pair of steps the context of all calls is cancelled at the one and the producer
// closed at the other: no call outlasts what bounds it, each accepted record has one outcome, which is true, and nothing is left.
func TestEndingAtAnyStepHangsNothingAndTellsEverything(t *testing.T) {
	stride := 1
	if testing.Short() {
		stride = 7
	}
	var sum endings
	for pair := 0; pair < stepsOfARun*stepsOfARun && !t.Failed(); pair += stride {
		runToAnEnd(t, pair/stepsOfARun, pair%stepsOfARun, &sum)
	}
	t.Logf("%+v", sum)
	if sum.acked == 0 || sum.notWritten == 0 || sum.unknown == 0 || sum.refused == 0 || sum.blocked == 0 {
		t.Error("not everything that should happen did")
	}
}

// endings counts what became of the records of all runs.
type endings struct{ runs, accepted, refused, acked, notWritten, unknown, blocked int64 }

// runToAnEnd plays the script once.
func runToAnEnd(t *testing.T, cancelAt, closeAt int, sum *endings) {
	t.Helper()
	config := omnibus.Config{
		BufferBytes: 64 << 10, BatchBytes: 4 << 10, Linger: 20 * time.Millisecond, MaxBlock: 400 * time.Millisecond,
		RequestTimeout: 250 * time.Millisecond, DeliveryTimeout: 500 * time.Millisecond, CloseTimeout: 300 * time.Millisecond,
	}
	onNodes(t, 2, 4, config, func(r *rig) {
		e := &ending{rig: r, allowed: config.MaxBlock + config.DeliveryTimeout, records: make(map[uint64]*ended)}
		var cancel context.CancelFunc
		e.ctx, cancel = context.WithCancel(context.WithoutCancel(r.Context()))
		defer cancel()
		r.cluster.SetScript(e.fate)
		for step := range min(max(cancelAt, closeAt)+3, stepsOfARun) {
			if step == cancelAt {
				cancel()
				e.cancelled = time.Now()
			}
			if step == closeAt {
				e.calls.Go(func() { e.close(config.CloseTimeout) })
			}
			e.play(step)
			time.Sleep(stepTime)
		}
		e.calls.Wait()
		synctest.Wait() // Close may have had no time left for callbacks
		e.judge()
		if r.Failed() {
			r.Errorf("cancelled at step %d, closed at step %d", cancelAt, closeAt)
		}
		e.add(sum)
	})
}

// ending is one run.
type ending struct {
	*rig
	ctx       context.Context
	cancelled time.Time // set by the script's goroutine, read when all calls have ended
	allowed   time.Duration
	calls     sync.WaitGroup
	fault     atomic.Int32 // of faultsOfARun, or 0
	mu        struct {
		sync.Mutex
		ends []callEnd
	}
	records map[uint64]*ended
	tags    atomic.Uint64
}

// callEnd is when a call began and returned.
type callEnd struct {
	verb        string
	began, left time.Time
}

// ended is what is known of a record, guarded by ending.mu.
type ended struct {
	delivery         omnibus.Delivery
	accepted, called bool // called: it has a callback
	told             int
	ack              omnibus.Ack
	err              error
}

// The faults of a run, one for each ten steps.
const (
	faultNone = iota
	faultSlow
	faultSilent
	faultCut
	faultAway
	faultDeposed
)

// fate is the cluster's script.
func (e *ending) fate(req sim.Request) sim.Fate {
	if req.API != sim.Produce {
		return sim.Fate{}
	}
	switch e.fault.Load() {
	case faultSlow:
		return sim.Fate{Delay: 70 * time.Millisecond}
	case faultSilent:
		if req.Node == 1 {
			return sim.Fate{End: sim.AnswerSwallowed}
		}
	case faultCut:
		return sim.Fate{End: []sim.Ending{sim.Answered, sim.CutBefore, sim.CutAfter}[req.Number%3]}
	case faultDeposed:
		if req.Number%2 == 0 {
			return refuse(kerr.NotLeaderForPartition.Code)
		}
	}
	return sim.Fate{Delay: time.Millisecond}
}

// play plays a step: each ten have another fault.
func (e *ending) play(step int) {
	partition := int32(step % 4)
	switch step % 10 {
	case 0:
		for n := range int32(4) {
			e.callback(n, 10)
		}
	case 1:
		e.enqueue(partition, 10)
	case 2:
		e.begin(int32(step/10) + 1)
	case 3:
		e.sendAll()
	case 4:
		for range 20 {
			e.enqueue(partition, 5_000)
		}
	case 5:
		e.tryEnqueue(partition)
		e.send("t", partition)
	case 6:
		e.send("missing", 0)
	case 7:
		e.reenter(partition)
	case 8:
		e.call("Flush", func() { e.expect(e.producer.Flush(e.ctx)) })
		e.call("PartitionsFor", func() {
			_, err := e.producer.PartitionsFor(e.ctx, "another")
			e.expect(err)
		})
	case 9:
		e.end()
	}
}

// begin begins a fault.
func (e *ending) begin(fault int32) {
	e.fault.Store(fault)
	switch fault {
	case faultAway:
		e.cluster.StopNode(2)
	case faultDeposed:
		for n := range int32(4) {
			e.cluster.MoveLeader("t", n, 2-n%2)
		}
	}
}

// end ends the fault.
func (e *ending) end() {
	if e.fault.Swap(faultNone) == faultAway {
		if err := e.cluster.StartNode(2); err != nil {
			e.Error(err)
		}
	}
}

// call runs a verb on a goroutine of its own.
func (e *ending) call(verb string, f func()) {
	e.calls.Go(func() { e.timed(verb, f) })
}

func (e *ending) timed(verb string, f func()) {
	end := callEnd{verb: verb, began: time.Now()}
	f()
	end.left = time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.ends = append(e.mu.ends, end)
}

// expect fails the test at an error that none of what happens explains.
func (e *ending) expect(err error) {
	var failed *omnibus.RecordError
	if err != nil && !errors.Is(err, omnibus.ErrClosed) && !errors.Is(err, context.Canceled) && !errors.As(err, &failed) &&
		!errors.Is(err, kerr.UnknownTopicOrPartition) {
		e.Errorf("%T: %v", err, err)
	}
}

// record makes a record that can be told from all others, with a callback or not.
func (e *ending) record(topic string, partition int32, size int, called bool) omnibus.Record {
	tag := e.tags.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.records[tag] = &ended{called: called}
	return omnibus.Record{
		Topic: topic, Partition: omnibus.At(partition), Tag: tag, Key: strconv.AppendUint(nil, tag, 10), Value: make([]byte, size),
	}
}

// accepted notes whether a record was accepted, and its ticket.
func (e *ending) accepted(tag uint64, d omnibus.Delivery, err error) {
	e.expect(err)
	e.mu.Lock()
	defer e.mu.Unlock()
	rec := e.records[tag]
	rec.accepted, rec.delivery = err == nil, d
}

// sent notes the outcome of a Send.
func (e *ending) sent(tag uint64, ack omnibus.Ack, err error) {
	var pending *omnibus.PendingError
	if errors.As(err, &pending) {
		e.accepted(tag, pending.Delivery, nil)
		return
	}
	e.expect(err)
	e.mu.Lock()
	defer e.mu.Unlock()
	rec := e.records[tag]
	failed, _ := err.(*omnibus.RecordError)
	if rec.accepted = err == nil || failed.Attempts > 0; rec.accepted {
		rec.told, rec.ack, rec.err = 1, ack, err
	} else {
		rec.err = err // whether it was refused, or accepted and not sent, only the log can contradict
	}
}

// note is the callback of a record.
func (e *ending) note(ack omnibus.Ack, err error) {
	tag := ack.Tag
	if failed, ok := err.(*omnibus.RecordError); ok {
		tag = failed.Tag
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	rec := e.records[tag]
	rec.told++
	rec.ack, rec.err = ack, err
}

func (e *ending) callback(partition int32, size int) {
	rec := e.record("t", partition, size, true)
	e.call("EnqueueFunc", func() { e.accepted(rec.Tag, omnibus.Delivery{}, e.producer.EnqueueFunc(e.ctx, rec, e.note)) })
}

func (e *ending) enqueue(partition int32, size int) {
	rec := e.record("t", partition, size, false)
	e.call("Enqueue", func() {
		d, err := e.producer.Enqueue(e.ctx, rec)
		if e.accepted(rec.Tag, d, err); err == nil {
			_, err = d.Wait(e.ctx)
			e.expect(err)
		}
	})
}

func (e *ending) tryEnqueue(partition int32) {
	rec := e.record("t", partition, 10, false)
	d, err := e.producer.TryEnqueue(e.ctx, rec)
	if errors.Is(err, omnibus.ErrMetadataPending) || errors.Is(err, omnibus.ErrBufferFull) {
		return
	}
	e.accepted(rec.Tag, d, err)
}

func (e *ending) send(topic string, partition int32) {
	rec := e.record(topic, partition, 10, false)
	e.call("Send", func() {
		ack, err := e.producer.Send(e.ctx, rec)
		e.sent(rec.Tag, ack, err)
	})
}

func (e *ending) sendAll() {
	var records []omnibus.Record
	for n := range int32(4) {
		records = append(records, e.record("t", n, 500, false))
	}
	e.call("SendAll", func() {
		for i, result := range e.producer.SendAll(e.ctx, records) {
			e.sent(records[i].Tag, result.Ack, result.Err)
		}
	})
}

// reenter has a callback that sends and flushes.
func (e *ending) reenter(partition int32) {
	first, second := e.record("t", partition, 10, true), e.record("t", (partition+1)%4, 10, false)
	e.call("EnqueueFunc", func() {
		err := e.producer.EnqueueFunc(e.ctx, first, func(ack omnibus.Ack, err error) {
			e.note(ack, err)
			e.timed("Send in a callback", func() {
				ack, err := e.producer.Send(e.ctx, second)
				e.sent(second.Tag, ack, err)
			})
			e.timed("Flush in a callback", func() { e.expect(e.producer.Flush(e.ctx)) })
		})
		e.accepted(first.Tag, omnibus.Delivery{}, err)
	})
}

// close closes the producer and checks how long that takes.
func (e *ending) close(limit time.Duration) {
	began := time.Now()
	err := e.producer.Close()
	took := time.Since(began)
	if took > limit+graceMax {
		e.Errorf("Close took %v", took)
	}
	var unsent *omnibus.UnsentError
	untold := took >= limit && errors.Is(err, context.DeadlineExceeded) // the last outcome came with the deadline
	if err != nil && !errors.As(err, &unsent) && !untold {
		e.Errorf("Close: %T: %v", err, err)
	}
}

// judge compares what was told with what is.
func (e *ending) judge() {
	for _, end := range e.mu.ends {
		bound := end.began.Add(e.allowed)
		if end.began.Before(e.cancelled) && e.cancelled.Before(bound) {
			bound = e.cancelled
		} else if !end.began.Before(e.cancelled) {
			bound = end.began
		}
		if end.left.After(bound.Add(graceMax)) {
			e.Errorf("%s took %v, until %v after the context's end", end.verb, end.left.Sub(end.began), end.left.Sub(e.cancelled))
		}
	}
	found := make(map[uint64]int)
	places := make(map[string]uint64)
	for n := range int32(4) {
		for _, rec := range e.cluster.Records("t", n) {
			tag, err := strconv.ParseUint(string(rec.Key), 10, 64)
			if err != nil {
				e.Error(err)
			}
			found[tag]++
			places[fmt.Sprint(n, "/", rec.Offset)] = tag
		}
	}
	for tag, rec := range e.records {
		e.judgeRecord(tag, rec, found[tag], places)
	}
	s := e.producer.Stats()
	if s.Accepted != s.Acked+s.NotWritten+s.Unknown || s.Pending != 0 || s.BufferUsedBytes != 0 || s.CallbacksPending != 0 ||
		s.ConnectionsOpened != s.ConnectionsClosed || s.RequestsInFlight != 0 || s.DataLosses != 0 {
		e.Errorf("%+v", s)
	}
}

// judgeRecord compares what was told of one record with how often it is in the log.
func (e *ending) judgeRecord(tag uint64, rec *ended, found int, places map[string]uint64) {
	if rec.accepted && rec.told == 0 && !rec.called {
		if !rec.delivery.Done() {
			e.Errorf("record %d has no outcome", tag)
			return
		}
		rec.told = 1
		rec.ack, rec.err = rec.delivery.Wait(context.Background())
	}
	want := 0
	if rec.accepted {
		want = 1
	}
	switch {
	case rec.told != want:
		e.Errorf("record %d: accepted %v, %d outcomes", tag, rec.accepted, rec.told)
	case found > 1:
		e.Errorf("record %d is in the log %d times", tag, found)
	case rec.told == 1 && rec.err == nil && found == 0:
		e.Errorf("record %d was acknowledged and is not in the log", tag)
	case found > 0 && (!rec.accepted || omnibus.NotWritten(rec.err)):
		e.Errorf("record %d is in the log: %v", tag, rec.err)
	case rec.told == 1 && rec.err == nil && rec.ack.Offset >= 0 && places[fmt.Sprint(rec.ack.Partition, "/", rec.ack.Offset)] != tag:
		e.Errorf("record %d is not at %d/%d", tag, rec.ack.Partition, rec.ack.Offset)
	}
}

// add adds the run's records to the sum.
func (e *ending) add(sum *endings) {
	s := e.producer.Stats()
	sum.runs++
	sum.accepted += s.Accepted
	sum.refused += s.Refused
	sum.acked += s.Acked
	sum.notWritten += s.NotWritten
	sum.unknown += s.Unknown
	sum.blocked += s.Blocks
}
