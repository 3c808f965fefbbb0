package core

import (
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// newQueuedLane is a lane that stands in no queue.
func newQueuedLane() *Lane {
	l := new(Lane)
	l.queued.index = -1
	return l
}

func TestAnEntryAtAFormerLeaderStaysStale(t *testing.T) {
	former, leader, l := new(Node), new(Node), newQueuedLane()
	former.enqueue(l, batch.ReasonFull)
	former.dequeue(l)
	leader.enqueue(l, batch.ReasonFull)
	if former.ready[0].valid() || !leader.ready[0].valid() {
		t.Error("the former leader would send the lane's next batch")
	}
}

func TestStaleEntriesDoNotPileUpWhileANodeIsAway(t *testing.T) {
	n, stays, comes := new(Node), newQueuedLane(), newQueuedLane()
	n.enqueue(stays, batch.ReasonFull)
	for range 10_000 { // a batch becomes ready, and its time runs out
		n.enqueue(comes, batch.ReasonLinger)
		n.dequeue(comes)
	}
	if len(n.ready) > 2*readySpare || n.readyNow != 1 || !n.ready[0].valid() {
		t.Errorf("%d entries, %d of them ready", len(n.ready), n.readyNow)
	}
}
