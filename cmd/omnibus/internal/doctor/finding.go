package doctor

import (
	"fmt"
	"io"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// Status is how a step went.
type Status string

// The statuses.
const (
	Pass Status = "pass" // as it should be
	Note Status = "note" // as it should be, and could be better
	Warn Status = "warn" // works, and is not as it should be
	Fail Status = "fail" // would stop a producer
)

// Finding is what one step found.
type Finding struct {
	// Check names the step.
	Check string `json:"check"`
	// Status is how it went.
	Status Status `json:"status"`
	// Subject is what was looked at: an address, a broker, a topic, a setting.
	Subject string `json:"subject"`
	// Text is what was found, which for one that does not pass is the cause.
	Text string `json:"text"`
	// Fix is what to do; empty for one that passes.
	Fix string `json:"fix,omitempty"`
}

func pass(check, subject, format string, args ...any) Finding {
	return Finding{Check: check, Status: Pass, Subject: subject, Text: fmt.Sprintf(format, args...)}
}

// fault is what is wrong, and what to do about it.
type fault struct{ text, fix string }

func (f fault) fails(check, subject string) Finding {
	return Finding{Check: check, Status: Fail, Subject: subject, Text: f.text, Fix: f.fix}
}

func (f fault) notes(check, subject string) Finding {
	return Finding{Check: check, Status: Note, Subject: subject, Text: f.text, Fix: f.fix}
}

func (f fault) warns(check, subject string) Finding {
	return Finding{Check: check, Status: Warn, Subject: subject, Text: f.text, Fix: f.fix}
}

// report prints findings and remembers how many there were of each status.
type report struct {
	out    io.Writer
	output string

	counts map[Status]int
	first  string // the first failure
}

func newReport(out io.Writer, output string) *report {
	return &report{out: out, output: output, counts: make(map[Status]int)}
}

// tell prints findings.
func (r *report) tell(findings []Finding) error {
	for _, f := range findings {
		r.counts[f.Status]++
		if f.Status == Fail && r.first == "" {
			r.first = f.Subject + ": " + f.Text
		}
		if err := r.print(&f); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) print(f *Finding) error {
	if r.output == cli.OutputJSON {
		return cli.JSONLine(r.out, f)
	}
	_, err := fmt.Fprintf(r.out, "%s  %-12s %s: %s\n", f.Status, f.Check, f.Subject, f.Text)
	if err == nil && f.Fix != "" {
		_, err = fmt.Fprintf(r.out, "      fix:         %s\n", f.Fix)
	}
	return err
}

// end sums up and returns the command's error.
func (r *report) end() error {
	if r.output == cli.OutputText {
		fmt.Fprintf(r.out, "%d passed, %d noted, %d warned, %d failed\n", r.counts[Pass], r.counts[Note], r.counts[Warn], r.counts[Fail])
	}
	if r.first == "" {
		return nil
	}
	return cli.Fatal(fmt.Errorf("a producer would be stopped: %s", r.first))
}
