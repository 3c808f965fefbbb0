// Package perf is the command `omnibus perf`: it sends made-up records at a rate and says how long they took. Package load
// does the measuring; this one shows it, second by second and at the end.
package perf

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/job"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/load"
)

// interval is how often a line tells what was measured.
const interval = time.Second

// readyTime is how long the load waits for the cluster to be found, if max.block.ms is no less. After that the records tell
// what stands in the way.
const readyTime = 10 * time.Second

// sizeMax is the largest --size: no broker takes more in one request.
const sizeMax = 1 << 30

// Options are what the command line said.
type Options struct {
	// Topic is where the records go.
	Topic string
	// Connect finds the cluster.
	Connect connect.Flags
	// Delivery says how the records travel.
	Delivery job.Delivery
	// Records is how many to send, each of Size bytes unless there is a PayloadFile.
	Records uint64
	Size    int
	// PayloadFile is the file whose lines are the payloads; empty for made-up ones.
	PayloadFile string
	// Throughput is records a second; 0 for as many as the producer takes.
	Throughput float64
	// Keys is how many distinct keys there are; 0 for none.
	Keys uint64
	// Goroutines is how many of them send.
	Goroutines int
	// Summary is text or json.
	Summary string
	// HDR is the file for the distribution of latencies; empty for none.
	HDR string
}

// NewCmdPerf returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdPerf(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f, o) }
	}
	cmd := &cobra.Command{
		Use:   "perf TOPIC",
		Short: "Send made-up records and measure how long they take",
		Long: `Send made-up records to a topic and measure how long each takes.

With --throughput the load is open: each record has a moment at which it is meant to go, whatever became of those before
it, and its latency counts from that moment to its acknowledgement. So a broker that stalls shows in the latency of all
records that were meant for that time, not only in that of the one that waited. Without --throughput records go as fast
as the producer takes them, and latency counts from the attempt to send, waiting for room in the buffer included.

A line each second goes to standard error, the closing table to standard output; with --summary json standard output has
a JSON object instead, and the table goes to standard error. Latencies are those of acknowledged records.

` + cli.ExitHelp,
		Example: `  omnibus perf bench --embedded --records 100000 --size 100
  omnibus perf bench -b localhost:9092 --records 300000 --size 1024 --throughput 5000 --keys 10000
  omnibus perf bench -b localhost:9092 --records 1000000 --payload-file orders.ndjson -z zstd --hdr latency.hgrm`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Topic = args[0]
			if err := o.check(cmd.Flags().Changed("size"), cmd.Flags().Changed("throughput")); err != nil {
				return cli.Usage(err)
			}
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	o.Connect.AddTo(flags)
	flags.Uint64Var(&o.Records, "records", 100_000, "send so many records")
	flags.IntVar(&o.Size, "size", 100, "`bytes` of each value, random letters from A to Z")
	flags.StringVar(&o.PayloadFile, "payload-file", "", "send the lines of this `file` instead, again and again; it is read into memory")
	flags.Float64Var(&o.Throughput, "throughput", 0, "send so many `records` a second (default: as many as the producer takes)")
	flags.Uint64Var(&o.Keys, "keys", 0, "so many distinct keys (default: records without a key)")
	flags.IntVar(&o.Goroutines, "goroutines", 1, "send from so many goroutines")
	o.Delivery.AddTo(flags)
	flags.StringVar(&o.Summary, "summary", "text", "text, or json for a JSON object on standard output")
	flags.StringVar(&o.HDR, "hdr", "", "write the latencies to this `file` as HdrHistogram does: percentiles in ms, or if it ends in .hlog a log with an interval each second")
	return cmd
}

// check reports every mistake in the flags.
func (o *Options) check(sizeGiven, throughputGiven bool) error {
	var errs []error
	wrong := func(holds bool, format string, args ...any) {
		if holds {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(o.Topic == "", "the topic is empty, want its name")
	wrong(o.Records == 0, "--records is 0, want 1 or more")
	wrong(o.Size < 0 || o.Size > sizeMax, "--size is %d, want 0 to %d bytes", o.Size, sizeMax)
	wrong(sizeGiven && o.PayloadFile != "", "--size and --payload-file exclude each other: leave one out")
	wrong(throughputGiven && !(o.Throughput > 0 && o.Throughput <= 1e9),
		"--throughput is %v, want records a second, more than 0; leave it out for as many as the producer takes", o.Throughput)
	wrong(o.Goroutines < 1 || o.Goroutines > 10_000, "--goroutines is %d, want 1 to 10000", o.Goroutines)
	wrong(o.Summary != "text" && o.Summary != "json", "--summary is %q, want text or json", o.Summary)
	return errors.Join(errs...)
}

// plan makes of the flags what is to be sent.
func (o *Options) plan() (load.Plan, error) {
	plan := load.Plan{
		Topic: o.Topic, Records: o.Records, Rate: o.Throughput, Keys: o.Keys, Goroutines: o.Goroutines,
	}
	if o.PayloadFile == "" {
		plan.Payload = load.Letters(o.Size)
		return plan, nil
	}
	payload, err := load.FromFile(o.PayloadFile, []byte{'\n'})
	if err != nil {
		return plan, fmt.Errorf("--payload-file: %w", err)
	}
	plan.Payload = payload
	return plan, nil
}

// Run sends the records and reports. The error carries the exit code.
func Run(ctx context.Context, f *cli.Factory, o *Options) (err error) {
	settings, err := o.Delivery.Settings()
	plan, planErr := o.plan()
	if err := errors.Join(err, planErr); err != nil {
		return cli.Usage(err)
	}
	target, err := o.Connect.Open(ctx, f, settings...)
	if err != nil {
		return err
	}
	defer func() { err = job.Closing(f, err, target.Close()) }()
	target.Log(f.Logger())
	hdr, err := createHDR(o.HDR)
	if err != nil {
		return cli.Usage(fmt.Errorf("--hdr: %w", err))
	}
	target.Config.Topics = map[string]omnibus.TopicConfig{o.Topic: {}} // checks its name before the first record
	producer, err := omnibus.Open(ctx, target.Config)
	if err != nil {
		return cli.Usage(errors.Join(err, hdr.close()))
	}
	getReady(ctx, producer, target.Config.MaxBlock)
	show := live{io: f.IO, hdr: hdr}
	outcome := load.New(f, producer, plan).Run(ctx, interval, show.window)
	show.end()
	failed := report(f.IO, o, outcome, target.Cluster)
	if err := errors.Join(failed, hdr.finish(outcome.Latency)); err != nil {
		fmt.Fprintf(f.IO.Err, "omnibus: %v\n", err)
		return &cli.ExitError{Code: cli.Gravest(cli.CodeOf(outcome.Exit()), cli.ExitUsage)}
	}
	return outcome.Exit()
}

// getReady waits for the topic's metadata: to find the cluster, or to create the topic, is no record's latency.
func getReady(ctx context.Context, producer *omnibus.Producer, maxBlock time.Duration) {
	bound := readyTime
	if maxBlock != 0 { // else the default, which is longer
		bound = min(bound, maxBlock)
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	_ = producer.Ready(ctx) // the first record has the same error
}
