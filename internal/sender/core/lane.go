package core

import (
	"slices"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/sender/agenda"
)

// Lane is a partition as the sender sees it. The package doc says what its list of batches promises. What a batch on its
// ordinary way needs comes first, since of thousands of lanes none is in a cache.
type Lane struct {
	Part  *accumulator.Partition
	Topic *Topic
	num   *idempotence.Numbering // nil until there is a producer id
	// leader is nil while the partition has none.
	leader *Node

	batches  []*batch.Batch // outcome open or still on a request, oldest first
	InFlight int            // of batches: on a request, ghosts included

	// urgent is the youngest batch that somebody waits for, urgentWhy the reason; urgentNow the youngest that may leave
	// for it although something is in flight, because an answer came since.
	urgent    uint64
	urgentNow uint64
	urgentWhy batch.Reason
	// full is set when the boarding batch has the size that was asked for.
	full bool
	// gap is set when a sequence was used up by a batch that is not in the log.
	gap bool
	// halted is set once a record failed for good under Config.HaltOnFailure.
	halted bool
	// awaitsID is set when the partition's epochs are used up and a new producer id was asked for.
	awaitsID bool
	// backoffUntil holds a retry back.
	backoffUntil time.Duration
	// place is where the lane waits at its leader, why the reason for which its next batch is due, now or later.
	place agenda.Place
	why   batch.Reason

	// doubt is what is open about the lane's numbers; see settle.go.
	doubt doubt
	id    [16]byte // of the topic that num belongs to
	epoch int32    // of the leader
}

// Place is where the lane waits at its leader.
func (l *Lane) Place() *agenda.Place { return &l.place }

// next is the batch that leaves next, or nil if none may leave now. limit is the most batches in flight.
func (l *Lane) next(limit int) *batch.Batch {
	if l.InFlight >= limit {
		return nil
	}
	if l.doubt.probe != nil {
		return l.doubt.probe
	}
	ahead := 0 // on requests, in front of the first waiting one
	for _, b := range l.batches {
		if b.Sender.State == batch.Waiting {
			if ahead < l.InFlight || (b.Sender.Attempts > 0 && l.InFlight > 0) {
				return nil // younger ones are in flight, or a retry would not be alone: their answers come first
			}
			return b
		}
		ahead++
	}
	return nil
}

// boarding reports whether b may still take records: it is the youngest and never left.
func (l *Lane) boarding(b *batch.Batch) bool {
	return l.batches[len(l.batches)-1] == b && !b.Sender.Departed
}

// overtakes reports whether an older batch of the lane waits that must go first.
func (l *Lane) overtakes(b *batch.Batch) bool {
	if b == l.doubt.probe {
		return false
	}
	for _, older := range l.batches {
		if older == b || older.Sender.State == batch.Waiting {
			return older != b
		}
	}
	return false
}

// hurry marks the batches up to id as waited for.
func (l *Lane) hurry(id uint64, why batch.Reason) {
	if id > l.urgent {
		l.urgent, l.urgentWhy = id, why
	}
}

// drop takes a batch off the list. Without the one that was to settle the lane, it must be asked about again.
func (l *Lane) drop(b *batch.Batch) {
	if b == l.doubt.probe {
		l.reopen()
	}
	if i := l.indexOf(b); i >= 0 {
		l.batches = slices.Delete(l.batches, i, i+1)
	}
}

// indexOf is the batch's place in the list, or -1.
func (l *Lane) indexOf(b *batch.Batch) int { return slices.Index(l.batches, b) }

// inDoubt reports whether the log may hold a waiting batch whose answer is lost. Only the oldest counts: what comes behind a
// batch that is not in the log cannot be there, because a broker takes no sequence before the one in front of it.
func (l *Lane) inDoubt() bool {
	i := slices.IndexFunc(l.batches, func(b *batch.Batch) bool { return b.Sender.State == batch.Waiting })
	return i >= 0 && l.batches[i].Sender.InDoubt
}

// LaneOf is the lane of the partition that a batch belongs to.
func LaneOf(b *batch.Batch) *Lane { return b.Owner.(*accumulator.Partition).Sender.(*Lane) }
