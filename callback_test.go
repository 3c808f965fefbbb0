package omnibus_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/twmb/franz-go/pkg/kerr"
)

// enqueueFunc enqueues a record with a callback; it must be accepted.
func (r *rig) enqueueFunc(rec omnibus.Record, callback func(omnibus.Ack, error)) {
	r.Helper()
	if err := r.producer.EnqueueFunc(r.Context(), rec, callback); err != nil {
		r.Fatalf("EnqueueFunc: %v", err)
	}
}

// tagged is a record for a partition, with a tag.
func tagged(partition int32, tag uint64) omnibus.Record {
	return omnibus.Record{Topic: "t", Partition: omnibus.At(partition), Value: fmt.Append(nil, tag), Tag: tag}
}

// upTo lists the tags 0 to n-1.
func upTo(n uint64) []uint64 {
	var tags []uint64
	for tag := range n {
		tags = append(tags, tag)
	}
	return tags
}

func TestCallbacksOfAPartitionRunInOrderOnceEach(t *testing.T) {
	inBubble(t, 1, omnibus.Config{BatchBytes: 300}, func(r *rig) {
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			if req.API == sim.Produce && req.Number%3 == 1 {
				return sim.Fate{End: sim.CutAfter}
			}
			return sim.Fate{}
		})
		var seen ledger
		for tag := range uint64(300) {
			r.enqueueFunc(tagged(0, tag), seen.note)
		}
		r.flush()
		synctest.Wait()
		if got := seen.tags(); !slices.Equal(got, upTo(300)) {
			t.Errorf("%v", got)
		}
		for i, told := range seen.all() {
			// An offset of -1 says: in the log, but not known where.
			if told.err != nil || told.ack.Topic != "t" || told.ack.Partition != 0 || told.ack.Offset != int64(i) {
				t.Fatalf("record %d: %+v", i, told)
			}
		}
	})
}

func TestACallbackWaitsForTheOlderRecordsOfItsPartition(t *testing.T) {
	for _, config := range []omnibus.Config{
		{BatchBytes: omnibus.None},                           // the younger one is refused for good while the older one waits to be tried again
		{BatchBytes: omnibus.None, DisableIdempotence: true}, // or is acknowledged before it
	} {
		inBubble(t, 1, config, func(r *rig) {
			r.send(tagged(0, 0))
			r.cluster.SetScript(func(req sim.Request) sim.Fate {
				fate := sim.Fate{Delay: 10 * time.Millisecond} // so that all three fly together
				switch {
				case req.API == sim.Produce && req.Number == 2:
					fate.Refusal = &sim.Refusal{Code: kerr.NotEnoughReplicas.Code}
				case req.API == sim.Produce && req.Number == 3 && !config.DisableIdempotence:
					fate.Refusal = &sim.Refusal{Code: kerr.PolicyViolation.Code}
				}
				return fate
			})
			var seen ledger
			r.enqueueFunc(tagged(0, 1), seen.note)
			r.enqueueFunc(tagged(0, 2), seen.note)
			younger := r.enqueue(tagged(0, 3))
			time.Sleep(50 * time.Millisecond)
			if n := len(seen.all()); n != 0 || (config.DisableIdempotence && !younger.Done()) {
				t.Errorf("%d callbacks before the oldest record's; the Delivery, which need not wait, is done: %v", n, younger.Done())
			}
			r.flush()
			synctest.Wait()
			if got := seen.tags(); !slices.Equal(got, []uint64{1, 2}) {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestCallbacksWithoutAReasonToRunDoNot(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		var seen ledger
		err := r.producer.EnqueueFunc(r.Context(), omnibus.Record{Topic: "t", Partition: omnibus.At(-1)}, seen.note)
		r.failed(err, true)
		r.send(record("a"))
		synctest.Wait()
		if n := len(seen.all()); n != 0 {
			t.Errorf("the callback of a refused record was called %d times", n)
		}
		r.enqueueFunc(record("b"), nil) // a nil callback is none
		r.flush()
	})
}

func TestSlowCallbacksDelayOnlyTheirOwnPartitions(t *testing.T) {
	inBubble(t, 128, omnibus.Config{}, func(r *rig) {
		r.cluster.AddTopic("t", 128, sim.TopicOptions{})
		for n := range int32(64) { // 64 partitions with slow callbacks, 64 without
			for range 2 {
				r.enqueueFunc(tagged(n, 0), func(omnibus.Ack, error) { time.Sleep(10 * time.Second) })
			}
		}
		r.flush() // waits for outcomes, not for callbacks
		r.took(0)
		var seen ledger
		for n := range int32(64) {
			r.enqueueFunc(tagged(64+n, uint64(n)), seen.note)
			r.send(tagged(n, 0)) // the slow partitions themselves go on, too
		}
		time.Sleep(time.Second)
		if n := len(seen.all()); n != 64 {
			t.Errorf("%d of 64 quick callbacks ran within a second", n)
		}
		r.enqueueFunc(tagged(0, 1000), seen.note)
		if err := r.producer.Close(); err != nil {
			t.Error(err)
		}
		all := seen.all()
		if last := all[len(all)-1]; last.ack.Tag != 1000 || last.at.Sub(r.began) < 20*time.Second {
			t.Errorf("a callback passed the slow ones of its own partition: %+v after %v", last, last.at.Sub(r.began))
		}
		r.took(20 * time.Second)
	})
}

func TestCallbacksTooFarBehindHoldUpTheirOwnPartitionOnly(t *testing.T) {
	inBubble(t, 2, omnibus.Config{MaxBlock: 3 * time.Second}, func(r *rig) {
		release := make(chan struct{})
		var told atomic.Int64
		callback := func(omnibus.Ack, error) {
			<-release
			told.Add(1)
		}
		accepted := int64(0)
		var err error
		for err == nil {
			if err = r.producer.EnqueueFunc(r.Context(), omnibus.Record{Topic: "t", Partition: omnibus.At(0)}, callback); err == nil {
				accepted++
			}
		}
		r.failed(err, true)
		if !errors.Is(err, omnibus.ErrCallbacksBehind) || accepted < 10_000 {
			t.Errorf("after %d records: %v", accepted, err)
		}
		r.enqueueFunc(tagged(1, 0), nil)
		r.enqueue(tagged(0, 0)) // without a callback there is nothing to wait for
		close(release)
		r.enqueueFunc(tagged(0, 0), callback)
		r.producer.Close()
		if n := told.Load(); n != accepted+1 {
			t.Errorf("%d callbacks for %d records", n, accepted+1)
		}
	})
}

func TestAPanickingCallbackHarmsNobody(t *testing.T) {
	log := new(logged)
	inBubble(t, 1, omnibus.Config{Logger: log.logger(), BatchBytes: 200}, func(r *rig) {
		var seen ledger
		for tag := range uint64(100) {
			r.enqueueFunc(tagged(0, tag), func(ack omnibus.Ack, err error) {
				seen.note(ack, err)
				if tag%10 == 3 {
					panic("oh no")
				}
			})
		}
		r.flush()
		synctest.Wait()
		if got := seen.tags(); !slices.Equal(got, upTo(100)) {
			t.Errorf("%v", got)
		}
		if n := r.producer.Stats().Panics; n != 10 {
			t.Errorf("%d panics counted", n)
		}
	})
	if !strings.Contains(log.String(), "oh no") || !strings.Contains(log.String(), "callback_test.go") {
		t.Errorf("the log does not tell the panic and its place: %.500s", log)
	}
}

func TestACallbackThatEndsItsGoroutineHarmsNobody(t *testing.T) {
	inBubble(t, 1, omnibus.Config{BatchBytes: 200}, func(r *rig) {
		var seen ledger
		for tag := range uint64(100) {
			r.enqueueFunc(tagged(0, tag), func(ack omnibus.Ack, err error) {
				seen.note(ack, err)
				if tag%10 == 3 {
					runtime.Goexit()
				}
			})
		}
		r.flush()
		synctest.Wait()
		if got := seen.tags(); !slices.Equal(got, upTo(100)) {
			t.Errorf("%v", got)
		}
	})
}

func TestCallbacksMayUseTheProducer(t *testing.T) {
	inBubble(t, 2, omnibus.Config{}, func(r *rig) {
		done := make(chan string, 4)
		r.enqueueFunc(record("start"), func(omnibus.Ack, error) {
			r.send(record("sent in a callback, to its own partition"))
			d := r.enqueue(tagged(1, 0))
			r.flush()
			if !d.Done() {
				t.Error("Flush in a callback did not wait")
			}
			r.enqueueFunc(record("nested"), func(omnibus.Ack, error) { done <- "nested" })
			done <- "outer"
		})
		if first, second := <-done, <-done; first != "outer" || second != "nested" {
			t.Errorf("%s before %s", first, second)
		}
		r.settles(4, 0, 0)
	})
}

func TestCallbacksMayCloseTheProducer(t *testing.T) {
	inBubble(t, 3, omnibus.Config{}, func(r *rig) {
		var seen ledger
		var closed atomic.Int32
		for n := range int32(3) {
			r.enqueueFunc(tagged(n, uint64(n)), func(ack omnibus.Ack, err error) {
				if err := r.producer.Close(); err != nil {
					t.Errorf("Close in a callback: %v", err)
				}
				closed.Add(1)
			})
			r.enqueueFunc(tagged(n, uint64(n)), seen.note)
		}
		r.flush()
		if err := r.producer.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if len(seen.all()) != 3 || closed.Load() != 3 {
			t.Errorf("%d callbacks and %d closes", len(seen.all()), closed.Load())
		}
		r.took(0)
	})
}

func TestAFailedRecordCanBeReadWhileItsCallbackRuns(t *testing.T) {
	want := omnibus.Record{
		Topic: "t", Partition: omnibus.At(0), Key: []byte("key"), Value: []byte(strings.Repeat("value ", 500)), Tag: 42,
		Timestamp: time.UnixMilli(77), Headers: []omnibus.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}},
	}
	for _, codec := range []omnibus.Compression{omnibus.CompressionNone, omnibus.CompressionZstd} {
		inBubble(t, 1, omnibus.Config{Compression: codec}, func(r *rig) {
			r.cluster.SetScript(sim.Always(sim.Produce, refuse(kerr.PolicyViolation.Code)))
			var kept *omnibus.RecordError
			r.enqueueFunc(record("neighbour"), func(omnibus.Ack, error) {})
			r.enqueueFunc(want, func(ack omnibus.Ack, err error) {
				kept = r.failed(err, true)
				got, ok := kept.Record()
				if !ok || got.Topic != want.Topic || got.Partition != want.Partition || !sameBytes(got.Key, want.Key) || !sameBytes(got.Value, want.Value) ||
					got.Tag != want.Tag || !got.Timestamp.Equal(want.Timestamp) || len(got.Headers) != 2 || string(got.Headers[0].Value) != "1" || got.Headers[1].Value != nil {
					t.Errorf("%v: %+v, %v", codec, got, ok)
				}
				if ack.Tag != 42 || ack.Offset != -1 {
					t.Errorf("ack beside the error: %+v", ack)
				}
			})
			r.flush()
			synctest.Wait()
			if _, ok := kept.Record(); ok {
				t.Error("the record can still be read after the callback")
			}
		})
	}
}

func TestOnFailureSeesRecordsNobodyLooksAt(t *testing.T) {
	var failures ledger
	config := omnibus.Config{OnFailure: func(err *omnibus.RecordError) {
		if got, ok := err.Record(); !ok || string(got.Value) != fmt.Sprint(err.Tag) {
			err = &omnibus.RecordError{Err: errors.New("cannot be read")}
		}
		failures.note(omnibus.Ack{}, err)
	}}
	inBubble(t, 1, config, func(r *rig) {
		r.cluster.SetScript(sim.First(1, sim.Produce, refuse(kerr.PolicyViolation.Code)))
		var order []string
		r.enqueue(tagged(0, 1))
		r.enqueueFunc(tagged(0, 2), func(omnibus.Ack, error) { order = append(order, fmt.Sprint(len(failures.all()))) })
		r.enqueue(tagged(0, 3))
		r.flush()
		r.send(tagged(0, 4))
		synctest.Wait()
		if got := failures.tags(); !slices.Equal(got, []uint64{1, 2, 3}) {
			t.Errorf("%v: %v", got, failures.all())
		}
		if !slices.Equal(order, []string{"1"}) {
			t.Errorf("the record's own callback ran after %v calls of OnFailure, want 1", order)
		}
	})
}

func TestAPanicInOnFailureHarmsNobody(t *testing.T) {
	config := omnibus.Config{OnFailure: func(*omnibus.RecordError) { panic("oh no") }}
	inBubble(t, 1, config, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, refuse(kerr.PolicyViolation.Code)))
		var seen ledger
		for tag := range uint64(5) {
			r.enqueueFunc(tagged(0, tag), seen.note)
		}
		r.flush()
		synctest.Wait()
		if len(seen.all()) != 5 || r.producer.Stats().Panics != 5 {
			t.Errorf("%d callbacks, %d panics", len(seen.all()), r.producer.Stats().Panics)
		}
	})
}

func TestEveryAcceptedRecordHasOneOutcomeUnderFaults(t *testing.T) {
	config := omnibus.Config{
		BatchBytes: 400, BatchBytesMax: 400, DeliveryTimeout: 8 * time.Second, RequestTimeout: 3 * time.Second,
	}
	onNodes(t, 2, 4, config, func(r *rig) {
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			if req.API != sim.Produce {
				return sim.Fate{}
			}
			switch req.Number % 11 {
			case 1:
				return sim.Fate{End: sim.CutAfter}
			case 4:
				return sim.Fate{End: sim.CutBefore}
			case 6:
				return sim.Fate{End: sim.AnswerSwallowed}
			case 8:
				return refuse(kerr.NotEnoughReplicas.Code)
			case 9:
				return refuse(kerr.PolicyViolation.Code)
			}
			return sim.Fate{Delay: 5 * time.Millisecond}
		})
		const records = 2000
		var seen ledger
		for tag := range uint64(records) {
			r.enqueueFunc(tagged(int32(tag%4), tag), seen.note)
			if tag%100 == 0 {
				time.Sleep(50 * time.Millisecond)
			}
		}
		r.flush()
		synctest.Wait()
		r.checkOutcomes(&seen, records, 4)
		if s := r.producer.Stats(); s.Acked == 0 || s.NotWritten == 0 || s.Unknown == 0 || s.Acked+s.NotWritten+s.Unknown != records {
			t.Errorf("%d acked, %d not written, %d unknown: the test should see all three", s.Acked, s.NotWritten, s.Unknown)
		}
	})
}

// checkOutcomes holds what was told against what is in the log: one outcome for each record; what is acked is there once,
// at its offset; what is not written is not there; the tags of a partition ascend in the log and in the callbacks.
func (r *rig) checkOutcomes(seen *ledger, records uint64, partitions int32) {
	r.Helper()
	logged := make(map[string]int)
	for n := range partitions {
		last := int64(-1)
		for _, rec := range r.cluster.Records("t", n) {
			logged[string(rec.Value)]++
			var tag int64
			fmt.Sscan(string(rec.Value), &tag)
			if tag <= last {
				r.Errorf("partition %d: %d stands behind %d", n, tag, last)
			}
			last = tag
		}
	}
	outcomes, last := make(map[uint64]int), make(map[int32]int64)
	all := seen.all()
	for i, tag := range seen.tags() {
		told := all[i]
		partition := int32(tag % uint64(partitions))
		if int64(tag) < last[partition] {
			r.Errorf("partition %d: the callback of %d came after that of %d", partition, tag, last[partition])
		}
		last[partition] = int64(tag)
		outcomes[tag]++
		copies := logged[fmt.Sprint(tag)]
		switch {
		case told.err == nil && copies != 1:
			r.Errorf("record %d is acked and %d times in the log", tag, copies)
		case told.err == nil && told.ack.Offset >= 0 && string(r.cluster.Records("t", partition)[told.ack.Offset].Value) != fmt.Sprint(tag):
			r.Errorf("record %d is not at its offset %d", tag, told.ack.Offset)
		case omnibus.NotWritten(told.err) && copies != 0, copies > 1:
			r.Errorf("record %d is %d times in the log: %v", tag, copies, told.err)
		}
	}
	if uint64(len(outcomes)) != records {
		r.Errorf("%d of %d records have an outcome", len(outcomes), records)
	}
	for tag, n := range outcomes {
		if n != 1 {
			r.Errorf("record %d has %d outcomes", tag, n)
		}
	}
}

// TestARecordGivenUpInFlightCanBeRead: its connection may still be at its bytes, which the race detector watches.
func TestARecordGivenUpInFlightCanBeRead(t *testing.T) {
	inBubble(t, 1, omnibus.Config{DeliveryTimeout: 40 * time.Second}, func(r *rig) {
		r.send(record("first"))
		r.cluster.SetScript(func(q sim.Request) sim.Fate {
			switch {
			case q.API != sim.Produce:
				return sim.Fate{}
			case time.Since(r.began) < 30*time.Second:
				return refuse(19)
			}
			return sim.Fate{End: sim.RequestSwallowed}
		})
		told := make(chan string, 1)
		err := r.producer.EnqueueFunc(r.Context(), record("lost"), func(_ omnibus.Ack, err error) {
			failed, _ := r.failed(err, false, "in flight").Record()
			told <- string(failed.Value)
		})
		if err != nil {
			r.Fatal(err)
		}
		if got := <-told; got != "lost" {
			r.Errorf("read %q", got)
		}
	})
}
