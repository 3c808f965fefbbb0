package settling

import (
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
)

// Question is what the sender asks about one partition.
type Question struct {
	Topic       string
	TopicID     [16]byte // zero where brokers have none
	Partition   int32
	LeaderEpoch int32 // -1 if it is not known
	// ID is the producer id and epoch of the partition's numbers.
	ID idempotence.ProducerID
	// Acked and AckedOffset are the last sequence that was acked in this epoch and the highest offset known to be ours;
	// each -1 if there is none. AckedBy is the producer id that wrote at AckedOffset.
	Acked       int32
	AckedOffset int64
	AckedBy     int64
	// SinceMillis is no later than the largest timestamp of any open batch, nor than when the first of them was sent: what is
	// older in the log is none of theirs, and not read.
	SinceMillis int64
	// Locate asks for the log to be read back even if the leader remembers the producer.
	Locate bool
	// Aged is set when the oldest open batch has records so old that brokers forget a producer by them: its memory may be gone
	// before the batch comes again, so that the log is read back in any case.
	Aged bool
}

// Evidence is what was found out.
type Evidence struct {
	// Err says that nothing was: ask again.
	Err error
	// Refused says that this client may not ask, or the broker does not know how to answer.
	Refused bool
	// Remembered is set when the leader has an entry for the producer id; then Epoch and Last are its epoch and last
	// sequence.
	Remembered bool
	Epoch      int16
	Last       int32
	// Read is set when the log was read to its end; then Own lists the producer's batches in it, of any epoch, oldest first,
	// those from SinceMillis on at least.
	Read bool
	Own  []Own
	// Removed is set when the log begins after AckedOffset, and with nothing older than SinceMillis: a batch of ours may have
	// gone with what was deleted. Where nothing was acked it is set for Aged batches only.
	Removed bool
	// Loss is set when the log was found not to have what was acked.
	Loss *Loss
}

// Own is a batch of this producer in the log.
type Own struct {
	Epoch  int16
	First  int32 // sequence of its first record
	Offset int64 // of its first record
}

// Loss is acknowledged data that is no longer in the log: From is where the log stops being what it was, To the highest offset
// that was acknowledged to this producer. Records of other producers may lie between.
type Loss struct{ From, To int64 }

// Span is an open batch by its first and last sequence.
type Span struct{ First, Last int32 }

// Verdict is what evidence says about open batches.
type Verdict struct {
	// In is how many of them, from the oldest on, are in the leader's log.
	In int
	// Offsets are those of the batches in the log, -1 where it is not known; nil unless the log was read to its end. Then
	// they are on all replicas, and nothing needs to be confirmed.
	Offsets []int64
	// Confirm is set when the last of them is the one that the leader recognizes.
	Confirm bool
	// Gap is set when the number that goes next is not the one that the leader takes next.
	Gap bool
	// Fenced is set when the leader knows a later epoch of the producer id: somebody else uses it.
	Fenced bool
}

// Judge says what the evidence means for a partition's open batches, oldest first. next is the number of the batch after them.
// refused tells that a broker refused a number of theirs: then it does remember the producer, or an older broker (59) wants
// numbers that begin at 0, even if the evidence has no memory of it.
func (q *Question) Judge(e *Evidence, open []Span, next int32, refused bool) (v Verdict) {
	expected := int32(0) // what the leader takes next
	switch {
	case e.Remembered && e.Epoch > q.ID.Epoch:
		return Verdict{Fenced: true}
	case e.Remembered && e.Epoch == q.ID.Epoch:
		for v.In < len(open) && !idempotence.After(open[v.In].Last, e.Last) {
			v.In++
		}
		v.Confirm = v.In > 0 && open[v.In-1].Last == e.Last
		expected = idempotence.Add(e.Last, 1)
	case !e.Remembered:
		for i := range open {
			if e.offsetOf(q.ID.Epoch, open[i].First) >= 0 {
				v.In = i + 1
			}
		}
	}
	v.locate(e, q.ID.Epoch, open)
	if v.In < len(open) {
		next = open[v.In].First
	}
	v.Gap = next != expected
	if !e.Remembered {
		v.Gap = refused // a partition that remembers nothing takes any number
	}
	return v
}

// locate finds the offsets of the batches that are in.
func (v *Verdict) locate(e *Evidence, epoch int16, open []Span) {
	if !e.Read || v.In == 0 {
		return
	}
	v.Offsets = make([]int64, v.In)
	for i := range v.Offsets {
		v.Offsets[i] = e.offsetOf(epoch, open[i].First)
	}
}

// offsetOf is the offset of an own batch, or -1.
func (e *Evidence) offsetOf(epoch int16, first int32) int64 {
	for i := range e.Own {
		if e.Own[i].Epoch == epoch && e.Own[i].First == first {
			return e.Own[i].Offset
		}
	}
	return -1
}
