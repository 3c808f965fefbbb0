package test

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
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
// half a minute after the pool ran full, with what it was before. That is at a fixed pace. As fast as it goes, the rate
// depends on what else the machine has to do, so it is compared with that of a second producer, to which nothing
// happens, in turn with it.
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
	config := omnibus.Config{Brokers: cluster.Brokers(), BufferBytes: 16 << 20}
	control := startStream(openOnForgetful(t, config), 0)
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == proxy.Target() {
			address = proxy.Addr()
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	p := openOnForgetful(t, config)
	healthy, hung := startStream(p, 0), startStream(p, 1)
	stop := func() {
		control.stop()
		healthy.stop()
		hung.stop()
	}
	t.Cleanup(stop)
	healthy.pace.Store(hungPace)
	hung.pace.Store(hungPace)
	pause(time.Second)
	paced := healthy.rate(time.Second, 5)

	proxy.Pause(kafkatest.Up | kafkatest.Down)
	hung.pace.Store(unpaced)
	eventually(t, 20*time.Second, "callers are blocked for memory", func() bool { return p.Stats().Blocked > 0 })
	pause(hungFor)
	pacedAfter := healthy.rate(time.Second, 5)
	healthy.pace.Store(0)
	free := healthy.share(control)
	s := p.Stats()
	t.Logf("healthy broker: paced %.0f records/s before, %.0f after; unpaced %.2f of the other producer's rate; %d callers blocked, %.1f of %.1f MiB in use, request p99 %v",
		paced, pacedAfter, free, s.Blocked, mib(s.BufferUsedBytes), mib(s.BufferBytes), s.RequestLatency.Quantile(0.99))
	if pacedAfter < 0.9*paced {
		t.Errorf("paced, the healthy broker's partitions fell from %.0f to %.0f records/s; want 90 %% or more", paced, pacedAfter)
	}
	if free < 0.9 {
		t.Errorf("unpaced, the healthy broker's partitions get through %.2f of what they do in another producer; want 0.90 or more", free)
	}
	if s.Blocked == 0 {
		t.Error("nobody was blocked for memory any more when the rate was measured")
	}

	proxy.Resume(kafkatest.Up | kafkatest.Down)
	within(t, 20*time.Second, "the load ends", stop)
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
	ends := make(map[int32]int64) // of partitions; kfake has one goroutine
	fake.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		produce := request.(*kmsg.ProduceRequest)
		response := produce.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range produce.Topics {
			answer := kmsg.NewProduceResponseTopic()
			answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				part := kmsg.NewProduceResponseTopicPartition()
				part.Partition, part.BaseOffset = partition.Partition, ends[partition.Partition]
				ends[partition.Partition] += int64(binary.BigEndian.Uint32(partition.Records[recordCountAt:]))
				answer.Partitions = append(answer.Partitions, part)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
}

// recordCountAt is where a batch's header has the number of its records.
const recordCountAt = 57

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

// share is the median of what the stream gets through as fast as it goes, in parts of what another one gets through just
// before or after. Both streams rest before and afterwards.
func (l *stream) share(of *stream) float64 {
	var shares []float64
	for n := range 20 {
		first, second := l, of
		if n%2 == 1 {
			first, second = of, l
		}
		a, b := first.burst(), second.burst()
		if n%2 == 1 {
			a, b = b, a
		}
		shares = append(shares, a/b)
	}
	slices.Sort(shares)
	return shares[len(shares)/2]
}

// burst goes as fast as it can for a moment and returns the rate of that, without the moment in which it began.
func (l *stream) burst() float64 {
	l.pace.Store(unpaced)
	defer l.pace.Store(0)
	pause(100 * time.Millisecond)
	return l.rate(400*time.Millisecond, 1)
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
