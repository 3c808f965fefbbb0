package play

import (
	"container/heap"
	"fmt"
	"io"
	"time"
)

// timeline is the invented time and what will happen in it.
type timeline struct {
	now   time.Duration // since the beginning
	queue eventQueue
	order uint64
}

// event is something that will happen. Of two at one time, the one that was planned first comes first.
type event struct {
	at    time.Duration
	order uint64
	run   func()
}

// epoch is when schedules begin.
func epoch() time.Time { return time.UnixMilli(1_700_000_000_000) }

// clock is the time as brokers have it.
func (t *timeline) clock() time.Time { return epoch().Add(t.now) }

// after makes something happen later.
func (t *timeline) after(wait time.Duration, run func()) {
	t.order++
	heap.Push(&t.queue, event{t.now + max(wait, 0), t.order, run})
}

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

// trace is what happened, as a number, and as text if somebody reads it.
type trace struct {
	hash uint64
	text io.Writer // or nil
}

// FNV-1a.
const (
	hashBasis = 14695981039346656037
	hashPrime = 1099511628211
)

// note adds a line. Its arguments are numbers alone, so that noting what nobody reads costs little.
func (t *trace) note(now time.Duration, format string, args ...int64) {
	h := t.hash
	for i := range len(format) {
		h = (h ^ uint64(format[i])) * hashPrime
	}
	h = (h ^ uint64(now)) * hashPrime
	for _, a := range args {
		h = (h ^ uint64(a)) * hashPrime
		h ^= h >> 32 // FNV's high bits do not come down by themselves
	}
	t.hash = h
	if t.text == nil {
		return
	}
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a
	}
	fmt.Fprintf(t.text, "%10.3f  "+format+"\n", append([]any{now.Seconds() * 1000}, values...)...)
}
