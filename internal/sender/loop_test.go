package sender

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/settling"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// topicID is the id of the one topic of these tests.
func topicID() [16]byte { return [16]byte{0xaa} }

// What a fake broker may do instead of answering: close the connection, or nothing.
var (
	errHangUp  = errors.New("hang up")
	errSilence = errors.New("silence")
)

// fakeBroker answers the Produce requests of any number of connections, in a bubble of fake time.
type fakeBroker struct {
	// answer sees each partition of a request, and fills in what shall be said about it.
	answer func(asked *kmsg.ProduceRequestTopicPartition, said *kmsg.ProduceResponseTopicPartition) error
	// finish changes the whole answer.
	finish func(*kmsg.ProduceResponse)
	// turn holds a token that lets one connection at a time call the two.
	turn chan struct{}

	mu struct {
		sync.Mutex
		offsets map[int32]int64
		seen    []kmsg.RecordBatch
	}
}

// dial is the broker's side of broker.Config.Dial.
func (f *fakeBroker) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go f.serve(theirs)
	return ours, nil
}

func (f *fakeBroker) serve(conn net.Conn) {
	defer conn.Close()
	for {
		frame, err := readFrame(conn)
		if err != nil {
			return
		}
		key, version := int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))
		request := kmsg.RequestForKey(key)
		request.SetVersion(version)
		body := frame[10+max(0, int(int16(binary.BigEndian.Uint16(frame[8:])))):]
		if request.IsFlexible() {
			body = body[1:]
		}
		if err := request.ReadFrom(body); err != nil {
			panic(err)
		}
		response, err := f.respond(request)
		if errors.Is(err, errSilence) {
			continue
		}
		if err != nil {
			return
		}
		out := append(make([]byte, 4), frame[4:8]...)
		if response.IsFlexible() && key != 18 {
			out = append(out, 0)
		}
		out = response.AppendTo(out)
		binary.BigEndian.PutUint32(out, uint32(len(out)-4))
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(r, frame)
	return frame, err
}

func (f *fakeBroker) respond(request kmsg.Request) (kmsg.Response, error) {
	response := request.ResponseKind()
	switch r := request.(type) {
	case *kmsg.ApiVersionsRequest:
		for _, key := range [][3]int16{{0, 3, 13}, {18, 0, 4}} {
			response.(*kmsg.ApiVersionsResponse).ApiKeys = append(response.(*kmsg.ApiVersionsResponse).ApiKeys,
				kmsg.ApiVersionsResponseApiKey{ApiKey: key[0], MinVersion: key[1], MaxVersion: key[2]})
		}
	case *kmsg.ProduceRequest:
		if err := f.produce(r, response.(*kmsg.ProduceResponse)); err != nil {
			return nil, err
		}
		if r.Acks == 0 {
			return nil, errSilence
		}
	}
	return response, nil
}

func (f *fakeBroker) produce(r *kmsg.ProduceRequest, response *kmsg.ProduceResponse) error {
	<-f.turn
	defer func() { f.turn <- struct{}{} }()
	for i := range r.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = r.Topics[i].Topic, r.Topics[i].TopicID
		for j := range r.Topics[i].Partitions {
			asked := &r.Topics[i].Partitions[j]
			var b kmsg.RecordBatch
			if err := b.ReadFrom(asked.Records); err != nil {
				panic(err)
			}
			said := kmsg.NewProduceResponseTopicPartition()
			said.Partition = asked.Partition
			if f.answer != nil {
				if err := f.answer(asked, &said); err != nil {
					return err
				}
			}
			f.append(&b, &said)
			topic.Partitions = append(topic.Partitions, said)
		}
		response.Topics = append(response.Topics, topic)
	}
	if f.finish != nil {
		f.finish(response)
	}
	return nil
}

// append notes a batch that was answered.
func (f *fakeBroker) append(b *kmsg.RecordBatch, said *kmsg.ProduceResponseTopicPartition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.seen = append(f.mu.seen, *b)
	if said.ErrorCode == 0 {
		said.BaseOffset = f.mu.offsets[said.Partition]
		f.mu.offsets[said.Partition] += int64(b.NumRecords)
	}
}

// batches are the batches that the broker has seen.
func (f *fakeBroker) batches() []kmsg.RecordBatch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.mu.seen)
}

// running is a send loop with a fake broker and a test in place of the rest of the producer.
type running struct {
	*Sender
	t      *testing.T
	broker *fakeBroker
	pool   *bufferpool.Pool
	acc    *accumulator.Accumulator
	topic  *accumulator.Topic

	mu struct {
		sync.Mutex
		events []string // what Surroundings and Watch were told
		fails  error    // of FetchID
	}
}

// note writes an event down.
func (r *running) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.events = append(r.mu.events, fmt.Sprintf(format, args...))
}

// told reports whether an event with the prefix was written down.
func (r *running) told(prefix string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.mu.events, func(event string) bool { return strings.HasPrefix(event, prefix) })
}

// run runs a test with a send loop for a topic of two partitions, in a bubble.
func run(t *testing.T, config core.TopicConfig, test func(*testing.T, *running)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, config)
		test(t, r)
		r.Stop(errors.New("closed"))
		if used := r.pool.Stats().Used; used != 0 {
			t.Errorf("%d bytes of the pool are still in use", used)
		}
		if n := r.Stats().InFlight.Load(); n != 0 {
			t.Errorf("%d requests count as in flight", n)
		}
	})
}

func start(t *testing.T, config core.TopicConfig) *running {
	fake := &fakeBroker{turn: make(chan struct{}, 1)}
	fake.turn <- struct{}{}
	fake.mu.offsets = make(map[int32]int64)
	pool := bufferpool.New(1<<20, bufferpool.Hooks{Poison: true})
	callbacks := dispatch.New(dispatch.Config{})
	t.Cleanup(callbacks.Close)
	r := &running{t: t, broker: fake, pool: pool, acc: accumulator.New(pool, callbacks)}
	r.Sender = Start(core.Config{
		InFlightMax: 5, RequestBytesMax: 1 << 20, Retries: -1, ProduceTimeoutMillis: 25_000, Encoders: 2, Refusal: refusal,
		RetryBackoff: backoff.Exponential{Min: 100 * time.Millisecond, Max: time.Second}, Reconnect: backoff.Exponential{Min: 50 * time.Millisecond, Max: time.Second},
	}, Surroundings{
		Accumulator: r.acc,
		Broker:      &broker.Config{ClientID: "test", Dial: fake.dial, RequestTimeout: 30 * time.Second},
		Used:        func(topic string) { r.note("used %s", topic) },
		Refresh:     func(topic string) { r.note("refresh %s", topic) },
		RefreshAll:  func(reason string) { r.note("refresh all: %s", reason) },
		Hint:        func(h Hint) { r.note("hint %s/%d %d %d %v", h.Topic, h.Partition, h.Leader, h.Epoch, h.Nodes) },
		FetchID: func(context.Context) (idempotence.ProducerID, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return idempotence.ProducerID{ID: 7}, r.mu.fails
		},
		Inquire: func(_ context.Context, broker int32, questions []settling.Question, tell func(int, settling.Evidence)) {
			for i, q := range questions {
				r.note("inquire %d %s/%d", broker, q.Topic, q.Partition)
				tell(i, settling.Evidence{Refused: true})
			}
		},
		Lost: func(topic string, partition int32, loss settling.Loss) {
			r.note("lost %s/%d %v", topic, partition, loss)
		},
		Tell: func(_ *accumulator.Partition, b *batch.Batch, o batch.Outcome) {
			b.Resolve(0, b.Count(), o)
			r.acc.ReleaseBatch(b)
		},
		Watch: Watch{
			Leaves: func(_ *accumulator.Partition, b *batch.Batch, why batch.Reason, inFlight int, _ time.Duration) {
				r.note("leaves %v records=%d inflight=%d", why, b.Count(), inFlight)
			},
			Done: func(_ *accumulator.Partition, b *batch.Batch, o batch.Outcome, _ time.Duration) {
				r.note("done offset=%d", o.Offset)
			},
			Retried:      func(_ *accumulator.Partition, _ *batch.Batch, err error, _ time.Duration) { r.note("retried %v", err) },
			Answered:     func(a Answered) { r.note("answered broker=%d batches=%d throttle=%v", a.Broker, a.Batches, a.Throttle) },
			Connected:    func(id int32, address string) { r.note("connected %d %s", id, address) },
			Disconnected: func(id int32, address string, err error) { r.note("disconnected %d %s: %v", id, address, err) },
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	settings := &accumulator.Settings{BatchBytes: 1000, BatchBytesMax: 5000}
	sticky := partitioner.NewSticky(partitioner.StickyOptions{Seed: 1}, new(partitioner.View))
	r.topic = accumulator.NewTopic("t", settings, sticky, &accumulator.Leader{Account: pool.Account(bufferpool.NoLeader)})
	topic := r.NewTopic("t", config)
	r.acc.Update(r.topic, &partitioner.View{Partitions: 2}, func(added []*accumulator.Partition) { r.AddPartitions(topic, added) })
	r.lead(1)
	return r
}

// lead makes a broker the leader of both partitions.
func (r *running) lead(epoch int32) {
	var leaders []core.Leader
	for _, p := range r.topic.Partitions() {
		leaders = append(leaders, core.Leader{Partition: p, Leader: 1, Epoch: epoch, TopicID: topicID()})
	}
	r.Lead([]core.Broker{{ID: 1, Address: "one:9092", Account: r.pool.Account(1)}}, leaders)
}

// add appends a record to partition 0.
func (r *running) add(waiter bool) *batch.Result {
	r.t.Helper()
	e := &batch.Entry{Record: wire.Record{Value: make([]byte, 100)}, Timestamp: r.acc.Clock.Millis()}
	place, err := r.acc.Append(r.t.Context(), r.topic, e, &accumulator.Boarding{
		Partition: r.topic.Partitions()[0], Ticket: true, Waiter: waiter, Wait: time.Minute,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return place.Result
}

// Send appends a record to partition 0 and waits for its outcome.
func (r *running) Send() batch.Outcome {
	r.t.Helper()
	result := r.add(true)
	if err := result.Wait(r.t.Context(), 0); err != nil {
		r.t.Fatal(err)
	}
	return result.Outcome(0)
}

// usual is the default configuration of a topic.
func usual() core.TopicConfig {
	return core.TopicConfig{Acks: -1, Idempotent: true, Linger: 5 * time.Millisecond, DeliveryTimeout: 2 * time.Minute}
}

func TestSendersWorkEndToEnd(t *testing.T) {
	run(t, usual(), func(t *testing.T, r *running) {
		for want := range int64(3) {
			if o := r.Send(); o.Offset != want || o.Failure != nil {
				t.Errorf("outcome %+v, want offset %d", o, want)
			}
		}
		for _, event := range []string{"used t", "connected 1 one:9092", "leaves waiter records=1 inflight=0", "done offset=2", "answered broker=1 batches=1"} {
			if !r.told(event) {
				t.Errorf("%q was not told: %q", event, r.mu.events)
			}
		}
		stats := r.Stats()
		if stats.Acked.Load() != 3 || stats.Requests.Load() != 3 || stats.Batches[batch.ReasonWaiter].Load() != 3 || stats.RecordsBytes.Load() == 0 ||
			stats.WireBytes.Load() <= stats.RecordsBytes.Load() || stats.BatchRecords.Snapshot().Count != 3 {
			t.Errorf("acked %d, requests %d", stats.Acked.Load(), stats.Requests.Load())
		}
		for i, b := range r.broker.batches() {
			if b.ProducerID != 7 || b.FirstSequence != int32(i) {
				t.Errorf("batch %d: %+v", i, b)
			}
		}
	})
}

func TestRecordsLingerTogether(t *testing.T) {
	run(t, usual(), func(t *testing.T, r *running) {
		began := time.Now()
		var last *batch.Result
		for range 5 {
			last = r.add(false)
			time.Sleep(500 * time.Microsecond)
		}
		last.Wait(t.Context(), 4)
		if wait := time.Since(began); wait < 5*time.Millisecond || wait > 7*time.Millisecond {
			t.Errorf("acknowledged after %v", wait)
		}
		if batches := r.broker.batches(); len(batches) != 1 || batches[0].NumRecords != 5 {
			t.Errorf("%d batches", len(batches))
		}
	})
}

func TestCompressionRunsOnWorkers(t *testing.T) {
	config := usual()
	config.Codec = compress.Zstd
	run(t, config, func(t *testing.T, r *running) {
		for range 40 {
			r.add(false)
		}
		r.Flush(t.Context())
		for _, b := range r.broker.batches() {
			if compress.Codec(b.Attributes&7) != compress.Zstd {
				t.Errorf("a batch with attributes %x", b.Attributes)
			}
		}
		stats := r.Stats()
		if stats.CompressedBytes.Load() == 0 || stats.CompressedBytes.Load() >= stats.UncompressedBytes.Load() || stats.Acked.Load() != 40 {
			t.Errorf("%d bytes from %d", stats.CompressedBytes.Load(), stats.UncompressedBytes.Load())
		}
	})
}

func TestCompressionThatFailsIsDoneWithout(t *testing.T) {
	config := usual()
	config.Codec, config.Level = compress.Snappy, compress.AtLevel(3) // snappy has none
	run(t, config, func(t *testing.T, r *running) {
		if o := r.Send(); o.Failure != nil {
			t.Errorf("%+v", o.Failure)
		}
	})
}

func TestAnswersOfAllKindsReachTheCore(t *testing.T) {
	run(t, usual(), func(t *testing.T, r *running) {
		r.Send()
		calls := 0
		r.broker.answer = func(_ *kmsg.ProduceRequestTopicPartition, said *kmsg.ProduceResponseTopicPartition) error {
			switch calls++; calls {
			case 1:
				said.ErrorCode, said.BaseOffset = kerr.NotLeaderForPartition.Code, -1
				said.CurrentLeader.LeaderID, said.CurrentLeader.LeaderEpoch = 1, 9
			case 2:
				return errHangUp
			case 3:
				said.ErrorCode, said.ErrorMessage = kerr.InvalidRecord.Code, kmsg.StringPtr("no good")
				said.ErrorRecords = []kmsg.ProduceResponseTopicPartitionErrorRecord{{RelativeOffset: 0, ErrorMessage: kmsg.StringPtr("rotten")}}
			}
			return nil
		}
		r.broker.finish = func(response *kmsg.ProduceResponse) {
			if calls == 1 {
				response.Brokers = []kmsg.ProduceResponseBroker{{NodeID: 1, Host: "elsewhere", Port: 9093}}
				response.ThrottleMillis = 40
			}
		}
		o := r.Send()
		if o.Failure == nil || o.Failure.NotWritten || o.Failure.Attempts != 3 {
			t.Errorf("%+v", o.Failure) // in doubt since the second attempt
		}
		for _, event := range []string{
			"hint t/0 1 9 [{1 elsewhere 9093 }]", "refresh t", "retried code 6", "answered broker=1 batches=1 throttle=40ms",
			"disconnected 1 one:9092", "refresh all", "connected 1",
		} {
			if !r.told(event) {
				t.Errorf("%q was not told: %q", event, r.mu.events)
			}
		}
		if o := r.Send(); o.Failure != nil || r.broker.batches()[len(r.broker.batches())-1].ProducerEpoch != 1 {
			t.Errorf("the partition does not go on: %+v", o)
		}
		if stats := r.Stats(); stats.Unknown.Load() != 1 || stats.RequestsLost.Load() != 1 || stats.RetriedRecords.Load() != 2 || stats.Throttle.Load() != int64(40*time.Millisecond) {
			t.Errorf("unknown %d, lost %d, retried %d", stats.Unknown.Load(), stats.RequestsLost.Load(), stats.RetriedRecords.Load())
		}
	})
}

func TestAnswerForAStrangerChangesNothing(t *testing.T) {
	run(t, usual(), func(t *testing.T, r *running) {
		first := true
		r.broker.finish = func(response *kmsg.ProduceResponse) {
			if first {
				response.Topics[0].Partitions[0].Partition = 77
				first = false
			}
		}
		if o := r.Send(); o.Failure != nil || o.Offset != 1 { // the second attempt; the broker took both
			t.Errorf("%+v", o)
		}
	})
}

func TestUnreachableBrokerIsTriedAgain(t *testing.T) {
	run(t, usual(), func(t *testing.T, r *running) {
		config := *r.around.Broker
		attempts := 0
		config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if attempts++; attempts < 4 {
				return nil, errors.New("no route")
			}
			return r.broker.dial(ctx, network, address)
		}
		r.post(func(time.Duration) { r.around.Broker = &config })
		p := r.topic.Partitions()[0]
		result := r.add(true)
		time.Sleep(time.Millisecond)
		if err := p.Trouble(); err == nil || !strings.Contains(err.Error(), "no route") {
			t.Errorf("the partition does not say what is wrong: %v", err)
		}
		if err := result.Wait(t.Context(), 0); err != nil || attempts != 4 || !r.told("refresh t") {
			t.Errorf("%v after %d attempts", err, attempts)
		}
		if err := p.Trouble(); err != nil {
			t.Errorf("trouble although all is well: %v", err)
		}
	})
}

func TestBrokerThatMovedIsDialedAnew(t *testing.T) {
	run(t, usual(), func(t *testing.T, r *running) {
		r.Send()
		r.Lead([]core.Broker{{ID: 1, Address: "two:9092", Account: r.pool.Account(1)}}, nil)
		if o := r.Send(); o.Failure != nil || !r.told("connected 1 two:9092") || !r.told("disconnected 1 one:9092") {
			t.Errorf("%+v %q", o, r.mu.events)
		}
	})
}

func TestBrokerThatMovesWhileItIsDialed(t *testing.T) {
	run(t, usual(), func(t *testing.T, r *running) {
		config := *r.around.Broker
		config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			time.Sleep(10 * time.Millisecond)
			return r.broker.dial(ctx, network, address)
		}
		r.post(func(time.Duration) { r.around.Broker = &config })
		result := r.add(true)
		time.Sleep(5 * time.Millisecond)
		r.Lead([]core.Broker{{ID: 1, Address: "two:9092", Account: r.pool.Account(1)}}, nil)
		if err := result.Wait(t.Context(), 0); err != nil || !r.told("disconnected 1 one:9092") || !r.told("connected 1 two:9092") {
			t.Errorf("%v %q", err, r.mu.events)
		}
	})
}

func TestSilentBrokerCostsOneRequestTimeout(t *testing.T) {
	run(t, usual(), func(t *testing.T, r *running) {
		silent := true
		r.broker.answer = func(*kmsg.ProduceRequestTopicPartition, *kmsg.ProduceResponseTopicPartition) error {
			if silent {
				silent = false
				return errSilence
			}
			return nil
		}
		began := time.Now()
		result := r.add(true)
		if err := result.Wait(t.Context(), 0); err != nil || result.Outcome(0).Failure != nil {
			t.Errorf("%v", err)
		}
		if wait := time.Since(began); wait < 30*time.Second || wait > 31*time.Second {
			t.Errorf("acknowledged after %v", wait)
		}
	})
}

func TestRefusedProducerIDFailsWhatNeedsIt(t *testing.T) {
	run(t, usual(), func(t *testing.T, r *running) {
		r.mu.fails = errors.New("not authorized")
		if o := r.Send(); o.Failure == nil || !o.Failure.NotWritten {
			t.Errorf("%+v", o)
		}
		r.mu.fails = nil
		if o := r.Send(); o.Failure != nil {
			t.Errorf("%+v", o.Failure)
		}
		if r.Stats().NotWritten.Load() != 1 {
			t.Error("not counted")
		}
	})
}

func TestFlushWaitsForOutcomesOrItsContext(t *testing.T) {
	config := usual()
	config.Linger = time.Hour
	run(t, config, func(t *testing.T, r *running) {
		result := r.add(false)
		if err := r.Flush(t.Context()); err != nil || !result.Done(0) {
			t.Errorf("%v", err)
		}
		r.broker.answer = func(*kmsg.ProduceRequestTopicPartition, *kmsg.ProduceResponseTopicPartition) error {
			time.Sleep(5 * time.Second)
			return nil
		}
		r.add(false)
		cause := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		if err := r.Flush(ctx); !errors.Is(err, cause) {
			t.Errorf("%v", err)
		}
		if err := r.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestPressureMakesBatchesLeave(t *testing.T) {
	config := usual()
	config.Linger = time.Hour
	run(t, config, func(t *testing.T, r *running) {
		r.Send()
		result := r.add(false)
		r.Pressure()
		if err := result.Wait(t.Context(), 0); err != nil || !r.told("leaves pressure") {
			t.Errorf("%v", err)
		}
	})
}

func TestNothingLingersOnceTheSenderCloses(t *testing.T) {
	config := usual()
	config.Linger = time.Hour
	run(t, config, func(t *testing.T, r *running) {
		result := r.add(false)
		r.CloseSoon()
		if err := result.Wait(t.Context(), 0); err != nil || !r.told("leaves close") {
			t.Errorf("%v", err)
		}
	})
}

func TestStopEndsWhatIsOpenTruthfully(t *testing.T) {
	for name, codec := range map[string]compress.Codec{"plain": compress.None, "compressed": compress.Gzip} {
		t.Run(name, func(t *testing.T) {
			config := usual()
			config.Codec = codec
			synctest.Test(t, func(t *testing.T) {
				r := start(t, config)
				r.Send()
				r.broker.answer = func(*kmsg.ProduceRequestTopicPartition, *kmsg.ProduceResponseTopicPartition) error {
					return errSilence
				}
				flying := r.add(true)
				time.Sleep(time.Second)
				waiting := r.add(false)
				gone := errors.New("gone")
				r.Stop(gone)
				for _, want := range []struct {
					result     *batch.Result
					notWritten bool
				}{{flying, false}, {waiting, true}} {
					if f := want.result.Outcome(0).Failure; f == nil || f.NotWritten != want.notWritten || !errors.Is(f.Err, gone) {
						t.Errorf("%+v, want not written %v", f, want.notWritten)
					}
				}
				if used := r.pool.Stats().Used; used != 0 {
					t.Errorf("%d bytes of the pool are still in use", used)
				}
				if err := r.Flush(t.Context()); err != nil { // nothing is left to wait for
					t.Error(err)
				}
			})
		})
	}
}

func TestStopWhileTheBrokerIsDialed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, usual())
		config := *r.around.Broker
		config.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		r.post(func(time.Duration) { r.around.Broker = &config })
		result := r.add(true)
		time.Sleep(time.Second)
		r.Stop(errors.New("gone"))
		if f := result.Outcome(0).Failure; f == nil || !f.NotWritten {
			t.Errorf("%+v", f)
		}
	})
}

func TestAcksZeroIsAcknowledgedByTheWrite(t *testing.T) {
	config := usual()
	config.Acks, config.Idempotent = 0, false
	run(t, config, func(t *testing.T, r *running) {
		if o := r.Send(); o.Failure != nil || o.Offset != -1 {
			t.Errorf("%+v", o)
		}
	})
}

func TestWithoutAWatchNothingIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, usual())
		done := make(chan struct{})
		r.post(func(time.Duration) { r.around.Watch = Watch{}; close(done) })
		<-done
		hung := false
		r.broker.answer = func(*kmsg.ProduceRequestTopicPartition, *kmsg.ProduceResponseTopicPartition) error {
			if !hung {
				hung = true
				return errHangUp
			}
			return nil
		}
		if o := r.Send(); o.Failure != nil {
			t.Errorf("%+v", o.Failure)
		}
		r.Stop(nil)
	})
}

func TestReasonsHaveNames(t *testing.T) {
	names := ReasonNames()
	if len(names) != int(batch.Reasons) || names[batch.ReasonWaiter] != "waiter" || names[batch.ReasonRetry] != "retry" {
		t.Errorf("%q", names)
	}
}

// refusal is Config.Refusal of the tests.
func refusal(_ string, code int16, message string) error {
	if code == 0 {
		return nil
	}
	return fmt.Errorf("code %d %s", code, message)
}
