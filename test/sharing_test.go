package test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
	"github.com/omnibus-kafka/omnibus/serde"
)

// The shared producer: who uses it, and for how long.
const (
	sharingTopic      = "shared"
	sharingPartitions = 12
	sharingCallers    = 64
)

// TestManyGoroutinesShareOneProducer lets 64 goroutines use all verbs at once while leaders move and a broker goes and
// comes back, and then looks for every accepted record in the log. Its other half is the race detector.
func TestManyGoroutinesShareOneProducer(t *testing.T) {
	noLeaks(t)
	duration := 10 * time.Second
	if testing.Short() {
		duration = 2 * time.Second
	}
	cluster := kafkatest.Start(t, kafkatest.Nodes(3), kafkatest.Topic(sharingTopic, sharingPartitions))
	p := open(t, omnibus.Config{Brokers: cluster.Brokers(), BufferBytes: 1 << 20, Compression: omnibus.CompressionLZ4})
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()
	var callers sync.WaitGroup
	all := make([]*sharer, sharingCallers)
	for n := range all {
		s := newSharer(t, p, n)
		all[n] = s
		callers.Go(func() { s.run(ctx) })
	}
	faults := disturb(ctx, cluster)
	within(t, duration+30*time.Second, "all goroutines end", callers.Wait)
	within(t, 30*time.Second, "Flush returns", func() { p.Flush(context.Background()) })

	var accepted []uint64
	for _, s := range all {
		eventually(t, 10*time.Second, "each record was told its outcome", func() bool { return s.outcomes.count() >= len(s.accepted) })
		for _, what := range s.outcomes.complaints(s.accepted) {
			t.Errorf("caller %d: %s", s.number, what)
		}
		accepted = append(accepted, s.accepted...)
	}
	s := p.Stats()
	t.Logf("%d records accepted, %d retried, %d requests lost, %d leader changes, %d faults", s.Accepted, s.Retries, s.RequestsLost, s.LeaderChanges, faults)
	if s.Accepted != int64(len(accepted)) || s.Acked != s.Accepted {
		t.Errorf("Stats: %d accepted, %d acked; the callers know of %d", s.Accepted, s.Acked, len(accepted))
	}
	if s.LeaderChanges == 0 || s.RequestsLost == 0 {
		t.Errorf("%d leader changes and %d lost requests: the faults did not reach the producer", s.LeaderChanges, s.RequestsLost)
	}
	eventually(t, 5*time.Second, "BufferUsedBytes is 0", func() bool { return p.Stats().BufferUsedBytes == 0 })
	expectInLog(t, cluster, sharingTopic, accepted)
}

// disturb moves leaders all the time and lets a broker vanish and come back, until ctx ends. All brokers run when it
// returns the number of faults. It runs on the test's goroutine, as the cluster's methods ask for.
func disturb(ctx context.Context, cluster *kafkatest.Cluster) (faults int) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for ; ; faults++ {
		select {
		case <-ctx.Done():
			return faults
		case <-ticker.C:
		}
		node := int32(faults / 10 % 3)
		switch faults % 10 {
		case 4:
			cluster.StopBroker(node)
		case 7:
			cluster.StartBroker(node)
		case 5, 6:
			// The broker is away: a leader moves to one that runs.
			cluster.MoveLeader(sharingTopic, int32(faults%sharingPartitions), (node+1)%3)
		default:
			if faults%10 < 4 || faults%10 > 7 {
				cluster.MoveLeader(sharingTopic, int32(faults%sharingPartitions), int32(faults%3))
			}
		}
	}
}

// sharer is one goroutine among those that share the producer. It writes to one partition, so that its records have an
// order that can be told from the log.
type sharer struct {
	t         *testing.T
	producer  *omnibus.Producer
	typed     *omnibus.TopicProducer[uint64, []byte]
	number    int
	next      int
	accepted  []uint64
	outcomes  *outcomes
	delivered []func() // waits for deliveries
}

func newSharer(t *testing.T, p *omnibus.Producer, number int) *sharer {
	bigEndian := func(dst []byte, _ serde.Meta, v uint64) ([]byte, error) {
		return binary.BigEndian.AppendUint64(dst, v), nil
	}
	return &sharer{
		t: t, producer: p, number: number, next: 1, outcomes: newOutcomes(),
		typed: omnibus.ForTopic(p, sharingTopic, bigEndian, serde.Bytes),
	}
}

// run calls one verb after the other until ctx ends, then waits for what is open.
func (s *sharer) run(ctx context.Context) {
	verbs := []func(context.Context){
		s.send, s.enqueueAndWait, s.enqueueFunc, s.tryEnqueue, s.sendAll, s.typedSend, s.typedEnqueueFunc, s.oneWay, s.flush, s.look,
	}
	for n := s.number; ctx.Err() == nil; n++ {
		verbs[n%len(verbs)](context.Background())
		pause(3 * time.Millisecond) // so that reading everything back takes no longer than this
	}
	for _, wait := range s.delivered {
		wait()
	}
}

// record is the caller's next record.
func (s *sharer) record() (omnibus.Record, uint64) {
	value, number := numbered(s.number, s.next, 8+s.next%2000)
	s.next++
	return omnibus.Record{
		Topic: sharingTopic, Partition: omnibus.At(int32(s.number % sharingPartitions)), Value: value, Tag: number,
		Headers: []omnibus.Header{{Key: "caller", Value: []byte{byte(s.number)}}},
	}, number
}

// told notes a record's outcome, which must carry its tag.
func (s *sharer) told(number uint64, a omnibus.Ack, err error) {
	if err == nil && a.Tag != number {
		err = fmt.Errorf("acknowledged with the tag %d", a.Tag)
	}
	s.outcomes.tell(number, err)
}

// take notes that the record was accepted, or that it was not.
func (s *sharer) take(number uint64, err error) bool {
	if err == nil {
		s.accepted = append(s.accepted, number)
		return true
	}
	s.t.Errorf("caller %d: a record was refused: %v", s.number, err)
	return false
}

func (s *sharer) send(ctx context.Context) {
	r, number := s.record()
	a, err := s.producer.Send(ctx, r)
	s.take(number, nil)
	s.told(number, a, err)
}

func (s *sharer) enqueueAndWait(ctx context.Context) {
	r, number := s.record()
	d, err := s.producer.Enqueue(ctx, r)
	if s.take(number, err) {
		a, err := d.Wait(ctx)
		s.told(number, a, err)
	}
}

func (s *sharer) enqueueFunc(ctx context.Context) {
	for range 20 {
		r, number := s.record()
		s.take(number, s.producer.EnqueueFunc(ctx, r, func(a omnibus.Ack, err error) { s.told(number, a, err) }))
	}
}

func (s *sharer) tryEnqueue(ctx context.Context) {
	r, number := s.record()
	d, err := s.producer.TryEnqueue(ctx, r)
	if errors.Is(err, omnibus.ErrBufferFull) || errors.Is(err, omnibus.ErrMetadataPending) {
		return
	}
	s.later(number, d, err)
}

func (s *sharer) oneWay(ctx context.Context) {
	r, number := s.record()
	d, err := s.producer.Enqueue(ctx, r)
	s.later(number, d, err)
}

// later notes a delivery to wait for at the end.
func (s *sharer) later(number uint64, d omnibus.Delivery, err error) {
	if s.take(number, err) {
		s.delivered = append(s.delivered, func() {
			a, err := d.Wait(context.Background())
			s.told(number, a, err)
		})
	}
}

func (s *sharer) sendAll(ctx context.Context) {
	var records []omnibus.Record
	for range 5 {
		r, _ := s.record()
		records = append(records, r)
	}
	for i, result := range s.producer.SendAll(ctx, records) {
		s.take(records[i].Tag, nil)
		s.told(records[i].Tag, result.Ack, result.Err)
	}
}

func (s *sharer) typedRecord() (omnibus.TopicRecord[uint64, []byte], uint64) {
	r, number := s.record()
	return omnibus.TopicRecord[uint64, []byte]{Key: number, Value: r.Value, Partition: r.Partition, Tag: number, Headers: r.Headers}, number
}

func (s *sharer) typedSend(ctx context.Context) {
	r, number := s.typedRecord()
	a, err := s.typed.SendRecord(ctx, r)
	s.take(number, nil)
	s.told(number, a, err)
}

func (s *sharer) typedEnqueueFunc(ctx context.Context) {
	for range 5 {
		r, number := s.typedRecord()
		s.take(number, s.typed.EnqueueRecordFunc(ctx, r, func(a omnibus.Ack, err error) { s.told(number, a, err) }))
	}
}

func (s *sharer) flush(ctx context.Context) {
	if err := s.producer.Flush(ctx); err != nil {
		s.t.Errorf("Flush: %v", err)
	}
}

// look reads what is there to be read.
func (s *sharer) look(ctx context.Context) {
	if infos, err := s.producer.PartitionsFor(ctx, sharingTopic); err != nil || len(infos) != sharingPartitions {
		s.t.Errorf("PartitionsFor: %d partitions, %v", len(infos), err)
	}
	if stats := s.producer.Stats(); stats.Accepted < 0 || stats.BufferUsedBytes > stats.BufferBytes {
		s.t.Errorf("Stats: %d accepted, %d of %d bytes in use", stats.Accepted, stats.BufferUsedBytes, stats.BufferBytes)
	}
}

// TestNewTopicsComeWhileOthersFlush lets goroutines use hundreds of topics for the first time while others flush without
// pause: the send loop then hears of a topic's first records and of the topic itself in the same moment.
func TestNewTopicsComeWhileOthersFlush(t *testing.T) {
	noLeaks(t)
	const topics = 400
	options, preload := []kafkatest.Option{kafkatest.Nodes(1)}, make(map[string]omnibus.TopicConfig)
	for n := range topics {
		name := fmt.Sprintf("new-%d", n)
		options, preload[name] = append(options, kafkatest.Topic(name, 1)), omnibus.TopicConfig{}
	}
	p := open(t, omnibus.Config{Brokers: kafkatest.Start(t, options...).Brokers(), Topics: preload})
	ctx, cancel := context.WithCancel(context.Background())
	if err := p.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	var flushers, callers sync.WaitGroup
	for range 4 {
		flushers.Go(func() {
			for ctx.Err() == nil {
				p.Flush(ctx)
			}
		})
	}
	var acked atomic.Int64
	for caller := range 8 {
		callers.Go(func() {
			for n := caller; n < topics; n += 8 {
				err := p.EnqueueFunc(ctx, omnibus.Record{Topic: fmt.Sprintf("new-%d", n)}, func(_ omnibus.Ack, err error) {
					if err == nil {
						acked.Add(1)
					}
				})
				if err != nil {
					t.Errorf("topic %d: %v", n, err)
				}
			}
		})
	}
	within(t, 20*time.Second, "all topics are used", callers.Wait)
	eventually(t, 10*time.Second, "everything is acknowledged", func() bool { return acked.Load() == topics })
	cancel()
	within(t, 5*time.Second, "Flush ends with its context", flushers.Wait)
}

// TestNothingRunsOnAfterClose closes producers in every state that one can be in.
func TestNothingRunsOnAfterClose(t *testing.T) {
	noLeaks(t)
	cluster := kafkatest.Start(t, kafkatest.Nodes(2), kafkatest.Topic(sharingTopic, 2))
	gone := kafkatest.NewProxy(t, cluster.Brokers()[0])
	gone.Refuse(true)
	silent := kafkatest.NewProxy(t, cluster.Brokers()[0])
	silent.Pause(kafkatest.Up | kafkatest.Down)
	for _, state := range []struct {
		name    string
		brokers []string
		prepare func(p *omnibus.Producer)
		unsent  bool
	}{
		{name: "never used", brokers: cluster.Brokers()},
		{name: "ready", brokers: cluster.Brokers(), prepare: func(p *omnibus.Producer) { p.Ready(context.Background()) }},
		{name: "idle after use", brokers: cluster.Brokers(), prepare: func(p *omnibus.Producer) {
			p.Send(context.Background(), omnibus.Record{Topic: sharingTopic})
		}},
		{name: "records boarding", brokers: cluster.Brokers(), prepare: func(p *omnibus.Producer) {
			p.Enqueue(context.Background(), omnibus.Record{Topic: sharingTopic})
		}},
		{name: "nobody listens", brokers: []string{gone.Addr()}, prepare: waitForMetadata},
		{name: "nobody answers", brokers: []string{silent.Addr()}, prepare: waitForMetadata},
		{name: "answers swallowed", brokers: cluster.Brokers(), unsent: true, prepare: func(p *omnibus.Producer) {
			swallowed := cluster.Swallow(0, 1<<30) // Produce
			p.Enqueue(context.Background(), omnibus.Record{Topic: sharingTopic})
			p.Flush(shortly())
			swallowed.Remove()
		}},
		{name: "callback runs", brokers: cluster.Brokers(), prepare: func(p *omnibus.Producer) {
			p.EnqueueFunc(context.Background(), omnibus.Record{Topic: sharingTopic}, func(omnibus.Ack, error) { pause(100 * time.Millisecond) })
			p.Flush(context.Background())
		}},
	} {
		t.Run(state.name, func(t *testing.T) {
			p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: state.brokers, Logger: quiet()})
			if err != nil {
				t.Fatal(err)
			}
			if state.prepare != nil {
				state.prepare(p)
			}
			within(t, 5*time.Second, "Shutdown returns", func() {
				err := p.Shutdown(shortly())
				if unsent := (*omnibus.UnsentError)(nil); errors.As(err, &unsent) != state.unsent {
					t.Errorf("Shutdown: %v", err)
				}
			})
			if left := producerGoroutines(); left != "" {
				t.Errorf("these goroutines are left:\n%s", left)
			}
		})
	}
}

// waitForMetadata leaves a caller waiting for metadata that does not come.
func waitForMetadata(p *omnibus.Producer) {
	var begun atomic.Bool
	go func() {
		begun.Store(true)
		p.Enqueue(context.Background(), omnibus.Record{Topic: sharingTopic})
	}()
	for !begun.Load() {
		pause(time.Millisecond)
	}
	pause(50 * time.Millisecond)
}

// shortly is a context that ends soon.
func shortly() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	context.AfterFunc(ctx, cancel)
	return ctx
}
