package omnibus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/twmb/franz-go/pkg/kerr"
)

// smallBuffer is a configuration whose buffer is full after a few records of fillerBytes.
func smallBuffer() omnibus.Config {
	return omnibus.Config{BufferBytes: 64 << 10, BatchBytes: 8 << 10}
}

const fillerBytes = 4000

// fill enqueues records for partition 0 until the buffer is full, and returns how many were taken.
func (r *rig) fill() (accepted int64) {
	r.Helper()
	r.send(omnibus.Record{Topic: "t", Partition: omnibus.At(0), Value: []byte("first")})
	synctest.Wait() // its memory is free again
	r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{End: sim.RequestSwallowed}))
	for {
		if _, err := r.producer.TryEnqueue(r.Context(), record(strings.Repeat("x", fillerBytes))); err != nil {
			return accepted
		}
		accepted++
	}
}

func TestAnUnknownTopicEndsAfterMaxBlockAndSaysSo(t *testing.T) {
	inBubble(t, 1, omnibus.Config{MaxBlock: 7 * time.Second}, func(r *rig) {
		called := false
		err := r.producer.EnqueueFunc(r.Context(), omnibus.Record{Topic: "missing"}, func(omnibus.Ack, error) { called = true })
		e := r.failed(err, true, `"missing"`, "7s", "auto.create.topics.enable")
		if !errors.Is(err, kerr.UnknownTopicOrPartition) || e.Where != "metadata" || e.Partition != -1 {
			t.Errorf("%+v", e)
		}
		r.took(7 * time.Second)
		synctest.Wait()
		if called {
			t.Error("the callback of a refused record was called")
		}
		r.settles(0, 0, 0)
	})
}

func TestTheCallersContextEndsTheWaitForATopic(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		_, err := r.producer.Send(r.within(2*time.Second), omnibus.Record{Topic: "missing"})
		r.failed(err, true)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		r.took(2 * time.Second)
	})
}

func TestATopicThatIsForbiddenFailsAtOnce(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Metadata, refuse(kerr.TopicAuthorizationFailed.Code)))
		_, err := r.producer.Send(r.Context(), record("a"))
		r.failed(err, true, "TOPIC_AUTHORIZATION_FAILED", `User:ANONYMOUS lacks Write on topic "t": kafka-acls.sh`, "--operation Create")
		r.took(0)
	})
}

func TestWhenAllBrokersAreAwayTheErrorSaysHow(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.StopNode(1)
		p := r.open(omnibus.Config{MaxBlock: 5 * time.Second})
		defer p.Close()
		_, err := p.Send(r.Context(), record("a"))
		r.failed(err, true, "node1.sim:9092", "connection refused")
		r.took(5 * time.Second)
		if err := p.Ready(r.within(time.Second)); err == nil || !strings.Contains(err.Error(), "node1.sim:9092") {
			t.Errorf("Ready: %v", err)
		}
	})
}

func TestDeadBootstrapAddressesArePassedOver(t *testing.T) {
	onNodes(t, 3, 3, omnibus.Config{}, func(r *rig) {
		r.cluster.StopNode(1)
		r.cluster.StopNode(3)
		p := r.open(omnibus.Config{})
		defer p.Close()
		if _, err := p.Send(r.Context(), tagged(1, 0)); err != nil {
			t.Error(err)
		}
		r.took(0)
	})
}

func TestAnIdleConnectionIsClosedAndOpenedAgain(t *testing.T) {
	log := new(logged)
	inBubble(t, 1, omnibus.Config{ConnectionIdle: time.Second, Logger: log.logger()}, func(r *rig) {
		r.send(record("a"))
		time.Sleep(10 * time.Second)
		if s := r.producer.Stats(); s.ConnectionsOpened == 0 || s.ConnectionsClosed != s.ConnectionsOpened {
			t.Errorf("%d of %d connections closed", s.ConnectionsClosed, s.ConnectionsOpened)
		}
		r.began = time.Now()
		r.send(record("b"))
		r.took(0)
		r.settles(2, 0, 0)
	})
	if strings.Contains(log.String(), "WARN") {
		t.Errorf("idleness is no reason to warn: %s", log)
	}
}

func TestOpenDoesNotNeedTheCluster(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.StopNode(1)
		late := r.open(omnibus.Config{})
		defer late.Close()
		time.AfterFunc(20*time.Second, func() {
			if err := r.cluster.StartNode(1); err != nil {
				t.Error(err)
			}
		})
		if err := late.Ready(r.Context()); err != nil {
			t.Error(err)
		}
		if _, err := late.Send(r.Context(), record("a")); err != nil {
			t.Error(err)
		}
		if took := time.Since(r.began); took < 20*time.Second || took > 22*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestReadyWaitsForTheConfiguredTopics(t *testing.T) {
	config := omnibus.Config{Topics: map[string]omnibus.TopicConfig{"t": {}, "late": {}}}
	inBubble(t, 1, config, func(r *rig) {
		if err := r.producer.Ready(r.within(time.Second)); err == nil || !strings.Contains(err.Error(), `"late"`) {
			t.Errorf("Ready before the topic is there: %v", err)
		}
		r.cluster.AddTopic("late", 1, sim.TopicOptions{})
		if err := r.producer.Ready(r.Context()); err != nil {
			t.Error(err)
		}
		if _, err := r.producer.TryEnqueue(r.Context(), omnibus.Record{Topic: "late"}); err != nil {
			t.Errorf("a topic of Config.Topics is not preloaded: %v", err)
		}
	})
}

func TestAFullBufferEndsAfterMaxBlockAndSaysSo(t *testing.T) {
	config := smallBuffer()
	config.MaxBlock = 6 * time.Second
	inBubble(t, 1, config, func(r *rig) {
		accepted := r.fill()
		_, err := r.producer.Enqueue(r.Context(), record(strings.Repeat("x", fillerBytes)))
		e := r.failed(err, true, "buffer.memory", "max.block.ms", "6s")
		if !errors.Is(err, omnibus.ErrBufferFull) || e.Where != "buffer" {
			t.Errorf("%+v", e)
		}
		r.took(6 * time.Second)
		if s := r.producer.Stats(); s.BufferExhausted != 1 || s.Blocks != 1 || s.Blocked != 0 || s.Refused < 2 || s.Accepted != accepted+1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTheCallersContextEndsTheWaitForRoom(t *testing.T) {
	inBubble(t, 1, smallBuffer(), func(r *rig) {
		r.fill()
		_, err := r.producer.Enqueue(r.within(2*time.Second), record(strings.Repeat("x", fillerBytes)))
		r.failed(err, true)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, omnibus.ErrBufferFull) {
			t.Error(err)
		}
		r.took(2 * time.Second)
	})
}

func TestABlockedCallerGoesOnWhenABrokerAnswers(t *testing.T) {
	inBubble(t, 1, smallBuffer(), func(r *rig) {
		accepted := r.fill()
		time.AfterFunc(10*time.Second, func() { r.cluster.SetScript(nil) })
		r.enqueue(record(strings.Repeat("x", fillerBytes)))
		if took := time.Since(r.began); took < 29*time.Second || took > 32*time.Second {
			t.Errorf("took %v: the swallowed request ends after request.timeout.ms, 30 s", took)
		}
		r.flush()
		r.settles(accepted+2, 0, 0)
	})
}

func TestMaxBlockNoneNeverWaits(t *testing.T) {
	config := smallBuffer()
	config.MaxBlock = omnibus.None
	inBubble(t, 1, config, func(r *rig) {
		_, err := r.producer.Enqueue(r.Context(), record("a"))
		if !errors.Is(err, omnibus.ErrMetadataPending) {
			t.Error(err)
		}
		synctest.Wait()
		r.fill()
		if _, err = r.producer.Enqueue(r.Context(), record(strings.Repeat("x", fillerBytes))); !errors.Is(err, omnibus.ErrBufferFull) {
			t.Error(err)
		}
		r.took(0)
	})
}

func TestWhatIsWrongWithARecordIsSaidAtOnce(t *testing.T) {
	config := omnibus.Config{MaxRequestBytes: 100_000}
	for name, c := range map[string]struct {
		record omnibus.Record
		is     error
		words  []string
	}{
		"no topic":           {omnibus.Record{}, omnibus.ErrInvalidRecord, []string{"topic"}},
		"topic with a space": {omnibus.Record{Topic: "a b"}, omnibus.ErrInvalidRecord, []string{"a b"}},
		"topic too long":     {omnibus.Record{Topic: strings.Repeat("a", 250)}, omnibus.ErrInvalidRecord, []string{"249"}},
		"dots":               {omnibus.Record{Topic: ".."}, omnibus.ErrInvalidRecord, nil},
		"negative partition": {omnibus.Record{Topic: "t", Partition: omnibus.At(-1)}, omnibus.ErrInvalidRecord, []string{"negative"}},
		"time before 1970":   {omnibus.Record{Topic: "t", Timestamp: time.Unix(-1, 0)}, omnibus.ErrInvalidRecord, []string{"1970"}},
		"time out of range":  {omnibus.Record{Topic: "t", Timestamp: time.Unix(1<<62, 0)}, omnibus.ErrInvalidRecord, []string{"beyond"}},
		"too large": {omnibus.Record{Topic: "t", Value: make([]byte, 100_001)}, omnibus.ErrRecordTooLarge,
			[]string{"99939", "max.request.size"}},
	} {
		inBubble(t, 2, config, func(r *rig) {
			_, err := r.producer.Send(r.Context(), c.record)
			r.failed(err, true, c.words...)
			if !errors.Is(err, c.is) {
				t.Errorf("%s: %v", name, err)
			}
			r.took(0)
			if s := r.producer.Stats(); s.Refused != 1 || s.Accepted != 0 {
				t.Errorf("%s: %d refused, %d accepted", name, s.Refused, s.Accepted)
			}
		})
	}
}

func TestAPartitionThatDoesNotExistIsWaitedForBriefly(t *testing.T) {
	inBubble(t, 2, omnibus.Config{}, func(r *rig) {
		_, err := r.producer.Send(r.Context(), omnibus.Record{Topic: "t", Partition: omnibus.At(2)})
		r.failed(err, true, "partition 2", "it has 2")
		if !errors.Is(err, omnibus.ErrInvalidRecord) {
			t.Error(err)
		}
		r.took(3 * time.Second)
		time.AfterFunc(time.Second, func() { r.cluster.AddPartitions("t", 3) })
		if ack := r.send(omnibus.Record{Topic: "t", Partition: omnibus.At(2)}); ack.Partition != 2 {
			t.Errorf("%+v", ack)
		}
	})
}

func TestTheTopicsOwnLimitSplitsBatches(t *testing.T) {
	for _, codec := range []omnibus.Compression{omnibus.CompressionNone, omnibus.CompressionZstd} {
		inBubble(t, 1, omnibus.Config{Linger: time.Second, Compression: codec}, func(r *rig) {
			r.cluster.AddTopic("t", 1, sim.TopicOptions{BatchBytesMax: 2000})
			noise := rand.New(rand.NewPCG(1, 2)) // so that no codec makes the batch fit
			var want []string
			var deliveries []omnibus.Delivery
			for i := range 40 {
				want = append(want, fmt.Sprint(i, "-", noise.Perm(100), strings.Repeat("x", 100)))
				rec := record(want[i])
				rec.Tag = uint64(i)
				deliveries = append(deliveries, r.enqueue(rec))
			}
			for i, d := range deliveries {
				if ack, err := d.Wait(r.Context()); err != nil || ack.Offset != int64(i) || ack.Tag != uint64(i) {
					t.Errorf("record %d: %+v, %v", i, ack, err)
				}
			}
			for i, rec := range r.cluster.Records("t", 0) {
				if string(rec.Value) != want[i] {
					t.Errorf("%v: %q stands where %q should", codec, rec.Value, want[i])
				}
			}
			for _, b := range r.cluster.Log("t", 0) {
				if b.Bytes > 2000 {
					t.Errorf("%v: a batch of %d bytes", codec, b.Bytes)
				}
			}
			if first := r.cluster.Requests(sim.Produce)[0].Batches[0]; first.Batch.Bytes <= 2000 {
				t.Errorf("%v: the first batch had %d bytes: the test shows nothing", codec, first.Batch.Bytes)
			}
			r.settles(40, 0, 0)
		})
	}
}

func TestARecordThatTheTopicRefusesForItsSizeIsNotWritten(t *testing.T) {
	inBubble(t, 1, omnibus.Config{Linger: time.Second}, func(r *rig) {
		r.cluster.AddTopic("t", 1, sim.TopicOptions{BatchBytesMax: 2000})
		before, large, after := r.enqueue(record("before")), r.enqueue(record(strings.Repeat("x", 3000))), r.enqueue(record("after"))
		_, err := large.Wait(r.Context())
		r.failed(err, true, "MESSAGE_TOO_LARGE")
		if !errors.Is(err, omnibus.ErrRecordTooLarge) || !errors.Is(err, kerr.MessageTooLarge) {
			t.Error(err)
		}
		for i, d := range []omnibus.Delivery{before, after} {
			if ack, err := d.Wait(r.Context()); err != nil || ack.Offset != int64(i) {
				t.Errorf("its neighbour %d: %+v, %v", i, ack, err)
			}
		}
		r.holds(0, "before", "after")
		r.settles(2, 1, 0)
	})
}

func TestOnlyTheRecordsThatTheBrokerNamesFail(t *testing.T) {
	inBubble(t, 1, omnibus.Config{Linger: time.Second}, func(r *rig) {
		r.cluster.SetScript(sim.First(1, sim.Produce, sim.Fate{Refusal: &sim.Refusal{
			Code: kerr.InvalidRecord.Code, Message: "two are bad", Records: map[int32]string{1: "no key", 3: "too old"},
		}}))
		var deliveries []omnibus.Delivery
		for i := range 5 {
			deliveries = append(deliveries, r.enqueue(record(fmt.Sprint(i))))
		}
		r.flush()
		words := map[int]string{1: "no key", 3: "too old"}
		for i, d := range deliveries {
			_, err := d.Wait(r.Context())
			if word, culprit := words[i]; culprit {
				r.failed(err, true, word, "INVALID_RECORD")
			} else if err != nil {
				t.Errorf("record %d: %v", i, err)
			}
		}
		r.holds(0, "0", "2", "4")
		r.settles(3, 2, 0)
	})
}

// TestALargeRecordFindsRoomAmongManySmallBatches: they leave a few at a time, and as many as it takes.
func TestALargeRecordFindsRoomAmongManySmallBatches(t *testing.T) {
	config := omnibus.Config{BufferBytes: 1 << 20, Linger: 80 * time.Second, DeliveryTimeout: 5 * time.Minute}
	inBubble(t, 1000, config, func(r *rig) {
		r.send(record("first"))
		small := func(n int) error {
			_, err := r.producer.TryEnqueue(r.Context(), omnibus.Record{Topic: "t", Partition: omnibus.At(int32(n)), Value: []byte("x")})
			return err
		}
		n := 0
		for ; n < 1000 && small(n) == nil; n++ {
		}
		if n < 300 || n == 1000 {
			r.Fatalf("%d small batches", n)
		}
		r.enqueue(omnibus.Record{Topic: "t", Partition: omnibus.At(0), Value: make([]byte, 450<<10)})
		r.took(0)
	})
}
