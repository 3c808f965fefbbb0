package test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// The outage: what is enqueued while no broker is there.
const (
	outageTopic      = "outage"
	outagePartitions = 16
	outageCallers    = 64
	outageValueBytes = 10 << 10
	outageTime       = 30 * time.Second
	outageMaxBlock   = 2 * time.Second
	outageContext    = 500 * time.Millisecond
)

// outageReport is what the child saw while no broker was there.
type outageReport struct {
	PeakBytes       int64 // of the process, as the system sees it
	Accepted        int
	ByMaxBlock      int // calls that max.block.ms ended
	ByContext       int // calls that their context ended
	Unexplained     []string
	Tries, TriesIn  int // calls of TryEnqueue, and those that found room
	TryP99, TryMax  time.Duration
	BufferUsedBytes int64
}

// drainReport is what the child saw once a broker was back.
type drainReport struct {
	PeakBytes       int64
	Accepted        []uint64
	Complaints      []string
	BufferUsedBytes int64
	CloseError      string
	Goroutines      string // left after Close
}

// TestMemoryStaysBoundedWhileAllBrokersAreGone is the promise of buffer.memory seen from outside: the whole process.
func TestMemoryStaysBoundedWhileAllBrokersAreGone(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	noLeaks(t)
	cluster := kafkatest.Start(t, kafkatest.Nodes(3), kafkatest.Topic(outageTopic, outagePartitions))
	child := startChild(t, "outage", cluster.Brokers())
	var baseline int64
	child.do("warm up", &baseline)
	cluster.StopBroker(0, 1, 2) // at once: a broker that no longer leads anything has no share of the buffer
	var during outageReport
	child.do("enqueue", &during)
	t.Logf("peak before the outage %.1f MiB, during %.1f MiB; %d records accepted, %d calls ended by max.block.ms, %d by context; %d calls of TryEnqueue, %d accepted, p99 %v, max %v",
		mib(baseline), mib(during.PeakBytes), during.Accepted, during.ByMaxBlock, during.ByContext, during.Tries, during.TriesIn, during.TryP99, during.TryMax)
	if most := int64(64 << 20); during.PeakBytes > most && !underRace() {
		t.Errorf("the process took %.1f MiB at its peak; want at most 64", mib(during.PeakBytes))
	}
	// What is kept for partitions without a leader and for callbacks, a fifth of one half each, stays empty.
	if least := (16 << 20) * 7 / 10 / outageValueBytes; during.Accepted < least {
		t.Errorf("only %d records of 10 KiB were accepted into 16 MiB; want %d or more", during.Accepted, least)
	}
	if during.ByMaxBlock == 0 || during.ByContext == 0 {
		t.Errorf("%d calls ended by max.block.ms and %d by context; want some of both", during.ByMaxBlock, during.ByContext)
	}
	for _, what := range during.Unexplained {
		t.Error(what)
	}
	if during.TryP99 > time.Millisecond && !underRace() {
		t.Errorf("TryEnqueue took %v at the 99th percentile of %d calls; want at most 1ms", during.TryP99, during.Tries)
	}
	for node := range int32(3) {
		cluster.StartBroker(node)
	}
	var after drainReport
	child.do("drain", &after)
	if most := int64(64 << 20); after.PeakBytes > most && !underRace() {
		t.Errorf("the process took %.1f MiB at its peak, draining included; want at most 64", mib(after.PeakBytes))
	}
	for _, what := range after.Complaints {
		t.Error(what)
	}
	if after.BufferUsedBytes != 0 || after.CloseError != "" || after.Goroutines != "" {
		t.Errorf("after the drain %d bytes of the pool are in use, Close returned %q, and these goroutines are left:\n%s",
			after.BufferUsedBytes, after.CloseError, after.Goroutines)
	}
	expectInLog(t, cluster, outageTopic, after.Accepted)
}

// mib is a number of bytes in MiB.
func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// numbered is a value of so many bytes that opens with the record's number: its caller and its place among the caller's.
func numbered(caller, n, bytes int) (value []byte, record uint64) {
	record = uint64(caller)<<32 | uint64(n)
	value = make([]byte, bytes)
	binary.BigEndian.PutUint64(value, record)
	return value, record
}

// expectInLog fails the test unless each accepted record is in the topic exactly once, no other is, and within each
// partition the records of each caller stand in the order in which they were accepted.
func expectInLog(t *testing.T, cluster *kafkatest.Cluster, topic string, accepted []uint64) {
	t.Helper()
	times := make(map[uint64]int)
	for partition, records := range cluster.Records(topic) {
		last := make(map[uint64]uint64) // a caller's youngest record so far
		for _, r := range records {
			record := binary.BigEndian.Uint64(r.Value)
			times[record]++
			if caller := record >> 32; record < last[caller] {
				t.Errorf("partition %d: record %d of caller %d stands behind its record %d", partition, uint32(record), caller, uint32(last[caller]))
			} else {
				last[caller] = record
			}
		}
	}
	wrong := 0
	for _, record := range accepted {
		if times[record] != 1 && wrong < 20 {
			t.Errorf("record %d of caller %d is in the log %d times", uint32(record), record>>32, times[record])
			wrong++
		}
		delete(times, record)
	}
	for record := range times {
		if wrong++; wrong < 20 {
			t.Errorf("record %d of caller %d is in the log and was not accepted", uint32(record), record>>32)
		}
	}
}

// outage is the child of TestMemoryStaysBoundedWhileAllBrokersAreGone.
type outage struct {
	producer *omnibus.Producer
	outcomes *outcomes
	full     atomic.Bool // a caller was refused for lack of memory

	mu struct {
		sync.Mutex
		accepted []uint64
		report   outageReport
		waits    []func() // on deliveries
	}
}

func outageChild(brokers []string) (map[string]func() (any, error), error) {
	p, err := omnibus.Open(context.Background(), omnibus.Config{
		Brokers: brokers, BufferBytes: 16 << 20, MaxBlock: outageMaxBlock, Logger: quiet(),
	})
	if err != nil {
		return nil, err
	}
	o := &outage{producer: p, outcomes: newOutcomes()}
	return map[string]func() (any, error){"warm up": o.warmUp, "enqueue": o.enqueue, "drain": o.drain}, nil
}

// warmUp sends a record to each partition, so that everything is connected and known.
func (o *outage) warmUp() (any, error) {
	for partition := range outagePartitions {
		value, record := numbered(outageCallers+2, partition, 8)
		ack, err := o.producer.Send(context.Background(), omnibus.Record{
			Topic: outageTopic, Partition: omnibus.At(int32(partition)), Value: value, Tag: record,
		})
		if err != nil {
			return nil, err
		}
		o.accepted(record)
		o.outcomes.tell(ack.Tag, nil)
	}
	return peakMemory()
}

func (o *outage) accepted(record uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.accepted = append(o.mu.accepted, record)
}

// enqueue lets all callers enqueue for the time of the outage.
func (o *outage) enqueue() (any, error) {
	end := time.Now().Add(outageTime)
	var callers sync.WaitGroup
	for caller := range outageCallers {
		callers.Go(func() { o.call(caller, end) })
	}
	callers.Go(func() { o.try(end) })
	callers.Wait()
	peak, err := peakMemory()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.report.PeakBytes, o.mu.report.Accepted = peak, len(o.mu.accepted)
	o.mu.report.BufferUsedBytes = o.producer.Stats().BufferUsedBytes
	return o.mu.report, err
}

// call is one caller: it enqueues, with a Delivery or a callback, until the end. Every other one bounds its calls by a
// context.
func (o *outage) call(caller int, end time.Time) {
	for n := 1; time.Now().Before(end); {
		value, record := numbered(caller, n, outageValueBytes)
		r := omnibus.Record{Topic: outageTopic, Partition: omnibus.At(int32(caller % outagePartitions)), Value: value, Tag: record}
		ctx, cancel, began := context.Background(), context.CancelFunc(func() {}), time.Now()
		if caller%2 == 1 {
			ctx, cancel = context.WithTimeout(ctx, outageContext)
		}
		var err error
		if caller%4 < 2 {
			err = o.producer.EnqueueFunc(ctx, r, func(a omnibus.Ack, err error) { o.outcomes.tell(record, err) })
		} else {
			var d omnibus.Delivery
			if d, err = o.producer.Enqueue(ctx, r); err == nil {
				o.waitLater(d, record)
			}
		}
		cancel()
		if err == nil {
			o.accepted(record)
			n++
			continue
		}
		o.refused(caller, time.Since(began), err)
	}
}

// waitLater notes a delivery whose outcome is asked for at the end.
func (o *outage) waitLater(d omnibus.Delivery, record uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.waits = append(o.mu.waits, func() {
		_, err := d.Wait(context.Background())
		o.outcomes.tell(record, err)
	})
}

// refused judges the error of a call that was not accepted: it must say what ended the wait, and have come in time.
func (o *outage) refused(caller int, after time.Duration, err error) {
	o.full.Store(true)
	o.mu.Lock()
	defer o.mu.Unlock()
	bound := outageMaxBlock
	switch {
	case caller%2 == 0 && errors.Is(err, omnibus.ErrBufferFull) && strings.Contains(err.Error(), "max.block.ms"):
		o.mu.report.ByMaxBlock++
	case caller%2 == 1 && errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, omnibus.ErrBufferFull):
		bound = outageContext
		o.mu.report.ByContext++
	default:
		o.complainLocked("a call ended after %v with %v", after, err)
	}
	if after < bound || after > bound+time.Second {
		o.complainLocked("a call that %v bounds ended after %v with %v", bound, after, err)
	}
	if !omnibus.NotWritten(err) {
		o.complainLocked("the error of a refused record proves nothing: %v", err)
	}
}

func (o *outage) complainLocked(format string, arguments ...any) {
	if len(o.mu.report.Unexplained) < 20 {
		o.mu.report.Unexplained = append(o.mu.report.Unexplained, fmt.Sprintf(format, arguments...))
	}
}

// try calls TryEnqueue every 5 ms once the buffer is full, and notes how long each call takes.
func (o *outage) try(end time.Time) {
	var times []time.Duration
	for n := 1; time.Now().Before(end); pause(5 * time.Millisecond) {
		if !o.full.Load() {
			continue
		}
		value, record := numbered(outageCallers, n, outageValueBytes)
		began := time.Now()
		d, err := o.producer.TryEnqueue(context.Background(), omnibus.Record{
			Topic: outageTopic, Partition: omnibus.At(int32(len(times) % outagePartitions)), Value: value, Tag: record,
		})
		times = append(times, time.Since(began))
		switch {
		case err == nil:
			o.accepted(record)
			o.waitLater(d, record)
			n++
		case !errors.Is(err, omnibus.ErrBufferFull):
			o.mu.Lock()
			o.complainLocked("TryEnqueue: %v", err)
			o.mu.Unlock()
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	r := &o.mu.report
	r.Tries, r.TryP99, r.TryMax = len(times), quantile(times, 0.99), quantile(times, 1)
	r.TriesIn = len(o.mu.waits)
}

// drain waits for all outcomes and closes the producer.
func (o *outage) drain() (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := o.producer.Flush(ctx); err != nil {
		return nil, err
	}
	for _, wait := range o.mu.waits {
		wait()
	}
	var report drainReport
	report.Accepted = o.mu.accepted
	for deadline := time.Now().Add(5 * time.Second); o.outcomes.count() < len(report.Accepted) && time.Now().Before(deadline); {
		pause(time.Millisecond) // callbacks come after the outcomes that Flush waits for
	}
	report.BufferUsedBytes = o.producer.Stats().BufferUsedBytes
	if err := o.producer.Close(); err != nil {
		report.CloseError = err.Error()
	}
	report.Complaints = o.outcomes.complaints(report.Accepted)
	report.Goroutines = producerGoroutines()
	peak, err := peakMemory()
	report.PeakBytes = peak
	return report, err
}

// producerGoroutines are the stacks of the producer's goroutines that still run, after a moment in which they may end.
func producerGoroutines() string {
	for deadline := time.Now().Add(5 * time.Second); ; pause(time.Millisecond) {
		var left []string
		for _, stack := range goroutines() {
			if strings.Contains(stack, "omnibus-kafka/omnibus.") || strings.Contains(stack, "omnibus/internal/") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
	}
}

// TestPoolBytesAreAllReturned looks for slabs that were lost on any of the ways that a record can take.
func TestPoolBytesAreAllReturned(t *testing.T) {
	noLeaks(t)
	cluster := kafkatest.Start(t, kafkatest.Nodes(2), kafkatest.Topic("acked", 4), kafkatest.Topic("refused", 4), kafkatest.Topic("packed", 4))
	cluster.Fail(0, 29, 1<<30, kafkatest.OnTopic("refused")) // Produce, TOPIC_AUTHORIZATION_FAILED
	p := open(t, omnibus.Config{
		Brokers: cluster.Brokers(), BufferBytes: 256 << 10,
		Topics: map[string]omnibus.TopicConfig{"packed": {Compression: new(omnibus.CompressionLZ4)}},
	})
	ctx := context.Background()
	var told, callbacks atomic.Int64
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for n := range 300 {
				topic := []string{"acked", "refused", "packed"}[n%3]
				value, record := numbered(caller, n, 100+n*37%20000)
				r := omnibus.Record{Topic: topic, Value: value, Tag: record}
				switch n / 3 % 4 {
				case 0:
					p.Send(ctx, r)
				case 1:
					if p.EnqueueFunc(ctx, r, func(omnibus.Ack, error) { told.Add(1) }) == nil {
						callbacks.Add(1)
					}
				case 2:
					p.Enqueue(ctx, r)
				case 3:
					p.TryEnqueue(ctx, r)
				}
			}
		})
	}
	within(t, 30*time.Second, "all calls return", callers.Wait)
	within(t, 30*time.Second, "Flush returns", func() { p.Flush(ctx) })
	eventually(t, 5*time.Second, "each callback ran", func() bool { return told.Load() == callbacks.Load() })
	eventually(t, 5*time.Second, "BufferUsedBytes is 0", func() bool { return p.Stats().BufferUsedBytes == 0 })
	s := p.Stats()
	if s.Pending != 0 || s.Acked == 0 || s.NotWritten == 0 || s.Accepted != s.Acked+s.NotWritten+s.Unknown {
		t.Errorf("accepted %d = acked %d + not written %d + unknown %d, pending %d", s.Accepted, s.Acked, s.NotWritten, s.Unknown, s.Pending)
	}
	if s.Blocks == 0 {
		t.Error("no caller was ever blocked for memory: the test did not fill the pool")
	}
}
