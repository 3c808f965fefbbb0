package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// RefuseEmpty refuses flags that were given with an empty text, which is what a shell makes of a variable that is not set: --dlq
// "$LETTERS" would keep no letter, and --key "$KEY" send no key, without a word. Flags whose empty text means something are
// a TextFlag.
func RefuseEmpty(cmd *cobra.Command, _ []string) error {
	var errs []error
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Value.Type() == "string" && flag.Value.String() == "" {
			errs = append(errs, fmt.Errorf("--%s is empty: say what it should be, or leave the flag out", flag.Name))
		}
	})
	if len(errs) == 0 {
		return nil
	}
	return Usage(errors.Join(errs...))
}
