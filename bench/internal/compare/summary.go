package compare

import (
	"cmp"
	"slices"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// Summary is what the rounds of one client with one workload came to.
type Summary struct {
	Client   string `json:"client"`
	Workload string `json:"workload"`
	// Rounds is how many there were.
	Rounds int `json:"rounds"`
	// CPUNanosMin and CPUNanosMedian are of the rounds' CPU nanoseconds for each record.
	CPUNanosMin    float64 `json:"cpu_ns_per_record_min"`
	CPUNanosMedian float64 `json:"cpu_ns_per_record_median"`
	// RateMedian is of the rounds' records per second.
	RateMedian float64 `json:"records_per_second_median"`
	// P50 and P99 are medians of the rounds' latencies, 0 if none was measured.
	P50 time.Duration `json:"p50_median_ns,omitempty"`
	P99 time.Duration `json:"p99_median_ns,omitempty"`
	// Best is the round of the least CPU time; the other figures are taken from it.
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
		all := rounds[k]
		best := slices.MinFunc(all, func(a, b measure.Result) int { return cmp.Compare(a.CPUNanos, b.CPUNanos) })
		summaries = append(summaries, Summary{
			Client: k.client, Workload: k.workload, Best: best, Rounds: len(all),
			CPUNanosMin:    best.CPUNanos,
			CPUNanosMedian: medianOf(all, func(r measure.Result) float64 { return r.CPUNanos }),
			RateMedian:     medianOf(all, func(r measure.Result) float64 { return r.RecordsPerSecond }),
			P50:            time.Duration(medianOf(all, P50)),
			P99:            time.Duration(medianOf(all, P99)),
		})
	}
	return summaries
}

// P50 is a run's median latency in nanoseconds, 0 if none was measured.
func P50(r measure.Result) float64 {
	if r.Latency == nil {
		return 0
	}
	return float64(r.Latency.P50)
}

// P99 is the latency in nanoseconds that 99 of 100 of a run's records stayed within, 0 if none was measured.
func P99(r measure.Result) float64 {
	if r.Latency == nil {
		return 0
	}
	return float64(r.Latency.P99)
}

func medianOf(results []measure.Result, figure func(measure.Result) float64) float64 {
	var all []float64
	for _, r := range results {
		all = append(all, figure(r))
	}
	return median(all)
}

// median sorts the figures; of none it is 0.
func median(all []float64) float64 {
	n := len(all)
	if n == 0 {
		return 0
	}
	slices.Sort(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

// Of returns the summary of a client with a workload.
func Of(summaries []Summary, client, workload string) (Summary, bool) {
	i := slices.IndexFunc(summaries, func(s Summary) bool { return s.Client == client && s.Workload == workload })
	if i < 0 {
		return Summary{}, false
	}
	return summaries[i], true
}

// BestRival is the client other than ours, and than the floor, that does best with the workload: which takes the least
// CPU time, or where records are waited for is the quickest. If one was run more often than the others it is that one,
// since it was the best when it was chosen for pairs.
func BestRival(summaries []Summary, ours string, w workload.Workload) (best Summary, ok bool) {
	for _, s := range summaries {
		if s.Workload != w.ID || s.Client == ours || s.Client == client.FloorName {
			continue
		}
		if !ok || s.Rounds > best.Rounds || s.Rounds == best.Rounds && merit(s, w) < merit(best, w) {
			best, ok = s, true
		}
	}
	return best, ok
}

// merit is the figure by which a workload's clients are ranked; less is better.
func merit(s Summary, w workload.Workload) float64 {
	switch {
	case w.Drive == workload.Throughput:
		return s.CPUNanosMin
	case w.Goroutines > 1:
		return -s.RateMedian
	}
	return float64(s.P50)
}

// Ratio is the client's CPU a record in terms of the best rival's, both minima; 0 when there is nobody to compare with.
func Ratio(summaries []Summary, ours string, w workload.Workload) float64 {
	own, ran := Of(summaries, ours, w.ID)
	rival, ok := BestRival(summaries, ours, w)
	if !ran || !ok {
		return 0
	}
	return own.CPUNanosMin / rival.CPUNanosMin
}

// Pairs are the ratios of a figure of ours to the rival's, for each round in which both ran.
func Pairs(results []measure.Result, ours, rival, workload string, figure func(measure.Result) float64) []float64 {
	var ratios []float64
	for _, a := range results {
		for _, b := range results {
			if a.Client == ours && b.Client == rival && a.Workload == workload && b.Workload == workload && a.Round == b.Round {
				if theirs := figure(b); theirs > 0 {
					ratios = append(ratios, figure(a)/theirs)
				}
			}
		}
	}
	return ratios
}

// Median is that of the ratios of Pairs; 0 if there are none.
func Median(ratios []float64) float64 { return median(slices.Clone(ratios)) }
