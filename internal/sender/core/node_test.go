package core

import (
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
)

func TestATicketAtAFormerLeaderStaysStale(t *testing.T) {
	former, leader, l := new(Node), new(Node), new(Lane)
	former.enqueue(l, batch.ReasonFull)
	former.dequeue(l)
	leader.enqueue(l, batch.ReasonFull)
	if !former.ready[0].stale() || leader.ready[0].stale() {
		t.Error("the former leader would send the lane's next batch")
	}
}

func TestStaleTicketsDoNotPileUpWhileANodeIsAway(t *testing.T) {
	n, stays, comes := new(Node), new(Lane), new(Lane)
	n.enqueue(stays, batch.ReasonFull)
	for range 10_000 { // a batch becomes ready, and its time runs out
		n.enqueue(comes, batch.ReasonLinger)
		n.dequeue(comes)
	}
	if len(n.ready) > 2*staleSpare || n.readyNow != 1 || n.ready[0].stale() {
		t.Errorf("%d tickets, %d of them ready", len(n.ready), n.readyNow)
	}
}

func TestStaleTicketsDoNotPileUpWhileOthersLinger(t *testing.T) {
	n, stays, comes := new(Node), new(Lane), new(Lane)
	n.linger(stays, time.Minute, true)
	for i := range 10_000 { // a batch begins, and is full before it is due
		n.linger(comes, time.Hour+time.Duration(i), true)
		n.dequeue(comes)
	}
	if n.lingering.Len() > 2*staleSpare || n.firstDue() != stays {
		t.Errorf("%d tickets, %d of them good", n.lingering.Len(), n.lingeringNow)
	}
}
