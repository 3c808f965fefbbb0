package load_test

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/load"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

const topic = "measured"

// start starts a cluster of one node with the topic.
func start(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	return kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic(topic, 1))
}

// run runs the plan against the cluster.
func run(ctx context.Context, t *testing.T, c *kafkatest.Cluster, config omnibus.Config, plan load.Plan) *load.Outcome {
	t.Helper()
	config.Brokers = c.Brokers()
	producer, err := omnibus.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := producer.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	factory := &cli.Factory{IO: &cli.IO{Err: cli.Serialized(t.Output())}}
	plan.Topic = topic
	plan.Goroutines = max(plan.Goroutines, 1)
	return load.New(factory, producer, plan).Run(ctx, time.Second, func(load.Window) {})
}

func TestEveryRecordIsSentOnceByWhicheverGoroutine(t *testing.T) {
	c := start(t)
	outcome := run(t.Context(), t, c, omnibus.Config{}, load.Plan{
		Records: 1001, Goroutines: 3, Keys: 7, Payload: load.Monotonic(), Rate: 50_000,
	})
	if outcome.Accepted != 1001 || outcome.Acked != 1001 || outcome.Exit() != nil {
		t.Errorf("%d accepted, %d acked, exit %v, want 1001 records and no error", outcome.Accepted, outcome.Acked, outcome.Exit())
	}
	if n := outcome.Latency.TotalCount(); n != 1001 {
		t.Errorf("%d latencies, want one for each record", n)
	}
	values, keys := make(map[string]bool), make(map[string]bool)
	for _, record := range c.Records(topic)[0] {
		values[string(record.Value)], keys[string(record.Key)] = true, true
	}
	if len(values) != 1001 || !values["0"] || !values["1000"] || len(keys) != 7 {
		t.Errorf("%d values and %d keys read back, want 0 to 1000 and 7 keys", len(values), len(keys))
	}
}

// TestStalledBrokerShowsInEveryRecordMeantForThatTime has the broker stall while the buffer holds next to nothing, so that
// the sending stops with it. Counted from the call, that is one slow record among hundreds; that is coordinated omission.
func TestStalledBrokerShowsInEveryRecordMeantForThatTime(t *testing.T) {
	const stall = 400 * time.Millisecond
	measure := func(fromSend bool) *load.Outcome {
		c := start(t)
		c.Delay(stall, kafkatest.Produce, 1)
		return run(t.Context(), t, c, omnibus.Config{BufferBytes: 4 << 10, BatchBytes: 1 << 10, Linger: omnibus.None}, load.Plan{
			Records: 800, Rate: 1000, Payload: load.Letters(1000), FromSend: fromSend,
		})
	}
	open, closed := measure(false), measure(true)
	if open.Acked != 800 || closed.Acked != 800 {
		t.Fatalf("%d and %d records acked, want 800 each", open.Acked, closed.Acked)
	}
	at := func(o *load.Outcome, percentile float64) time.Duration {
		return time.Duration(o.Latency.ValueAtPercentile(percentile))
	}
	if p99 := at(open, 99); p99 < stall*9/10 {
		t.Errorf("p99 is %v, want nearly the %v for which the broker stalled", p99, stall)
	}
	if p75 := at(open, 75); p75 < stall/4 {
		t.Errorf("p75 is %v: the records meant for the time of the stall do not show it", p75)
	}
	if p75 := at(closed, 75); p75 > stall/4 {
		t.Errorf("counted from the call p75 is %v: the load did not stop with the broker, so this test shows nothing", p75)
	}
}

// stopwatch times records without the help of what it is to check.
type stopwatch struct {
	mu struct {
		sync.Mutex
		took []time.Duration
	}
}

func (*stopwatch) Before(context.Context, *omnibus.Outgoing) (any, error) { return time.Now(), nil }

func (s *stopwatch) After(state any, _ omnibus.Ack, _ error) {
	took := time.Since(state.(time.Time))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.took = append(s.mu.took, took)
}

func TestLatencyAgreesWithAnotherClock(t *testing.T) {
	c := start(t)
	c.Delay(100*time.Millisecond, kafkatest.Produce, kafkatest.Always)
	watch := &stopwatch{}
	outcome := run(t.Context(), t, c, omnibus.Config{Interceptors: []omnibus.Interceptor{watch}}, load.Plan{
		Records: 1000, Rate: 2000, Payload: load.Letters(100),
	})
	watch.mu.Lock()
	defer watch.mu.Unlock()
	slices.Sort(watch.mu.took)
	if len(watch.mu.took) != 1000 {
		t.Fatalf("the other clock timed %d records, want 1000", len(watch.mu.took))
	}
	for _, percentile := range []int{50, 90, 99} {
		want := watch.mu.took[percentile*len(watch.mu.took)/100]
		got := time.Duration(outcome.Latency.ValueAtPercentile(float64(percentile)))
		if off := math.Abs(float64(got-want)) / float64(want); off > 0.05 {
			t.Errorf("p%d is %v, another clock says %v: %.1f %% off, want at most 5 %%", percentile, got, want, 100*off)
		}
	}
}

func TestWarmupIsLeftOutOfTheSteadyState(t *testing.T) {
	c := start(t)
	outcome := run(t.Context(), t, c, omnibus.Config{}, load.Plan{Records: 100, Warmup: 30, Payload: load.Letters(10)})
	if all, steady := outcome.Latency.TotalCount(), outcome.Steady.TotalCount(); all != 100 || steady != 70 {
		t.Errorf("%d latencies, %d of them steady, want 100 and 70", all, steady)
	}
	if outcome.SteadyTook <= 0 || outcome.SteadyTook > outcome.Took {
		t.Errorf("the steady state took %v of %v", outcome.SteadyTook, outcome.Took)
	}
}

func TestInterruptEndsTheLoadWithAnOutcomeForWhatWasSent(t *testing.T) {
	c := start(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	outcome := run(ctx, t, c, omnibus.Config{}, load.Plan{Records: 1 << 40, Rate: 1000, Payload: func(_ []byte, i uint64) []byte {
		if i == 50 {
			cancel(cli.ErrInterrupted)
		}
		return []byte("value")
	}})
	if outcome.Accepted == 0 || outcome.Acked != outcome.Accepted {
		t.Errorf("%d records accepted and %d acked, want some and as many", outcome.Accepted, outcome.Acked)
	}
	if code := cli.CodeOf(outcome.Exit()); code != cli.ExitInterrupted {
		t.Errorf("exit code %d, want %d", code, cli.ExitInterrupted)
	}
}

func TestPayloadsOfAFileComeInTurn(t *testing.T) {
	name := filepath.Join(t.TempDir(), "payloads")
	if err := os.WriteFile(name, []byte("a\n\nbc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	payload, err := load.FromFile(name, []byte("\n"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"a", "", "bc", "a"} {
		if got := payload(nil, uint64(i)); string(got) != want {
			t.Errorf("payload %d is %q, want %q", i, got, want)
		}
	}
}

func TestLettersDifferAndStayInTheAlphabet(t *testing.T) {
	payload := load.Letters(100)
	for i := range uint64(100_000) {
		if value := payload(nil, i); len(value) != 100 {
			t.Fatalf("payload %d has %d bytes, want 100", i, len(value))
		}
	}
	if bytes.Equal(payload(nil, 0), payload(nil, 1)) {
		t.Error("two payloads are the same")
	}
	if rest := bytes.Trim(payload(nil, 5), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"); len(rest) > 0 {
		t.Errorf("%q is no letter from A to Z", rest)
	}
}
