// Package completion tells the shell what can come next on the command line: topics, as the cluster that the line so far
// names has them, settings' names, the values of flags that have few, files. The scripts that ask are those of
// `omnibus completion`.
//
// It works on the finished tree of commands and knows them by their usage lines and flags alone, so that a command gets
// its completions by naming its arguments and flags like the others.
package completion

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/dialect"
)

// patience is how long somebody who pressed Tab waits for a cluster.
const patience = 2 * time.Second

// flagValues are the values of flags that have few.
var flagValues = map[string][]string{
	"acks":         {"all", "1", "0"},
	"compression":  {"none", "gzip", "snappy", "lz4", "zstd"},
	"crlf":         {"keep", "strip"},
	"dialect":      {"java", "librdkafka", "rpk"},
	"format":       {"lines", "envelope", "csv", "tsv", "raw"},
	"on-bad-input": {"fail", "skip", "dlq"},
	"partitioner":  {"default", "keyed-round-robin", "round-robin", "consistent", "consistent_random", "sarama-hash", "sarama-reference-hash"},
	"summary":      {"text", "json"},
}

// Add gives the command, and all below it, their completions.
func Add(cmd *cobra.Command, f *cli.Factory) {
	topics := &topics{factory: f}
	if cmd.ValidArgsFunction == nil {
		switch arguments := strings.Fields(cmd.Use)[1:]; {
		case cmd.HasSubCommands():
		case len(arguments) > 0 && strings.Trim(arguments[0], "[]…") == "TOPIC":
			cmd.ValidArgsFunction = topics.complete(arguments)
		case len(arguments) == 0:
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { addFlag(cmd, flag) })
	for _, sub := range cmd.Commands() {
		Add(sub, f)
	}
}

// addFlag gives one flag its completion, unless its command has seen to that.
func addFlag(cmd *cobra.Command, flag *pflag.Flag) {
	if _, exists := cmd.GetFlagCompletionFunc(flag.Name); exists || flag.NoOptDefVal != "" {
		return
	}
	complete := cobra.CompletionFunc(cobra.NoFileCompletions)
	switch {
	case flag.Usage == cli.OutputUsage:
		complete = cobra.FixedCompletions([]string{cli.OutputText, cli.OutputJSON}, cobra.ShellCompDirectiveNoFileComp)
	case flagValues[flag.Name] != nil:
		complete = cobra.FixedCompletions(flagValues[flag.Name], cobra.ShellCompDirectiveNoFileComp)
	case flag.Name == "set":
		complete = settings
	case flag.Name == "config":
		complete = cobra.FixedCompletions([]string{"properties", "conf", "config", "yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt)
	case flag.Name == "data":
		complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case flag.Name == "dlq":
		return // a file, which is what shells complete by themselves
	}
	if err := cmd.RegisterFlagCompletionFunc(flag.Name, complete); err != nil {
		// invariant: the flag exists, and has no completion yet: both were looked up above.
		panic(err)
	}
}

// settings completes -X: the name of a setting with its "=", and behind that the values of switches.
func settings(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	name, _, named := strings.Cut(typed, "=")
	var completions []cobra.Completion
	whose, _ := cmd.Flags().GetString("dialect")
	for _, own := range dialect.Dialect(whose).Settings() {
		if !named && strings.HasPrefix(own, typed) {
			completions = append(completions, own+"=")
		}
	}
	if len(completions) > 0 {
		return completions, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for _, property := range (omnibus.Config{}).Properties() {
		switch {
		case property.Support != omnibus.Honoured:
		case !named && strings.HasPrefix(property.Name, typed):
			completions = append(completions, property.Name+"=")
		case named && property.Name == name && property.Type == "BOOLEAN":
			return []cobra.Completion{name + "=true", name + "=false"}, cobra.ShellCompDirectiveNoFileComp
		}
	}
	return completions, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// topics completes the names of topics.
type topics struct{ factory *cli.Factory }

// complete is for a command with these arguments in its usage line: "TOPIC…" is any number of topics, and files come
// behind a single one if the line has them.
func (t *topics) complete(arguments []string) cobra.CompletionFunc {
	many := strings.Contains(arguments[0], "…")
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case len(args) > 0 && !many && len(arguments) > 1:
			return nil, cobra.ShellCompDirectiveDefault
		case len(args) > 0 && !many:
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := slices.DeleteFunc(t.list(cmd), func(name string) bool { return slices.Contains(args, name) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// list is the names of the cluster's topics; none if they cannot be had soon. An embedded broker is not started for it.
func (t *topics) list(cmd *cobra.Command) []string {
	flags := cmd.Flags()
	if embedded, err := flags.GetBool("embedded"); err != nil || embedded {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), patience)
	defer cancel()
	var from connect.Flags
	from.Brokers, _ = flags.GetString("brokers") // a command without one of these flags is one without its value
	from.ConfigFile, _ = flags.GetString("config")
	from.Dialect, _ = flags.GetString("dialect")
	from.Settings, _ = flags.GetStringArray("set")
	target, err := from.Open(ctx, t.factory)
	if err != nil {
		return nil
	}
	client, err := admin.Open(target.Config)
	if err != nil {
		return nil
	}
	defer client.Close()
	found, err := client.ListTopics(ctx)
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(found))
}
