// Package serve is the command `omnibus serve`: the broker that --embedded runs for the length of one command, for as long
// as it is left running, so that any Kafka client can use it.
//
// Standard output has one line, the address that clients connect to, as soon as they can; a script may wait for it, and
// --listen 127.0.0.1:0 takes a free port. Everything said to people goes to standard error.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/embedded"
)

// Options are what the command line said.
type Options struct {
	// Listen is the host:port to listen on.
	Listen string
	// Advertise is the host:port that clients are told; empty for the one listened on.
	Advertise string
	// Data is the directory; empty for connect.DataDir.
	Data string
	// Partitions is the number of partitions of a topic that is created without a number; 0 for what the directory had.
	Partitions int
	// Retention is how long records are kept; 0 for what the directory had.
	Retention Retention
	// RetentionBytes is how much a partition keeps; 0 for what the directory had, -1 for no bound.
	RetentionBytes int64
	// NoSync acknowledges before the disk has the records.
	NoSync bool
	// UnsafeListen allows an address that other machines can reach.
	UnsafeListen bool
}

const long = `Run a broker that any Kafka client can use, for development on one machine, until Ctrl-C or SIGTERM.

It prints the address to connect to on standard output. An acknowledged record is on disk and survives kill -9; the next
run over the same directory has it. Commands with --embedded and the same --data use this broker while it runs.

What it is not: a Kafka cluster. One process on one machine, so nothing is replicated and acks=all is one fsync;
min.insync.replicas is not enforced. No TLS, no SASL, no quotas. Compacted topics are not compacted on disk. One thread does
most of its work. It is made by wrapping kfake, the test broker of franz-go. For anything that matters run Apache Kafka, or
what speaks its protocol: nothing changes for clients but the address.

--no-sync acknowledges what the operating system has and the disk may not. It is several times faster; a crash of the
process loses nothing, a crash of the machine or a power cut loses what was acknowledged in the last seconds.

A directory keeps the retention and the number of partitions that it was last given, for commands with --embedded as well. A
topic's own retention.ms and retention.bytes are stronger. Each partition keeps its last batch, compacted topics everything.

Whoever reaches the port can read, write and delete everything, so it listens where only this machine can connect.
--unsafe-listen lifts that.

Exit codes: 0 stopped by Ctrl-C or SIGTERM, 1 wrong usage, 3 the directory or the port is in use, or the disk failed.`

// NewCmdServe returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdServe(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f, o) }
	}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a durable one-node broker for development",
		Long:  long,
		Example: `  omnibus serve
  omnibus serve --listen 127.0.0.1:9092 --data ./kafka-data --partitions 6`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"partitions", "retention-bytes"} {
				if flag := cmd.Flags().Lookup(name); flag.Changed && flag.Value.String() == "0" {
					return cli.Usage(fmt.Errorf("--%s is 0, want 1 or more: leave it out for what held before", name))
				}
			}
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:9092", "`host:port` to listen on; port 0 is a free one")
	flags.StringVar(&o.Data, "data", "", "`directory` to keep records in (default: in the user's data directory, as for --embedded)")
	flags.IntVar(&o.Partitions, "partitions", 0, "partitions of a topic that is created without a number (at first 6, then as before)")
	flags.Var(&o.Retention, "retention", "how long records are kept, such as 36h, 7d or forever (at first 7d, then as before)")
	flags.Int64Var(&o.RetentionBytes, "retention-bytes", 0, "how many `bytes` a partition keeps, -1 for no bound (at first -1, then as before)")
	flags.BoolVar(&o.NoSync, "no-sync", false, "acknowledge before the disk has the records: a power cut loses some of them")
	flags.BoolVar(&o.UnsafeListen, "unsafe-listen", false, "allow a --listen that other machines can reach; there is no authentication")
	flags.StringVar(&o.Advertise, "advertise", "", "`host:port` that clients are told to connect to (default: the one listened on)")
	return cmd
}

// config is the broker's configuration.
func (o *Options) config(f *cli.Factory) (embedded.Config, error) {
	dir := o.Data
	if dir == "" {
		var err error
		if dir, err = connect.DataDir(f.Getenv, runtime.GOOS); err != nil {
			return embedded.Config{}, err
		}
	}
	config := embedded.Config{
		Dir: dir, Listen: o.Listen, Advertise: o.Advertise, PartitionsDefault: o.Partitions,
		Retention: time.Duration(o.Retention), RetentionBytes: o.RetentionBytes,
		NoSync: o.NoSync, UnsafeListen: o.UnsafeListen, Logger: f.Logger(),
	}
	if err := config.Validate(); err != nil {
		return config, errors.New(asFlags(err.Error()))
	}
	return config, nil
}

// asFlags puts flags in place of the names of embedded.Config's fields, which is what its errors speak of.
func asFlags(text string) string {
	return strings.NewReplacer("embedded: ", "", "UnsafeListen", "--unsafe-listen", "Listen is", "--listen is",
		"PartitionsDefault", "--partitions", "RetentionBytes", "--retention-bytes", "Advertise", "--advertise", "None", "-1").Replace(text)
}

// Run serves until ctx ends, which is the clean end, or until the disk fails. The error carries the exit code.
func Run(ctx context.Context, f *cli.Factory, o *Options) error {
	config, err := o.config(f)
	if err != nil {
		return cli.Usage(err)
	}
	broker, err := embedded.Open(config)
	if err != nil {
		return cli.Fatal(err)
	}
	greet(f.IO.Err, broker)
	if _, err := fmt.Fprintln(f.IO.Out, broker.Addr()); err != nil {
		return cli.Fatal(errors.Join(fmt.Errorf("write the address to standard output: %w", err), broker.Close()))
	}
	select {
	case <-ctx.Done():
	case <-broker.Done():
	}
	if err := broker.Close(); err != nil {
		return cli.Fatal(err)
	}
	return nil
}

// greet tells what runs where, and what it is not.
func greet(w io.Writer, broker *embedded.Broker) {
	config := broker.Config()
	writes := "synchronous writes"
	if config.NoSync {
		writes = "WITHOUT synchronous writes: a power cut loses acknowledged records"
	}
	retention := Retention(config.Retention)
	fmt.Fprintf(w, "omnibus: serving %s on %s; %s; records are kept %s; %d partitions for a new topic\n",
		config.Dir, broker.Addr(), writes, &retention, config.PartitionsDefault)
	fmt.Fprintln(w, "omnibus: a single node for development, not a Kafka cluster (see omnibus serve --help); Ctrl-C or SIGTERM ends it cleanly")
	if config.UnsafeListen {
		fmt.Fprintln(w, "omnibus: --unsafe-listen: whoever reaches this port can read, write and delete everything")
	}
}
