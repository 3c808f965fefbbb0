package job

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
)

// What --on-bad-input and --summary may be.
const (
	onBadFail   = "fail"
	onBadSkip   = "skip"
	onBadDLQ    = "dlq"
	summaryText = "text"
	summaryJSON = "json"
)

// Flags say how records travel, what is shown of it, and what becomes of those that do not get through.
type Flags struct {
	// Delivery are short ways to write Java's settings.
	Delivery Delivery
	// Sync is --sync: send a record when the one before it was acknowledged, and none behind one that failed.
	Sync bool
	// Rate is --rate, records or bytes a second; empty for no bound.
	Rate string
	// OnBadInput is --on-bad-input: fail to stop at bad input, skip to go on, dlq to go on and keep it.
	OnBadInput string
	// DLQ is --dlq, the dead-letter file; empty for none.
	DLQ string
	// Output is -o, the format of a line for each acknowledged record; empty for none.
	Output string
	// Summary is text, or json for one on standard output besides.
	Summary string
	// ProgressInterval is --progress-interval; negative for the default, 0 for no progress.
	ProgressInterval time.Duration
}

// AddTo registers the flags with a command.
func (f *Flags) AddTo(flags *pflag.FlagSet) {
	f.Delivery.AddTo(flags)
	flags.BoolVar(&f.Sync, "sync", false, "send a record when the one before it was acknowledged, and stop at one that was not")
	flags.StringVar(&f.Rate, "rate", "", "send no more than so much a second: `rate` is records (500/s) or bytes (10MB/s, 64KiB/s)")
	flags.StringVar(&f.OnBadInput, "on-bad-input", onBadFail,
		"at bad input fail (stop reading), skip (go on) or dlq (go on, and keep it in the --dlq file); all exit 4")
	flags.StringVar(&f.DLQ, "dlq", "", "append a line to this `file` for each record that did not get through; see omnibus replay")
	flags.StringVarP(&f.Output, "output", "o", "", "print a line for each acknowledged record, in this `format`, such as '%p %o\\n'")
	flags.StringVar(&f.Summary, "summary", summaryText, "text, or json for a JSON object on standard output besides")
	flags.DurationVar(&f.ProgressInterval, "progress-interval", -1,
		"show the progress so often; 0 for never (default 250ms on a terminal, else a line each 10s)")
	flags.Lookup("progress-interval").DefValue = "0s" // which help texts leave out
}

// check reports every mistake in the flags that is seen without trying.
func (f *Flags) check() error {
	var errs []error
	choice := func(name, value string, allowed ...string) {
		for _, one := range allowed {
			if value == one {
				return
			}
		}
		errs = append(errs, fmt.Errorf("%s is %q, want one of %v", name, value, allowed))
	}
	choice("--on-bad-input", f.OnBadInput, onBadFail, onBadSkip, onBadDLQ)
	choice("--summary", f.Summary, summaryText, summaryJSON)
	if f.OnBadInput == onBadDLQ && f.DLQ == "" {
		errs = append(errs, errors.New("--on-bad-input is dlq and there is no file for it: name one with --dlq FILE"))
	}
	if f.ProgressInterval > 0 && f.ProgressInterval < 10*time.Millisecond {
		errs = append(errs, fmt.Errorf("--progress-interval is %v, want 10ms or more, or 0 for none", f.ProgressInterval))
	}
	return errors.Join(errs...)
}

// settings are the flags that are settings, under their Java names.
func (f *Flags) settings() ([]connect.Setting, error) {
	settings, err := f.Delivery.Settings()
	if f.Sync && f.Delivery.linger == "" { // nothing comes that a record could wait for
		settings = append(settings, connect.Setting{Name: "linger.ms", Value: "0", Origin: "--sync"})
	}
	return settings, err
}

// interval is how often to show progress, 0 for never.
func (f *Flags) interval(io *cli.IO) time.Duration {
	switch {
	case io.Status != nil && io.OutTerminal && f.Output != "":
		return 0 // it would run into the lines on standard output
	case f.ProgressInterval >= 0:
		return f.ProgressInterval
	case io.Status != nil:
		return statusInterval
	}
	return lineInterval
}
