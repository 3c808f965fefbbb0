// Package explain is the command `omnibus explain`: what becomes of one record, without sending it. It shows the bytes
// that the record takes in a batch, the arithmetic that leads from its key to its partition, who leads that partition,
// and which limits apply.
//
// What it shows comes from the producer's own code wherever that has it (encoding, hashes, size check); only the steps of
// the arithmetic are worked out here again, and tests hold them against the producer's result.
package explain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/input"
)

// Options are what the command line said.
type Options struct {
	// Topic is where the record would go.
	Topic string
	// Connect finds the cluster.
	Connect connect.Flags
	// Files are the inputs, of which the first record counts; none for standard input.
	Files []string
	// Line is a line of input, in place of files and standard input; nil for none.
	Line *string
	// Input says what becomes a record, as for produce.
	Input input.Options
	// Output is "text" or "json".
	Output string
}

// NewCmdExplain returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdExplain(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	var line []byte
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f, o) }
	}
	cmd := &cobra.Command{
		Use:   "explain TOPIC [FILE…]",
		Short: "Show what would become of one record, and send nothing",
		Long: `Show what would become of one record: the bytes that it takes in a batch, how its partition is computed, step by step,
which broker leads that partition, and the limits that apply to it. Nothing is written, and no topic is created.

The record is what produce would make, with the same flags, of the first line of FILE or of standard input, or of --line.

Exit codes: 0 explained, 1 wrong usage or configuration, 3 the topic could not be looked at, 4 the input is no record, or
one that would be refused, 130 interrupted.`,
		Example: `  omnibus explain orders --embedded -k 42 --line '{"total":7}'
  omnibus explain users users.tsv -b localhost:9092 -K $'\t' -X compression.type=zstd`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Topic, o.Files = args[0], args[1:]
			var lineErr error
			if line != nil {
				text := string(line)
				if o.Line = &text; len(o.Files) > 0 {
					lineErr = errors.New("--line and files exclude each other: one record is explained")
				}
			}
			if err := errors.Join(admin.CheckTopic(o.Topic), cli.CheckOutput(o.Output), lineErr, o.Input.Validate()); err != nil {
				return cli.Usage(err)
			}
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(&cli.TextFlag{To: &line}, "line", "the `text` of a line, in place of a file or standard input")
	o.Input.AddTo(flags)
	flags.StringVarP(&o.Output, "output", "o", cli.OutputText, cli.OutputUsage)
	o.Connect.AddTo(flags)
	return cmd
}

// Run explains the record. The error carries the exit code.
func Run(ctx context.Context, f *cli.Factory, o *Options) (err error) {
	record, err := o.read(ctx, f.IO.In)
	if err != nil {
		return err
	}
	target, err := o.Connect.Open(ctx, f)
	if err != nil {
		return err
	}
	defer target.End(&err)
	target.Log(f.Logger())
	topic, err := look(ctx, target.Config, o.Topic)
	switch {
	case cli.Interrupted(ctx):
		return &cli.ExitError{Code: cli.ExitInterrupted}
	case err != nil:
		return cli.Fatal(fmt.Errorf("explain %s on %s: %w", o.Topic, target.Cluster, err))
	}
	e := newExplanation(record, topic, newRules(target.Config))
	if err := e.write(f, o.Output); err != nil && !cli.OutputClosed(err) {
		return cli.Fatal(err)
	}
	if len(e.Problems) > 0 {
		return &cli.ExitError{Code: cli.ExitBadInput, Err: errors.New("the record would be refused: " + strings.Join(e.Problems, "; "))}
	}
	return nil
}

func (e *explanation) write(f *cli.Factory, output string) error {
	if output == cli.OutputJSON {
		return cli.JSONLine(f.IO.Out, e)
	}
	out := bufio.NewWriter(f.IO.Out)
	e.print(out)
	return out.Flush()
}
