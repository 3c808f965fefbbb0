package core

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
)

func TestAnEntryAtAFormerLeaderStaysStale(t *testing.T) {
	former, leader, l := new(Node), new(Node), new(Lane)
	former.enqueue(l, batch.ReasonFull)
	former.dequeue(l)
	leader.enqueue(l, batch.ReasonFull)
	if former.ready[0].valid() || !leader.ready[0].valid() {
		t.Error("the former leader would send the lane's next batch")
	}
}

func TestStaleEntriesDoNotPileUpWhileANodeIsAway(t *testing.T) {
	n, stays, comes := new(Node), new(Lane), new(Lane)
	n.enqueue(stays, batch.ReasonFull)
	for range 10_000 { // a batch becomes ready, and its time runs out
		n.enqueue(comes, batch.ReasonLinger)
		n.dequeue(comes)
	}
	if len(n.ready) > 2*staleSpare || n.readyNow != 1 || !n.ready[0].valid() {
		t.Errorf("%d entries, %d of them ready", len(n.ready), n.readyNow)
	}
}

func TestLanesThatLingerAreDueInOrder(t *testing.T) {
	n, random := new(Node), rand.New(rand.NewPCG(1, 2))
	var wanted []time.Duration
	for i := range 2000 {
		l, due := new(Lane), time.Duration(i/2+random.IntN(50))
		n.linger(l, due, true)
		if random.IntN(3) == 0 {
			n.dequeue(l)
		} else {
			wanted = append(wanted, due)
		}
	}
	slices.Sort(wanted)
	for i, due := range wanted {
		l := n.firstDue()
		if l == nil || l.queued.due != due {
			t.Fatalf("lane %d of %d: %+v, wanted one due at %d", i, len(wanted), l, due)
		}
		n.dequeue(l)
	}
	if l := n.firstDue(); l != nil || n.lingeringNow != 0 || len(n.lingering) != 0 {
		t.Errorf("%d lanes are left", n.lingeringNow)
	}
}

func TestStaleEntriesDoNotPileUpWhileOthersLinger(t *testing.T) {
	n, stays, comes := new(Node), new(Lane), new(Lane)
	n.linger(stays, time.Minute, true)
	for i := range 10_000 { // a batch begins, and is full before it is due
		n.linger(comes, time.Hour+time.Duration(i), true)
		n.dequeue(comes)
	}
	if len(n.lingering) > 2*staleSpare || n.firstDue() != stays {
		t.Errorf("%d tickets, %d of them good", len(n.lingering), n.lingeringNow)
	}
}
