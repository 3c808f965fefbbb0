package test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// objectsReport is what a run of many records cost.
type objectsReport struct {
	Records, Objects, Told, Failed int64
	CPU, Time                      time.Duration
}

// TestMillionRecordsCostHardlyAnyHeapObjects counts all allocations of a process in which nothing but the producer runs.
func TestMillionRecordsCostHardlyAnyHeapObjects(t *testing.T) {
	if testing.Short() {
		t.Skip("sends a million records")
	}
	noLeaks(t)
	cluster := kafkatest.Start(t, kafkatest.Nodes(3), kafkatest.Topic("objects", 6))
	child := startChild(t, "objects", cluster.Brokers())
	for _, records := range []string{"unkeyed", "keyed"} {
		var r objectsReport
		child.do(records, &r)
		each := float64(r.Objects) / float64(r.Records)
		t.Logf("%s: %d heap objects for %d records: %.4f each; %v of CPU a record, %.0f records/s",
			records, r.Objects, r.Records, each, r.CPU/time.Duration(r.Records), float64(r.Records)/r.Time.Seconds())
		if each >= 0.02 && !underRace() {
			t.Errorf("%s: %.4f heap objects a record; want less than 0.02", records, each)
		}
		if r.Told != r.Records || r.Failed != 0 {
			t.Errorf("%s: %d callbacks for %d records, %d of them with errors", records, r.Told, r.Records, r.Failed)
		}
	}
}

func objectsChild(brokers []string) (map[string]func() (any, error), error) {
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers, Logger: quiet()})
	if err != nil {
		return nil, err
	}
	run := func(keyed bool) (any, error) {
		if _, err := sendMany(p, 100_000, keyed); err != nil {
			return nil, err
		}
		return sendMany(p, 1_000_000, keyed)
	}
	return map[string]func() (any, error){
		"unkeyed": func() (any, error) { return run(false) },
		"keyed":   func() (any, error) { return run(true) },
	}, nil
}

// sendMany sends records of 100 bytes with one callback for all, and counts what that allocates.
func sendMany(p *omnibus.Producer, records int, keyed bool) (objectsReport, error) {
	report := objectsReport{Records: int64(records)}
	var told, failed atomic.Int64
	callback := func(_ omnibus.Ack, err error) {
		if err != nil {
			failed.Add(1)
		}
		told.Add(1)
	}
	ctx, value, key := context.Background(), make([]byte, 100), make([]byte, 8)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, err := cpuTime()
	if err != nil {
		return report, err
	}
	began := time.Now()
	for n := range records {
		r := omnibus.Record{Topic: "objects", Value: value, Tag: uint64(n)}
		if keyed {
			binary.BigEndian.PutUint64(key, uint64(n))
			r.Key = key
		}
		if err := p.EnqueueFunc(ctx, r, callback); err != nil {
			return report, err
		}
	}
	if err := p.Flush(ctx); err != nil {
		return report, err
	}
	for deadline := time.Now().Add(10 * time.Second); told.Load() < int64(records) && time.Now().Before(deadline); {
		pause(time.Millisecond)
	}
	report.Time = time.Since(began)
	cpuAfter, err := cpuTime()
	runtime.ReadMemStats(&after)
	report.Objects, report.CPU = int64(after.Mallocs-before.Mallocs), cpuAfter-cpu
	report.Told, report.Failed = told.Load(), failed.Load()
	return report, err
}

// The idle producer: how much of the cluster it has touched.
const (
	idleTopics     = 100
	idlePartitions = 100 // of each topic
)

// idleReport is what an idle producer costs.
type idleReport struct {
	Goroutines      int
	HeapBytes       int64 // live, of the whole process
	HeldBytes       int64 // of the buffer pool
	CPU             time.Duration
	GoroutinesFirst int // before the producer was opened
	HeapFirstBytes  int64
}

// TestIdleProducerCostsNextToNothing touches 10,000 partitions once and then leaves the producer alone.
func TestIdleProducerCostsNextToNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("watches an idle producer for seconds")
	}
	noLeaks(t)
	options := []kafkatest.Option{kafkatest.Nodes(3)}
	for n := range idleTopics {
		options = append(options, kafkatest.Topic(fmt.Sprintf("idle-%d", n), idlePartitions))
	}
	child := startChild(t, "idle", kafkatest.Start(t, options...).Brokers())
	var r idleReport
	child.do("touch and rest", &r)
	t.Logf("idle over %d partitions: %d goroutines more, %.1f MiB of heap more (%.0f bytes a partition), pool holds %.1f MiB, %v of CPU in 5 s",
		idleTopics*idlePartitions, r.Goroutines-r.GoroutinesFirst, mib(r.HeapBytes-r.HeapFirstBytes),
		float64(r.HeapBytes-r.HeapFirstBytes-r.HeldBytes)/(idleTopics*idlePartitions), mib(r.HeldBytes), r.CPU)
	if more := r.Goroutines - r.GoroutinesFirst; more > 20 {
		t.Errorf("an idle producer has %d goroutines; want at most 20: they go by brokers, not by partitions", more)
	}
	if more := r.HeapBytes - r.HeapFirstBytes; more > 24<<20 && !underRace() {
		t.Errorf("an idle producer has %.1f MiB of live heap; want at most 24", mib(more))
	}
	if r.CPU > 5*time.Millisecond && !underRace() {
		t.Errorf("an idle producer took %v of CPU in 5 s; want at most 5ms, a thousandth of a core", r.CPU)
	}
}

func idleChild(brokers []string) (map[string]func() (any, error), error) {
	return map[string]func() (any, error){"touch and rest": func() (any, error) { return touchAndRest(brokers) }}, nil
}

// touchAndRest sends one record to each partition and measures what remains of that.
func touchAndRest(brokers []string) (report idleReport, err error) {
	report.Goroutines, report.HeapBytes = runtime.NumGoroutine(), liveHeap()
	report.GoroutinesFirst, report.HeapFirstBytes = report.Goroutines, report.HeapBytes
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers, Logger: quiet()})
	if err != nil {
		return report, err
	}
	defer p.Close()
	ctx := context.Background()
	for topic := range idleTopics {
		for partition := range idlePartitions {
			_, err := p.Enqueue(ctx, omnibus.Record{
				Topic: fmt.Sprintf("idle-%d", topic), Partition: omnibus.At(int32(partition)), Value: make([]byte, 100),
			})
			if err != nil {
				return report, err
			}
		}
	}
	if err := p.Flush(ctx); err != nil {
		return report, err
	}
	if s := p.Stats(); s.Acked != idleTopics*idlePartitions {
		return report, fmt.Errorf("%d records acknowledged, want %d", s.Acked, idleTopics*idlePartitions)
	}
	pause(2 * time.Second) // the last worker ends
	before, err := cpuTime()
	if err != nil {
		return report, err
	}
	pause(5 * time.Second)
	after, err := cpuTime()
	report.CPU, report.Goroutines, report.HeapBytes = after-before, runtime.NumGoroutine(), liveHeap()
	report.HeldBytes = p.Stats().BufferHeldBytes
	return report, err
}

// liveHeap is what a garbage collection leaves of the heap, in bytes.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what sync.Pools hold goes with the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
