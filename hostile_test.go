package omnibus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// hostileConfig has short limits, so that much happens in little time.
func hostileConfig() omnibus.Config {
	return omnibus.Config{
		BufferBytes: 1 << 20, Linger: omnibus.None, MaxBlock: 5 * time.Second, DeliveryTimeout: 10 * time.Second,
		RequestTimeout: 3 * time.Second, ConnectTimeout: 2 * time.Second, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// meet lets a producer live through what a script does to the answers of an honest cluster. Whatever that is: every record
// gets one outcome in time, Shutdown ends in time, the bubble ends without a goroutine left, and what came into the log
// is what was sent.
func meet(t *testing.T, script []byte) {
	synctest.Test(t, func(t *testing.T) {
		cluster, err := sim.Start(sim.Options{Nodes: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		cluster.AddTopic("t", 3, sim.TopicOptions{})
		spoils := new(spoiler)
		spoils.mu.script = script
		config := hostileConfig()
		config.Brokers, config.Dial = cluster.Brokers(), spoil(spoils.spoil).dial(cluster)
		p, err := omnibus.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		sent := make(map[string]bool)
		var outcomes sync.WaitGroup
		for i := range 12 {
			value := fmt.Sprintf("record %d", i)
			sent[value] = true
			begun := time.Now()
			d, err := p.Enqueue(t.Context(), omnibus.Record{Topic: "t", Key: []byte{byte(i)}, Value: []byte(value)})
			if took := time.Since(begun); took > config.MaxBlock+time.Second {
				t.Errorf("Enqueue took %v: %v", took, err)
			}
			if err == nil {
				outcomes.Go(func() { wantOutcome(t, d, config.DeliveryTimeout+time.Second) })
			}
		}
		outcomes.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		begun := time.Now()
		_ = p.Shutdown(ctx)
		if took := time.Since(begun); took > 21*time.Second {
			t.Errorf("Shutdown took %v", took)
		}
		if s := p.Stats(); s.Accepted != s.Acked+s.NotWritten+s.Unknown || s.Pending != 0 {
			t.Errorf("accepted %d, acked %d, not written %d, unknown %d, pending %d", s.Accepted, s.Acked, s.NotWritten, s.Unknown, s.Pending)
		}
		for partition := range int32(3) {
			for _, r := range cluster.Records("t", partition) {
				if !sent[string(r.Value)] {
					t.Errorf("the log has %q, which nobody sent", r.Value)
				}
			}
		}
	})
}

// wantOutcome fails the test unless a record has its outcome in time.
func wantOutcome(t *testing.T, d omnibus.Delivery, within time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	ack, err := d.Wait(ctx)
	if pending, ok := errors.AsType[*omnibus.PendingError](err); ok {
		t.Errorf("no outcome within %v: %v", within, pending)
	}
	if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("the error can do things to a terminal: %q", err)
	}
	if err == nil && ack.Offset < -1 {
		t.Errorf("acknowledged at offset %d", ack.Offset)
	}
}

// TestAnswersThatSayTooLittleOrTooMuch: what an answer leaves out is not known, and what contradicts itself is not believed.
// With idempotence a record is sent again and stands in the log once; without retries its outcome is unknown.
func TestAnswersThatSayTooLittleOrTooMuch(t *testing.T) {
	partitions := func(r *kmsg.ProduceResponse) *[]kmsg.ProduceResponseTopicPartition { return &r.Topics[0].Partitions }
	for _, test := range []struct {
		name  string
		twist func(r *kmsg.ProduceResponse)
		words string // in the error, if it is not sent again
	}{
		{"no partition", func(r *kmsg.ProduceResponse) { *partitions(r) = nil }, "leaves the partition out"},
		{"no topic", func(r *kmsg.ProduceResponse) { r.Topics = nil }, "leaves the partition out"},
		{"another partition", func(r *kmsg.ProduceResponse) { (*partitions(r))[0].Partition++ }, "was not in the request"},
		{"another topic", func(r *kmsg.ProduceResponse) { r.Topics[0].TopicID[0]++ }, "was not in the request"},
		{"one more", func(r *kmsg.ProduceResponse) {
			*partitions(r) = append(*partitions(r), kmsg.ProduceResponseTopicPartition{Partition: 1})
		},
			"at most 1 can be meant"},
	} {
		for _, again := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, again %v", test.name, again), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cluster, err := sim.Start(sim.Options{})
					if err != nil {
						t.Fatal(err)
					}
					defer cluster.Close()
					cluster.AddTopic("t", 2, sim.TopicOptions{})
					config := hostileConfig()
					if config.DisableIdempotence = !again; !again {
						config.Retries = omnibus.None
					}
					config.Brokers, config.Dial = cluster.Brokers(), twisting(test.twist).dial(cluster)
					p, err := omnibus.Open(t.Context(), config)
					if err != nil {
						t.Fatal(err)
					}
					defer p.Close()
					ack, err := p.Send(t.Context(), record("a"))
					switch {
					case again && (err != nil || ack.Offset != 0):
						t.Errorf("acknowledged at %d: %v", ack.Offset, err)
					case !again && (!omnibus.Unknown(err) || !strings.Contains(err.Error(), test.words)):
						t.Errorf("error %v, want an unknown outcome and %q", err, test.words)
					}
					if n := len(cluster.Records("t", 0)); n != 1 {
						t.Errorf("the log has %d records", n)
					}
				})
			})
		}
	}
}

func TestAnOffsetThatCannotBeIsNotTold(t *testing.T) {
	for _, offset := range []int64{-7, math.MinInt64, math.MaxInt64} {
		synctest.Test(t, func(t *testing.T) {
			cluster, err := sim.Start(sim.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			cluster.AddTopic("t", 1, sim.TopicOptions{})
			config := hostileConfig()
			config.Brokers = cluster.Brokers()
			config.Dial = twisting(func(r *kmsg.ProduceResponse) { r.Topics[0].Partitions[0].BaseOffset = offset }).dial(cluster)
			p, err := omnibus.Open(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if ack, err := p.Send(t.Context(), record("a")); err != nil || ack.Offset != -1 {
				t.Errorf("base offset %d: acknowledged at %d, %v", offset, ack.Offset, err)
			}
		})
	}
}

// FuzzHostileBroker: a broker, or what stands between, may say anything. The producer keeps its times, and the heap never
// holds more than its buffer and 64 MiB, garbage included.
func FuzzHostileBroker(f *testing.F) {
	f.Add([]byte{})
	for kind := range byte(16) {
		for choice := range byte(5) {
			f.Add([]byte{kind, 7, choice, 14, kind, 3, choice})
			f.Add([]byte{14, 14, kind, 20, choice, 14, 14, kind, 9, choice, kind, kind})
		}
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		begun := time.Now()
		limit := uint64(hostileConfig().BufferBytes + 64<<20)
		if peak := heapPeak(limit, func() { meet(t, script[:min(len(script), 1<<10)]) }); peak > limit {
			t.Errorf("the heap grew by %d bytes, at most %d are allowed", peak, limit)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("it took %v of real time", took)
		}
	})
}

// heapPeak is by how much the heap grew at most while f ran, looked at every millisecond. The collector is told of the limit,
// as a container's owner tells it (GOMEMLIMIT): how much garbage there is otherwise, depends on what else is alive in the process.
func heapPeak(limit uint64, f func()) uint64 {
	runtime.GC()
	before, peak := heapBytes(), uint64(0)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(before + limit)))
	done, seen := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(seen)
		ticks := time.NewTicker(time.Millisecond)
		defer ticks.Stop()
		for {
			peak = max(peak, heapBytes())
			select {
			case <-ticks.C:
			case <-done:
				return
			}
		}
	}()
	f()
	close(done)
	<-seen
	return peak - min(peak, before)
}

// heapBytes is what objects take, those that are garbage but not yet collected included.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
