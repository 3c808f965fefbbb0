package omnibus_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/twmb/franz-go/pkg/kerr"
)

func TestStatsFollowARecordThroughTheStages(t *testing.T) {
	inBubble(t, 1, omnibus.Config{Compression: omnibus.CompressionGzip}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Second}))
		for range 10 {
			r.enqueueFunc(record(strings.Repeat("x", 1000)), func(omnibus.Ack, error) {})
		}
		time.Sleep(500 * time.Millisecond)
		s := r.producer.Stats()
		if s.Accepted != 10 || s.Pending != 10 || s.RequestsInFlight != 1 || s.Acked != 0 || s.BufferUsedBytes == 0 || s.BufferBytes != 32<<20 {
			t.Errorf("in flight: %+v", s)
		}
		r.flush()
		synctest.Wait()
		s = r.producer.Stats()
		if s.Accepted != 10 || s.Acked != 10 || s.Pending != 0 || s.RequestsInFlight != 0 || s.Requests != 1 || s.CallbacksPending != 0 || s.BufferUsedBytes != 0 {
			t.Errorf("acked: %+v", s)
		}
		if s.Batches["linger"] != 1 || s.RecordsBytes < 10_000 || s.WireBytes > 1000 || s.WireBytes == 0 || s.CompressionRatio > 0.1 || s.CompressionRatio <= 0 {
			t.Errorf("batches %v, %d bytes, %d on the wire, ratio %v", s.Batches, s.RecordsBytes, s.WireBytes, s.CompressionRatio)
		}
		for name, d := range map[string]omnibus.Distribution{"boarding": s.Boarding, "request": s.RequestLatency, "ack": s.AckLatency} {
			want := map[string]time.Duration{"boarding": 5 * time.Millisecond, "request": time.Second, "ack": time.Second + 5*time.Millisecond}[name]
			if d.Count() != 1 || d.Max() < want*95/100 || d.Max() > want*105/100 || d.Mean() < want*95/100 || d.Quantile(0.5) < want*95/100 {
				t.Errorf("%s: %d times, %v at most, want %v", name, d.Count(), d.Max(), want)
			}
		}
		if s.BatchRecords.Max() != 10 || s.BytesOut < s.WireBytes || s.BytesIn == 0 || s.ConnectionsOpened == 0 || s.MetadataRefreshes == 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWhyBatchesLeaveIsCounted(t *testing.T) {
	for reason, leave := range map[string]func(r *rig){
		"linger": func(r *rig) { r.enqueue(record("x")); time.Sleep(time.Second) },
		"waiter": func(r *rig) { r.send(record("x")) },
		"flush":  func(r *rig) { r.enqueue(record("x")); r.flush() },
		"full":   func(r *rig) { r.enqueue(record(strings.Repeat("x", 20_000))); synctest.Wait() },
		"close":  func(r *rig) { r.enqueue(record("x")); r.producer.Close() },
		"retry": func(r *rig) {
			r.cluster.SetScript(sim.First(1, sim.Produce, refuse(kerr.NotEnoughReplicas.Code)))
			r.enqueue(record("x"))
			r.flush()
		},
		"company": func(r *rig) {
			r.enqueue(tagged(0, 0))
			time.Sleep(100 * time.Microsecond)
			r.enqueue(tagged(1, 0))
			time.Sleep(time.Second)
		},
		"pressure": func(r *rig) {
			r.send(record("known"))
			for range 20 {
				r.enqueue(record(strings.Repeat("x", 4000)))
			}
		},
	} {
		config := omnibus.Config{}
		if reason == "pressure" {
			config = omnibus.Config{BufferBytes: 64 << 10, BatchBytes: 60 << 10, Linger: time.Hour, DeliveryTimeout: 2 * time.Hour}
		}
		inBubble(t, 2, config, func(r *rig) {
			leave(r)
			if s := r.producer.Stats(); s.Batches[reason] == 0 {
				t.Errorf("%s: %v", reason, s.Batches)
			}
		})
	}
}

func TestStatsCountBlockedCallers(t *testing.T) {
	inBubble(t, 1, smallBuffer(), func(r *rig) {
		r.fill()
		go r.producer.Enqueue(r.within(3*time.Second), record(strings.Repeat("x", fillerBytes)))
		time.Sleep(time.Second)
		if s := r.producer.Stats(); s.Blocked != 1 || s.Blocks != 1 {
			t.Errorf("%d blocked, %d ever", s.Blocked, s.Blocks)
		}
		time.Sleep(3 * time.Second)
		if s := r.producer.Stats(); s.Blocked != 0 || s.Blocks != 1 || s.BlockedTime != 3*time.Second || s.BufferExhausted != 0 {
			t.Errorf("%d blocked, %d ever, %v, %d exhausted", s.Blocked, s.Blocks, s.BlockedTime, s.BufferExhausted)
		}
	})
}

func TestAcceptedIsAlwaysTheSumOfWhatBecameOfIt(t *testing.T) {
	config := omnibus.Config{BatchBytes: 300, DeliveryTimeout: 4 * time.Second, RequestTimeout: 2 * time.Second}
	inBubble(t, 3, config, func(r *rig) {
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			switch {
			case req.API == sim.Produce && req.Number%7 == 5:
				return sim.Fate{End: sim.AnswerSwallowed}
			case req.API == sim.Produce && req.Number%7 == 3:
				return refuse(kerr.PolicyViolation.Code)
			}
			return sim.Fate{Delay: 20 * time.Millisecond}
		})
		for i := range uint64(500) {
			r.enqueue(tagged(int32(i%3), i))
			if i%20 == 0 {
				time.Sleep(200 * time.Millisecond)
				synctest.Wait()
				if s := r.producer.Stats(); s.Accepted != int64(i)+1 || s.Accepted != s.Acked+s.NotWritten+s.Unknown+s.Pending {
					t.Fatalf("after %d: %d acked, %d not written, %d unknown, %d pending", i+1, s.Acked, s.NotWritten, s.Unknown, s.Pending)
				}
			}
		}
		r.flush()
		if s := r.producer.Stats(); s.Pending != 0 || s.Acked == 0 || s.NotWritten == 0 || s.Unknown == 0 || s.BufferUsedBytes < 0 {
			t.Errorf("%d acked, %d not written, %d unknown, %d pending", s.Acked, s.NotWritten, s.Unknown, s.Pending)
		}
	})
}

func TestTraceFollowsABatch(t *testing.T) {
	d := new(diary)
	trace := &omnibus.Trace{
		BatchLeaves: func(b omnibus.BatchLeave) {
			d.note("%s/%d with %d records leaves: %s after %v, %d in flight", b.Topic, b.Partition, b.Records, b.Reason, b.Boarded, b.InFlight)
			if b.Bytes <= 0 {
				d.note("%d bytes", b.Bytes)
			}
		},
		BatchRetried: func(b omnibus.BatchOutcome) { d.note("retried after %d: %v", b.Attempts, b.Err != nil) },
		BatchDone: func(b omnibus.BatchOutcome) {
			d.note("%d records done at %d in %d attempts: %v", b.Records, b.Offset, b.Attempts, b.Err)
		},
		RequestDone: func(q omnibus.RequestOutcome) {
			d.note("request of %d to %d took %v, throttle %v: %v", q.Batches, q.Broker, q.Latency, q.Throttle, q.Err)
		},
		BrokerConnected:    func(id int32, address string) { d.note("connected to %d at %s", id, address) },
		BrokerDisconnected: func(id int32, _ string, err error) { d.note("disconnected from %d: %v", id, err != nil) },
	}
	inBubble(t, 1, omnibus.Config{Trace: trace, RetryBackoff: omnibus.None}, func(r *rig) {
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			if req.API == sim.Produce && req.Number == 1 {
				return sim.Fate{Delay: time.Second, Throttle: time.Second, Refusal: &sim.Refusal{Code: kerr.NotEnoughReplicas.Code}}
			}
			return sim.Fate{}
		})
		r.enqueue(record("a"))
		r.enqueue(record("b"))
		r.flush()
		r.producer.Close()
		want := []string{
			"t/0 with 2 records leaves: flush after 0s, 0 in flight",
			"connected to 1 at node1.sim:9092",
			"request of 1 to 1 took 1s, throttle 1s: <nil>",
			"retried after 1: true",
			"t/0 with 2 records leaves: retry after 2s, 0 in flight",
			"request of 1 to 1 took 0s, throttle 0s: <nil>",
			"2 records done at 0 in 2 attempts: <nil>",
			"disconnected from 1: true",
		}
		got := strings.Split(d.read(), ", ")
		slices.Sort(got)
		joined := strings.Split(strings.Join(want, ", "), ", ")
		slices.Sort(joined)
		if !slices.Equal(got, joined) {
			t.Errorf("got %s", strings.ReplaceAll(d.read(), ", ", "\n"))
		}
	})
}

func TestTraceHearsOfMetadata(t *testing.T) {
	changes := make(chan []string, 10)
	inBubble(t, 1, omnibus.Config{Trace: &omnibus.Trace{MetadataUpdated: func(topics []string) { changes <- topics }}}, func(r *rig) {
		r.send(record("a"))
		synctest.Wait()
		close(changes)
		var all []string
		for topics := range changes {
			all = append(all, topics...)
		}
		if !slices.Equal(all, []string{"t"}) {
			t.Errorf("%q", all)
		}
	})
}

func TestAPanickingTraceHarmsNobody(t *testing.T) {
	trace := &omnibus.Trace{
		BatchLeaves:     func(omnibus.BatchLeave) { panic("leaves") },
		BatchDone:       func(omnibus.BatchOutcome) { panic("done") },
		RequestDone:     func(omnibus.RequestOutcome) { panic("request") },
		BrokerConnected: func(int32, string) { panic("connected") },
		MetadataUpdated: func([]string) { panic("metadata") },
	}
	inBubble(t, 1, omnibus.Config{Trace: trace}, func(r *rig) {
		r.send(record("a"))
		synctest.Wait()
		if n := r.producer.Stats().Panics; n < 5 {
			t.Errorf("%d panics", n)
		}
	})
}

// panicHandler is a log handler that panics at everything.
type panicHandler struct{}

func (panicHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panicHandler) Handle(context.Context, slog.Record) error { panic("handler") }
func (h panicHandler) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (h panicHandler) WithGroup(string) slog.Handler           { return h }

func TestAPanickingLoggerHarmsNobody(t *testing.T) {
	inBubble(t, 1, omnibus.Config{Logger: slog.New(panicHandler{}), Acks: omnibus.AcksLeader}, func(r *rig) {
		r.cluster.SetScript(sim.First(1, sim.Produce, refuse(kerr.PolicyViolation.Code)))
		_, err := r.producer.Send(r.Context(), record("a"))
		r.failed(err, true)
		r.enqueueFunc(record("b"), func(omnibus.Ack, error) { panic("callback") })
		r.flush()
		r.send(record("c"))
		r.holds(0, "b", "c")
	})
}

func TestFailuresAreLoggedAtABoundedRate(t *testing.T) {
	log := new(logged)
	inBubble(t, 1, omnibus.Config{Logger: log.logger(), BatchBytes: omnibus.None}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, refuse(kerr.PolicyViolation.Code)))
		for range 200 {
			r.enqueue(record("a secret value"))
		}
		r.flush()
		first := strings.Count(log.String(), "batch failed")
		if first == 0 || first > 10 {
			t.Errorf("%d lines for 200 failures", first)
		}
		time.Sleep(time.Minute)
		r.enqueue(record("a secret value"))
		r.flush()
		if n := strings.Count(log.String(), "batch failed"); n != first+1 || !strings.Contains(log.String(), fmt.Sprintf("similar_dropped=%d", 200-first)) {
			t.Errorf("%d lines, and no count of what was dropped: %s", n, log)
		}
	})
	if strings.Contains(log.String(), "secret") {
		t.Error("a value was logged")
	}
}
