package omnibus_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/twmb/franz-go/pkg/kerr"
)

// These are defects that were measured in other producers (franz-go 1.22, Kafka's own 4.3), each with the conditions under which
// it shows.

// smallBatches is a configuration under which about eight small records fill a batch.
func smallBatches() omnibus.Config {
	return omnibus.Config{BatchBytes: 200, BatchBytesMax: 200, Linger: time.Second}
}

// spoiled enqueues 200 records with smallBatches while a broker is slow, so that most wait behind others, and returns what
// was to be written of them: all but the one that is spoiled.
func (r *rig) spoiled(at int, spoil string) (bad omnibus.Delivery, want []string) {
	r.Helper()
	for i := range 200 {
		value := fmt.Sprint(i)
		if i == at {
			bad = r.enqueue(record(spoil))
			continue
		}
		r.enqueue(record(value))
		want = append(want, value)
	}
	r.flush()
	return bad, want
}

// TestARecordThatTheBrokerRefusesCostsNoOther: franz-go fails all 200 buffered records of the partition for one INVALID_RECORD.
func TestARecordThatTheBrokerRefusesCostsNoOther(t *testing.T) {
	inBubble(t, 1, smallBatches(), func(r *rig) {
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			for _, s := range req.Batches {
				at := slices.IndexFunc(s.Batch.Records, func(rec sim.Record) bool { return string(rec.Value) == "bad" })
				if at >= 0 {
					return sim.Fate{Delay: time.Millisecond, Refusal: &sim.Refusal{
						Code: kerr.InvalidRecord.Code, Records: map[int32]string{int32(at): "a key is missing"},
					}}
				}
			}
			return sim.Fate{Delay: time.Millisecond}
		})
		bad, want := r.spoiled(100, "bad")
		_, err := bad.Wait(r.Context())
		r.failed(err, true, "INVALID_RECORD", "a key is missing")
		r.holds(0, want...)
		r.settles(199, 1, 0)
	})
}

// TestARecordThatIsTooLargeCostsNoOther: franz-go does not split a batch, and fails all 200 buffered records of the partition
// for one MESSAGE_TOO_LARGE.
func TestARecordThatIsTooLargeCostsNoOther(t *testing.T) {
	config := smallBatches()
	config.BatchBytes, config.BatchBytesMax = 2000, 2000
	inBubble(t, 1, config, func(r *rig) {
		r.cluster.AddTopic("t", 1, sim.TopicOptions{BatchBytesMax: 500})
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Millisecond}))
		bad, want := r.spoiled(100, strings.Repeat("x", 700))
		_, err := bad.Wait(r.Context())
		r.failed(err, true, "MESSAGE_TOO_LARGE")
		r.holds(0, want...)
		r.settles(199, 1, 0)
	})
}

// TestEveryWaitEndsWhenABrokerNeverAnswers: with franz-go neither the record's timeout of 5 s nor the caller's context of 2 s
// ever fires, and the record is pending after 30 minutes and 73 requests.
func TestEveryWaitEndsWhenABrokerNeverAnswers(t *testing.T) {
	config := omnibus.Config{DeliveryTimeout: 5 * time.Second, RequestTimeout: 3 * time.Second}
	inBubble(t, 1, config, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{End: sim.RequestSwallowed}))
		_, err := r.producer.Send(r.within(2*time.Second), record("a"))
		pending, ok := err.(*omnibus.PendingError)
		if !ok {
			r.Fatalf("%T: %v", err, err)
		}
		r.took(2 * time.Second)
		_, err = pending.Delivery.Wait(r.Context())
		if r.failed(err, false); !errors.Is(err, omnibus.ErrDeliveryTimeout) { // it may have arrived, for all we know
			t.Error(err)
		}
		r.took(5 * time.Second)
		r.cluster.SetScript(nil)
		r.send(record("b"))
		r.holds(0, "b")
		r.settles(1, 0, 1)
	})
}

// TestACallbackThatSleepsDelaysNoOtherPartition: a promise of franz-go's that sleeps for 10 s delays those of all partitions.
// Java's runs callbacks on the one thread that does all I/O.
func TestACallbackThatSleepsDelaysNoOtherPartition(t *testing.T) {
	inBubble(t, 8, omnibus.Config{}, func(r *rig) {
		var seen ledger
		r.enqueueFunc(tagged(0, 0), func(omnibus.Ack, error) { time.Sleep(10 * time.Second) })
		for n := int32(1); n < 8; n++ {
			r.enqueueFunc(tagged(n, uint64(n)), seen.note)
		}
		r.flush()
		synctest.Wait()
		if got := seen.tags(); len(got) != 7 {
			t.Errorf("callbacks of %v have run", got)
		}
		r.send(tagged(0, 8)) // nor does it delay records, its own partition's included
		r.took(0)
	})
}

// TestAHungBrokerLeavesRoomForTheOthersForGood: with one of two brokers hung, franz-go's buffer fills with its records, and the
// healthy broker's partition gets nothing more within five minutes.
func TestAHungBrokerLeavesRoomForTheOthersForGood(t *testing.T) {
	config := omnibus.Config{BufferBytes: 256 << 10, DeliveryTimeout: time.Hour, MaxBlock: time.Hour}
	onNodes(t, 2, 2, config, func(r *rig) {
		r.send(tagged(0, 0))
		r.send(tagged(1, 0))
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			if req.API == sim.Produce && req.Node == 1 {
				return sim.Fate{End: sim.RequestSwallowed}
			}
			return sim.Fate{}
		})
		value := make([]byte, 1<<10)
		ctx := r.within(5 * time.Minute)
		hung := make(chan int)
		go func() {
			n := 0
			for ; ; n++ {
				if _, err := r.producer.Enqueue(ctx, omnibus.Record{Topic: "t", Partition: omnibus.At(0), Value: value}); err != nil {
					break
				}
			}
			hung <- n
		}()
		synctest.Wait()
		if s := r.producer.Stats(); s.Blocked != 1 {
			t.Fatalf("%d callers are blocked: the test shows nothing", s.Blocked)
		}
		for range 3000 {
			r.send(omnibus.Record{Topic: "t", Partition: omnibus.At(1), Value: value})
			time.Sleep(90 * time.Millisecond)
		}
		r.took(3000 * 90 * time.Millisecond)
		if n := <-hung; n < 50 {
			t.Errorf("the hung broker's partition took %d records: the test shows nothing", n)
		}
		r.cluster.SetScript(nil)
		r.flush()
	})
}

// TestCloseSendsRecordsThatLinger: franz-go's Close fails all 10 of them.
func TestCloseSendsRecordsThatLinger(t *testing.T) {
	inBubble(t, 1, omnibus.Config{Linger: 30 * time.Second}, func(r *rig) {
		var want []string
		for i := range 10 {
			want = append(want, fmt.Sprint(i))
			r.enqueue(record(want[i]))
		}
		if err := r.producer.Close(); err != nil {
			t.Error(err)
		}
		r.took(0)
		r.holds(0, want...)
		r.settles(10, 0, 0)
	})
}

// TestALeaderThatNamesNoSuccessorStallsNothing: franz-go waits for 5 s until it asks for metadata again, if the old leader does
// not say who the new one is (brokers before 3.7).
func TestALeaderThatNamesNoSuccessorStallsNothing(t *testing.T) {
	onNodes(t, 2, 1, omnibus.Config{}, func(r *rig) {
		r.send(record("a"))
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			if req.API == sim.Produce && req.Node == 1 {
				return refuse(kerr.NotLeaderForPartition.Code)
			}
			return sim.Fate{}
		})
		r.cluster.MoveLeader("t", 0, 2)
		r.send(record("b"))
		if took := time.Since(r.began); took > 500*time.Millisecond {
			t.Errorf("took %v", took)
		}
		r.holds(0, "a", "b")
	})
}

// TestATopicMayAppearWhileARecordWaitsForIt: franz-go fails a record of an unknown topic after about 1 s, so that a program
// which makes its topic beside its producer fails now and then.
func TestATopicMayAppearWhileARecordWaitsForIt(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		time.AfterFunc(50*time.Second, func() { r.cluster.AddTopic("late", 1, sim.TopicOptions{}) })
		r.send(omnibus.Record{Topic: "late"})
		if took := time.Since(r.began); took < 50*time.Second || took > 52*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestAPartitionThatWaitsHoldsUpNoOtherOfItsBroker: Java's drain ends at a partition that has to wait, and begins there the next
// time, so that the healthy partitions behind it wait too (RecordAccumulator.drainBatchesForOneNode).
func TestAPartitionThatWaitsHoldsUpNoOtherOfItsBroker(t *testing.T) {
	config := omnibus.Config{
		RetryBackoff: time.Second, RetryBackoffMax: 10 * time.Second, RequestTimeout: time.Second, BatchBytes: omnibus.None,
	}
	inBubble(t, 5, config, func(r *rig) {
		for n := range int32(5) {
			r.send(tagged(n, 0))
		}
		for reason, fate := range map[string]sim.Fate{
			"backs off":    refuse(kerr.NotEnoughReplicas.Code),
			"is in doubt":  {Refusal: &sim.Refusal{Code: kerr.NotEnoughReplicasAfterAppend.Code, Append: true}},
			"is unordered": refuse(kerr.OutOfOrderSequenceNumber.Code),
		} {
			fate.Refusal.Only = func(_ string, partition int32) bool { return partition == 2 }
			r.cluster.SetScript(sim.Always(sim.Produce, fate))
			waiting := []omnibus.Delivery{r.enqueue(tagged(2, 1)), r.enqueue(tagged(2, 2))}
			for range 20 {
				began := time.Now()
				time.Sleep(100 * time.Millisecond)
				for _, n := range []int32{0, 1, 3, 4} {
					r.send(tagged(n, 3))
				}
				if took := time.Since(began); took != 100*time.Millisecond {
					t.Fatalf("while partition 2 %s the others took %v", reason, took-100*time.Millisecond)
				}
			}
			if waiting[0].Done() || waiting[1].Done() {
				t.Errorf("partition 2 %s: it did not wait: the test shows nothing", reason)
			}
			r.cluster.SetScript(nil)
			r.flush()
		}
	})
}

// TestACallerThatWaitsForMemoryEndsTheLinger: a blocked send() of Java's does not wake its sender, which sleeps until the linger is
// over although all batches may leave; with a max.block.ms below linger.ms it fails for nothing.
func TestACallerThatWaitsForMemoryEndsTheLinger(t *testing.T) {
	config := omnibus.Config{
		BufferBytes: 64 << 10, BatchBytes: 60 << 10, Linger: 20 * time.Second, MaxBlock: 10 * time.Second,
	}
	inBubble(t, 16, config, func(r *rig) {
		for n := range int32(16) {
			r.send(tagged(n, 0))
		}
		for i := range int32(100) {
			r.enqueue(omnibus.Record{Topic: "t", Partition: omnibus.At(i % 16), Value: make([]byte, 3000)})
		}
		r.took(0)
		if s := r.producer.Stats(); s.Blocks == 0 || s.Batches["linger"] > 0 {
			t.Errorf("%d callers were blocked, batches left for %v", s.Blocks, s.Batches)
		}
	})
}

// TestNothingIsSentAgainInASizeThatWasRefused: Java sends a batch that was too large once more as it is, and then halves: 13
// requests for these ten records.
func TestNothingIsSentAgainInASizeThatWasRefused(t *testing.T) {
	inBubble(t, 1, omnibus.Config{Linger: time.Second}, func(r *rig) {
		r.cluster.AddTopic("t", 1, sim.TopicOptions{BatchBytesMax: 500})
		var want []string
		for i := range 10 {
			want = append(want, fmt.Sprint(i, strings.Repeat("x", 100)))
			r.enqueue(record(want[i]))
		}
		r.flush()
		r.holds(0, want...)
		refused, sizes := 1<<30, []int{}
		for _, req := range r.cluster.Requests(sim.Produce) {
			size := req.Batches[0].Batch.Bytes
			if sizes = append(sizes, size); size >= refused {
				t.Errorf("a batch of %d bytes although %d were refused", size, refused)
			}
			if size > 500 {
				refused = size
			}
		}
		if sizes[0] < 1000 || len(sizes) > 8 {
			t.Errorf("batches of %v bytes", sizes)
		}
		r.settles(10, 0, 0)
	})
}

// TestACallbackMaySendToATopicThatIsNew: a send() of Java's to a new topic within a callback waits on the thread that would have
// to ask for the topic: no I/O for all of max.block.ms, and then it fails (KAFKA-10335).
func TestACallbackMaySendToATopicThatIsNew(t *testing.T) {
	inBubble(t, 8, omnibus.Config{MaxBlock: 20 * time.Second}, func(r *rig) {
		r.cluster.AddTopic("new", 1, sim.TopicOptions{})
		outcomes := make(chan error, 2)
		for n, topic := range []string{"new", "missing"} {
			r.enqueueFunc(tagged(int32(n), 0), func(omnibus.Ack, error) {
				_, err := r.producer.Send(r.Context(), omnibus.Record{Topic: topic})
				outcomes <- err
			})
		}
		r.flush()
		if err := <-outcomes; err != nil {
			t.Error(err)
		}
		for n := range int32(8) {
			r.send(tagged(n, 1)) // while the other callback waits
		}
		r.took(0)
		r.failed(<-outcomes, true, `"missing"`)
		r.took(20 * time.Second)
	})
}
