package test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// The tests of callbacks that misbehave: half of the partitions have them, the other half is watched.
const (
	rudeTopic      = "callbacks"
	rudePartitions = 64
)

// rudeCluster has twice as many partitions as there are rude callbacks.
func rudeCluster(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	return kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic(rudeTopic, 2*rudePartitions))
}

func rudeRecord(partition int) omnibus.Record {
	return omnibus.Record{Topic: rudeTopic, Partition: omnibus.At(int32(partition)), Value: []byte("v")}
}

// politeLatencies enqueues to each partition that has no rude callbacks, round after round, and returns how long each
// callback was in coming.
func politeLatencies(t *testing.T, p *omnibus.Producer, rounds int) []time.Duration {
	t.Helper()
	var mu sync.Mutex
	var times []time.Duration
	for range rounds {
		for partition := rudePartitions; partition < 2*rudePartitions; partition++ {
			began := time.Now()
			err := p.EnqueueFunc(context.Background(), rudeRecord(partition), func(_ omnibus.Ack, err error) {
				mu.Lock()
				defer mu.Unlock()
				times = append(times, time.Since(began))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		pause(10 * time.Millisecond)
	}
	eventually(t, 10*time.Second, "the callbacks of the other partitions ran", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(times) == rounds*rudePartitions
	})
	return times
}

// TestSleepingCallbacksDelayOnlyTheirOwnPartition holds the callbacks of 64 partitions at once.
func TestSleepingCallbacksDelayOnlyTheirOwnPartition(t *testing.T) {
	noLeaks(t)
	hold := 10 * time.Second
	if testing.Short() {
		hold = time.Second
	}
	p := open(t, omnibus.Config{Brokers: rudeCluster(t).Brokers()})
	ctx := context.Background()
	var asleep, awake, behind atomic.Int64
	for partition := range rudePartitions {
		var slept atomic.Bool
		err := p.EnqueueFunc(ctx, rudeRecord(partition), func(omnibus.Ack, error) {
			asleep.Add(1)
			pause(hold)
			slept.Store(true)
			awake.Add(1)
		})
		if err == nil {
			err = p.EnqueueFunc(ctx, rudeRecord(partition), func(omnibus.Ack, error) {
				if slept.Load() {
					behind.Add(1)
				}
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	eventually(t, hold, "all 64 callbacks sleep at once", func() bool { return asleep.Load() == rudePartitions })
	t.Logf("64 callbacks sleep after %v", time.Since(began))
	rounds := int(hold / 4 / (10 * time.Millisecond))
	times := politeLatencies(t, p, rounds)
	t.Logf("callbacks of the other partitions: p50 %v, p99 %v, max %v of %d", quantile(times, 0.5), quantile(times, 0.99), quantile(times, 1), len(times))
	if worst := quantile(times, 0.99); worst > 200*time.Millisecond && !underRace() {
		t.Errorf("callbacks of other partitions took %v at the 99th percentile; want at most 200ms", worst)
	}
	within(t, hold/4, "Flush returns without waiting for callbacks", func() { p.Flush(ctx) })
	within(t, hold/4, "Send to a partition whose callback sleeps returns", func() {
		if _, err := p.Send(ctx, rudeRecord(0)); err != nil {
			t.Error(err)
		}
	})
	if awake.Load() > 0 {
		t.Fatalf("%d of the sleeping callbacks have ended: nothing was measured beside them", awake.Load())
	}
	within(t, hold+10*time.Second, "Close returns when the callbacks have run", func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if awake.Load() != rudePartitions || behind.Load() != rudePartitions {
		t.Errorf("when Close returned %d callbacks had slept and %d had run behind them; want %d each", awake.Load(), behind.Load(), rudePartitions)
	}
}

// TestPanickingCallbacksHarmNobody lets every other callback of 64 partitions panic.
func TestPanickingCallbacksHarmNobody(t *testing.T) {
	noLeaks(t)
	p := open(t, omnibus.Config{Brokers: rudeCluster(t).Brokers()})
	const each = 20
	var called atomic.Int64
	for n := range each {
		for partition := range rudePartitions {
			err := p.EnqueueFunc(context.Background(), rudeRecord(partition), func(omnibus.Ack, error) {
				called.Add(1)
				if n%2 == 0 {
					panic("the application's")
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	times := politeLatencies(t, p, 10)
	if worst := quantile(times, 0.99); worst > 200*time.Millisecond && !underRace() {
		t.Errorf("callbacks of other partitions took %v at the 99th percentile; want at most 200ms", worst)
	}
	eventually(t, 10*time.Second, "each callback ran", func() bool { return called.Load() == each*rudePartitions })
	eventually(t, time.Second, "each panic is counted", func() bool { return p.Stats().Panics == each*rudePartitions/2 })
}

// TestCallbacksMayCallTheProducer lets the callbacks of 64 partitions, all at once and with hardly any memory, call all
// that waits for something.
func TestCallbacksMayCallTheProducer(t *testing.T) {
	noLeaks(t)
	p := open(t, omnibus.Config{Brokers: rudeCluster(t).Brokers(), BufferBytes: 256 << 10})
	ctx := context.Background()
	const generations = 10
	var done atomic.Int64
	var problems sync.Map
	check := func(what string, err error) {
		if err != nil {
			problems.Store(fmt.Sprintf("%s: %v", what, err), nil)
		}
	}
	var callback func(partition, generation int) func(omnibus.Ack, error)
	callback = func(partition, generation int) func(omnibus.Ack, error) {
		return func(_ omnibus.Ack, err error) {
			defer done.Add(1)
			check("outcome", err)
			switch (partition + generation) % 4 {
			case 0:
				check("Flush", p.Flush(ctx))
			case 1:
				_, err := p.Send(ctx, rudeRecord(partition))
				check("Send", err)
			case 2:
				r := rudeRecord((partition + 1) % rudePartitions)
				r.Value = make([]byte, 8<<10)
				d, err := p.Enqueue(ctx, r)
				check("Enqueue", err)
				_, err = d.Wait(ctx)
				check("Wait", err)
			case 3:
				for _, result := range p.SendAll(ctx, []omnibus.Record{rudeRecord(partition), rudeRecord(partition + 1)}) {
					check("SendAll", result.Err)
				}
				_, err := p.PartitionsFor(ctx, rudeTopic)
				check("PartitionsFor", err)
			}
			if generation+1 < generations {
				check("EnqueueFunc", p.EnqueueFunc(ctx, rudeRecord(partition), callback(partition, generation+1)))
			}
		}
	}
	for partition := range rudePartitions {
		check("EnqueueFunc", p.EnqueueFunc(ctx, rudeRecord(partition), callback(partition, 0)))
	}
	times := politeLatencies(t, p, 20)
	t.Logf("callbacks of the other partitions: p50 %v, p99 %v, max %v", quantile(times, 0.5), quantile(times, 0.99), quantile(times, 1))
	eventually(t, 30*time.Second, "each callback ran", func() bool { return done.Load() == generations*rudePartitions })
	for problem := range problems.Range {
		t.Error(problem)
	}
}

// TestCallbacksMayCloseTheProducer lets the callbacks of 64 partitions close the producer while callers still enqueue.
func TestCallbacksMayCloseTheProducer(t *testing.T) {
	noLeaks(t)
	p := open(t, omnibus.Config{Brokers: rudeCluster(t).Brokers()})
	ctx := context.Background()
	var accepted, told, closed atomic.Int64
	for partition := range rudePartitions {
		err := p.EnqueueFunc(ctx, rudeRecord(partition), func(omnibus.Ack, error) {
			told.Add(1)
			if err := p.Close(); err != nil {
				t.Errorf("Close within a callback: %v", err)
			}
			closed.Add(1)
		})
		if err == nil {
			accepted.Add(1)
		} else if !errors.Is(err, omnibus.ErrClosed) {
			t.Error(err)
		}
	}
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for n := 0; ; n++ {
				err := p.EnqueueFunc(ctx, rudeRecord(rudePartitions+(caller+n)%rudePartitions), func(_ omnibus.Ack, err error) {
					if err != nil {
						t.Errorf("a record that was accepted before Close failed: %v", err)
					}
					told.Add(1)
				})
				if errors.Is(err, omnibus.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
				}
				accepted.Add(1)
			}
		})
	}
	within(t, 10*time.Second, "callers hear that the producer is closed", callers.Wait)
	within(t, 10*time.Second, "Close returns", func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	eventually(t, 5*time.Second, "each accepted record was told", func() bool { return told.Load() == accepted.Load() })
	eventually(t, 5*time.Second, "each Close within a callback returned", func() bool { return closed.Load() > 0 && closed.Load() <= rudePartitions })
}

// TestCallbacksOfFailedRecordsMayEnqueueElsewhere is the dead-letter topic: what one topic refuses, its callback
// enqueues to another, while callers keep the buffer full. The refused records hold memory until their callbacks have
// run, so callbacks that wait for memory must not wait for each other.
func TestCallbacksOfFailedRecordsMayEnqueueElsewhere(t *testing.T) {
	noLeaks(t)
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("refused", 8), kafkatest.Topic("letters", 8))
	cluster.Fail(0, 29, 1<<30, kafkatest.OnTopic("refused")) // Produce, TOPIC_AUTHORIZATION_FAILED
	p := open(t, omnibus.Config{Brokers: cluster.Brokers(), BufferBytes: 512 << 10, BatchBytesMax: 64 << 10})
	ctx := context.Background()
	var accepted, buried, problems atomic.Int64
	bury := func(_ omnibus.Ack, err error) {
		var failure *omnibus.RecordError
		if !errors.As(err, &failure) {
			problems.Add(1)
			return
		}
		r, ok := failure.Record()
		if !ok {
			problems.Add(1)
			return
		}
		r.Topic = "letters"
		if _, err := p.Enqueue(ctx, r); err != nil {
			t.Logf("dead letter: %v", err)
			problems.Add(1)
			return
		}
		buried.Add(1)
	}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for n := range 400 {
				if p.EnqueueFunc(ctx, omnibus.Record{Topic: "refused", Partition: omnibus.At(int32(n % 8)), Value: make([]byte, 4<<10)}, bury) == nil {
					accepted.Add(1)
				}
			}
		})
	}
	within(t, 20*time.Second, "the callers come through", callers.Wait)
	eventually(t, 20*time.Second, "each refused record is in the other topic", func() bool { return buried.Load()+problems.Load() == accepted.Load() })
	if problems.Load() > 0 {
		t.Errorf("%d of %d refused records could not be enqueued elsewhere", problems.Load(), accepted.Load())
	}
}
