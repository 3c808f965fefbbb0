package broker

import "time"

// call is one request on its way through a connection.
type call struct {
	produce *ProduceRequest // nil for a control request
	control *controlCall    // nil for a Produce request

	key, version  int16
	id            int32 // correlation id, from the moment when its write begins
	responseLimit int   // bytes
	expectsAnswer bool  // false for Produce with acks=0
	touched       bool  // some of its bytes may have left this process
	renewal       bool  // it belongs to the renewal of the authentication, and goes before all others
	queuedAt      time.Time
	deadline      time.Time
}

// queue holds the calls of a connection in the order in which they were made. The counters only grow:
//
//	head <= written <= begun <= tail
//
// Calls before head are settled, those before written are wholly sent, those before begun are being sent, the others
// wait. All of it is guarded by the connection's lock.
type queue struct {
	slots                      []call // a power of two of them
	head, written, begun, tail uint64
}

const queueSlotsMin = 8

func (q *queue) at(seq uint64) *call { return &q.slots[seq&uint64(len(q.slots)-1)] }

func (q *queue) empty() bool { return q.head == q.tail }

func (q *queue) push(c call) {
	if int(q.tail-q.head) == len(q.slots) {
		q.grow()
	}
	*q.at(q.tail) = c
	q.tail++
}

// insert puts a call before those that have not begun, which are few.
func (q *queue) insert(c call) {
	q.push(c)
	for seq := q.tail - 1; seq > q.begun; seq-- {
		*q.at(seq) = *q.at(seq - 1)
	}
	*q.at(q.begun) = c
}

func (q *queue) grow() {
	old := *q
	q.slots = make([]call, max(queueSlotsMin, 2*len(old.slots)))
	for seq := old.head; seq < old.tail; seq++ {
		*q.at(seq) = *old.at(seq)
	}
}

// pop takes the head, whatever has become of it.
func (q *queue) pop() call {
	slot := q.at(q.head)
	c := *slot
	*slot = call{} // the request's bytes must not be kept alive from here
	q.head++
	q.written = max(q.written, q.head)
	q.begun = max(q.begun, q.head)
	return c
}

// oldestAsked is the call that the next answer must belong to.
func (q *queue) oldestAsked() (seq uint64, ok bool) {
	for seq := q.head; seq < q.begun; seq++ {
		if q.at(seq).expectsAnswer {
			return seq, true
		}
	}
	return 0, false
}

// earliest is the call whose deadline comes first. The queue is as short as what may be in flight, and this is asked
// only when a deadline fires.
func (q *queue) earliest() *call {
	var first *call
	for seq := q.head; seq < q.tail; seq++ {
		if c := q.at(seq); first == nil || c.deadline.Before(first.deadline) {
			first = c
		}
	}
	return first
}

// unansweredIsDone reports that the head is an acks=0 request that has been written: nothing else is to come.
func (q *queue) unansweredIsDone() bool {
	return q.head < q.written && !q.at(q.head).expectsAnswer
}
