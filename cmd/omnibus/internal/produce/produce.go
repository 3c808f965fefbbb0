// Package produce is the command `omnibus produce`: lines of files or of standard input become records, and each record
// has an outcome that is counted.
//
// Invariants of its summary, whatever happens:
//
//	read     = accepted + skipped
//	accepted = acked + not_written + unknown
//
// A line counts as read once it was taken from the input; as skipped if it never became an accepted record (bad input, or
// the line at which the work was given up); as unknown if the producer ended without telling its outcome.
package produce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/lines"
)

// stdinName is how standard input is named among the files.
const stdinName = "-"

// Options are what the command line said.
type Options struct {
	// Topic is where the records go.
	Topic string
	// Files are the inputs, "-" for standard input, which is also what none means.
	Files []string
	// Connect finds the cluster.
	Connect connect.Flags
	// KeySeparator splits a line into key and value; empty for records without a key.
	KeySeparator string
	// OnBadInput is "fail" to stop at the first bad line, or "skip" to go on.
	OnBadInput string
	// Summary is "text", or "json" for one more summary, on standard output.
	Summary string

	delivery delivery
}

// NewCmdProduce returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdProduce(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f, o) }
	}
	cmd := &cobra.Command{
		Use:   "produce TOPIC [FILE…]",
		Short: "Write lines to a topic, a record each",
		Long: `Write the lines of the files, or of standard input, to a topic: one record a line.

The newline that ends a line belongs to no record. An empty line is a record with an empty value. A record has no key
(null) unless --key-separator splits one off. Carriage returns and all other bytes are kept as they are.

A summary on standard error tells how many records were acknowledged, were not written, or may have been written.

` + cli.ExitHelp,
		Example: `  omnibus produce orders orders.ndjson --embedded
  omnibus produce orders --brokers localhost:9092 < orders.ndjson
  omnibus produce users users.tsv --brokers k1:9092,k2:9092 --key-separator $'\t' --compression zstd`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Topic, o.Files = args[0], args[1:]
			if err := o.check(cmd.Flags().Changed("key-separator")); err != nil {
				return cli.Usage(err)
			}
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	o.Connect.AddTo(flags)
	o.delivery.addTo(flags)
	flags.StringVarP(&o.KeySeparator, "key-separator", "K", "", "`text` between a line's key and its value; a line without it is bad input")
	flags.StringVar(&o.OnBadInput, "on-bad-input", "fail", "what to do at a bad line: fail (stop reading, exit 4) or skip (go on, exit 4)")
	flags.StringVar(&o.Summary, "summary", "text", "text, or json for a JSON object on standard output besides")
	return cmd
}

func (o *Options) check(separatorGiven bool) error {
	var errs []error
	if separatorGiven && o.KeySeparator == "" {
		errs = append(errs, errors.New("--key-separator is empty, want the text between key and value: leave the flag out for records without a key"))
	}
	if o.OnBadInput != "fail" && o.OnBadInput != "skip" {
		errs = append(errs, fmt.Errorf("--on-bad-input is %q, want fail or skip", o.OnBadInput))
	}
	if o.Summary != "text" && o.Summary != "json" {
		errs = append(errs, fmt.Errorf("--summary is %q, want text or json", o.Summary))
	}
	return errors.Join(errs...)
}

// Run does the work: it finds the cluster, sends every line, waits for every outcome and sums up. The error carries the
// exit code.
func Run(ctx context.Context, f *cli.Factory, o *Options) (err error) {
	sources, err := openSources(o.Files, f.IO.In)
	if err != nil {
		return cli.Usage(err)
	}
	overrides, err := o.delivery.settings()
	if err != nil {
		return cli.Usage(err)
	}
	target, err := o.Connect.Open(ctx, f, overrides...)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := target.Close(); closeErr != nil {
			err = errors.Join(err, cli.Fatal(closeErr))
		}
	}()
	target.Log(f.Logger())
	producer, err := omnibus.Open(ctx, target.Config)
	if err != nil {
		return cli.Usage(err)
	}
	reader := lines.NewReader(sources, lines.Config{LineBytesMax: maxRequestBytes(target.Config)})
	defer reader.Close()
	job := newJob(o, producer, reader, f.IO.Err)
	summary := job.run(ctx)
	summary.Cluster = target.Cluster
	return report(f.IO, o.Summary, summary)
}

// openSources opens every file before anything is sent, so that a misspelt name is no half-done work.
func openSources(files []string, stdin io.Reader) ([]lines.Source, error) {
	if len(files) == 0 {
		files = []string{stdinName}
	}
	var sources []lines.Source
	var errs []error
	for _, name := range files {
		if name == stdinName {
			sources = append(sources, lines.Source{Name: "standard input", Reader: io.NopCloser(stdin)})
			continue
		}
		file, err := openFile(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sources = append(sources, lines.Source{Name: name, Reader: file})
	}
	if len(errs) > 0 {
		for _, source := range sources {
			source.Reader.(io.Closer).Close()
		}
	}
	return sources, errors.Join(errs...)
}

func openFile(name string) (*os.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory: name its files", name)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// maxRequestBytes is the longest line that can become a record.
func maxRequestBytes(config omnibus.Config) int {
	for _, property := range config.Properties() {
		if property.Name != "max.request.size" {
			continue
		}
		if size, err := strconv.Atoi(property.Value); err == nil {
			return size
		}
	}
	return 1 << 20
}
