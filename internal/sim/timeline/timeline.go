package timeline

import (
	"container/heap"
	"fmt"
	"io"
	"time"
)

// Timeline is the time and what will happen in it. Its zero value is the beginning.
type Timeline struct {
	// Now is the time since the beginning.
	Now   time.Duration
	queue eventQueue
	order uint64
}

// event is something that will happen. Of two at one time, the one that was planned first comes first.
type event struct {
	at    time.Duration
	order uint64
	run   func()
}

// Epoch is when all timelines begin.
func Epoch() time.Time { return time.UnixMilli(1_700_000_000_000) }

// Clock is the time as a calendar has it.
func (t *Timeline) Clock() time.Time { return Epoch().Add(t.Now) }

// After makes something happen later; at once, if wait is not above 0, but not before After has returned.
func (t *Timeline) After(wait time.Duration, run func()) {
	t.order++
	heap.Push(&t.queue, event{t.Now + max(wait, 0), t.order, run})
}

// Next is when the next event happens; ok is false if there is none.
func (t *Timeline) Next() (at time.Duration, ok bool) {
	if len(t.queue) == 0 {
		return 0, false
	}
	return t.queue[0].at, true
}

// Take takes the next event out, for the caller to run at its time. There must be one.
func (t *Timeline) Take() (run func()) { return heap.Pop(&t.queue).(event).run }

// eventQueue is a heap.
type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || (q[i].at == q[j].at && q[i].order < q[j].order)
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is heap.Interface's.
func (q *eventQueue) Push(x any) { *q = append(*q, x.(event)) }

// Pop is heap.Interface's.
func (q *eventQueue) Pop() any {
	old := *q
	last := len(old) - 1
	e := old[last]
	old[last] = event{}
	*q = old[:last]
	return e
}

// Trace is what happened, as a number, and as text if somebody reads it.
type Trace struct {
	// Sum stands for all that was noted, in its order.
	Sum uint64
	// Text gets it as lines; nil for nobody.
	Text io.Writer
}

// hashPrime is FNV-1a's.
const hashPrime = 1099511628211

// Note adds a line: what happened at a time. Its arguments are numbers alone, so that noting what nobody reads costs little.
func (t *Trace) Note(now time.Duration, format string, args ...int64) {
	h := t.Sum
	for i := range len(format) {
		h = (h ^ uint64(format[i])) * hashPrime
	}
	h = (h ^ uint64(now)) * hashPrime
	for _, a := range args {
		h = (h ^ uint64(a)) * hashPrime
		h ^= h >> 32 // FNV's high bits do not come down by themselves
	}
	t.Sum = h
	if t.Text == nil {
		return
	}
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a
	}
	fmt.Fprintf(t.Text, "%10.3f  "+format+"\n", append([]any{now.Seconds() * 1000}, values...)...)
}
