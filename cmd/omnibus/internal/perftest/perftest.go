// Package perftest is the command `omnibus perf-test`, a stand-in for kafka-producer-perf-test: it takes that tool's flags
// and prints its lines, so that scripts which read them go on working. Package load does the measuring.
//
// What differs is told by the help: the exit code says what became of the records, where Java's tool exits 0 after losing
// every one of them, and a run without a single acknowledgement has latencies of 0 instead of NaN.
//
// Rejected: latency from the intended time, as `omnibus perf` has it. Java's tool counts from the call, and figures of the
// two are compared.
package perftest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/job"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/load"
)

// clientID is what Java's tool calls itself, unless it is told otherwise.
const clientID = "perf-producer-client"

// Options are what the command line said, by the names of Java's tool.
type Options struct {
	Topic            string
	NumRecords       uint64
	Throughput       float64
	RecordSize       int
	PayloadFile      string
	PayloadDelimiter string
	PayloadMonotonic bool
	BootstrapServer  string
	CommandConfig    string
	ProducerConfig   string
	// Properties are the name=value of --command-property and --producer-props.
	Properties      []string
	WarmupRecords   uint64
	ReportingMillis int64
}

// NewCmdPerfTest returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdPerfTest(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f, o) }
	}
	cmd := &cobra.Command{
		Use:   "perf-test",
		Short: "Stand in for kafka-producer-perf-test: its flags, its lines, an honest exit code",
		Long: `Stand in for kafka-producer-perf-test: the same flags, the same lines on standard output, latency from the call that
sends as it has it. Unlike that tool, the exit code tells what became of the records, failures are told on standard error,
and the lines have no NaN.

Not taken are --print-metrics, --transactional-id and --transaction-duration-ms. omnibus perf measures without coordinated
omission.

` + cli.ExitHelp,
		Example: `  omnibus perf-test --topic bench --num-records 100000 --record-size 100 --throughput -1 \
      --bootstrap-server localhost:9092 --command-property acks=all linger.ms=20`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.take(cmd, args); err != nil {
				return cli.Usage(err)
			}
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.Topic, "topic", "", "`topic` to write to (required)")
	flags.Uint64Var(&o.NumRecords, "num-records", 0, "send so many records (required)")
	flags.Float64Var(&o.Throughput, "throughput", 0, "send so many `records` a second; -1 for as many as the producer takes (required)")
	flags.IntVar(&o.RecordSize, "record-size", 0, "`bytes` of each value, random letters")
	flags.StringVar(&o.PayloadFile, "payload-file", "", "send the parts of this `file`, again and again")
	flags.StringVar(&o.PayloadDelimiter, "payload-delimiter", `\n`, "what stands between the parts of the file")
	flags.BoolVar(&o.PayloadMonotonic, "payload-monotonic", false, "send 0, 1, 2 and so on")
	flags.StringVar(&o.BootstrapServer, "bootstrap-server", "", "addresses of the cluster, host:port,…")
	flags.StringVar(&o.CommandConfig, "command-config", "", "read a Java .properties `file`")
	flags.StringArrayVar(&o.Properties, "command-property", nil, "set producer configurations, `name=value` and more behind it")
	flags.StringArrayVar(&o.Properties, "producer-props", nil, "the old name of --command-property")
	flags.StringVar(&o.ProducerConfig, "producer.config", "", "the old name of --command-config")
	flags.Uint64Var(&o.WarmupRecords, "warmup-records", 0, "leave so many records at the beginning out of a second total")
	flags.Int64Var(&o.ReportingMillis, "reporting-interval", 5000, "`milliseconds` from line to line")
	return cmd
}

// take sorts the arguments, which are properties behind the first one, and reports every mistake in the flags.
func (o *Options) take(cmd *cobra.Command, args []string) error {
	given := cmd.Flags().Changed
	var errs []error
	wrong := func(holds bool, format string, args ...any) {
		if holds {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	properties := given("command-property") || given("producer-props")
	wrong(len(args) > 0 && !properties, "%q is no flag: properties stand behind --command-property", args)
	o.Properties = append(o.Properties, args...)
	wrong(o.Topic == "", "no topic: name it with --topic")
	wrong(o.NumRecords == 0, "--num-records is missing or 0, want 1 or more")
	wrong(!given("throughput"), "--throughput is missing: want records a second, or -1 for as many as the producer takes")
	wrong(given("throughput") && (o.Throughput == 0 || o.Throughput != o.Throughput), "--throughput is %v, want records a second, or -1", o.Throughput)
	wrong(given("record-size") && (o.RecordSize < 1 || o.RecordSize > 1<<30), "--record-size is %d, want 1 or more bytes", o.RecordSize)
	payloads := 0
	for _, name := range []string{"record-size", "payload-file", "payload-monotonic"} {
		if given(name) {
			payloads++
		}
	}
	wrong(payloads != 1, "want exactly one of --record-size, --payload-file and --payload-monotonic, not %d", payloads)
	wrong(o.WarmupRecords > 0 && o.WarmupRecords >= o.NumRecords, "--warmup-records is %d, want less than the %d of --num-records", o.WarmupRecords, o.NumRecords)
	wrong(o.ReportingMillis < 1 || o.ReportingMillis > 1e9, "--reporting-interval is %d, want 1 to 1000000000 ms", o.ReportingMillis)
	wrong(o.CommandConfig != "" && o.ProducerConfig != "", "--command-config and --producer.config are two names of one flag: leave one out")
	wrong(given("command-property") && given("producer-props"), "--command-property and --producer-props are two names of one flag: leave one out")
	return errors.Join(errs...)
}

// plan makes of the flags what is to be sent.
func (o *Options) plan() (load.Plan, error) {
	plan := load.Plan{
		Topic: o.Topic, Records: o.NumRecords, Rate: max(o.Throughput, 0), Goroutines: 1,
		Warmup: o.WarmupRecords, FromSend: true,
	}
	var err error
	switch {
	case o.PayloadMonotonic:
		plan.Payload = load.Monotonic()
	case o.PayloadFile != "":
		delimiter := strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r").Replace(o.PayloadDelimiter)
		if plan.Payload, err = load.FromFile(o.PayloadFile, []byte(delimiter)); err != nil {
			err = fmt.Errorf("--payload-file: %w", err)
		}
	default:
		plan.Payload = load.Letters(o.RecordSize)
	}
	return plan, err
}

// settings are the properties, each of which may have equals signs in its value.
func (o *Options) settings() ([]connect.Setting, error) {
	var settings []connect.Setting
	var errs []error
	for _, text := range o.Properties {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			errs = append(errs, fmt.Errorf("--command-property has %q, want name=value", text))
			continue
		}
		settings = append(settings, connect.Setting{Name: name, Value: value, Origin: "--command-property"})
	}
	return settings, errors.Join(errs...)
}

// Run sends the records and reports. The error carries the exit code.
func Run(ctx context.Context, f *cli.Factory, o *Options) (err error) {
	settings, err := o.settings()
	plan, planErr := o.plan()
	if err := errors.Join(err, planErr); err != nil {
		return cli.Usage(err)
	}
	flags := connect.Flags{Brokers: o.BootstrapServer, ConfigFile: o.CommandConfig + o.ProducerConfig} // one at most
	target, err := flags.Open(ctx, f, settings...)
	if err != nil {
		return err
	}
	defer func() { err = job.Closing(f, err, target.Close()) }()
	target.Log(f.Logger())
	if target.Config.ClientID == "" {
		target.Config.ClientID = clientID
	}
	target.Config.Topics = map[string]omnibus.TopicConfig{o.Topic: {}} // checks its name before the first record
	producer, err := omnibus.Open(ctx, target.Config)
	if err != nil {
		return cli.Usage(err)
	}
	print := &printer{out: f.IO.Out}
	print.begin(o.WarmupRecords)
	outcome := load.New(f, producer, plan).Run(ctx, time.Duration(o.ReportingMillis)*time.Millisecond, print.window)
	print.totals(outcome)
	if print.err != nil && !cli.OutputClosed(print.err) {
		fmt.Fprintf(f.IO.Err, "omnibus: write the figures: %v\n", print.err)
	}
	return outcome.Exit()
}
