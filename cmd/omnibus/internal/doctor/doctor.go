// Package doctor is the command `omnibus doctor`: why a producer cannot write, or soon will not, found by going the
// producer's own way one step at a time.
//
// The examination is a list of groups, in the order of the way; each is a file of its own, and a method that looks at one
// thing and returns findings:
//
//	settings      what the configuration itself gives away            settings.go
//	bootstrap     dns, tcp, tls, api, sasl for each address of first  reach.go, secure.go, probe.go
//	              contact
//	cluster       what the cluster says of itself                     cluster.go
//	brokers       the addresses that the cluster advertises           brokers.go
//	topic         its existence, rights, leaders, replicas            topic.go, rights.go, insync.go
//	sizes         limits that should fit each other                   sizes.go
//	timeouts      waits that should fit each other                    timeouts.go
//	idempotence   a producer id                                       idempotence.go
//
// What holds:
//
//  1. A finding that fails would stop a producer; one that warns would not, at least not now; a note is about what would
//     be better still. Every finding that does not pass says what to do.
//  2. A group uses what earlier ones learned, and has nothing to say where that is missing: the cause is told once, where
//     it is, and not again by all that follows from it.
//  3. Nothing is written and no topic is created. The one thing that is taken is a producer id.
//  4. Every step is bounded by --timeout.
//
// Connections are made by the producer's own code (internal/broker), so that what the doctor finds is what the producer
// meets. Rejected: a client library's admin API for all of it. It retries, falls back on other brokers and goes on until
// its time is up, which is right for work and hides the very causes that are looked for here.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
)

const timeoutDefault = 5 * time.Second

// Options are what the command line said.
type Options struct {
	// Topic is examined too, unless it is empty.
	Topic string
	// Connect finds the cluster.
	Connect connect.Flags
	// Timeout bounds each step.
	Timeout time.Duration
	// Output is "text" or "json".
	Output string
}

// NewCmdDoctor returns the command. runF replaces what it does, for tests of the flags; nil for the real thing.
func NewCmdDoctor(f *cli.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	o := &Options{}
	if runF == nil {
		runF = func(ctx context.Context, o *Options) error { return Run(ctx, f, o) }
	}
	cmd := &cobra.Command{
		Use:   "doctor [TOPIC]",
		Short: "Find out why a producer cannot write",
		Long: `Go a producer's way step by step, with its configuration and from this machine, and say of each step whether it passes,
is worth a warning, or fails, with the cause and what to do: names, ports, certificates, the login, the protocol, the
addresses that brokers advertise, the topic, its replicas, this client's rights, limits of size and time, and the producer
id that idempotence needs.

Nothing is written and no topic is created.

Exit codes: 0 nothing would stop a producer, 1 wrong usage or configuration, 3 something would, 130 interrupted.`,
		Example: `  omnibus doctor orders --brokers localhost:9092
  omnibus doctor orders --config client.properties -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			errs := []error{cli.CheckOutput(o.Output)}
			if len(args) > 0 {
				o.Topic = args[0]
				errs = append(errs, admin.CheckTopic(o.Topic))
			}
			if o.Timeout < time.Millisecond {
				errs = append(errs, fmt.Errorf("--timeout is %v, want 1ms or more", o.Timeout))
			}
			if err := errors.Join(errs...); err != nil {
				return cli.Usage(err)
			}
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&o.Output, "output", "o", cli.OutputText, cli.OutputUsage)
	flags.DurationVar(&o.Timeout, "timeout", timeoutDefault, "how long each step may take")
	o.Connect.AddTo(flags)
	return cmd
}

// Run examines the cluster and prints each group's findings as they come. The error carries the exit code.
func Run(ctx context.Context, f *cli.Factory, o *Options) (err error) {
	target, err := o.Connect.Open(ctx, f)
	if err != nil {
		return err
	}
	defer target.End(&err)
	target.Log(f.Logger())
	report := newReport(f.IO.Out, o.Output)
	e, err := newExamination(target.Config, o)
	if err != nil {
		return cli.Usage(err)
	}
	defer e.close()
	for _, examine := range e.groups() {
		findings := examine(ctx)
		if cli.Interrupted(ctx) {
			return &cli.ExitError{Code: cli.ExitInterrupted}
		}
		if err := report.tell(findings); err != nil && !cli.OutputClosed(err) {
			return cli.Fatal(err)
		}
	}
	return report.end()
}
