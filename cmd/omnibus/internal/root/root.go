// Package root assembles the command tree.
package root

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/completion"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/config"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/consume"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/doctor"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/explain"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/partitionof"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/perf"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/perftest"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/produce"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/replay"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/serve"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/topic"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/version"
)

// NewCmdRoot returns the command omnibus with everything below it.
func NewCmdRoot(f *cli.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "omnibus",
		Short: "Write records to Kafka, and read them back",
		Long: `omnibus writes records to Kafka and says of each whether it was written.

It talks to any cluster (--brokers host:port), or to a broker of its own inside the process (--embedded), for a first
try and for development.`,
		Example: `  omnibus produce orders orders.ndjson --embedded
  omnibus consume orders --embedded --from-beginning --exit-at-end
  omnibus serve --listen 127.0.0.1:9092`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		PersistentPreRunE: cli.RefuseEmpty,
	}
	cmd.AddCommand(
		produce.NewCmdProduce(f, nil),
		replay.NewCmdReplay(f, nil),
		consume.NewCmdConsume(f, nil),
		serve.NewCmdServe(f, nil),
		topic.NewCmdTopic(f),
		perf.NewCmdPerf(f, nil),
		perftest.NewCmdPerfTest(f, nil),
		partitionof.NewCmdPartitionOf(f, nil),
		explain.NewCmdExplain(f, nil),
		doctor.NewCmdDoctor(f, nil),
		config.NewCmdConfig(f, nil),
		version.NewCmdVersion(f),
		&cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: cli.ExitHelp},
	)
	completion.Add(cmd, f)
	return cmd
}

// Execute runs the command line and returns the exit code, having told the user what went wrong.
func Execute(ctx context.Context, f *cli.Factory, args []string) (code int) {
	defer func() {
		if broken := recover(); broken != nil {
			f.Broken(broken)
			code = cli.ExitFatal
		}
	}()
	cmd := NewCmdRoot(f)
	cmd.SetArgs(args)
	cmd.SetIn(f.IO.In)
	cmd.SetOut(f.IO.Out)
	cmd.SetErr(f.IO.Err)
	used, err := cmd.ExecuteContextC(ctx)
	code = cli.CodeOf(err)
	if err == nil || err.Error() == "" {
		return code
	}
	fmt.Fprintf(f.IO.Err, "omnibus: %v\n", err)
	if code == cli.ExitUsage {
		fmt.Fprintf(f.IO.Err, "Run '%s --help' for usage.\n", used.CommandPath())
	}
	return code
}
