package test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The test of the hung broker.
const (
	hungTopic      = "half"
	hungPartitions = 8
	hungPace       = 5000             // records a second for each broker
	hungFor        = 30 * time.Second // with a full pool, before the rate is measured
	hungRecord     = 1 << 10
)

// TestHungBrokerLeavesTheOthersTheirRate freezes one of two brokers and compares the rate of the other one's partitions,
// half a minute after the pool ran full, with what it was before.
func TestHungBrokerLeavesTheOthersTheirRate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	noLeaks(t)
	cluster := kafkatest.Start(t, kafkatest.Nodes(2), kafkatest.Topic(hungTopic, hungPartitions))
	for partition := range int32(hungPartitions) {
		cluster.MoveLeader(hungTopic, partition, partition%2)
	}
	acceptUnseen(cluster)
	proxy := kafkatest.NewProxy(t, cluster.Brokers()[1])
	p := open(t, omnibus.Config{
		Brokers: cluster.Brokers(), BufferBytes: 16 << 20,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == proxy.Target() {
				address = proxy.Addr()
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	})
	healthy, hung := startStream(p, 0), startStream(p, 1)
	t.Cleanup(func() {
		healthy.stop()
		hung.stop()
	})
	healthy.pace.Store(unpaced)
	eventually(t, 10*time.Second, "records are acknowledged", func() bool { return healthy.acked.Load() > 10_000 })
	freely := healthy.rate(time.Second, 5)
	healthy.pace.Store(hungPace)
	hung.pace.Store(hungPace)
	pause(time.Second)
	paced := healthy.rate(time.Second, 5)

	proxy.Pause(kafkatest.Up | kafkatest.Down)
	hung.pace.Store(unpaced)
	eventually(t, 20*time.Second, "callers are blocked for memory", func() bool { return p.Stats().Blocked > 0 })
	pause(hungFor)
	pacedAfter := healthy.rate(time.Second, 5)
	healthy.pace.Store(unpaced)
	pause(time.Second)
	freelyAfter := healthy.rate(time.Second, 5)
	s := p.Stats()
	t.Logf("healthy broker's records/s: paced %.0f before, %.0f after; unpaced %.0f before, %.0f after; %d callers blocked, %.1f of %.1f MiB in use, request p99 %v",
		paced, pacedAfter, freely, freelyAfter, s.Blocked, mib(s.BufferUsedBytes), mib(s.BufferBytes), s.RequestLatency.Quantile(0.99))
	if pacedAfter < 0.9*paced {
		t.Errorf("paced, the healthy broker's partitions fell from %.0f to %.0f records/s; want 90 %% or more", paced, pacedAfter)
	}
	if freelyAfter < 0.9*freely {
		t.Errorf("unpaced, the healthy broker's partitions fell from %.0f to %.0f records/s; want 90 %% or more", freely, freelyAfter)
	}
	if s.Blocked == 0 {
		t.Error("nobody was blocked for memory any more when the rate was measured")
	}

	proxy.Resume(kafkatest.Up | kafkatest.Down)
	within(t, 20*time.Second, "the load ends", func() {
		healthy.stop()
		hung.stop()
	})
	within(t, time.Minute, "everything is acknowledged once the broker answers again", func() { p.Flush(context.Background()) })
	for _, l := range []*stream{healthy, hung} {
		eventually(t, 5*time.Second, "each callback ran", func() bool { return l.acked.Load()+l.failed.Load() >= l.accepted.Load() })
		if l.failed.Load() != 0 || l.acked.Load() != l.accepted.Load() {
			t.Errorf("broker %d: %d records accepted, %d acknowledged, %d failed", l.broker, l.accepted.Load(), l.acked.Load(), l.failed.Load())
		}
	}
}

// acceptUnseen makes the cluster acknowledge every batch without looking at it, so that a long load takes no memory.
func acceptUnseen(cluster *kafkatest.Cluster) {
	fake := cluster.Kfake()
	fake.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		produce := request.(*kmsg.ProduceRequest)
		response := produce.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range produce.Topics {
			answer := kmsg.NewProduceResponseTopic()
			answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				part := kmsg.NewProduceResponseTopicPartition()
				part.Partition = partition.Partition
				answer.Partitions = append(answer.Partitions, part)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
}

// unpaced is the pace of a stream that goes as fast as it can.
const unpaced = -1

// stream is goroutines that enqueue to the partitions of one broker.
type stream struct {
	broker                  int32
	pace                    atomic.Int64 // records a second of all goroutines together; 0 for none, or unpaced
	accepted, acked, failed atomic.Int64
	cancel                  context.CancelFunc
	callers                 sync.WaitGroup
}

// startStream starts a stream, without pace yet, of one goroutine for each partition of the broker.
func startStream(p *omnibus.Producer, broker int32) *stream {
	l := &stream{broker: broker}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	for partition := broker; partition < hungPartitions; partition += 2 {
		l.callers.Go(func() { l.run(ctx, p, partition) })
	}
	return l
}

// stop ends the stream and waits for its goroutines. It may be called more than once.
func (l *stream) stop() {
	l.cancel()
	l.callers.Wait()
}

// rate is the median of the records acknowledged in each of so many windows, as records a second.
func (l *stream) rate(window time.Duration, windows int) float64 {
	var rates []float64
	for range windows {
		before, began := l.acked.Load(), time.Now()
		pause(window)
		rates = append(rates, float64(l.acked.Load()-before)/time.Since(began).Seconds())
	}
	slices.Sort(rates)
	return rates[len(rates)/2]
}

// run enqueues at the present pace.
func (l *stream) run(ctx context.Context, p *omnibus.Producer, partition int32) {
	r := omnibus.Record{Topic: hungTopic, Partition: omnibus.At(partition), Value: make([]byte, hungRecord)}
	callback := func(_ omnibus.Ack, err error) {
		if err != nil {
			l.failed.Add(1)
			return
		}
		l.acked.Add(1)
	}
	const tick = 2 * time.Millisecond
	due := 0.0
	for last := time.Now(); ctx.Err() == nil; {
		pace := l.pace.Load()
		if pace != unpaced {
			pause(tick)
			now := time.Now()
			due += float64(pace) * now.Sub(last).Seconds() / (hungPartitions / 2)
			last = now
		} else {
			due = 64
			last = time.Now()
		}
		for ; due >= 1 && ctx.Err() == nil; due-- {
			if p.EnqueueFunc(ctx, r, callback) == nil {
				l.accepted.Add(1)
			}
		}
	}
}

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
