// Package topic is the command `omnibus topic`: topics are listed, described, created and deleted.
//
// Each subcommand answers for every topic that it was given, also after one of them failed: what was done goes to
// standard output, a line each, and what was not to standard error. The exit code is 3 if anything was not done.
package topic

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/internal/acl"
)

const exitHelp = "Exit codes: 0 done, 1 wrong usage or configuration, 3 not done, for one of the topics at least, 130 interrupted."

// NewCmdTopic returns the command with its subcommands.
func NewCmdTopic(f *cli.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "topic",
		Short: "List, describe, create and delete topics",
		Args:  cobra.NoArgs,
		RunE:  cli.NeedSubcommand,
	}
	cmd.AddCommand(newCmdCreate(f), newCmdList(f), newCmdDescribe(f), newCmdDelete(f))
	return cmd
}

// request is what the subcommands have in common.
type request struct {
	connect connect.Flags
	output  string
	topics  []string
}

// addTo registers the flags that every subcommand has, behind its own.
func (r *request) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&r.output, "output", "o", cli.OutputText, cli.OutputUsage)
	r.connect.AddTo(flags)
}

// check judges what every subcommand was told. Repeated topics count once.
func (r *request) check(topics []string) error {
	errs := []error{cli.CheckOutput(r.output)}
	for _, name := range topics {
		errs = append(errs, admin.CheckTopic(name))
	}
	r.topics = slices.Clone(topics)
	slices.Sort(r.topics)
	r.topics = slices.Compact(r.topics)
	return errors.Join(errs...)
}

// do opens the cluster, lets work ask it and write what came of it, and ends both. The error carries the exit code.
func (r *request) do(ctx context.Context, f *cli.Factory, work func(context.Context, *session) error) (err error) {
	target, err := r.connect.Open(ctx, f)
	if err != nil {
		return err
	}
	defer target.End(&err)
	target.Log(f.Logger())
	client, err := admin.Open(target.Config)
	if err != nil {
		return cli.Fatal(err)
	}
	defer client.Close()
	bounded, cancel := admin.Bounded(ctx)
	defer cancel()
	out := bufio.NewWriter(f.IO.Out)
	err = work(bounded, &session{client: client, who: admin.Identity(target.Config), cluster: target.Cluster, out: out})
	if flushErr := out.Flush(); flushErr != nil && !cli.OutputClosed(flushErr) {
		err = errors.Join(err, flushErr)
	}
	switch {
	case err == nil:
		return nil
	case cli.Interrupted(ctx):
		return &cli.ExitError{Code: cli.ExitInterrupted}
	}
	return cli.Fatal(err)
}

// session is a subcommand at work.
type session struct {
	client  *kadm.Client
	who     acl.Client
	cluster string // for people
	out     *bufio.Writer
}

// sorted returns the values of m in the order of their topics' names.
func sorted[T any](m map[string]T, name func(T) string) []T {
	values := make([]T, 0, len(m))
	for _, value := range m {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b T) int { return cmp.Compare(name(a), name(b)) })
	return values
}
