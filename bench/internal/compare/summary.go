package compare

import (
	"cmp"
	"slices"

	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
)

// Summary is what the rounds of one client with one workload came to.
type Summary struct {
	Client   string `json:"client"`
	Workload string `json:"workload"`
	// CPUNanosMin and CPUNanosMedian are of the rounds' CPU nanoseconds for each record.
	CPUNanosMin    float64 `json:"cpu_ns_per_record_min"`
	CPUNanosMedian float64 `json:"cpu_ns_per_record_median"`
	// Best is the round of the minimum; the other figures are taken from it.
	Best measure.Result `json:"best"`
}

// Summarize groups results by workload and client, in the order in which they first appear.
func Summarize(results []measure.Result) []Summary {
	type key struct{ workload, client string }
	var order []key
	rounds := make(map[key][]measure.Result)
	for _, r := range results {
		k := key{r.Workload, r.Client}
		if rounds[k] == nil {
			order = append(order, k)
		}
		rounds[k] = append(rounds[k], r)
	}
	summaries := make([]Summary, 0, len(order))
	for _, k := range order {
		sorted := rounds[k]
		slices.SortFunc(sorted, func(a, b measure.Result) int { return cmp.Compare(a.CPUNanos, b.CPUNanos) })
		n := len(sorted)
		summaries = append(summaries, Summary{
			Client: k.client, Workload: k.workload, Best: sorted[0],
			CPUNanosMin:    sorted[0].CPUNanos,
			CPUNanosMedian: (sorted[(n-1)/2].CPUNanos + sorted[n/2].CPUNanos) / 2,
		})
	}
	return summaries
}

// Of returns the summary of a client with a workload.
func Of(summaries []Summary, client, workload string) (Summary, bool) {
	i := slices.IndexFunc(summaries, func(s Summary) bool { return s.Client == client && s.Workload == workload })
	if i < 0 {
		return Summary{}, false
	}
	return summaries[i], true
}

// Ratio is the first client's CPU a record in terms of the cheapest other client's, both minima; 0 when there is
// nobody to compare with.
func Ratio(summaries []Summary, client, workload string) float64 {
	ours, ok := Of(summaries, client, workload)
	best := 0.0
	for _, s := range summaries {
		if s.Workload == workload && s.Client != client && (best == 0 || s.CPUNanosMin < best) {
			best = s.CPUNanosMin
		}
	}
	if !ok || best == 0 {
		return 0
	}
	return ours.CPUNanosMin / best
}
