package batch

import (
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// State is where a batch stands with the send loop.
type State uint8

// The states in the order of a batch's life, until its outcome. A retry goes from InFlight back to Waiting.
const (
	Building  State = iota // not announced yet
	Waiting                // closed or still building, not on any request
	Departing              // numbered and on a request that is being encoded
	InFlight               // handed to a connection
)

// Batch is a record batch for one partition. See the package doc for its life and owners.
type Batch struct {
	building building // first, with manifest: what a record touches, in as few cache lines as there can be
	manifest manifest

	// Owner is the partition's handle in the accumulator, opaque here.
	Owner any
	// Created is when the first record boarded, on the producer's monotonic clock.
	Created time.Duration
	// First is the number of the first record among all that ever boarded the partition, from 0.
	First int64
	// Aged is set when the first record is older than a broker may remember its producer by: brokers forget a producer by
	// its records' timestamps (producer.id.expiration.ms, a day), not by when they came.
	Aged bool

	body     body
	result   *Result
	seatBase int // of the first record, in the result of the batch that was split
	// whole is the batch of which this one is a part; its slabs stay until all parts are done.
	whole *Batch

	// Sender is the send loop's share of the batch; nobody else touches it.
	Sender SenderState

	refs atomic.Int32
}

// building is written while records board, under the partition's lock, and fixed from Close on.
type building struct {
	room          []byte // of the tail, from its beginning on, until Close; the slab itself hears of it only when it is left
	recordsBytes  int    // of the uncompressed records
	chainBytes    int    // of all slabs
	baseTimestamp int64
	maxTimestamp  int64
	count         int32
	fullTold      bool // the sender knows that the batch reached its size
	closed        bool
	sums          bool // the body's checksum is taken while it is written
}

// body is what goes on the wire: the header and the slabs.
type body struct {
	header       [wire.BatchHeaderLen]byte
	head, tail   *bufferpool.Slab
	sum          sum
	compressed   int // bytes in the slabs, 0 unless they are compressed
	codec        compress.Codec
	encoded      bool // Compress ran, whether or not it made the records smaller
	sealed       bool // the CRC in the header is that of header and body
	producerID   int64
	epoch        int16
	baseSequence int32
}

// SenderState is what the send loop knows of a batch.
type SenderState struct {
	State    State
	Attempts int
	// ID orders all batches of the producer by age.
	ID uint64
	// Departed is set once the batch boarded a request, so that no record can board it any more.
	Departed bool
	// Numbered is set once a sequence was assigned.
	Numbered bool
	// InDoubt is set once an attempt may have reached the log without an answer.
	InDoubt bool
	// Corrupted is set once a broker found the batch damaged: it gets one more try.
	Corrupted bool
	// LastErr is why the last attempt failed.
	LastErr error
	// Deadline ends the record's life (delivery.timeout.ms).
	Deadline time.Duration
	// Told is set when the outcome was told while a request still carries the batch.
	Told bool
	// Doom is the outcome of a batch that was given up while its request was being encoded, until it is told.
	Doom *Failure
	// Prev and Next link all batches whose outcome is open, oldest first.
	Prev, Next *Batch
}

// New returns an empty batch.
func New() *Batch { return new(Batch) }

// Reset makes a finished batch ready for another life, keeping the memory of its manifest.
func (b *Batch) Reset() {
	b.manifest.reset()
	b.Owner, b.Created, b.First, b.Aged = nil, 0, 0, false
	b.building = building{}
	b.body = body{}
	b.result, b.seatBase, b.whole = nil, 0, nil
	b.Sender = SenderState{}
	b.refs.Store(0)
}

// Retain adds a reference to the batch's slabs; each needs one Release.
func (b *Batch) Retain() { b.refs.Add(1) }

// Release drops a reference and reports whether it was the last: then the caller takes the slabs back with TakeSlabs.
func (b *Batch) Release() (last bool) { return b.refs.Add(-1) == 0 }

// Whole is the batch of which this one is a part, or nil.
func (b *Batch) Whole() *Batch { return b.whole }

// TakeSlabs hands the batch's slabs to the caller, who returns them to the pool. A part's are not the pool's.
func (b *Batch) TakeSlabs() *bufferpool.Slab {
	head := b.body.head
	if b.whole != nil {
		head = nil
	}
	b.body.head, b.body.tail = nil, nil
	return head
}

// Count is the number of records.
func (b *Batch) Count() int { return int(b.building.count) }

// Bytes is the size on the wire as it stands: the header and the records, compressed once they are.
func (b *Batch) Bytes() int {
	if b.body.compressed > 0 {
		return wire.BatchHeaderLen + b.body.compressed
	}
	return wire.BatchHeaderLen + b.building.recordsBytes
}

// RecordsBytes is the size of the uncompressed records, without the header.
func (b *Batch) RecordsBytes() int { return b.building.recordsBytes }

// BaseTimestamp is the timestamp of the first record, in milliseconds.
func (b *Batch) BaseTimestamp() int64 { return b.building.baseTimestamp }

// Close ends boarding for ever and returns the slabs that were never reached, for the pool. The caller holds the
// partition's lock.
func (b *Batch) Close() (spare *bufferpool.Slab) {
	b.building.closed = true
	if b.body.tail == nil {
		return nil
	}
	b.leaveTail()
	b.building.room = nil
	spare, b.body.tail.Next = b.body.tail.Next, nil
	return spare
}

// TellFull reports, once, that the batch has reached the size: later calls return false. The caller holds the
// partition's lock.
func (b *Batch) TellFull(sizeBytes int) bool {
	if b.building.fullTold || b.Bytes() < sizeBytes {
		return false
	}
	b.building.fullTold = true
	return true
}

// FullTold reports whether TellFull has reported it. The caller holds the partition's lock.
func (b *Batch) FullTold() bool { return b.building.fullTold }

// Resolve gives the records from seat first on, count of them, their outcome, and wakes who waits for them.
func (b *Batch) Resolve(first, count int, o Outcome) {
	if b.result != nil {
		b.result.fill(Span{First: b.seatBase + first, Count: count, Outcome: o})
	}
}
