package compare

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

func TestMinimaAreComparedWithTheCheapestOther(t *testing.T) {
	var results []measure.Result
	for client, rounds := range map[string][]float64{"ours": {120, 100, 300}, "slow": {900, 800, 850, 870}, "quick": {260, 200, 210, 250}} {
		for i, cpu := range rounds {
			results = append(results, measure.Result{Client: client, Workload: "A", Records: i + 1, CPUNanos: cpu})
		}
	}
	results = append(results, measure.Result{Client: "floor", Workload: "A", CPUNanos: 50})
	a, err := workload.Find("A")
	if err != nil {
		t.Fatal(err)
	}
	summaries := Summarize(results)
	ours, ok := Of(summaries, "ours", "A")
	if !ok || ours.CPUNanosMin != 100 || ours.CPUNanosMedian != 120 || ours.Best.Records != 2 || ours.Rounds != 3 {
		t.Errorf("ours: %+v", ours)
	}
	if quick, _ := Of(summaries, "quick", "A"); quick.CPUNanosMedian != 230 {
		t.Errorf("quick: %+v", quick)
	}
	if ratio := Ratio(summaries, "ours", a); math.Abs(ratio-0.5) > 1e-9 {
		t.Errorf("the ratio is %v, wanted 0.5", ratio)
	}
	if ratio := Ratio(summaries, "ours", workload.Workload{ID: "B"}); ratio != 0 {
		t.Errorf("the ratio for a workload that did not run is %v", ratio)
	}
	var table strings.Builder
	if err := WriteTable(&table, summaries, "ours"); err != nil || !strings.Contains(table.String(), "0.50") {
		t.Errorf("%v\n%s", err, &table)
	}
}

func TestWhoIsBestDependsOnTheLoad(t *testing.T) {
	latency := func(p50 time.Duration) *drive.Latency { return &drive.Latency{P50: p50} }
	summaries := Summarize([]measure.Result{
		{Client: "ours", Workload: "A", CPUNanos: 1, RecordsPerSecond: 9, Latency: latency(1)},
		{Client: "frugal", Workload: "A", CPUNanos: 10, RecordsPerSecond: 10, Latency: latency(20)},
		{Client: "swift", Workload: "A", CPUNanos: 20, RecordsPerSecond: 20, Latency: latency(15)},
		{Client: "prompt", Workload: "A", CPUNanos: 30, RecordsPerSecond: 15, Latency: latency(10)},
	})
	for want, w := range map[string]workload.Workload{
		"frugal": {ID: "A", Drive: workload.Throughput},
		"swift":  {ID: "A", Drive: workload.Synchronous, Goroutines: 8},
		"prompt": {ID: "A", Drive: workload.Synchronous, Goroutines: 1},
	} {
		if best, _ := BestRival(summaries, "ours", w); best.Client != want {
			t.Errorf("%v: the best rival is %s, wanted %s", w, best.Client, want)
		}
	}
}

func TestRivalOfThePairsStaysTheRival(t *testing.T) {
	summaries := Summarize([]measure.Result{
		{Client: "ours", Workload: "A", CPUNanos: 1}, {Client: "chosen", Workload: "A", CPUNanos: 10}, {Client: "lucky", Workload: "A", CPUNanos: 9},
		{Client: "ours", Workload: "A", CPUNanos: 1, Round: 1}, {Client: "chosen", Workload: "A", CPUNanos: 11, Round: 1},
	})
	if best, _ := BestRival(summaries, "ours", workload.Workload{ID: "A"}); best.Client != "chosen" {
		t.Errorf("the rival is %s", best.Client)
	}
}

func TestPairsAreOfTheSameRound(t *testing.T) {
	results := []measure.Result{
		{Client: "ours", Workload: "A", Round: 0, RecordsPerSecond: 10}, {Client: "other", Workload: "A", Round: 0, RecordsPerSecond: 5},
		{Client: "ours", Workload: "A", Round: 1, RecordsPerSecond: 9}, {Client: "other", Workload: "B", Round: 1, RecordsPerSecond: 1},
		{Client: "ours", Workload: "A", Round: 2, RecordsPerSecond: 4}, {Client: "other", Workload: "A", Round: 2, RecordsPerSecond: 4},
	}
	ratios := Pairs(results, "ours", "other", "A", func(r measure.Result) float64 { return r.RecordsPerSecond })
	if !slices.Equal(ratios, []float64{2, 1}) || Median(ratios) != 1.5 {
		t.Errorf("got %v, median %v", ratios, Median(ratios))
	}
}

func TestFailedRunIsNamed(t *testing.T) {
	plan := Plan{Candidates: []Candidate{{Name: "ours", Program: "./there-is-no-such-program"}}, Workloads: workload.All()[:2], Rounds: 3}
	_, err := plan.Do(t.Context())
	if err == nil || strings.Count(err.Error(), "ours, workload A") != 1 || !strings.Contains(err.Error(), "ours, workload B") {
		t.Errorf("got %v, wanted one failure for each workload", err)
	}
}
