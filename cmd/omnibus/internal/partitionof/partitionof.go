// Package partitionof is the command `omnibus partition-of`: which partition a key belongs to, worked out offline by the
// rules of this client and of others.
package partitionof

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
)

// unassigned is printed for a key that a client hashes no more than it hashes null: librdkafka's own word for it.
const unassigned = -1

// schemes are the values of --like. Where a client has several rules, its plain name is the one that it uses by default.
var schemes = map[string]partitioner.Scheme{
	"java":                  partitioner.SchemeJava,
	"sarama":                partitioner.SchemeSarama,
	"sarama-reference":      partitioner.SchemeSaramaReference,
	"librdkafka":            partitioner.SchemeConsistentRandom,
	"librdkafka-consistent": partitioner.SchemeConsistent,
	"librdkafka-murmur2":    partitioner.SchemeMurmur2,
	"librdkafka-fnv1a":      partitioner.SchemeFNV1a,
}

// Options are what the command line said.
type Options struct {
	// Partitions is how many partitions the topic has.
	Partitions int
	// Like names the client whose rule it is, a key of schemes.
	Like string
	// Keys are the keys; none for a key on each line of standard input.
	Keys []string
}

// NewCmdPartitionOf returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdPartitionOf(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f.IO, o) }
	}
	cmd := &cobra.Command{
		Use:   "partition-of --partitions N [KEY…]",
		Short: "Print the partition that each key belongs to",
		Long: `Print a line for each key: the key, a tab, and the partition it belongs to among N. Keys are the arguments or, if there
are none, the lines of standard input. No cluster is asked.

--like says by whose rule:
  java                   murmur2: Kafka's own clients, omnibus, franz-go (the default)
  sarama                 FNV-1a, sarama's hash partitioner
  sarama-reference       FNV-1a, sarama's reference hash partitioner
  librdkafka             CRC32, librdkafka's default consistent_random, and so confluent's Python, .NET and Go clients and kcat;
                         an empty key has no partition of its own there, and is answered with -1
  librdkafka-consistent, librdkafka-murmur2, librdkafka-fnv1a
                         librdkafka's other partitioners

The count of partitions is part of the rule: a topic that gets more partitions places its keys anew.`,
		Example: `  omnibus partition-of --partitions 6 alice bob
  omnibus partition-of --partitions 12 --like librdkafka < keys.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Keys = args
			if err := o.check(cmd.Flags().Changed("partitions")); err != nil {
				return cli.Usage(err)
			}
			return runF(cmd.Context(), o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&o.Partitions, "partitions", 0, "how `many` partitions the topic has (required)")
	flags.StringVar(&o.Like, "like", "java", "the `client` whose rule it is: "+strings.Join(schemeNames(), ", "))
	cmd.RegisterFlagCompletionFunc("like", cobra.FixedCompletions(schemeNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// schemeNames are the values of --like, sorted.
func schemeNames() []string { return slices.Sorted(maps.Keys(schemes)) }

func (o *Options) check(partitionsGiven bool) error {
	var errs []error
	switch {
	case !partitionsGiven:
		errs = append(errs, errors.New("--partitions is missing: say how many partitions the topic has"))
	case o.Partitions < 1 || o.Partitions > math.MaxInt32:
		errs = append(errs, fmt.Errorf("--partitions is %d, want 1 to %d", o.Partitions, math.MaxInt32))
	}
	if _, ok := schemes[o.Like]; !ok {
		errs = append(errs, fmt.Errorf("--like is %q, want one of %s", o.Like, strings.Join(schemeNames(), ", ")))
	}
	return errors.Join(errs...)
}

// Run prints the partitions of the keys, of which there may be any number on standard input. A standard output that was
// closed is an end like any other. The error carries the exit code.
func Run(ctx context.Context, streams *cli.IO, o *Options) error {
	out := bufio.NewWriter(streams.Out)
	answer := func(key []byte) error { return printPartition(out, key, o) }
	err := eachKey(ctx, streams.In, o.Keys, answer)
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	switch {
	case err == nil, cli.OutputClosed(err):
		return nil
	case cli.Interrupted(ctx):
		return &cli.ExitError{Code: cli.ExitInterrupted}
	}
	return cli.Fatal(err)
}

// eachKey calls f for the arguments or, without any, for each line of in. The newline that ends a line is no part of the
// key, and a last line needs none.
func eachKey(ctx context.Context, in io.Reader, args []string, f func(key []byte) error) error {
	for _, key := range args {
		if err := f([]byte(key)); err != nil {
			return err
		}
	}
	if len(args) > 0 {
		return nil
	}
	for lines := bufio.NewReader(in); ; {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := f(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("read keys: %w", err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
	}
}

// printPartition writes one line of the answer.
func printPartition(out *bufio.Writer, key []byte, o *Options) error {
	partition, keyed := schemes[o.Like].Partition(key, int32(o.Partitions))
	if !keyed {
		partition = unassigned
	}
	out.Write(key) // an error stays with the writer, and the last write returns it
	out.WriteByte('\t')
	out.WriteString(strconv.Itoa(int(partition)))
	return out.WriteByte('\n')
}
