package compare

import (
	"math"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

func TestMinimaAreComparedWithTheCheapestOther(t *testing.T) {
	var results []measure.Result
	for client, rounds := range map[string][]float64{"ours": {120, 100, 300}, "slow": {900, 800, 850}, "quick": {260, 200, 210, 250}} {
		for i, cpu := range rounds {
			results = append(results, measure.Result{Client: client, Workload: "A", Records: i + 1, CPUNanos: cpu})
		}
	}
	summaries := Summarize(results)
	ours, ok := Of(summaries, "ours", "A")
	if !ok || ours.CPUNanosMin != 100 || ours.CPUNanosMedian != 120 || ours.Best.Records != 2 {
		t.Errorf("ours: %+v", ours)
	}
	if quick, _ := Of(summaries, "quick", "A"); quick.CPUNanosMedian != 230 {
		t.Errorf("quick: %+v", quick)
	}
	if ratio := Ratio(summaries, "ours", "A"); math.Abs(ratio-0.5) > 1e-9 {
		t.Errorf("the ratio is %v, wanted 0.5", ratio)
	}
	if ratio := Ratio(summaries, "ours", "B"); ratio != 0 {
		t.Errorf("the ratio for a workload that did not run is %v", ratio)
	}
	var table strings.Builder
	if err := WriteTable(&table, summaries, "ours"); err != nil || !strings.Contains(table.String(), "0.50") {
		t.Errorf("%v\n%s", err, &table)
	}
}

func TestFailedRunIsNamed(t *testing.T) {
	plan := Plan{Clients: []string{"ours"}, Workloads: workload.All()[:1], Rounds: 1, Program: "./there-is-no-such-program"}
	if _, err := plan.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "ours, workload A") {
		t.Errorf("got %v", err)
	}
}
