package sender

import (
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/histogram"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
)

// Stats are what the sender counts, batch by batch. All of it may be read at any time.
type Stats struct {
	// Records by their outcome.
	Acked, NotWritten, Unknown atomic.Int64
	// Retries counts attempts after the first, in batches and in records.
	RetriedBatches, RetriedRecords atomic.Int64
	// Batches counts departures by reason, retries included; use Reasons for the names.
	Batches [batch.Reasons]atomic.Int64
	// RecordsBytes counts the uncompressed records that left, WireBytes what became of them; CompressedBytes and
	// UncompressedBytes count the batches that went through a codec only.
	RecordsBytes, WireBytes            atomic.Int64
	CompressedBytes, UncompressedBytes atomic.Int64
	// Requests counts Produce requests that were answered, RequestsLost those that were not.
	Requests, RequestsLost atomic.Int64
	// Inquiries counts partitions about which a leader was asked what it has; Losses those that were found to have lost what
	// was acknowledged.
	Inquiries, Losses atomic.Int64
	// InFlight counts requests on the way.
	InFlight atomic.Int64
	// Throttle is the sum of the times for which brokers asked for silence, in nanoseconds.
	Throttle atomic.Int64

	// Boarding is the time from a batch's first record to its departure; Request from the hand-over to the connection to
	// the answer; Ack from the first record to the outcome. All in nanoseconds. BatchRecords is the number of records a
	// batch.
	Boarding, Request, Ack, BatchRecords histogram.Histogram
}

// ReasonNames are the names of the reasons by their place in Stats.Batches.
func ReasonNames() []string {
	names := make([]string, batch.Reasons)
	for r := range batch.Reasons {
		names[r] = r.String()
	}
	return names
}

func (s *Stats) departed(b *batch.Batch, why batch.Reason, age time.Duration) {
	s.Batches[why].Add(1)
	if b.Sender.Departed {
		return
	}
	s.Boarding.Record(int64(age))
	s.BatchRecords.Record(int64(b.Count()))
	s.RecordsBytes.Add(int64(b.RecordsBytes()))
}

func (s *Stats) encoded(e encoding) {
	s.UncompressedBytes.Add(int64(e.before))
	s.CompressedBytes.Add(int64(e.after))
}

func (s *Stats) retried(b *batch.Batch) {
	s.RetriedBatches.Add(1)
	s.RetriedRecords.Add(int64(b.Count()))
}

func (s *Stats) resolved(b *batch.Batch, o batch.Outcome, age time.Duration) {
	records := int64(b.Count())
	switch {
	case o.Failure == nil:
		s.Acked.Add(records)
		s.WireBytes.Add(int64(b.Bytes()))
		s.Ack.Record(int64(age))
	case o.Failure.NotWritten:
		s.NotWritten.Add(records)
	default:
		s.Unknown.Add(records)
	}
}

func (s *Stats) answered(r *core.Request, throttle time.Duration, err error) {
	s.InFlight.Add(-1)
	s.Throttle.Add(int64(throttle))
	if err != nil {
		s.RequestsLost.Add(1)
		return
	}
	s.Requests.Add(1)
	if !r.AnsweredAt.IsZero() {
		s.Request.Record(int64(r.AnsweredAt.Sub(r.QueuedAt)))
	}
}
