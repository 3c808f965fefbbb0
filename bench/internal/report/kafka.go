package report

import (
	"fmt"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/compare"
	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// onKafka is what was measured on the real cluster.
func (p *page) onKafka() {
	if p.Kafka == "" {
		return
	}
	p.line("## On Kafka\n")
	p.line("Three nodes of Apache Kafka %s on the same machine, replication factor 3. Medians of the rounds. Latency is from the call to the", p.Kafka)
	p.line("acknowledgement; in M, which sends at fixed moments, from the moment at which the record was meant to leave.\n")
	for _, w := range p.Workloads {
		if w.Kafka && p.ran(w) {
			p.onKafkaOne(w)
		}
	}
	p.line("Pairs are rounds in which %s and that rival ran one after the other; the ratio is the median of theirs.\n", p.ours)
	p.table("", "rival", ">pairs", ">p50", ">p99", ">worse p99 in", ">records/s", ">CPU")
	for _, w := range p.Workloads {
		if w.Kafka && p.ran(w) {
			p.pairs(w)
		}
	}
	p.line("")
}

func (p *page) onKafkaOne(w workload.Workload) {
	p.line("**%s: %s**, with a linger of %v\n", w.ID, w.Title, w.Linger)
	p.table("client", ">records/s", ">p50 ms", ">p99 ms", ">CPU ns a record", ">rounds")
	for _, c := range p.Candidates {
		if s, ok := compare.Of(p.summaries, c.Name, w.ID); ok {
			p.row(c.Name, nanos(s.RateMedian), millis(s.P50), millis(s.P99), nanos(s.CPUNanosMedian), fmt.Sprint(s.Rounds))
		}
	}
	p.line("")
}

// pairs compares with the best rival, round by round.
func (p *page) pairs(w workload.Workload) {
	rival, ok := compare.BestRival(p.summaries, p.ours, w)
	if !ok {
		return
	}
	ratios := func(figure func(measure.Result) float64) []float64 {
		return compare.Pairs(p.Results, p.ours, rival.Client, w.ID, figure)
	}
	rates := ratios(func(r measure.Result) float64 { return r.RecordsPerSecond })
	cells := []string{w.ID, rival.Client, fmt.Sprint(len(rates)), "-", "-", "-",
		fmt.Sprintf("%.2f", compare.Median(rates)),
		fmt.Sprintf("%.2f", compare.Median(ratios(func(r measure.Result) float64 { return r.CPUNanos })))}
	if w.Drive != workload.Throughput {
		p99 := ratios(compare.P99)
		worse := 0
		for _, ratio := range p99 {
			if ratio > 1 {
				worse++
			}
		}
		cells[3] = fmt.Sprintf("%.2f", compare.Median(ratios(compare.P50)))
		cells[4], cells[5] = fmt.Sprintf("%.2f", compare.Median(p99)), fmt.Sprintf("%d of %d", worse, len(p99))
	}
	p.row(cells...)
}

func millis(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", d.Seconds()*1000)
}
