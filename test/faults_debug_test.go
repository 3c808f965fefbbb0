package test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

func TestDebugFreeze(t *testing.T) {
	k := kafkatest.StartKafka(t, 3)
	topic := "faults-idempotent"
	k.CreateTopic(topic, loadPartitions, nil)
	run := rand.Uint64()
	keyed := newWriter(topic, run, 1, wayKeyed, 100_000)
	sticky := newWriter(topic, run, 2, waySticky, 100_000)
	explicit := newWriter(topic, run, 3, wayExplicit, 100_000)
	keyed.rate, sticky.rate, explicit.rate = 9000, 8000, 6000
	f, _ := os.Create("/tmp/debug-producer.log")
	log := slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l := newLoad(t.Context(), topic, []*writer{keyed, sticky, explicit})
	bursts := newWriter(topic, run, 5, wayExplicit, 1_000_000)
	l.writers = append(l.writers, bursts)
	cfg := omnibus.Config{Brokers: k.Brokers(), Logger: log}
	cfg.Trace = &omnibus.Trace{RequestDone: func(o omnibus.RequestOutcome) {
		l.requests.done(o)
		if o.Err != nil || o.Latency > time.Second {
			fmt.Fprintf(f, "%s REQ broker=%d batches=%d latency=%v err=%v\n", time.Now().Format("05.000"), o.Broker, o.Batches, o.Latency, o.Err)
		}
	}, MetadataUpdated: func([]string) {
		s := l.producer.Stats()
		fmt.Fprintf(f, "%s META pending=%d inflight=%d\n", time.Now().Format("05.000"), s.Pending, s.RequestsInFlight)
	},
	}
	p, err := omnibus.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.producer = p
	for _, w := range []*writer{keyed, sticky, explicit} {
		l.running.Go(func() { l.write(w) })
	}
	stopStats := make(chan struct{})
	go func() {
		for {
			select {
			case <-stopStats:
				return
			case <-time.After(time.Second):
				s := p.Stats()
				fmt.Fprintf(f, "%s STAT acc=%d pending=%d inflight=%d used=%d blocked=%d\n", time.Now().Format("05.000"), s.Accepted, s.Pending, s.RequestsInFlight, s.BufferUsedBytes, s.Blocked)
			}
		}
	}()
	script := &faultScript{k: k, topics: []string{topic}, load: l, bursts: bursts}
	if os.Getenv("KILLS") != "" {
		for _, node := range []int32{1, 2, 3} {
			script.kill(t, node)
		}
	}
	victim := k.Leader(topic, 0)
	fmt.Fprintf(f, "%s FREEZE %d\n", time.Now().Format("05.000"), victim)
	script.freeze(t, victim)
	fmt.Fprintf(f, "%s THAWED\n", time.Now().Format("05.000"))
	mustFinish(t, l)
	close(stopStats)
	mustBeInnocent(t, check(kafkatest.ReadTopic(t, k.Brokers(), topic), false, l.histories()...))
	for _, n := range k.Nodes() {
		os.WriteFile(fmt.Sprintf("/tmp/debug-broker%d.log", n.ID()), []byte(n.Log()), 0o644)
	}
}
