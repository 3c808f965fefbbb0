package batch

import (
	"context"
	"sync"
	"time"
)

// Outcome is what became of a record: an offset, or a failure.
type Outcome struct {
	// Offset is the record's offset, or -1 where it is not known.
	Offset int64
	// LogAppendTime is the broker's timestamp in milliseconds under LogAppendTime, else -1.
	LogAppendTime int64
	// Failure is nil for an acknowledged record.
	Failure *Failure
}

// Failure is why records were not acknowledged; one Failure serves all records that shared the fate.
type Failure struct {
	// Err is the cause.
	Err error
	// NotWritten is set only where it is proven that the broker does not have the records.
	NotWritten bool
	// Attempts counts the requests that carried the records.
	Attempts int
	// Age is the time from the batch's first record to the outcome.
	Age time.Duration
	// Where names the stage in which the records were.
	Where string
}

// Result is the outcome of every record of a batch that somebody may wait for: one allocation for the whole batch,
// made when the first Delivery is handed out. After a split the parts fill their own ranges.
type Result struct {
	// Origin and BaseTimestamp (milliseconds) are fixed before the first Delivery leaves.
	Origin
	BaseTimestamp int64
	// tags is written under the partition's lock while the batch is building, and read once an outcome is there.
	tags []uint64

	mu struct {
		sync.Mutex
		first Span          // the only span unless the batch was split or some records failed alone
		more  []Span        // further spans, in no particular order
		done  chan struct{} // made by the first waiter; closed and renewed whenever a span arrives
	}
}

// Span is an outcome shared by neighbouring records of a batch.
type Span struct {
	// First is the seat of the first record, Count their number.
	First, Count int
	// Outcome is the first record's; offsets rise by one from it.
	Outcome Outcome
}

// covers reports whether the span holds the seat.
func (s *Span) covers(seat int) bool { return seat >= s.First && seat < s.First+s.Count }

// Done reports whether the outcome of the seat is known.
func (r *Result) Done(seat int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.findLocked(seat) != nil
}

// Outcome returns the outcome of the seat. The caller knows that it is there.
func (r *Result) Outcome(seat int) Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	span := r.findLocked(seat)
	o := span.Outcome
	if o.Offset >= 0 {
		o.Offset += int64(seat - span.First)
	}
	return o
}

// Tag returns the caller's mark of the seat's record; the outcome of the seat must be known.
func (r *Result) Tag(seat int) uint64 {
	if seat < len(r.tags) {
		return r.tags[seat]
	}
	return 0
}

// Hurry asks that the batch leave without lingering, because somebody waits for it.
func (r *Result) Hurry() {
	if r.Queue != nil {
		r.Queue.Hurry()
	}
}

// Trouble is what keeps the records from being acknowledged, nil if nothing is known to.
func (r *Result) Trouble() error {
	if r.Queue == nil {
		return nil
	}
	return r.Queue.Trouble()
}

// Wait blocks until the outcome of the seat is known or ctx ends; the error is the context's cause.
func (r *Result) Wait(ctx context.Context, seat int) error {
	for {
		r.mu.Lock()
		if r.findLocked(seat) != nil {
			r.mu.Unlock()
			return nil
		}
		if r.mu.done == nil {
			r.mu.done = make(chan struct{})
		}
		done := r.mu.done
		r.mu.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// findLocked returns the span that holds the seat, or nil while its outcome is open.
func (r *Result) findLocked(seat int) *Span {
	if r.mu.first.covers(seat) {
		return &r.mu.first
	}
	for i := range r.mu.more {
		if r.mu.more[i].covers(seat) {
			return &r.mu.more[i]
		}
	}
	return nil
}

// fill adds a span and wakes whoever waits.
func (r *Result) fill(s Span) {
	r.mu.Lock()
	if r.mu.first.Count == 0 {
		r.mu.first = s
	} else {
		r.mu.more = append(r.mu.more, s)
	}
	done := r.mu.done
	r.mu.done = nil
	r.mu.Unlock()
	if done != nil {
		close(done)
	}
}

// tag notes a record's mark; it is called while the batch is building, under the partition's lock.
func (r *Result) tag(seat int, tag uint64) {
	for len(r.tags) < seat {
		r.tags = append(r.tags, 0)
	}
	r.tags = append(r.tags, tag)
}
