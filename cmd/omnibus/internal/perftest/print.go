package perftest

import (
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/load"
)

// The lines of Java's tool (org.apache.kafka.tools.ProducerPerformance), verb for verb.
const (
	warmupLine = "Warmup first %d records. Steady state results will print after the complete test summary.\n"
	steadyLine = "In steady state.\n"
	windowLine = "%d records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, %.1f ms max latency.\n"
	totalLine  = "%d%s records sent, %f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max latency, " +
		"%d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n"
)

// megabyte is what that tool means by MB.
const megabyte = 1 << 20

// printer prints lines, and keeps the first error.
type printer struct {
	out    io.Writer
	steady bool
	err    error
}

func (p *printer) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(p.out, format, args...); p.err == nil {
		p.err = err
	}
}

// begin announces a warm-up.
func (p *printer) begin(warmup uint64) {
	if warmup > 0 {
		p.printf(warmupLine, warmup)
	}
}

// window prints a line for an interval in which records were acknowledged, as Java's tool does, whose lines come with
// acknowledgements.
func (p *printer) window(w load.Window) {
	if w.Last || w.Acked == 0 {
		return
	}
	if w.Steady && !p.steady {
		p.steady = true
		p.printf(steadyLine)
	}
	rate := float64(w.Acked) / w.Took.Seconds()
	p.printf(windowLine, w.Acked, rate, rate*w.BytesEach/megabyte, mean(w.Latency), milliseconds(w.Latency.Max()))
}

// totals prints the closing line, and a second one without the warm-up.
func (p *printer) totals(o *load.Outcome) {
	p.total("", o.Latency, o.Took, o.BytesEach)
	if o.Steady != nil {
		p.total(" steady state", o.Steady, o.SteadyTook, o.BytesEach)
	}
}

func (p *printer) total(kind string, h *hdrhistogram.Histogram, took time.Duration, bytesEach float64) {
	rate := float64(h.TotalCount()) / max(took.Seconds(), 1e-9)
	at := func(percentile float64) int64 { return h.ValueAtPercentile(percentile) / int64(time.Millisecond) }
	p.printf(totalLine, h.TotalCount(), kind, rate, rate*bytesEach/megabyte, mean(h), milliseconds(h.Max()),
		at(50), at(95), at(99), at(99.9))
}

// mean is in milliseconds; 0 of nothing.
func mean(h *hdrhistogram.Histogram) float64 {
	if h.TotalCount() == 0 {
		return 0
	}
	return h.Mean() / float64(time.Millisecond)
}

func milliseconds(nanoseconds int64) float64 { return float64(nanoseconds) / float64(time.Millisecond) }
