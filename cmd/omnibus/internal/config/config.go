// Package config is the command `omnibus config show`: the configuration that results from the defaults, a .properties
// file, the environment and the flags, and which of them each value comes from.
package config

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
)

// Options are what the command line said.
type Options struct {
	// Connect is what there is to show.
	Connect connect.Flags
	// Why adds each value's origin.
	Why bool
	// All lists the settings that change nothing here, too.
	All bool
	// Output is "text" or "json".
	Output string
}

// NewCmdConfig returns the command with its one subcommand. runF replaces what that does, for tests of the flags; nil for
// the real thing.
func NewCmdConfig(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration that holds",
		Args:  cobra.NoArgs,
		RunE:  cli.NeedSubcommand,
	}
	cmd.AddCommand(newCmdShow(f, runF))
	return cmd
}

func newCmdShow(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(_ context.Context, o *Options) error { return Run(f, o) }
	}
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show each setting's value, and with --why where it comes from",
		Long: `Show the value of each of the Java producer's settings, and of the few of omnibus itself, as they result from defaults,
--config, OMNIBUS_BROKERS and -X, of which each is stronger than the one before. No cluster is asked.

A file of librdkafka's or kcat's and one of rpk's are shown in Java's words, with the line and the name that each value comes
from, and, of the values that nobody set, with what librdkafka's own default would be.

The output is a .properties file. With --why it is a table instead, which tells each value's origin: a flag, a variable,
a file's line, "default", or "implied" where other settings bring it about. Passwords are hidden. Settings that Java has
and that change nothing here are left out unless --all is given.

What is written wrongly is told on standard error, and the rest is shown.

Exit codes: 0 shown, 1 something in the configuration is wrong.`,
		Example: `  omnibus config show --config client.properties --why
  omnibus config show --config kcat.conf --dialect librdkafka > client.properties
  omnibus config show -X linger.ms=20 -X acks=1 -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.CheckOutput(o.Output); err != nil {
				return cli.Usage(err)
			}
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	o.Connect.AddTo(flags)
	flags.BoolVar(&o.Why, "why", false, "a table with each value's origin")
	flags.BoolVar(&o.All, "all", false, "settings of Java that change nothing here, too")
	flags.StringVarP(&o.Output, "output", "o", cli.OutputText, cli.OutputUsage)
	return cmd
}

// Run shows the configuration. The error carries the exit code.
func Run(f *cli.Factory, o *Options) error {
	sources, err := o.Connect.Sources(f.Getenv)
	report := judge(sources, o.Connect.Embedded)
	for _, note := range slices.Concat(sources.Notes, report.notes) {
		f.Logger().Warn(note)
	}
	if printErr := report.print(f.IO, o); printErr != nil && !cli.OutputClosed(printErr) {
		return cli.Fatal(printErr)
	}
	if err := errors.Join(err, report.mistakes); err != nil {
		return cli.Usage(err)
	}
	return nil
}

// print writes the rows as was asked for.
func (r *report) print(streams *cli.IO, o *Options) error {
	out := bufio.NewWriter(streams.Out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if o.Why && o.Output == cli.OutputText {
		fmt.Fprintln(table, "NAME\tVALUE\tORIGIN")
	}
	for _, row := range r.rows {
		if row.Support != omnibus.Honoured.String() && !o.All {
			continue
		}
		switch {
		case o.Output == cli.OutputJSON:
			if err := cli.JSONLine(out, row); err != nil {
				return err
			}
		case o.Why:
			fmt.Fprintf(table, "%s\t%s\t%s\n", row.Name, row.Value, row.why())
		default:
			fmt.Fprintln(out, row.line())
		}
	}
	table.Flush() // an error stays with the writer below
	return out.Flush()
}

// line is the row as a line of a .properties file, behind a '#' where it cannot be read back.
func (r *row) line() string {
	text := r.Name + "=" + escaped(r.Value)
	if r.hidden || r.Name == bootstrapServers && (r.Value == "" || r.Origin == originEmbedded) {
		text = "#" + text
	}
	return text
}

// escaped is a value as java.util.Properties reads it back.
func escaped(value string) string {
	var text strings.Builder
	for i, r := range value {
		switch {
		case r == ' ' && i == 0, r == '\\':
			text.WriteByte('\\')
			text.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&text, `\u%04x`, r)
		default:
			text.WriteRune(r)
		}
	}
	return text.String()
}
