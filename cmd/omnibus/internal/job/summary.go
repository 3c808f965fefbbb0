package job

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// Summary is what became of the input. Its JSON form is what --summary json prints.
type Summary struct {
	// Read records are Accepted or Skipped, and Accepted ones are Acked, NotWritten or Unknown: there is no third way.
	Read       uint64 `json:"read"`
	Skipped    uint64 `json:"skipped"`
	Accepted   uint64 `json:"accepted"`
	Acked      uint64 `json:"acked"`
	NotWritten uint64 `json:"not_written"`
	Unknown    uint64 `json:"unknown"`
	// Retries counts the records of attempts after the first.
	Retries uint64 `json:"retries"`
	// Bytes counts keys and values of accepted records, before compression.
	Bytes uint64 `json:"bytes"`
	// Seconds is from the first record's reading to the last outcome; RecordsPerSecond counts acknowledged records.
	Seconds          float64 `json:"seconds"`
	RecordsPerSecond float64 `json:"records_per_second"`
	// ThrottledSeconds is the sum of the times for which brokers asked to be left alone, because the client was over its
	// quota. Several brokers ask at once, so that it may exceed Seconds.
	ThrottledSeconds float64 `json:"throttled_seconds"`
	// AckMillis is the time from the first record of a batch to the acknowledgement of that batch.
	AckMillis quantiles `json:"ack_ms"`
	// Partitions lists those that acknowledged records.
	Partitions []PartitionSummary `json:"partitions"`
	// Cluster is where the records went, as the user named it, and Topic their topic; of several, separated by commas.
	Cluster string `json:"cluster"`
	Topic   string `json:"topic"`

	trouble trouble
}

// trouble is what a summary knows besides its numbers.
type trouble struct {
	interrupted, badInput, fatal bool
	leftOut                      uint64 // of the skipped ones: in doubt, and not to be sent again
	letters, lost                uint64 // of the dead-letter file
}

// quantiles are in milliseconds.
type quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// PartitionSummary is what one partition acknowledged. Offsets are -1 where the broker did not tell (acks=0).
type PartitionSummary struct {
	Topic       string `json:"topic,omitempty"` // where there are several
	Partition   int32  `json:"partition"`
	Acked       uint64 `json:"acked"`
	FirstOffset int64  `json:"first_offset"`
	LastOffset  int64  `json:"last_offset"`
}

// summary sums up, once nothing is going on any more.
func (j *job) summary(ctx context.Context, took time.Duration) *Summary {
	stats := j.producer.Stats()
	s := &Summary{
		Read: j.source.Count(), Skipped: j.own.skipped, NotWritten: j.tally.notWritten.Load(),
		Retries: uint64(stats.Retries), Bytes: j.own.bytes, ThrottledSeconds: stats.Throttled.Seconds(),
		AckMillis:  quantiles{milliseconds(&stats.AckLatency, 0.50), milliseconds(&stats.AckLatency, 0.99)},
		Partitions: j.tally.partitions(), Topic: j.topic,
		trouble: trouble{
			interrupted: cli.Interrupted(ctx), badInput: j.own.bad, fatal: j.own.fatal || stats.Panics > 0,
			leftOut: j.own.leftOut,
		},
	}
	for i := range s.Partitions {
		s.Acked += s.Partitions[i].Acked
		if j.topic != "" {
			s.Partitions[i].Topic = ""
		}
	}
	if j.topic == "" {
		s.Topic = strings.Join(j.tally.topics(), ",")
	}
	s.Accepted = s.Read - s.Skipped
	s.Unknown = s.Accepted - s.Acked - s.NotWritten // also what nobody told of
	s.trouble.letters, s.trouble.lost = j.letters.Counts()
	s.setTime(took)
	return s
}

func milliseconds(d *omnibus.Distribution, q float64) float64 {
	return float64(d.Quantile(q).Microseconds()) / 1000
}

// setTime notes how long it all took.
func (s *Summary) setTime(took time.Duration) {
	s.Seconds = math.Round(took.Seconds()*1000) / 1000
	if took > 0 {
		s.RecordsPerSecond = math.Round(float64(s.Acked) / took.Seconds())
	}
}

// exitCode is the gravest of what happened.
func (s *Summary) exitCode() int {
	var codes []int
	add := func(holds bool, code int) {
		if holds {
			codes = append(codes, code)
		}
	}
	add(s.trouble.interrupted, cli.ExitInterrupted)
	add(s.trouble.fatal || s.NotWritten > 0 && s.Acked == 0 && s.Unknown == 0, cli.ExitFatal)
	add(s.Unknown > 0 || s.trouble.leftOut > 0, cli.ExitUnknown)
	add(s.NotWritten > 0, cli.ExitNotWritten)
	add(s.trouble.badInput, cli.ExitBadInput)
	return cli.Gravest(codes...)
}

// text is the summary in one sentence for people.
func (s *Summary) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "omnibus: %s on %s: %s of %s records acked", s.Topic, s.Cluster, group(s.Acked), group(s.Read))
	fmt.Fprintf(&b, ", %s not written, %s unknown", group(s.NotWritten), group(s.Unknown))
	if s.Skipped > 0 {
		fmt.Fprintf(&b, ", %s skipped", group(s.Skipped))
	}
	fmt.Fprintf(&b, " in %.3g s (%s records/s", s.Seconds, group(uint64(s.RecordsPerSecond)))
	if s.Acked > 0 {
		fmt.Fprintf(&b, ", ack p50 %.3g ms, p99 %.3g ms", s.AckMillis.P50, s.AckMillis.P99)
	}
	b.WriteString(")")
	if s.ThrottledSeconds > 0 {
		fmt.Fprintf(&b, "; throttled for %.3g s by the brokers' quotas", s.ThrottledSeconds)
	}
	b.WriteString(s.trouble.text())
	return b.String()
}

// text is what follows the numbers.
func (t *trouble) text() string {
	var b strings.Builder
	if t.leftOut > 0 {
		fmt.Fprintf(&b, "; %s skipped because they may have been written already (--in-doubt sends them, too)", group(t.leftOut))
	}
	if t.letters > 0 {
		fmt.Fprintf(&b, "; %s kept in the dead-letter file", group(t.letters-t.lost))
	}
	if t.lost > 0 {
		fmt.Fprintf(&b, ", %s lost because it could not be written", group(t.lost))
	}
	switch {
	case t.interrupted:
		b.WriteString("; interrupted, the rest of the input was not read")
	case t.fatal:
		b.WriteString("; given up, the rest of the input was not read")
	}
	return b.String()
}

// group writes a number with a comma between thousands.
func group(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// report tells the summary and returns the exit code as an error, nil for 0. A standard output that nobody reads any more
// changes neither the outcome nor the code.
func (s *Summary) report(io *cli.IO, form string) error {
	fmt.Fprintln(io.Err, s.text())
	if form == summaryJSON {
		if err := json.NewEncoder(io.Out).Encode(s); err != nil {
			fmt.Fprintf(io.Err, "omnibus: write the summary: %v\n", err)
		}
	}
	if code := s.exitCode(); code != cli.ExitOK {
		return &cli.ExitError{Code: code}
	}
	return nil
}
