package broker

import "testing"

func TestQueueKeepsOrderAndStateWhileItGrows(t *testing.T) {
	var q queue
	next := int32(0)
	for i := range int32(100) { // the head moves too, so that growing meets every alignment
		q.push(call{id: i, produce: new(ProduceRequest)})
		if i%3 == 0 {
			slot := q.at(q.head)
			if got := q.pop(); got.id != next {
				t.Fatalf("popped %d, wanted %d", got.id, next)
			}
			if next++; slot.produce != nil {
				t.Fatal("the queue keeps a request that has left it")
			}
		}
	}
	for ; !q.empty(); next++ {
		if got := q.pop(); got.id != next {
			t.Fatalf("popped %d, wanted %d", got.id, next)
		}
	}
	if next != 100 || q.head > q.written || q.written > q.begun || q.begun > q.tail {
		t.Errorf("%d popped, counters %d %d %d %d", next, q.head, q.written, q.begun, q.tail)
	}
}
