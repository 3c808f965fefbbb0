package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/cluster"
	"github.com/omnibus-kafka/omnibus/bench/internal/compare"
	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/report"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// effort is how much is measured: once against the null-ack broker, once on Kafka, each within its time.
type effort struct {
	null, kafka part
}

type part struct {
	rounds, pairs int
	span, within  time.Duration
}

// full takes less than 25 minutes, quick less than 2, both on a machine with two cores that does nothing else.
func full() effort {
	return effort{
		null:  part{rounds: 6, span: 500 * time.Millisecond, within: 13 * time.Minute},
		kafka: part{rounds: 2, pairs: 10, span: 1500 * time.Millisecond, within: 10 * time.Minute},
	}
}

func quick() effort {
	return effort{null: part{rounds: 1, pairs: 2, span: 120 * time.Millisecond, within: 95 * time.Second}}
}

// reportCommand is "bench report".
func reportCommand(ctx context.Context, args []string, s Streams) error {
	flags := flag.NewFlagSet("bench report", flag.ContinueOnError)
	markdown := flags.String("markdown", "", "`file` for the page; - for standard output")
	chart := flags.String("chart", "", "`file` for the chart, as SVG")
	file := flags.String("json", "", "`file` for every result and the summaries")
	short := flags.Bool("quick", false, "a short look, without real Kafka")
	if err := parse(flags, args, s); err != nil {
		return err
	}
	how := full()
	if *short {
		how = quick()
	}
	candidates, err := compare.Candidates(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	r := report.Report{Quick: *short, Day: began, Machine: report.ThisMachine(), Candidates: candidates, Workloads: workload.All()}
	r.Results, err = how.null.run(ctx, r, nil, s)
	r.Failures = append(r.Failures, err)
	if *short {
		r.NoKafka = "a quick look has no time for it"
	} else {
		err = how.onKafka(ctx, &r, s)
		r.Failures = append(r.Failures, err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.Failures = split(r.Failures)
	r.Took = time.Since(began)
	if *file != "" {
		err = save(*file, r.Results, compare.Summarize(r.Results))
	}
	return errors.Join(err, write(*markdown, s.Out, r.WriteMarkdown), write(*chart, s.Out, r.WriteChart), failed(r.Failures))
}

// run carries out the workloads that go to one kind of broker.
func (p part) run(ctx context.Context, r report.Report, brokers []string, s Streams) ([]measure.Result, error) {
	var workloads []workload.Workload
	for _, w := range r.Workloads {
		if w.Kafka == (brokers != nil) {
			workloads = append(workloads, w)
		}
	}
	return compare.Plan{
		Candidates: r.Candidates, Workloads: workloads, Rounds: p.rounds, PairRounds: p.pairs, Span: p.span, Within: p.within,
		Brokers: brokers, Progress: progress(s),
	}.Do(ctx)
}

// onKafka starts a real cluster and runs what belongs there. Where that cannot be had the report says why.
func (e effort) onKafka(ctx context.Context, r *report.Report, s Streams) error {
	program, err := compare.Beside(cluster.Program)
	if err != nil {
		return err
	}
	kafka, err := cluster.Start(ctx, program)
	if err != nil {
		r.NoKafka = err.Error()
		return nil
	}
	defer kafka.Stop()
	r.Kafka = kafka.Version
	results, err := e.kafka.run(ctx, *r, kafka.Brokers, s)
	r.Results = append(r.Results, results...)
	return err
}

// split takes joined errors apart.
func split(errs []error) []error {
	var all []error
	for _, err := range errs {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			all = append(all, joined.Unwrap()...)
		} else if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// failed makes the command fail if any run did, after everything was written.
func failed(failures []error) error {
	if len(failures) == 0 {
		return nil
	}
	return fmt.Errorf("%d clients failed with a workload: %w", len(failures), errors.Join(failures...))
}

// write has a file written, or nothing if it has no name.
func write(path string, standard io.Writer, to func(io.Writer) error) error {
	switch path {
	case "":
		return nil
	case "-":
		return to(standard)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(to(file), file.Close())
}
