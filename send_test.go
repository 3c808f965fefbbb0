package omnibus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
)

func TestSendTellsWhereTheRecordIs(t *testing.T) {
	inBubble(t, 3, omnibus.Config{}, func(r *rig) {
		for i := range 5 {
			ack := r.send(omnibus.Record{Topic: "t", Key: []byte("k"), Value: fmt.Append(nil, i), Tag: uint64(i) + 10})
			log := r.cluster.Records("t", ack.Partition)
			if ack.Topic != "t" || ack.Offset != int64(i) || ack.Tag != uint64(i)+10 || string(log[ack.Offset].Value) != fmt.Sprint(i) ||
				!ack.Timestamp.Equal(log[ack.Offset].Timestamp) {
				t.Errorf("ack %+v, log %+v", ack, log[len(log)-1])
			}
		}
	})
}

func TestSendDoesNotLinger(t *testing.T) {
	inBubble(t, 1, omnibus.Config{Linger: time.Minute}, func(r *rig) {
		r.send(record("a"))
		r.took(0)
	})
}

func TestEnqueueLingers(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		d := r.enqueue(record("a"))
		time.Sleep(4 * time.Millisecond)
		r.enqueue(record("b"))
		r.holds(0)
		if d.Done() {
			t.Error("done before it left")
		}
		time.Sleep(2 * time.Millisecond)
		r.holds(0, "a", "b")
		if n := len(r.cluster.Log("t", 0)); n != 1 || !d.Done() {
			t.Errorf("%d batches, done: %v", n, d.Done())
		}
	})
}

func TestWaitEndsTheLingering(t *testing.T) {
	inBubble(t, 1, omnibus.Config{Linger: time.Minute}, func(r *rig) {
		d := r.enqueue(record("a"))
		if ack, err := d.Wait(r.Context()); err != nil || ack.Offset != 0 {
			t.Error(ack, err)
		}
		if ack, err := d.Wait(r.Context()); err != nil || ack.Offset != 0 {
			t.Errorf("a second Wait says something else: %v, %v", ack, err)
		}
		r.took(0)
	})
}

func TestFlushEndsTheLingeringAndWaitsForAllOutcomes(t *testing.T) {
	inBubble(t, 4, omnibus.Config{Linger: time.Minute}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Second}))
		var deliveries []omnibus.Delivery
		for n := range int32(4) {
			deliveries = append(deliveries, r.enqueue(omnibus.Record{Topic: "t", Partition: omnibus.At(n)}))
		}
		r.flush()
		r.took(time.Second)
		for _, d := range deliveries {
			if !d.Done() {
				t.Error("no outcome after Flush")
			}
		}
	})
}

func TestFlushDoesNotWaitForWhatComesLater(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Second}))
		first := r.enqueue(record("a"))
		later := make(chan omnibus.Delivery, 1)
		time.AfterFunc(500*time.Millisecond, func() { later <- r.enqueue(record("b")) })
		r.flush()
		r.took(time.Second)
		if !first.Done() || (<-later).Done() {
			t.Error("Flush returned before the first record's outcome, or after the second's")
		}
	})
}

func TestFlushOfNothingReturnsAtOnce(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.flush()
		r.took(0)
	})
}

func TestFlushEndsWithItsContext(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: 10 * time.Second}))
		d := r.enqueue(record("a"))
		if err := r.producer.Flush(r.within(time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		r.took(time.Second)
		if _, err := d.Wait(r.Context()); err != nil {
			t.Errorf("the record did not go on: %v", err)
		}
	})
}

func TestAContextThatEndsLeavesTheRecordOnItsWay(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: 3 * time.Second}))
		_, err := r.producer.Send(r.within(time.Second), record("a"))
		pending, ok := err.(*omnibus.PendingError)
		if !ok || !errors.Is(err, context.DeadlineExceeded) || omnibus.Unknown(err) || omnibus.NotWritten(err) {
			t.Fatalf("%T: %v", err, err)
		}
		r.took(time.Second)
		if _, err := pending.Delivery.Wait(r.within(time.Second)); !errors.As(err, &pending) {
			t.Errorf("%T: %v", err, err)
		}
		if ack, err := pending.Delivery.Wait(r.Context()); err != nil || ack.Offset != 0 {
			t.Error(ack, err)
		}
		r.took(3 * time.Second)
		r.settles(1, 0, 0)
	})
}

func TestTheZeroDeliveryBelongsToNoRecord(t *testing.T) {
	var d omnibus.Delivery
	if _, err := d.Wait(t.Context()); !errors.Is(err, omnibus.ErrInvalidRecord) || d.Done() {
		t.Error(err, d.Done())
	}
}

func TestOrderIsKeptWithFiveRequestsInFlight(t *testing.T) {
	inBubble(t, 1, omnibus.Config{BatchBytes: 200, BatchBytesMax: 200}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: 10 * time.Millisecond}))
		var want []string
		for i := range 500 {
			want = append(want, fmt.Sprint(i))
			r.enqueue(record(want[i]))
		}
		r.flush()
		r.holds(0, want...)
		if n := len(r.cluster.Log("t", 0)); n < 20 {
			t.Errorf("only %d batches: the test shows nothing", n)
		}
	})
}

func TestEachOfManySendersKeepsItsOrder(t *testing.T) {
	onNodes(t, 2, 4, omnibus.Config{BatchBytes: 500}, func(r *rig) {
		var all sync.WaitGroup
		for sender := range 64 {
			all.Go(func() {
				for i := range 50 {
					_, err := r.producer.Enqueue(r.Context(), omnibus.Record{
						Topic: "t", Key: fmt.Append(nil, sender), Value: fmt.Append(nil, i),
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		r.flush()
		next := make(map[string]int)
		for n := range int32(4) {
			for _, rec := range r.cluster.Records("t", n) {
				if string(rec.Value) != fmt.Sprint(next[string(rec.Key)]) {
					t.Fatalf("sender %s: %s came where %d should stand", rec.Key, rec.Value, next[string(rec.Key)])
				}
				next[string(rec.Key)]++
			}
		}
		if len(next) != 64 {
			t.Errorf("%d senders", len(next))
		}
		r.settles(64*50, 0, 0)
	})
}

func TestBytesAreTheCallersAgainAfterEnqueue(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		rec := omnibus.Record{Topic: "t", Key: []byte("key"), Value: []byte("value"), Headers: []omnibus.Header{{Key: "h", Value: []byte("head")}}}
		r.enqueue(rec)
		copy(rec.Key, "xxx")
		copy(rec.Value, "xxxxx")
		copy(rec.Headers[0].Value, "xxxx")
		rec.Headers[0].Key = "x"
		r.flush()
		got := r.cluster.Records("t", 0)[0]
		if string(got.Key) != "key" || string(got.Value) != "value" || got.Headers[0].Key != "h" || string(got.Headers[0].Value) != "head" {
			t.Errorf("%+v", got)
		}
	})
}

func TestEverythingARecordCanBeArrives(t *testing.T) {
	large := bytes.Repeat([]byte("large "), 160_000)
	records := []omnibus.Record{
		{Key: nil, Value: nil},
		{Key: []byte{}, Value: []byte{}},
		{Key: []byte{0, 255}, Value: []byte("v")},
		{Value: large},
		{Headers: []omnibus.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "", Value: []byte{}}, {Key: "a", Value: []byte{0, 255}}}},
		{Timestamp: time.UnixMilli(934_567_890_123)}, // before the bubble's time, for brokers refuse what is more than an hour ahead
		{Timestamp: time.UnixMilli(5)},
	}
	for _, codec := range []omnibus.Compression{
		omnibus.CompressionNone, omnibus.CompressionGzip, omnibus.CompressionSnappy, omnibus.CompressionLZ4, omnibus.CompressionZstd,
	} {
		inBubble(t, 1, omnibus.Config{Compression: codec}, func(r *rig) {
			for i, rec := range records {
				rec.Topic, rec.Tag = "t", uint64(i)
				r.enqueue(rec)
			}
			r.flush()
			for i, got := range r.cluster.Records("t", 0) {
				want := records[i]
				if !sameBytes(got.Key, want.Key) || !sameBytes(got.Value, want.Value) || !slices.EqualFunc(got.Headers, want.Headers, sameHeader) {
					t.Errorf("%v, record %d: got %.200q", codec, i, fmt.Sprint(got))
				}
				if at := cmpOr(want.Timestamp, r.began); !got.Timestamp.Equal(at) {
					t.Errorf("%v, record %d: timestamp %v, want %v", codec, i, got.Timestamp, at)
				}
			}
			if batch := r.cluster.Log("t", 0)[0]; int8(batch.Codec) != int8(codec) {
				t.Errorf("codec %v, want %v", batch.Codec, codec)
			}
			r.settles(int64(len(records)), 0, 0)
		})
	}
}

// sameBytes tells null from empty.
func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func sameHeader(a sim.Header, b omnibus.Header) bool {
	return a.Key == b.Key && sameBytes(a.Value, b.Value)
}

func cmpOr(at, otherwise time.Time) time.Time {
	if at.IsZero() {
		return otherwise
	}
	return at
}

func TestSendAllTellsTheOutcomesInTheOrderOfTheRecords(t *testing.T) {
	onNodes(t, 2, 2, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(func(req sim.Request) sim.Fate { // partition 0 answers last
			return sim.Fate{Delay: time.Duration(2-req.Node) * time.Second}
		})
		results := r.producer.SendAll(r.Context(), []omnibus.Record{
			{Topic: "t", Partition: omnibus.At(0), Tag: 1},
			{Topic: "t", Partition: omnibus.At(-3), Tag: 2},
			{Topic: "t", Partition: omnibus.At(1), Tag: 3},
			{Topic: "bad name", Tag: 4},
			{Topic: "t", Partition: omnibus.At(0), Tag: 5},
		})
		for i, want := range []struct {
			partition int32
			offset    int64
			refused   bool
		}{{0, 0, false}, {-1, 0, true}, {1, 0, false}, {-1, 0, true}, {0, 1, false}} {
			got := results[i]
			if want.refused {
				if e := r.failed(got.Err, true); e.Tag != uint64(i+1) {
					t.Errorf("result %d has tag %d", i, e.Tag)
				}
				continue
			}
			if got.Err != nil || got.Ack.Partition != want.partition || got.Ack.Offset != want.offset || got.Ack.Tag != uint64(i+1) {
				t.Errorf("result %d: %+v", i, got)
			}
		}
	})
}

func TestSendAllWithAContextThatEndsLeavesTheRestPending(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: 5 * time.Second}))
		results := r.producer.SendAll(r.within(time.Second), []omnibus.Record{record("a"), record("b")})
		for _, result := range results {
			if _, ok := result.Err.(*omnibus.PendingError); !ok {
				t.Errorf("%T: %v", result.Err, result.Err)
			}
		}
		r.took(time.Second)
		r.flush()
		r.holds(0, "a", "b")
	})
}

func TestSendAllDoesNotLinger(t *testing.T) {
	inBubble(t, 2, omnibus.Config{Linger: time.Minute}, func(r *rig) {
		for _, result := range r.producer.SendAll(r.Context(), []omnibus.Record{record("a"), record("b"), {Topic: "t", Partition: omnibus.At(1)}}) {
			if result.Err != nil {
				t.Error(result.Err)
			}
		}
		r.took(0)
	})
}

func TestTryEnqueueWaitsForNothing(t *testing.T) {
	inBubble(t, 1, omnibus.Config{BufferBytes: 64 << 10, BatchBytes: 8 << 10}, func(r *rig) {
		_, err := r.producer.TryEnqueue(r.Context(), record("a"))
		r.failed(err, true)
		if !errors.Is(err, omnibus.ErrMetadataPending) {
			t.Error(err)
		}
		synctest.Wait() // for the look-up that it began
		if _, err := r.producer.TryEnqueue(r.Context(), record("a")); err != nil {
			t.Errorf("the look-up was not begun: %v", err)
		}
		r.flush()
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Second}))
		accepted := 1
		for {
			if _, err = r.producer.TryEnqueue(r.Context(), record(strings.Repeat("x", 4000))); err != nil {
				break
			}
			accepted++
		}
		r.failed(err, true)
		if !errors.Is(err, omnibus.ErrBufferFull) || accepted < 5 {
			t.Errorf("after %d records: %v", accepted, err)
		}
		r.took(0)
		r.flush()
		r.settles(int64(accepted), 0, 0)
	})
}

func TestPartitionsForTellsTheLeaders(t *testing.T) {
	onNodes(t, 2, 3, omnibus.Config{}, func(r *rig) {
		r.cluster.MoveLeader("t", 0, 2)
		got, err := r.producer.PartitionsFor(r.Context(), "t")
		want := []omnibus.PartitionInfo{{Partition: 0, Leader: 2, LeaderEpoch: 1}, {Partition: 1, Leader: 2}, {Partition: 2, Leader: 1}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := r.producer.PartitionsFor(r.Context(), "a b"); !errors.Is(err, omnibus.ErrInvalidRecord) {
			t.Error(err)
		}
	})
}

func TestPartitionsForAnUnknownTopicEndsAfterMaxBlock(t *testing.T) {
	inBubble(t, 1, omnibus.Config{MaxBlock: 3 * time.Second}, func(r *rig) {
		_, err := r.producer.PartitionsFor(r.Context(), "missing")
		if err == nil || !strings.Contains(err.Error(), `"missing"`) {
			t.Error(err)
		}
		r.took(3 * time.Second)
	})
}

func TestTopicsAreCreatedWhereTheClusterDoesSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, err := sim.Start(sim.Options{AutoCreate: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		r := &rig{T: t, cluster: cluster}
		r.producer = r.open(omnibus.Config{})
		defer r.producer.Close()
		r.send(omnibus.Record{Topic: "new"})
		if n := cluster.Partitions("new"); n != 2 {
			t.Errorf("%d partitions", n)
		}
	})
}

func TestEveryVersionOfProduceIsSpoken(t *testing.T) {
	for version := int16(7); version <= 13; version++ {
		synctest.Test(t, func(t *testing.T) {
			cluster, err := sim.Start(sim.Options{ProduceVersionMax: version})
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			cluster.AddTopic("t", 2, sim.TopicOptions{})
			r := &rig{T: t, cluster: cluster}
			r.producer = r.open(omnibus.Config{})
			defer r.producer.Close()
			for i := range 3 {
				if ack := r.send(record(fmt.Sprint(i))); ack.Offset != int64(i) {
					t.Errorf("version %d: %+v", version, ack)
				}
			}
			if got := cluster.Requests(sim.Produce)[0].Version; got != version {
				t.Errorf("spoke version %d where the broker has %d", got, version)
			}
		})
	}
}

func TestTheBrokersTimeIsInTheAckUnderLogAppendTime(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.AddTopic("appended", 1, sim.TopicOptions{LogAppendTime: true})
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: 7 * time.Second}))
		ack := r.send(omnibus.Record{Topic: "appended", Timestamp: time.UnixMilli(1)})
		if want := r.began.Add(7 * time.Second); !ack.Timestamp.Equal(want) {
			t.Errorf("ack at %v, want %v", ack.Timestamp, want)
		}
		created := r.send(omnibus.Record{Topic: "t", Timestamp: time.UnixMilli(1)})
		if !created.Timestamp.Equal(time.UnixMilli(1)) {
			t.Errorf("ack at %v without LogAppendTime", created.Timestamp)
		}
	})
}

func TestAcksNoneTellsNoOffset(t *testing.T) {
	inBubble(t, 1, omnibus.Config{Acks: omnibus.AcksNone}, func(r *rig) {
		for i := range 3 {
			if ack := r.send(record(fmt.Sprint(i))); ack.Offset != -1 || ack.Partition != 0 {
				t.Errorf("%+v", ack)
			}
		}
		synctest.Wait()
		r.holds(0, "0", "1", "2")
		r.settles(3, 0, 0)
		if batch := r.cluster.Log("t", 0)[0]; batch.ProducerID != -1 || len(r.cluster.Requests(sim.InitProducerID)) > 0 {
			t.Errorf("sent with producer id %d", batch.ProducerID)
		}
	})
}

func TestAcksOtherThanAllTurnIdempotenceOffAndSaySo(t *testing.T) {
	log := new(logged)
	inBubble(t, 1, omnibus.Config{Acks: omnibus.AcksLeader, Logger: log.logger()}, func(r *rig) {
		if ack := r.send(record("a")); ack.Offset != 0 {
			t.Errorf("%+v", ack)
		}
		if req := r.cluster.Requests(sim.Produce)[0]; req.Acks != 1 || req.Batches[0].Batch.ProducerID != -1 {
			t.Errorf("acks %d, producer id %d", req.Acks, req.Batches[0].Batch.ProducerID)
		}
	})
	if !strings.Contains(log.String(), "idempoten") {
		t.Errorf("the log does not say it: %s", log)
	}
}

func TestTopicsWithAcksOfTheirOwnShareAProducer(t *testing.T) {
	config := omnibus.Config{Topics: map[string]omnibus.TopicConfig{
		"u": {Acks: new(omnibus.AcksLeader)}, "w": {Acks: new(omnibus.AcksNone), Compression: new(omnibus.CompressionZstd)},
	}}
	inBubble(t, 1, config, func(r *rig) {
		r.cluster.AddTopic("u", 1, sim.TopicOptions{})
		r.cluster.AddTopic("w", 1, sim.TopicOptions{})
		want := map[string]int16{"t": -1, "u": 1, "w": 0}
		for topic := range want {
			r.enqueue(omnibus.Record{Topic: topic, Value: bytes.Repeat([]byte("x"), 1000)})
		}
		r.flush()
		synctest.Wait()
		for _, req := range r.cluster.Requests(sim.Produce) {
			sent := req.Batches[0]
			if len(req.Batches) != 1 || req.Acks != want[sent.Topic] || (sent.Batch.ProducerID >= 0) != (sent.Topic == "t") ||
				(sent.Batch.Codec != 0) != (sent.Topic == "w") {
				t.Errorf("acks %d, %+v", req.Acks, sent.Batch)
			}
		}
		r.settles(3, 0, 0)
	})
}
