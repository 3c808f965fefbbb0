package produce

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

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
		{"some unknown", Summary{Acked: 3, NotWritten: 1, Unknown: 1, badInput: true}, cli.ExitUnknown},
		{"bad input", Summary{Acked: 3, Skipped: 1, badInput: true}, cli.ExitBadInput},
		{"bad input and not written", Summary{Acked: 3, NotWritten: 1, badInput: true}, cli.ExitNotWritten},
		{"given up", Summary{Acked: 3, Unknown: 1, fatal: true}, cli.ExitFatal},
		{"interrupted", Summary{Unknown: 1, fatal: true, interrupted: true}, cli.ExitInterrupted},
	} {
		if got := test.s.exitCode(); got != test.want {
			t.Errorf("%s: exit code %d, want %d", test.name, got, test.want)
		}
	}
}

func TestSummaryJSONHasItsDocumentedNames(t *testing.T) {
	f, stdout, stderr := testFactory("")
	s := &Summary{Read: 1234567, Accepted: 1234567, Acked: 1234567, Topic: "orders", Cluster: "k:1", Partitions: []PartitionSummary{}}
	s.setTime(1500 * time.Millisecond)
	if err := report(f.IO, "json", s); err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &fields); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	for _, name := range strings.Fields("read skipped accepted acked not_written unknown retries bytes seconds records_per_second ack_ms partitions cluster topic") {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s is missing in %s", name, stdout)
		}
	}
	for _, want := range []string{"orders", "k:1", "1,234,567 of 1,234,567", "823,045 records/s"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("the summary for people does not say %q: %s", want, stderr)
		}
	}
}

func TestAClosedStandardOutputDoesNotChangeTheExitCode(t *testing.T) {
	f, _, stderr := testFactory("")
	f.IO.Out = brokenWriter{}
	if err := report(f.IO, "json", &Summary{Acked: 1}); err != nil {
		t.Errorf("error %v, want none", err)
	}
	if !strings.Contains(stderr.String(), "write the summary") {
		t.Errorf("standard error does not tell: %s", stderr)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestTallyCountsEveryOutcomeOnce(t *testing.T) {
	var stderr bytes.Buffer
	tally := newTally(newErrorPrinter(&stderr, func(uint64) string { return "here" }))
	for tag := range uint64(10_000) {
		tally.sending(tag+1, 3)
		var err error
		if tag%10 == 0 {
			err = &omnibus.RecordError{Tag: tag + 1, Err: errors.New("lost")}
		}
		tally.outcome(omnibus.Ack{Partition: int32(tag % 4), Offset: int64(tag / 4), Tag: tag + 1}, err)
	}
	s := tally.summary()
	if s.Acked != 9000 || tally.unknown.Load() != 1000 || s.NotWritten != 0 || s.Bytes != 30_000 {
		t.Errorf("acked %d, unknown %d, not written %d, bytes %d", s.Acked, tally.unknown.Load(), s.NotWritten, s.Bytes)
	}
	var sum uint64
	for _, p := range s.Partitions {
		sum += p.Acked
		if p.LastOffset != 2499 || p.FirstOffset > 10 {
			t.Errorf("partition %+v, want its offsets from about 0 to 2499", p)
		}
	}
	if len(s.Partitions) != 4 || sum != s.Acked {
		t.Errorf("%d partitions with %d acked, want 4 with %d", len(s.Partitions), sum, s.Acked)
	}
}

func TestAckLatencyIsMeasuredFromTheHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tally := newTally(newErrorPrinter(&bytes.Buffer{}, nil))
		for tag := uint64(1); tag <= 100; tag++ {
			tally.sending(tag, 1)
			if tag == 100 {
				<-time.After(90 * time.Millisecond)
			}
			<-time.After(10 * time.Millisecond)
			tally.outcome(omnibus.Ack{Tag: tag}, nil)
		}
		if p50, p99 := tally.latencies.quantiles(); p50 != 10 || p99 < 10 || p99 > 100 {
			t.Errorf("p50 %v ms, p99 %v ms; want 10 and 10 to 100", p50, p99)
		}
	})
}

func TestAnOverwrittenMeasurementIsDropped(t *testing.T) {
	tally := newTally(newErrorPrinter(&bytes.Buffer{}, nil))
	late := uint64(sampleEvery * (sampleAll + 1))
	tally.sending(late, 1)
	tally.sending(late+sampleEvery*sampleSlots, 1) // the same slot
	tally.outcome(omnibus.Ack{Tag: late}, nil)
	if tally.latencies.mu.seen != 0 {
		t.Error("a record was given another record's time")
	}
	tally.outcome(omnibus.Ack{Tag: late + sampleEvery*sampleSlots}, nil)
	if tally.latencies.mu.seen != 1 {
		t.Error("the record in the slot was not measured")
	}
}

func TestErrorsAreNamedByLineAndRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		printer := newErrorPrinter(&stderr, func(seq uint64) string { return "orders.txt:" + group(seq) })
		for tag := range uint64(1000) {
			printer.outcome(&omnibus.RecordError{Tag: tag + 1, Topic: "orders", Err: errors.New("lost")})
			<-time.After(3 * time.Millisecond)
		}
		printer.close()
		lines := strings.Count(stderr.String(), "\n")
		if lines < errorsAtOnce+2 || lines > errorsAtOnce+5 {
			t.Errorf("1000 errors within 3 s made %d lines:\n%s", lines, &stderr)
		}
		for _, want := range []string{"orders.txt:1: record for topic", "more errors like these"} {
			if !strings.Contains(stderr.String(), want) {
				t.Errorf("%q is missing:\n%s", want, &stderr)
			}
		}
	})
}
