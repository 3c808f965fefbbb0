// Package replay is the command `omnibus replay`: the letters of a dead-letter file, which `omnibus produce --dlq` wrote, are
// sent again.
//
// What may have been written already is left out unless it is asked for, because nobody but the user can know whether a
// duplicate or a loss is worse. With --dlq of its own a replay keeps all that still did not get through, what it left out
// included, so that the old file can go.
package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/dlq"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/envelope"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/input"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/job"
)

// Options are what the command line said.
type Options struct {
	// File is the dead-letter file, "-" for standard input.
	File string
	// Topic is where all records go; empty for where each was to go at first.
	Topic string
	// InDoubt sends what may have been written already, too.
	InDoubt bool
	// KeepPartition sends each record to the partition that it was to go to at first.
	KeepPartition bool
	// Connect finds the cluster.
	Connect connect.Flags
	// Job says how the records travel, and what is shown of it.
	Job job.Flags
}

// NewCmdReplay returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdReplay(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f, o) }
	}
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Send the records of a dead-letter file again",
		Long: `Send the records of a dead-letter file again, each to its topic with its key, value, headers and timestamp.

A record that may have been written already (in_doubt) is sent only with --in-doubt, since it may then stand in the topic
twice; without, the exit code is 5. A line that never was a record is bad input: mend it and send it with omnibus produce.

The file is not changed. With --dlq OTHER, the other file has all that still did not get through, in doubt or not.

` + job.ClassHelp + `

` + cli.ExitHelp,
		Example: `  omnibus produce orders orders.txt -b localhost:9092 --dlq failed.ndjson
  omnibus replay failed.ndjson -b localhost:9092 --dlq failed-again.ndjson`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.File = args[0]
			if cmd.Flags().Changed("topic") && o.Topic == "" {
				return cli.Usage(errors.New("--topic is empty, want a name: leave it out to send each record to its own topic"))
			}
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	o.Connect.AddTo(flags)
	flags.BoolVar(&o.InDoubt, "in-doubt", false, "send what may have been written already, too, at the risk of duplicates")
	flags.StringVarP(&o.Topic, "topic", "t", "", "`topic` for all records, in place of their own")
	flags.BoolVar(&o.KeepPartition, "keep-partition", false, "send each record to the partition that it was to go to at first")
	o.Job.AddTo(flags)
	return cmd
}

// Run sends the letters. The error carries the exit code.
func Run(ctx context.Context, f *cli.Factory, o *Options) error {
	work := &job.Work{
		Topic: o.Topic, Connect: &o.Connect, Flags: &o.Job,
		Open: func(recordBytesMax int) (job.Source, error) {
			plain := &input.Options{}
			reader, err := plain.Open(input.Sources{
				Files: []string{o.File}, Stdin: f.IO.In, RecordBytesMax: letterBytesMax(recordBytesMax),
			})
			return &source{Reader: reader, options: o}, err
		},
		Reads: func(letters *dlq.File) bool { return letters.Feeds([]string{o.File}, f.IO.In) },
	}
	return work.Run(ctx, f)
}

// letterBytesMax is the longest line that a letter of a record can be: a control character takes six bytes in JSON.
func letterBytesMax(recordBytesMax int) int { return 6*recordBytesMax + 1<<16 }

// source reads the records of letters.
type source struct {
	*input.Reader
	options *Options
	decoder envelope.Decoder
	letter  envelope.Failure // the last one
}

// Next is job.Source's.
func (s *source) Next(ctx context.Context) (*omnibus.Record, error) {
	line, err := s.Reader.Next(ctx)
	if err != nil {
		return nil, err
	}
	bad := &input.BadInputError{Origin: s.Origin(line.Tag), Tag: line.Tag, Raw: line.Value}
	if s.letter, err = s.decoder.DecodeFailure(line.Value); err != nil {
		bad.What, bad.Fix = err.Error(), "want a line as omnibus produce --dlq writes it"
		return nil, bad
	}
	record := &s.letter.Record
	switch {
	case s.letter.Raw:
		bad.Raw = record.Value
		bad.What, bad.Fix = fmt.Sprintf("it never was a record (%s)", s.letter.Error), "mend it and send it with omnibus produce"
		return nil, bad
	case record.Topic == "" && s.options.Topic == "":
		bad.What, bad.Fix = "it names no topic", "name one with --topic"
		return nil, bad
	case s.letter.InDoubt && !s.options.InDoubt:
		return nil, &job.LeftOutError{Letter: &s.letter}
	}
	record.Tag = line.Tag
	if !s.options.KeepPartition {
		record.Partition = omnibus.Partition{}
	}
	return record, nil
}
