package agenda

import (
	"testing"
	"time"
)

type member struct{ place Place }

func (m *member) Place() *Place { return &m.place }

func TestATicketAtAFormerPlaceStaysStale(t *testing.T) {
	var former, now Queues[*member]
	m := new(member)
	former.Enqueue(m)
	former.Dequeue(m)
	now.Enqueue(m)
	if former.FirstReady() != nil || now.FirstReady() != m {
		t.Error("the former place would serve who waits elsewhere")
	}
}

func TestStaleTicketsDoNotPileUpWhileNobodyIsServed(t *testing.T) {
	var q Queues[*member]
	stays, comes := new(member), new(member)
	q.Enqueue(stays)
	for range 10_000 { // a batch becomes ready, and its time runs out
		q.Enqueue(comes)
		q.Dequeue(comes)
	}
	if len(q.ready) > 2*staleSpare || q.Ready() != 1 || q.FirstReady() != stays {
		t.Errorf("%d tickets, %d of them ready", len(q.ready), q.Ready())
	}
}

func TestStaleTicketsDoNotPileUpWhileOthersLinger(t *testing.T) {
	var q Queues[*member]
	stays, comes := new(member), new(member)
	q.Linger(stays, time.Minute)
	for i := range 10_000 { // a batch begins, and is full before it is due
		q.Linger(comes, time.Hour+time.Duration(i))
		q.Dequeue(comes)
	}
	if q.lingering.Len() > 2*staleSpare || q.FirstDue() != stays {
		t.Errorf("%d tickets, %d of them good", q.lingering.Len(), q.Lingering())
	}
}

func TestWhoIsNotServedKeepsItsTurn(t *testing.T) {
	var q Queues[*member]
	members := [5]member{}
	for i := range members {
		q.Enqueue(&members[i])
	}
	var asked []*member
	q.Serve(func(m *member) (served, last bool) {
		asked = append(asked, m)
		if m == &members[1] {
			return false, false
		}
		q.Dequeue(m)
		return true, m == &members[2]
	})
	if len(asked) != 3 || q.Ready() != 3 || q.FirstReady() != &members[1] {
		t.Errorf("%d were asked, %d are left", len(asked), q.Ready())
	}
	q.Dequeue(&members[1])
	if q.FirstReady() != &members[3] {
		t.Error("who was not asked lost its turn")
	}
}
