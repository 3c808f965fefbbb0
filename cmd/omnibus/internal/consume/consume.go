// Package consume is the command `omnibus consume`: the values of a topic's records as lines. It reads through franz-go's
// kgo, without a consumer group: reading is not what this project exists for, seeing what was written is.
package consume

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
)

// Options are what the command line said.
type Options struct {
	// Topic is what to read.
	Topic string
	// Connect finds the cluster.
	Connect connect.Flags
	// FromBeginning starts at each partition's first record instead of behind its last.
	FromBeginning bool
	// Max ends the command after so many records; 0 for no bound.
	Max int64
	// ExitAtEnd ends the command at the offsets that were each partition's end when it began.
	ExitAtEnd bool
}

// NewCmdConsume returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdConsume(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f, o) }
	}
	cmd := &cobra.Command{
		Use:   "consume TOPIC",
		Short: "Print the values of a topic's records, a line each",
		Long: `Print the values of a topic's records to standard output, each followed by a newline. A null value is an empty line.

Records of one partition come in order; partitions are interleaved. Without --from-beginning it waits for new records.

Exit codes: 0 done (also when standard output was closed), 1 wrong usage or configuration, 3 the topic could not be
read, 130 interrupted.`,
		Example: `  omnibus consume orders --embedded --from-beginning --exit-at-end
  omnibus consume orders --brokers localhost:9092 --max 10`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Topic = args[0]
			if cmd.Flags().Changed("max") && o.Max < 1 {
				return cli.Usage(fmt.Errorf("--max is %d, want 1 or more: leave it out for no bound", o.Max))
			}
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	o.Connect.AddTo(flags)
	flags.BoolVar(&o.FromBeginning, "from-beginning", false, "start at the first record instead of waiting for new ones")
	flags.Int64Var(&o.Max, "max", 0, "exit after so many records")
	flags.BoolVarP(&o.ExitAtEnd, "exit-at-end", "e", false, "exit at the end that the topic has now")
	return cmd
}

// Run finds the cluster and prints records until the bound, the end, a closed standard output or an interrupt. The error
// carries the exit code.
func Run(ctx context.Context, f *cli.Factory, o *Options) (err error) {
	target, err := o.Connect.Open(ctx, f)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := target.Close(); closeErr != nil {
			err = errors.Join(err, cli.Fatal(closeErr))
		}
	}()
	reader, err := openReader(ctx, target.Config, o)
	if err == nil {
		defer reader.close()
		err = reader.copy(ctx, f.IO.Out)
	}
	switch {
	case err == nil:
		return nil
	case cli.Interrupted(ctx):
		return &cli.ExitError{Code: cli.ExitInterrupted}
	}
	return cli.Fatal(fmt.Errorf("consume %s from %s: %w", o.Topic, target.Cluster, err))
}
