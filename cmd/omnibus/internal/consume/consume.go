// Package consume is the command `omnibus consume`: a topic's records as lines, or as envelopes that `omnibus produce` reads. It
// reads through franz-go's kgo, without a consumer group: reading is not what this project exists for, seeing what was
// written is.
//
// What it prints is committed: records of a transaction that is open are waited for, those of one that was aborted are not
// there. It ends at the bound that was asked for, at an interrupt, when nobody reads its output any more, or with an error
// that says what is wrong; it does not wait for ever for a cluster that is gone.
package consume

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
	// Offset is where to start in each partition; see parseStart. Empty is "end", or "beginning" with FromBeginning.
	Offset string
	// Partitions are those to read; none means all.
	Partitions []int32
	// Max ends the command after so many records; 0 for no bound.
	Max int64
	// ExitAtEnd ends the command at the offsets that were each partition's end when it began.
	ExitAtEnd bool
	// Format is "lines" (also ""): the values, or with KeySeparator keys and values; or "envelope".
	Format string
	// KeySeparator is printed between key and value of lines; nil to print no keys.
	KeySeparator []byte
	// NullMarker is printed for a key or value that is null; nil for nothing.
	NullMarker []byte
	// Delimiter is printed behind each record of lines; nil for a newline.
	Delimiter []byte

	nullAsNULL bool // kcat's -Z
}

// NewCmdConsume returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdConsume(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f, o) }
	}
	cmd := &cobra.Command{
		Use:   "consume TOPIC",
		Short: "Print a topic's records, a line each",
		Long: `Print a topic's records to standard output: their values, each followed by a newline; keys as well with
--key-separator; everything about them with --format envelope, which omnibus produce --format envelope reads.

As lines, a null key or value is printed like an empty one unless --null-marker says how. Records of one partition come in
order; partitions are interleaved. Without --from-beginning or --offset it waits for new records. Records of
transactions that are not committed are not printed.

Exit codes: 0 done (also when standard output was closed by who read it), 1 wrong usage or configuration, 3 the topic
could not be read, or not to its end, 130 interrupted.`,
		Example: `  omnibus consume orders --embedded --from-beginning --exit-at-end
  omnibus consume orders --brokers localhost:9092 --max 10
  omnibus consume orders -b localhost:9092 -p 0 -o 42 -c 1 --format envelope
  omnibus consume orders -b k1:9092 -o beginning -e --format envelope | omnibus produce copy -b k2:9092 --format envelope`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd.Flags(), args); err != nil {
				return cli.Usage(err)
			}
			return runF(cmd.Context(), o)
		},
	}
	o.addTo(cmd.Flags())
	return cmd
}

// addTo registers the flags. Those of one letter are kcat's.
func (o *Options) addTo(flags *pflag.FlagSet) {
	flags.SortFlags = false
	o.Connect.AddTo(flags)
	flags.StringVarP(&o.Topic, "topic", "t", "", "the topic, in place of the argument")
	flags.BoolVar(&o.FromBeginning, "from-beginning", false, "start at the first record instead of waiting for new ones")
	flags.StringVarP(&o.Offset, "offset", "o", "", "where to start in each partition: beginning, end, an offset, -N for the last N, or s@TIME (milliseconds since 1970 or as in RFC 3339)")
	flags.Int32SliceVarP(&o.Partitions, "partition", "p", nil, "read only these partitions, `number,…` (repeatable)")
	flags.Int64VarP(&o.Max, "max", "c", 0, "exit after so many records")
	flags.BoolVarP(&o.ExitAtEnd, "exit-at-end", "e", false, "exit at the end that the topic has now")
	flags.StringVar(&o.Format, "format", formatLines, "what to print: lines, or envelope (a JSON object a line)")
	flags.VarP(&cli.TextFlag{To: &o.KeySeparator, Escapes: true}, "key-separator", "K", `print keys too, and this between key and value, such as : or \t`)
	flags.Var(&cli.TextFlag{To: &o.NullMarker}, "null-marker", "print this for a key or value that is null")
	flags.BoolVarP(&o.nullAsNULL, "print-null", "Z", false, "the same as --null-marker NULL")
	flags.VarP(&cli.TextFlag{To: &o.Delimiter, Escapes: true}, "delimiter", "D", `what to print behind each record of lines (default \n)`)
}

// complete takes the argument and reports what is wrong with the flags.
func (o *Options) complete(flags *pflag.FlagSet, args []string) error {
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case len(args) == 1 && o.Topic != "":
		complain("the topic is both %q and %q (--topic): name one", args[0], o.Topic)
	case len(args) == 1:
		o.Topic = args[0]
	case o.Topic == "":
		complain("no topic: name it as the argument")
	}
	if flags.Changed("max") && o.Max < 1 {
		complain("--max is %d, want 1 or more: leave it out for no bound", o.Max)
	}
	if o.FromBeginning && o.Offset != "" {
		complain("--from-beginning and --offset exclude each other: both say where to start")
	}
	if _, err := o.start(); err != nil {
		errs = append(errs, err)
	}
	if o.Format != formatLines && o.Format != formatEnvelope {
		complain("--format is %q, want lines or envelope", o.Format)
	}
	if o.nullAsNULL && o.NullMarker != nil {
		complain("--null-marker and --print-null exclude each other: a null is printed in one way")
	}
	if o.nullAsNULL {
		o.NullMarker = []byte("NULL")
	}
	if o.Format == formatEnvelope && (o.KeySeparator != nil || o.NullMarker != nil || o.Delimiter != nil) {
		complain("--key-separator, --null-marker, --print-null and --delimiter mean nothing with --format envelope")
	}
	return errors.Join(errs...)
}

// Run finds the cluster and prints records until the bound, the end, a closed standard output or an interrupt. The error
// carries the exit code.
func Run(ctx context.Context, f *cli.Factory, o *Options) (err error) {
	target, err := o.Connect.Open(ctx, f)
	if err != nil {
		return err
	}
	defer target.End(&err)
	watched, watch := watchCluster(ctx, target)
	defer watch.stop()
	reader, err := openReader(watched, target.Config, o, watch)
	if err == nil {
		defer reader.close()
		err = reader.copy(watched, f.IO.Out)
	}
	switch {
	case err == nil:
		return nil
	case cli.Interrupted(ctx):
		return &cli.ExitError{Code: cli.ExitInterrupted}
	}
	return cli.Fatal(fmt.Errorf("consume %s from %s: %w", o.Topic, target.Cluster, err))
}
