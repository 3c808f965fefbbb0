package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// NeedSubcommand is what a command that only groups others does by itself: it refuses, where cobra would print the help
// and exit as if something had been done. Its Args are cobra.NoArgs.
func NeedSubcommand(cmd *cobra.Command, _ []string) error {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return Usage(fmt.Errorf("%s does nothing by itself, want one of: %s", cmd.CommandPath(), strings.Join(names, ", ")))
}
