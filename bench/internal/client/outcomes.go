package client

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Outcomes counts what callbacks are told. Every client's callback makes one atomic addition a record, here or in a
// counter of its own.
type Outcomes struct {
	told     atomic.Int64
	expected atomic.Int64
	failed   atomic.Int64
	first    atomic.Pointer[error]
	complete chan struct{}
	observe  func(i int) // nil unless outcomes are told apart
}

// NewOutcomes returns one that expects nothing yet.
func NewOutcomes() *Outcomes { return &Outcomes{complete: make(chan struct{}, 1)} }

// Count notes the outcome of one record.
func (o *Outcomes) Count(err error) {
	if err != nil {
		o.Fail(err)
	}
	o.Add(1)
}

// Tell notes the outcome of one record, which is named, and shows it to who observes.
func (o *Outcomes) Tell(i int, err error) {
	if o.observe != nil {
		o.observe(i)
	}
	o.Count(err)
}

// Add notes the outcomes of so many records, failures included.
func (o *Outcomes) Add(records int) {
	if n := int64(records); o.told.Add(n) == o.expected.Load() {
		o.finish()
	}
}

func (o *Outcomes) finish() {
	select {
	case o.complete <- struct{}{}:
	default:
	}
}

// Fail notes that a record failed; it counts nothing else.
func (o *Outcomes) Fail(err error) {
	o.failed.Add(1)
	o.first.CompareAndSwap(nil, &err)
}

// Abort ends the wait for outcomes, of which there will be no more.
func (o *Outcomes) Abort(err error) {
	o.Fail(err)
	o.finish()
}

// Expect says how many more records will be produced, and who is to be shown each named outcome, on the goroutine that
// tells it; observe may be nil. It is called before the first of them, and once the outcomes of those before are known.
func (o *Outcomes) Expect(records int, observe func(i int)) {
	o.observe = observe
	o.expected.Add(int64(records))
}

// Wait blocks until the outcomes of all expected records were told, and fails if any was a failure, or if ctx ends.
func (o *Outcomes) Wait(ctx context.Context) error {
	select {
	case <-o.complete:
	case <-ctx.Done():
		return fmt.Errorf("%d of %d outcomes were told: %w", o.told.Load(), o.expected.Load(), context.Cause(ctx))
	}
	return o.Failure()
}

// Failure is an error if any record failed.
func (o *Outcomes) Failure() error {
	if err := o.first.Load(); err != nil {
		return fmt.Errorf("%d records failed, the first with: %w", o.failed.Load(), *err)
	}
	return nil
}
