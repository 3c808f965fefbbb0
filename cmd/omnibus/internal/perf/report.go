package perf

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/load"
)

const (
	mebibyte = 1 << 20
	// barLength is that of the longest bar of the histogram.
	barLength = 40
)

// summary is what --summary json prints. Records accepted are acked, not_written or unknown.
type summary struct {
	Records          uint64  `json:"records"`
	Accepted         uint64  `json:"accepted"`
	Acked            uint64  `json:"acked"`
	NotWritten       uint64  `json:"not_written"`
	Unknown          uint64  `json:"unknown"`
	Retries          int64   `json:"retries"`
	Seconds          float64 `json:"seconds"`
	Throughput       float64 `json:"throughput"` // that was asked for; 0 for none
	RecordsPerSecond float64 `json:"records_per_second"`
	MiBPerSecond     float64 `json:"mib_per_second"`
	// Latency is null when no record was acknowledged.
	Latency *latencies `json:"latency_ms"`
	Cluster string     `json:"cluster"`
	Topic   string     `json:"topic"`
}

// latencies are in milliseconds, in the order of the table.
type latencies struct {
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P75   float64 `json:"p75"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99.9"`
	P9999 float64 `json:"p99.99"`
	Max   float64 `json:"max"`
}

// summarize makes a summary of an outcome.
func summarize(o *Options, outcome *load.Outcome, cluster string) *summary {
	seconds := max(outcome.Took.Seconds(), 1e-9)
	rate := float64(outcome.Acked) / seconds
	s := &summary{
		Records: outcome.Planned, Accepted: outcome.Accepted, Acked: outcome.Acked,
		NotWritten: outcome.NotWritten, Unknown: outcome.Unknown, Retries: outcome.Stats.Retries,
		Seconds: round(seconds), Throughput: o.Throughput,
		RecordsPerSecond: round(rate), MiBPerSecond: round(rate * outcome.BytesEach / mebibyte),
		Cluster: cluster, Topic: o.Topic,
	}
	if outcome.Acked > 0 {
		h := outcome.Latency
		at := func(percentile float64) float64 { return milliseconds(h.ValueAtPercentile(percentile)) }
		s.Latency = &latencies{
			Mean: round(h.Mean() / float64(time.Millisecond)), P50: at(50), P75: at(75), P90: at(90), P95: at(95), P99: at(99),
			P999: at(99.9), P9999: at(99.99), Max: milliseconds(h.Max()),
		}
	}
	return s
}

func milliseconds(nanoseconds int64) float64 {
	return round(float64(nanoseconds) / float64(time.Millisecond))
}

func round(n float64) float64 { return math.Round(n*1000) / 1000 }

// report tells what came of it. An output that nobody reads any more is no failure.
func report(io *cli.IO, o *Options, outcome *load.Outcome, cluster string) error {
	s := summarize(o, outcome, cluster)
	table := io.Out
	if o.Summary == "json" {
		table = io.Err
	}
	text := s.text(outcome)
	if outcome.Acked > 0 {
		text += bars(outcome.Latency)
	}
	_, err := fmt.Fprint(table, text)
	if err == nil && o.Summary == "json" {
		err = cli.JSONLine(io.Out, s)
	}
	if err != nil && !cli.OutputClosed(err) {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

// text is the summary for people.
func (s *summary) text(outcome *load.Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s: %d of %d records acked, %d not written, %d unknown in %.3f s%s\n",
		s.Topic, s.Cluster, s.Acked, s.Records, s.NotWritten, s.Unknown, s.Seconds, ending(outcome))
	fmt.Fprintf(&b, "%.1f records/s, %.2f MiB/s", s.RecordsPerSecond, s.MiBPerSecond)
	from := "the attempt to send"
	if s.Throughput > 0 {
		from = "the intended time"
		fmt.Fprintf(&b, " (meant: %g records/s)", s.Throughput)
	}
	if s.Latency == nil {
		return b.String() + "\n"
	}
	fmt.Fprintf(&b, "\n\nlatency from %s, ms\n", from)
	l := s.Latency
	for _, row := range []struct {
		name  string
		value float64
	}{
		{"mean", l.Mean}, {"p50", l.P50}, {"p75", l.P75}, {"p90", l.P90}, {"p95", l.P95}, {"p99", l.P99},
		{"p99.9", l.P999}, {"p99.99", l.P9999}, {"max", l.Max},
	} {
		fmt.Fprintf(&b, "%8s %12.3f\n", row.name, row.value)
	}
	b.WriteByte('\n')
	return b.String()
}

// ending says why the load ended before its end.
func ending(outcome *load.Outcome) string {
	switch {
	case outcome.Interrupted:
		return "; interrupted"
	case outcome.GaveUp:
		return "; given up"
	}
	return ""
}

// bars draws a histogram: a line for each power of two of microseconds, between the least and the greatest that occur.
func bars(h *hdrhistogram.Histogram) string {
	var counts [64]int64
	first, last, most := len(counts), 0, int64(0)
	for _, bar := range h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		i := bits.Len64(uint64(bar.From / int64(time.Microsecond)))
		counts[i] += bar.Count
		first, last, most = min(first, i), max(last, i), max(most, counts[i])
	}
	var b strings.Builder
	for i := first; i <= last; i++ {
		length := int((counts[i]*barLength + most - 1) / most)
		fmt.Fprintf(&b, "%12.3f ms |%-*s| %6.2f %% (%d)\n", float64(int64(1)<<i)/1000,
			barLength, strings.Repeat("#", length), 100*float64(counts[i])/float64(h.TotalCount()), counts[i])
	}
	return fmt.Sprintf("%15s\n%s", "less than", b.String())
}

// live tells of each second.
type live struct {
	io  *cli.IO
	hdr *hdrFile
}

// window tells of one window, in place of the last one on a terminal.
func (l *live) window(w load.Window) {
	l.hdr.window(w)
	if w.Last {
		return
	}
	rate := float64(w.Acked) / w.Took.Seconds()
	text := fmt.Sprintf("%5.0f s: %.0f records/s acked", w.At.Seconds(), rate)
	if w.Acked > 0 {
		at := func(percentile float64) float64 { return milliseconds(w.Latency.ValueAtPercentile(percentile)) }
		text += fmt.Sprintf(", p50 %.3f p99 %.3f max %.3f ms", at(50), at(99), milliseconds(w.Latency.Max()))
	}
	if l.io.Status != nil {
		l.io.Status(text)
		return
	}
	io.WriteString(l.io.Err, text+"\n")
}

// end takes the line from the terminal.
func (l *live) end() {
	if l.io.Status != nil {
		l.io.Status("")
	}
}
