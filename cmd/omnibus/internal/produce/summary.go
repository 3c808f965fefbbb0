package produce

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

// Summary is what became of the input. Its JSON form is what --summary json prints.
type Summary struct {
	// Read lines are Accepted or Skipped, and Accepted ones are Acked, NotWritten or Unknown: there is no third way.
	Read       uint64 `json:"read"`
	Skipped    uint64 `json:"skipped"`
	Accepted   uint64 `json:"accepted"`
	Acked      uint64 `json:"acked"`
	NotWritten uint64 `json:"not_written"`
	Unknown    uint64 `json:"unknown"`
	// Retries counts the records of attempts after the first.
	Retries uint64 `json:"retries"`
	// Bytes counts keys and values of the records handed over, before compression.
	Bytes uint64 `json:"bytes"`
	// Seconds is from the first line's reading to the last outcome; RecordsPerSecond counts acknowledged records.
	Seconds          float64 `json:"seconds"`
	RecordsPerSecond float64 `json:"records_per_second"`
	// AckMillis is the time from handing a record over to its acknowledgement, sampled.
	AckMillis struct {
		P50 float64 `json:"p50"`
		P99 float64 `json:"p99"`
	} `json:"ack_ms"`
	// Partitions lists those that acknowledged records.
	Partitions []PartitionSummary `json:"partitions"`
	Cluster    string             `json:"cluster"`
	Topic      string             `json:"topic"`

	interrupted, badInput, fatal bool
}

// PartitionSummary is what one partition acknowledged. Offsets are -1 where the broker did not tell (acks=0).
type PartitionSummary struct {
	Partition   int32  `json:"partition"`
	Acked       uint64 `json:"acked"`
	FirstOffset int64  `json:"first_offset"`
	LastOffset  int64  `json:"last_offset"`
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
	add(s.interrupted, cli.ExitInterrupted)
	add(s.fatal || s.NotWritten > 0 && s.Acked == 0 && s.Unknown == 0, cli.ExitFatal)
	add(s.Unknown > 0, cli.ExitUnknown)
	add(s.NotWritten > 0, cli.ExitNotWritten)
	add(s.badInput, cli.ExitBadInput)
	return cli.Gravest(codes...)
}

// text is the summary in one sentence for people.
func (s *Summary) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "omnibus: %s on %s: %s of %s lines acked", s.Topic, s.Cluster, group(s.Acked), group(s.Read))
	fmt.Fprintf(&b, ", %s not written, %s unknown", group(s.NotWritten), group(s.Unknown))
	if s.Skipped > 0 {
		fmt.Fprintf(&b, ", %s skipped", group(s.Skipped))
	}
	fmt.Fprintf(&b, " in %.3g s (%s records/s", s.Seconds, group(uint64(s.RecordsPerSecond)))
	if s.Acked > 0 {
		fmt.Fprintf(&b, ", ack p50 %.3g ms, p99 %.3g ms", s.AckMillis.P50, s.AckMillis.P99)
	}
	b.WriteString(")")
	if s.interrupted {
		b.WriteString("; interrupted, the rest of the input was not read")
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
func report(io *cli.IO, form string, s *Summary) error {
	fmt.Fprintln(io.Err, s.text())
	if form == "json" {
		if err := json.NewEncoder(io.Out).Encode(s); err != nil {
			fmt.Fprintf(io.Err, "omnibus: write the summary: %v\n", err)
		}
	}
	if code := s.exitCode(); code != cli.ExitOK {
		return &cli.ExitError{Code: code}
	}
	return nil
}
