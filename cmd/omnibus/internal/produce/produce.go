// Package produce is the command `omnibus produce`: files or standard input become records, and each record has an outcome
// that is told and counted. Package input reads the records, package job sends them.
package produce

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/dlq"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/input"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/job"
)

// Options are what the command line said.
type Options struct {
	// Topic is where the records go.
	Topic string
	// Files are the inputs, "-" for standard input, which is also what none means.
	Files []string
	// Connect finds the cluster.
	Connect connect.Flags
	// Input says what the input looks like.
	Input input.Options
	// Job says how the records travel, and what is shown of it.
	Job job.Flags
	// Repeat is how many times the files are sent.
	Repeat uint64
}

// NewCmdProduce returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdProduce(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f, o) }
	}
	cmd := &cobra.Command{
		Use:   "produce TOPIC [FILE…]",
		Short: "Write files or standard input to a topic, a record for each line",
		Long: `Write files, or standard input, to a topic: one record for each line.

The newline that ends a line belongs to no record. An empty line is a record with an empty value. A record has no key
(null) unless a flag gives it one. Carriage returns and all other bytes are kept as they are. --format has other forms.

A summary on standard error tells how many records were acknowledged, were not written, or may have been written.
--summary json prints it on standard output, too: read is accepted and skipped, accepted is acked, not_written and unknown.

` + job.FormatHelp + `

Settings come from flags, -X, the environment (OMNIBUS_LINGER_MS=20 is linger.ms=20), --config and defaults, in this order.

` + cli.ExitHelp,
		Example: `  omnibus produce orders orders.ndjson --embedded
  omnibus produce orders --brokers localhost:9092 < orders.ndjson
  omnibus produce users users.tsv --brokers k1:9092,k2:9092 --key-separator $'\t' --compression zstd
  omnibus produce orders orders.ndjson.gz -b localhost:9092 --key .id --dlq failed.ndjson --summary json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.take(args, cmd.Flags().Changed("topic"), cmd.Flags().Changed("repeat")); err != nil {
				return cli.Usage(err)
			}
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&o.Topic, "topic", "t", "", "`topic` to write to, in place of the first argument")
	o.Connect.AddTo(flags)
	o.Input.AddTo(flags)
	flags.Uint64Var(&o.Repeat, "repeat", 1, "send the files so many `times`, one round after the other")
	o.Job.AddTo(flags)
	return cmd
}

// take sorts the arguments into topic and files, and checks the flags.
func (o *Options) take(args []string, topicGiven, repeatGiven bool) error {
	if !topicGiven {
		if len(args) == 0 {
			return errors.New("no topic: name it as the first argument, or with -t")
		}
		o.Topic, args = args[0], args[1:]
	}
	o.Files = args
	var errs []error
	if o.Topic == "" {
		errs = append(errs, errors.New("the topic is empty, want its name"))
	}
	if repeatGiven && o.Repeat == 0 {
		errs = append(errs, fmt.Errorf("--repeat is 0, want 1 or more"))
	}
	return errors.Join(append(errs, o.Input.Validate())...)
}

// Run sends the input. The error carries the exit code.
func Run(ctx context.Context, f *cli.Factory, o *Options) error {
	work := &job.Work{
		Topic: o.Topic, Connect: &o.Connect, Flags: &o.Job,
		Open: func(recordBytesMax int) (job.Source, error) {
			return o.Input.Open(input.Sources{
				Files: o.Files, Stdin: f.IO.In, Repeat: o.Repeat, RecordBytesMax: recordBytesMax,
			})
		},
		Reads: func(letters *dlq.File) bool { return letters.Feeds(o.Files, f.IO.In) },
	}
	return work.Run(ctx, f)
}
