package drive

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// fake is a client that acknowledges at once, or as late as it is told to.
type fake struct {
	outcomes *client.Outcomes
	delay    time.Duration // of Send and Offer
	fail     error

	mu struct {
		sync.Mutex
		sent []int
	}
}

func (f *fake) note(i int) {
	f.mu.Lock()
	f.mu.sent = append(f.mu.sent, i)
	f.mu.Unlock()
}

func (f *fake) Produce(from, to int) error {
	for i := from; i < to; i++ {
		f.note(i)
		f.outcomes.Count(f.fail)
	}
	return nil
}

func (f *fake) Send(_ context.Context, i int) error {
	<-time.After(f.delay)
	f.note(i)
	return f.fail
}

func (f *fake) Offer(i int) error {
	<-time.After(f.delay)
	f.note(i)
	f.outcomes.Tell(i, f.fail)
	return nil
}

func (f *fake) Flush(context.Context) error { return nil }

func (f *fake) Outcomes() *client.Outcomes { return f.outcomes }

func (f *fake) Close() {}

func start(t *testing.T, f *fake, w workload.Workload) Driver {
	t.Helper()
	f.outcomes = client.NewOutcomes()
	d, err := InProcess(client.Maker{Open: func(client.Target) (client.Client, error) { return f, nil }}).Start(t.Context(), client.Target{Load: w})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEveryRecordIsSentOnce(t *testing.T) {
	for _, w := range []workload.Workload{
		{Goroutines: 1}, {Goroutines: 3}, {Drive: workload.Synchronous, Goroutines: 7}, {Drive: workload.Paced, Goroutines: 1, Rate: 1_000_000},
	} {
		f := &fake{}
		d := start(t, f, w)
		const n = 1000
		for range 2 {
			figures, err := d.Drive(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			if timed := figures.Latency != nil; timed != (w.Drive != workload.Throughput) || figures.Elapsed <= 0 {
				t.Errorf("%v: %+v", w.Drive, figures)
			}
		}
		slices.Sort(f.mu.sent)
		if len(f.mu.sent) != 2*n || len(slices.Compact(f.mu.sent)) != 2*n || f.mu.sent[0] != 0 || f.mu.sent[2*n-1] != 2*n-1 {
			t.Errorf("%v: sent %d records, from %d to %d", w.Drive, len(f.mu.sent), f.mu.sent[0], f.mu.sent[len(f.mu.sent)-1])
		}
	}
}

func TestFailureIsAnError(t *testing.T) {
	broken := errors.New("broken")
	for _, w := range []workload.Workload{
		{Goroutines: 1}, {Drive: workload.Synchronous, Goroutines: 2}, {Drive: workload.Paced, Goroutines: 1, Rate: 1_000_000},
	} {
		d := start(t, &fake{fail: broken}, w)
		if _, err := d.WarmUp(t.Context(), time.Millisecond); !errors.Is(err, broken) {
			t.Errorf("%v, warm-up: %v", w.Drive, err)
		}
		if _, err := d.Drive(t.Context(), 10); !errors.Is(err, broken) {
			t.Errorf("%v: %v", w.Drive, err)
		}
	}
}

// A client that takes 2 ms for each record cannot keep up with one a millisecond: the last of 50 comes 50 ms late, although
// no call took longer than the others.
func TestPacedLatencyCountsFromTheMomentThatWasMeant(t *testing.T) {
	d := start(t, &fake{delay: 2 * time.Millisecond}, workload.Workload{Drive: workload.Paced, Goroutines: 1, Rate: 1000})
	figures, err := d.Drive(t.Context(), 50)
	if err != nil {
		t.Fatal(err)
	}
	if figures.Latency.Max < 45*time.Millisecond || figures.Latency.P50 < 20*time.Millisecond {
		t.Errorf("%+v", *figures.Latency)
	}
}

func TestWarmUpFindsTheRate(t *testing.T) {
	d := start(t, &fake{delay: time.Millisecond}, workload.Workload{Drive: workload.Synchronous, Goroutines: 50})
	rate, err := d.WarmUp(t.Context(), 20*time.Millisecond)
	if err != nil || rate < 5_000 || rate > 60_000 {
		t.Errorf("%v records a second, %v", rate, err)
	}
}

func TestQuantilesAreThoseOfTheTimes(t *testing.T) {
	times := make([]time.Duration, 1000)
	for i := range times {
		times[i] = time.Duration(1000 - i)
	}
	if l := latencyOf(times); *l != (Latency{P50: 501, P90: 901, P99: 991, P999: 1000, Max: 1000}) {
		t.Errorf("%+v", *l)
	}
	if latencyOf(nil) != nil {
		t.Error("no times have quantiles")
	}
}

func TestAnotherProcessIsSeenAsItSeesItself(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	if PeakRSS(pid) == 0 {
		t.Skip("there is no /proc")
	}
	own, err := usageNow()
	if err != nil {
		t.Fatal(err)
	}
	user, system, err := CPUTime(pid)
	if err != nil || (user+system-own.user-own.system).Abs() > 100*time.Millisecond {
		t.Errorf("%v and %v, %v; the process itself says %v and %v", user, system, err, own.user, own.system)
	}
}
