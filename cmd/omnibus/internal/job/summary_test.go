package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// streams are a command's streams into buffers.
func streams() (io *cli.IO, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return &cli.IO{In: strings.NewReader(""), Out: stdout, Err: cli.Serialized(stderr)}, stdout, stderr
}

func TestExitCodeOfASummary(t *testing.T) {
	for _, test := range []struct {
		name string
		s    Summary
		want int
	}{
		{"all acked", Summary{Acked: 3}, cli.ExitOK},
		{"nothing to do", Summary{}, cli.ExitOK},
		{"some not written", Summary{Acked: 3, NotWritten: 1}, cli.ExitNotWritten},
		{"none written", Summary{NotWritten: 4}, cli.ExitFatal},
		{"none known to be written", Summary{NotWritten: 4, Unknown: 1}, cli.ExitUnknown},
		{"some unknown", Summary{Acked: 3, NotWritten: 1, Unknown: 1, trouble: trouble{badInput: true}}, cli.ExitUnknown},
		{"some left out in doubt", Summary{Acked: 3, Skipped: 1, trouble: trouble{leftOut: 1, badInput: true}}, cli.ExitUnknown},
		{"bad input", Summary{Acked: 3, Skipped: 1, trouble: trouble{badInput: true}}, cli.ExitBadInput},
		{"nothing but bad input", Summary{Skipped: 1, trouble: trouble{badInput: true}}, cli.ExitBadInput},
		{"bad input and not written", Summary{Acked: 3, NotWritten: 1, trouble: trouble{badInput: true}}, cli.ExitNotWritten},
		{"bad input and none written", Summary{NotWritten: 1, trouble: trouble{badInput: true}}, cli.ExitFatal},
		{"given up", Summary{Acked: 3, Unknown: 1, trouble: trouble{fatal: true}}, cli.ExitFatal},
		{"interrupted", Summary{Unknown: 1, trouble: trouble{fatal: true, interrupted: true}}, cli.ExitInterrupted},
		{"interrupted with all acked", Summary{Acked: 1, trouble: trouble{interrupted: true}}, cli.ExitInterrupted},
		{"letters that were lost", Summary{Acked: 3, NotWritten: 1, trouble: trouble{letters: 1, lost: 1}}, cli.ExitNotWritten},
	} {
		if got := test.s.exitCode(); got != test.want {
			t.Errorf("%s: exit code %d, want %d", test.name, got, test.want)
		}
	}
}

func TestSummaryJSONHasExactlyItsDocumentedNames(t *testing.T) {
	io, stdout, stderr := streams()
	s := &Summary{
		Read: 1234567, Accepted: 1234567, Acked: 1234567, Topic: "orders", Cluster: "k:1", Partitions: []PartitionSummary{}, ThrottledSeconds: 12.25,
		trouble: trouble{letters: 7, leftOut: 2},
	}
	s.setTime(1500 * time.Millisecond)
	s.report(io, summaryJSON)
	var fields map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &fields); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	var got []string
	for name := range fields {
		got = append(got, name)
	}
	slices.Sort(got)
	want := strings.Fields("accepted ack_ms acked bytes cluster not_written partitions read records_per_second retries seconds skipped throttled_seconds topic unknown")
	if !slices.Equal(got, want) {
		t.Errorf("fields %v\nwant %v", got, want)
	}
	if latency, ok := fields["ack_ms"].(map[string]any); !ok || len(latency) != 2 || latency["p50"] == nil || latency["p99"] == nil {
		t.Errorf("ack_ms is %v, want p50 and p99", fields["ack_ms"])
	}
	for _, want := range []string{"orders", "k:1", "1,234,567 of 1,234,567", "823,045 records/s", "throttled for 12.2 s by the brokers' quotas"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("the summary for people does not say %q: %s", want, stderr)
		}
	}
}

func TestTheSummaryForPeopleTellsTheTrouble(t *testing.T) {
	for _, test := range []struct {
		trouble trouble
		want    string
	}{
		{trouble{}, ""},
		{trouble{letters: 1200}, "1,200 kept in the dead-letter file"},
		{trouble{letters: 5, lost: 2}, "3 kept in the dead-letter file, 2 lost because it could not be written"},
		{trouble{leftOut: 3}, "3 skipped because they may have been written already"},
		{trouble{interrupted: true, fatal: true}, "interrupted, the rest"},
		{trouble{fatal: true}, "given up, the rest"},
	} {
		if got := test.trouble.text(); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%+v: %q, want %q", test.trouble, got, test.want)
		}
	}
}

func TestAClosedStandardOutputDoesNotChangeTheExitCode(t *testing.T) {
	io, _, stderr := streams()
	io.Out = brokenWriter{}
	if err := (&Summary{Acked: 1}).report(io, summaryJSON); err != nil {
		t.Errorf("error %v, want none", err)
	}
	if !strings.Contains(stderr.String(), "write the summary") {
		t.Errorf("standard error does not tell: %s", stderr)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("closed") }
