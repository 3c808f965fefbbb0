package load

import (
	"context"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// Outcome is what came of a load.
type Outcome struct {
	// Planned records are those of the plan. Accepted ones are Acked, NotWritten or Unknown.
	Planned, Accepted, Acked, NotWritten, Unknown uint64
	// BytesEach is the mean size of key and value.
	BytesEach float64
	// Took is the time from the beginning to the last outcome.
	Took time.Duration
	// Latency has the latencies of all acknowledged records, in nanoseconds.
	Latency *hdrhistogram.Histogram
	// Steady has those of records behind the warm-up, and SteadyTook the time since the first of them; nil without a
	// warm-up.
	Steady     *hdrhistogram.Histogram
	SteadyTook time.Duration
	// Stats are the producer's own.
	Stats omnibus.Stats
	// Interrupted says that a signal ended the load, GaveUp that the producer took no more records.
	Interrupted, GaveUp bool
}

// outcome sums up. Nothing is going on any more.
func (l *Load) outcome(ctx context.Context) *Outcome {
	took := time.Since(l.began)
	o := &Outcome{
		Planned: l.plan.Records, BytesEach: l.bytesEach(), Took: took, Stats: l.producer.Stats(),
		Interrupted: cli.Interrupted(ctx),
	}
	o.Accepted, _ = l.accepted()
	l.failures.mu.Lock()
	o.NotWritten, o.GaveUp = l.failures.mu.notWritten, l.failures.mu.gaveUp
	l.failures.mu.Unlock()
	o.GaveUp = o.GaveUp || ctx.Err() != nil && !o.Interrupted
	l.recorder.mu.Lock()
	o.Acked, o.Latency = l.recorder.mu.acked, l.recorder.mu.total
	if l.recorder.mu.steady != nil {
		o.Steady, o.SteadyTook = l.recorder.mu.steady.Clone(), took-time.Duration(l.steadyAt.Load())
	}
	l.recorder.mu.Unlock()
	o.Unknown = o.Accepted - min(o.Accepted, o.Acked+o.NotWritten) // also what nobody told of
	return o
}

// Exit is the error to end the command with: nil when every record was acknowledged, else one with the gravest of the exit
// codes that hold. It says nothing that was not told.
func (o *Outcome) Exit() error {
	var codes []int
	add := func(holds bool, code int) {
		if holds {
			codes = append(codes, code)
		}
	}
	add(o.Interrupted, cli.ExitInterrupted)
	add(o.GaveUp || o.Acked == 0, cli.ExitFatal)
	add(o.Unknown > 0, cli.ExitUnknown)
	add(o.NotWritten > 0, cli.ExitNotWritten)
	if code := cli.Gravest(codes...); code != cli.ExitOK {
		return &cli.ExitError{Code: code}
	}
	return nil
}
