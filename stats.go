package omnibus

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/histogram"
	"github.com/omnibus-kafka/omnibus/internal/sender"
)

// Stats is what the producer counted since Open, stage by stage. Counters only grow; the rest is as of now. Taking it
// costs a lock for each partition in use, so once a second is fine and once a record is not.
type Stats struct {
	RecordStats
	RequestStats
	BufferStats
	TimeStats
	CallbackStats
	NetworkStats
	MetadataStats
}

// RecordStats count records and the batches that they left with.
type RecordStats struct {
	// Accepted counts records that Enqueue took; Refused those it did not. Accepted is the sum of Acked, NotWritten,
	// Unknown and Pending, up to records that changed places while the numbers were read.
	Accepted, Refused int64
	// Acked counts records that are in the log, NotWritten those that are proven not to be, Unknown those nobody can
	// tell of, Pending those whose outcome is open.
	Acked, NotWritten, Unknown, Pending int64
	// Retries counts the records, RetriedBatches the batches, of attempts after the first.
	Retries, RetriedBatches int64
	// Batches counts departures by why the batch left: "full", "linger", "waiter", "flush", "pressure", "company",
	// "close", "retry".
	Batches map[string]int64
	// RecordsBytes counts the records that left, uncompressed; WireBytes what was acknowledged of them as it was sent,
	// batch headers included.
	RecordsBytes, WireBytes int64
	// CompressionRatio is the size of compressed batches divided by their size before; 1 without compression.
	CompressionRatio float64
}

// RequestStats count Produce requests.
type RequestStats struct {
	// Requests counts answered Produce requests, RequestsLost those whose answer never came, RequestsInFlight those on
	// their way now.
	Requests, RequestsLost, RequestsInFlight int64
	// Inquiries counts how often a leader was asked what it has of a partition, because answers were lost or it refused a
	// number; DataLosses how often it was found not to have what was acknowledged (Trace.DataLost).
	Inquiries, DataLosses int64
	// Throttled is the sum of the times for which brokers asked to be left alone.
	Throttled time.Duration
}

// BufferStats are the state of the buffer (Config.BufferBytes) and of those who wait for room in it.
type BufferStats struct {
	// BufferBytes is buffer.memory, BufferUsedBytes what records take of it, BufferHeldBytes the memory that the pool
	// keeps.
	BufferBytes, BufferUsedBytes, BufferHeldBytes int64
	// Blocked counts the callers that wait for memory now, Blocks those that ever did, BlockedTime how long together,
	// BufferExhausted those who gave up after max.block.ms.
	Blocked         int64
	Blocks          int64
	BlockedTime     time.Duration
	BufferExhausted int64
}

// TimeStats are where the time goes.
type TimeStats struct {
	// Boarding is the time from a batch's first record to its departure, RequestLatency from the hand-over of a request to
	// its connection to the answer, so that a write that blocks counts, AckLatency from a batch's first record to its
	// acknowledgement.
	Boarding, RequestLatency, AckLatency Distribution
	// BatchRecords is the number of records in a batch, as if it were in nanoseconds.
	BatchRecords Distribution
}

// CallbackStats count what runs of the application's code.
type CallbackStats struct {
	// CallbacksPending counts records whose callback has yet to run, CallbacksHeld callbacks that took over 10 ms,
	// Panics the panics of the application's code.
	CallbacksPending, CallbacksHeld, Panics int64
}

// NetworkStats count what went over the connections, those for metadata included.
type NetworkStats struct {
	// BytesOut and BytesIn count what went through the connections, ConnectionsOpened and ConnectionsClosed these.
	BytesOut, BytesIn, ConnectionsOpened, ConnectionsClosed int64
}

// MetadataStats are how what is known of the cluster came about.
type MetadataStats struct {
	// MetadataAge is the age of what is known of the cluster, -1 before anything is. MetadataRefreshes and
	// MetadataFailures count requests for it, LeaderChanges and PartitionsAdded what they brought, Rebootstraps the
	// returns to Config.Brokers.
	MetadataAge                                                                       time.Duration
	MetadataRefreshes, MetadataFailures, LeaderChanges, PartitionsAdded, Rebootstraps int64
}

// Distribution is a histogram of times, read once.
type Distribution struct{ snapshot histogram.Snapshot }

// Count is the number of times that were measured.
func (d *Distribution) Count() int64 { return int64(d.snapshot.Count) }

// Quantile is the time that a share q of all measured times, from 0 to 1, does not exceed; 0 if there are none. It is
// exact to about 3 %.
func (d *Distribution) Quantile(q float64) time.Duration {
	return time.Duration(d.snapshot.Quantile(q))
}

// Max is the longest time.
func (d *Distribution) Max() time.Duration { return time.Duration(d.snapshot.Max) }

// Mean is the average time.
func (d *Distribution) Mean() time.Duration {
	if d.snapshot.Count == 0 {
		return 0
	}
	return time.Duration(int64(d.snapshot.Sum) / int64(d.snapshot.Count))
}

// Stats returns what the producer counted so far.
func (p *Producer) Stats() Stats {
	var s Stats
	s.Accepted = p.pipeline.Accepted()
	s.fromSender(p.pipeline.Sender.Stats())
	s.Pending = max(s.Accepted-s.Acked-s.NotWritten-s.Unknown, 0)
	s.fromPool(p)
	s.fromRest(p)
	return s
}

func (s *Stats) fromSender(from *sender.Stats) {
	s.Acked, s.NotWritten, s.Unknown = from.Acked.Load(), from.NotWritten.Load(), from.Unknown.Load()
	s.Retries, s.RetriedBatches = from.RetriedRecords.Load(), from.RetriedBatches.Load()
	s.Batches = make(map[string]int64)
	for i, name := range sender.ReasonNames() {
		if n := from.Batches[i].Load(); n > 0 {
			s.Batches[name] = n
		}
	}
	s.RecordsBytes, s.WireBytes = from.RecordsBytes.Load(), from.WireBytes.Load()
	s.CompressionRatio = 1
	if before := from.UncompressedBytes.Load(); before > 0 {
		s.CompressionRatio = float64(from.CompressedBytes.Load()) / float64(before)
	}
	s.Requests, s.RequestsLost = from.Requests.Load(), from.RequestsLost.Load()
	s.Inquiries, s.DataLosses = from.Inquiries.Load(), from.Losses.Load()
	s.RequestsInFlight = from.InFlight.Load()
	s.Throttled = time.Duration(from.Throttle.Load())
	s.Boarding = Distribution{from.Boarding.Snapshot()}
	s.RequestLatency = Distribution{from.Request.Snapshot()}
	s.AckLatency = Distribution{from.Ack.Snapshot()}
	s.BatchRecords = Distribution{from.BatchRecords.Snapshot()}
}

func (s *Stats) fromPool(p *Producer) {
	pool := p.pipeline.PoolStats()
	s.BufferBytes, s.BufferUsedBytes, s.BufferHeldBytes = pool.Total, pool.Used, pool.Held
	s.Blocked, s.Blocks, s.BufferExhausted = int64(pool.Waiters), int64(pool.Waits), int64(pool.Exhausted)
	s.BlockedTime = pool.WaitTime
}

func (s *Stats) fromRest(p *Producer) {
	callbacks := p.pipeline.Callbacks.Stats()
	s.CallbacksPending, s.CallbacksHeld = int64(callbacks.PendingRecords), int64(callbacks.Held)
	s.Refused = p.failures.refused.Load()
	s.Panics = p.failures.panics.Load() + int64(callbacks.Panics)
	s.BytesOut, s.BytesIn = p.pipeline.Network.BytesOut.Load(), p.pipeline.Network.BytesIn.Load()
	s.ConnectionsOpened, s.ConnectionsClosed = p.pipeline.Network.Opened.Load(), p.pipeline.Network.Closed.Load()
	m := p.pipeline.Metadata.Stats()
	s.MetadataAge = m.Age
	s.MetadataRefreshes, s.MetadataFailures = int64(m.Refreshes), int64(m.Failures)
	s.LeaderChanges, s.PartitionsAdded, s.Rebootstraps = int64(m.LeaderChanges), int64(m.PartitionsAdded), int64(m.Rebootstraps)
}
