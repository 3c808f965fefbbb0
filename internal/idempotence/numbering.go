package idempotence

import (
	"math"
	"time"
)

const (
	// sequenceMask wraps sequences: after 2147483647 comes 0.
	sequenceMask = math.MaxInt32
	// idleMax is how long a partition may rest before its next batch goes alone again. It stays well below any
	// sensible producer.id.expiration.ms (a day by default), and it covers brokers that lost their state meanwhile.
	idleMax = 5 * time.Minute
)

// Numbering is one partition's producer id, epoch and sequences. It is not safe for concurrent use: the sender owns it.
type Numbering struct {
	id   ProducerID
	next int32
	// proven tells that a batch was acked since the start, or since the last change of epoch or leader.
	proven            bool
	acked             bool
	lastAckedSequence int32
	lastAckedOffset   int64
	lastAckedBy       int64 // the producer id that it was acked to
	lastAckedAt       time.Duration
}

// NewNumbering starts a partition's numbers at sequence 0 of the id's epoch.
func NewNumbering(id ProducerID) *Numbering {
	return &Numbering{id: id, lastAckedSequence: -1, lastAckedOffset: -1}
}

// ID is the producer id and epoch that the next batch carries.
func (n *Numbering) ID() ProducerID { return n.id }

// Next hands out the numbers of a batch of count records, at least 1, and returns the first. They belong to that batch for
// good, whatever becomes of it.
func (n *Numbering) Next(count int32) (base int32) {
	base = n.next
	n.next = Add(base, count)
	return base
}

// Peek is the first number that Next will hand out.
func (n *Numbering) Peek() int32 { return n.next }

// Add is the sequence count numbers after another. Kafka counts modulo 2^31, as in DefaultRecordBatch.incrementSequence:
// after 2147483647 comes 0.
func Add(sequence, count int32) int32 {
	return int32((uint32(sequence) + uint32(count)) & sequenceMask)
}

// Last is the sequence of the last record of a batch of count records, at least 1, that begins at base.
func Last(base, count int32) int32 { return Add(base, count-1) }

// Bump moves the partition to the next epoch, at sequence 0. The caller knows that the fate of every batch of the partition is
// settled: nothing of the old epoch can be written or learned of afterwards. It reports false, and changes nothing, at
// the last epoch: then Renew must follow, with a new producer id.
func (n *Numbering) Bump() bool {
	if n.id.Epoch == math.MaxInt16 {
		return false
	}
	n.Renew(ProducerID{ID: n.id.ID, Epoch: n.id.Epoch + 1})
	return true
}

// Renew moves the partition to another producer id, at sequence 0, under the same condition as Bump. The last acked offset
// stays known; the last acked sequence belonged to the old numbers and does not.
func (n *Numbering) Renew(id ProducerID) {
	n.id, n.next = id, 0
	n.proven, n.acked, n.lastAckedSequence = false, false, -1
}

// Acked notes that the leader has acknowledged a batch of the current epoch: its last sequence, and the offset of its last
// record, or -1 if that is not known. now is the time since some fixed moment. Acks of older batches, which re-sent
// duplicates bring, change nothing but that the leader is proven to know the partition.
//
// It reports false if a batch after the last acked one was given an offset not above that one's: the log has been
// truncated, and records that were acked are gone.
func (n *Numbering) Acked(lastSequence int32, lastOffset int64, now time.Duration) (sound bool) {
	n.proven, n.lastAckedAt = true, now
	if n.acked && !After(lastSequence, n.lastAckedSequence) {
		return true
	}
	n.acked, n.lastAckedSequence = true, lastSequence
	if lastOffset < 0 {
		return true
	}
	sound = lastOffset > n.lastAckedOffset
	n.lastAckedOffset, n.lastAckedBy = lastOffset, n.id.ID
	return sound
}

// Truncated notes that the log was found to end, or to be another one, from an offset on: what follows is measured by what is
// left, so that one loss is told once.
func (n *Numbering) Truncated(from int64) { n.lastAckedOffset = min(n.lastAckedOffset, from-1) }

// After reports whether sequence a comes after b. Both are of the last batches of one partition, so that they lie less than
// half of all numbers apart.
func After(a, b int32) bool {
	distance := (uint32(a) - uint32(b)) & sequenceMask
	return distance != 0 && distance < 1<<30
}

// LastAcked is the last sequence that was acked in the current epoch; -1 if there is none yet.
func (n *Numbering) LastAcked() int32 { return n.lastAckedSequence }

// LastAckedOffset is the highest offset that is known to be this producer's in the partition, in any epoch; -1 if none.
func (n *Numbering) LastAckedOffset() int64 { return n.lastAckedOffset }

// LastAckedBy is the producer id that wrote at LastAckedOffset: after Renew it is another than the present one.
func (n *Numbering) LastAckedBy() int64 { return n.lastAckedBy }

// LeaderChanged notes that another broker leads the partition, or the same one again in a new leader epoch.
func (n *Numbering) LeaderChanged() { n.proven = false }

// Fresh reports that the next batch must go alone: nothing of the partition may be in flight beside it until its ack. That
// is so until the first ack after the start, after a change of epoch, id or leader, and after 5 minutes without acks.
// now is on the clock of Acked.
func (n *Numbering) Fresh(now time.Duration) bool {
	return !n.proven || now-n.lastAckedAt >= idleMax
}
