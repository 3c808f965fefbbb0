package test

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// chaosOptions are the variables that `make chaos` sets, OMNIBUS_CHAOS_ before each.
type chaosOptions struct {
	lasts time.Duration // MINUTES; without it the plan is a short one
	seed  uint64        // SEED; a random one without
	rate  int           // RATE, in records a second
	plan  string        // PLAN, the file of a plan to be played instead of the seed's
	acks  omnibus.Acks  // ACKS, "all" or "1"
	plain bool          // IDEMPOTENCE=false
}

// chaosVariable parses a variable, or returns what holds without.
func chaosVariable[T any](t *testing.T, name string, parse func(string) (T, error), without T) T {
	t.Helper()
	text := os.Getenv("OMNIBUS_CHAOS_" + name)
	if text == "" {
		return without
	}
	value, err := parse(text)
	if err != nil {
		t.Fatalf("%s=%s: %v", name, text, err)
	}
	return value
}

func readChaosOptions(t *testing.T) *chaosOptions {
	t.Helper()
	o := &chaosOptions{plan: os.Getenv("OMNIBUS_CHAOS_PLAN")}
	minutes := chaosVariable(t, "MINUTES", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }, 0)
	o.lasts = time.Duration(minutes * float64(time.Minute))
	o.seed = chaosVariable(t, "SEED", func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }, rand.Uint64())
	o.rate = chaosVariable(t, "RATE", strconv.Atoi, 12_500)
	o.acks = chaosVariable(t, "ACKS", func(s string) (a omnibus.Acks, err error) { return a, a.UnmarshalText([]byte(s)) }, omnibus.AcksAll)
	o.plain = !chaosVariable(t, "IDEMPOTENCE", strconv.ParseBool, o.acks == omnibus.AcksAll)
	return o
}

// producers are the configurations of the two producers: one with small batches, so that all requests that may be in flight are,
// which gives up on a silent broker soon; and one with the defaults, which compresses.
func (o *chaosOptions) producers() []omnibus.Config {
	return []omnibus.Config{
		{
			Acks: o.acks, DisableIdempotence: o.plain, BatchBytes: 4 << 10, BatchBytesMax: 4 << 10,
			RequestTimeout: 8 * time.Second, ConnectTimeout: 2 * time.Second, MetadataMaxAge: 10 * time.Second,
		},
		{Acks: o.acks, DisableIdempotence: o.plain, Compression: omnibus.CompressionLZ4, Linger: 20 * time.Millisecond},
	}
}

// makePlan reads or draws the plan.
func (o *chaosOptions) makePlan(t *testing.T) fault.Plan {
	t.Helper()
	switch {
	case o.plan != "":
		file, err := os.Open(o.plan)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		plan, err := fault.Read(file)
		if err != nil {
			t.Fatalf("%s: %v", o.plan, err)
		}
		return plan
	case o.lasts > 0:
		return drawPlan(o.seed, fullDeck(), o.lasts)
	}
	return drawPlan(o.seed, shortDeck(), 0)
}

// TestChaos breaks three real brokers and the network before them as a plan says, while two producers write, and then holds
// what the producers told against what another client reads. Without variables it is a run of under a minute, with the
// few disasters of shortDeck; `make chaos` sets them.
//
// With idempotence and acks=all each record must be acknowledged, and be there once, in order, where it was said to be.
// With less, the checker must find what less allows, and nothing else.
func TestChaos(t *testing.T) {
	kafkatest.RequireKafka(t)
	noLeaks(t)
	o, out := readChaosOptions(t), t.Output()
	plan := o.makePlan(t)
	fmt.Fprintf(out, "seed %d, acks=%v, idempotence=%v, %d records a second; the plan:\n%v", o.seed, o.acks, !o.plain, o.rate, plan)
	k := kafkatest.StartKafka(t, chaosNodes, kafkatest.BehindProxies(),
		kafkatest.Property("auto.create.topics.enable", "false"),
		// After a kill only what was written since the last new segment is read again.
		kafkatest.Property("log.segment.bytes", "67108864"))
	client, err := kgo.NewClient(kgo.SeedBrokers(k.DirectBrokers()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)

	p := &chaosPlayer{k: k, client: client, load: startChaosLoad(t, k, o), began: time.Now(), kinds: make(map[fault.Kind]int)}
	t.Cleanup(p.mending.Wait)
	stop := p.showProgress(t, max(10*time.Second, o.lasts/60))
	left := p.play(t, plan, cmp.Or(o.lasts, 2*time.Minute))
	took := time.Since(p.began)
	p.load.finish(t)
	stop()
	p.summarize(out, took, left)
	o.mustHold(t, p)
}

// showProgress prints a line now and then, until it is stopped.
func (p *chaosPlayer) showProgress(t *testing.T, every time.Duration) (stop func()) {
	out, ended, done := t.Output(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
			}
			s := p.load.stats()
			fmt.Fprintf(out, "%v: %d faults; %d acked, %d pending, %d not written, %d unknown; %d batches sent again, %d requests lost, %d inquiries\n",
				time.Since(p.began).Round(time.Second), p.begun.Load(), s.Acked, s.Pending, s.NotWritten, s.Unknown, s.RetriedBatches, s.RequestsLost, s.Inquiries)
		}
	}()
	stop = sync.OnceFunc(func() { close(ended); <-done })
	t.Cleanup(stop) // of a run that failed half-way
	return stop
}

// summarize prints what the run was and what was found.
func (p *chaosPlayer) summarize(out io.Writer, took time.Duration, left int) {
	processes, network := p.ofBrokers()
	s := p.load.stats()
	fmt.Fprintf(out, "%v under load, %v in all; %d faults, %d of brokers and %d of the network before them: %v; %d of the plan were left\n",
		took.Round(time.Second), time.Since(p.began).Round(time.Second), p.begun.Load(), processes, network, p, left)
	fmt.Fprintf(out, "%d requests answered, %d lost; %d batches sent again, %d inquiries, %d leader changes, %d partitions added, %d alarms of lost data\n",
		s.Requests, s.RequestsLost, s.RetriedBatches, s.Inquiries, s.LeaderChanges, s.PartitionsAdded, s.DataLosses)
	fmt.Fprintln(out, p.load.total())
}

// allowed are the violations that the settings allow.
func (o *chaosOptions) allowed() []check.Kind {
	switch {
	case o.acks != omnibus.AcksAll:
		return []check.Kind{check.Lost, check.Duplicate, check.Reorder, check.WrongOffset}
	case o.plain:
		return []check.Kind{check.Duplicate, check.Reorder}
	}
	return nil
}

// mustHold fails the test for what the settings do not allow, and if what they do allow was not found.
func (o *chaosOptions) mustHold(t *testing.T, p *chaosPlayer) {
	t.Helper()
	r, allowed := p.load.total(), o.allowed()
	for _, kind := range slices.Sorted(maps.Keys(r.Violations)) {
		if !slices.Contains(allowed, kind) {
			t.Errorf("%d x %s", r.Violations[kind], kind)
		}
	}
	if len(allowed) > 0 {
		if r.Violations[allowed[0]] == 0 {
			t.Errorf("not found, though these settings allow it and the faults provoke it: %s", allowed[0])
		}
		return
	}
	if r.Acked == 0 || r.Acked != r.Records {
		t.Errorf("%d of %d records were acked, want all: %d not written, %d unknown, %d refused", r.Acked, r.Records, r.NotWritten, r.Unknown, r.Refused)
	}
	if n := p.load.stats().DataLosses; n > 0 {
		t.Errorf("%d false alarms of lost data", n)
	}
}
