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
}

func newOutcomes() *Outcomes { return &Outcomes{complete: make(chan struct{}, 1)} }

// add notes the outcomes of so many records, failures included.
func (o *Outcomes) add(records int) {
	if n := int64(records); o.told.Add(n) == o.expected.Load() {
		o.complete <- struct{}{}
	}
}

// fail notes that a record failed; it counts nothing else.
func (o *Outcomes) fail(err error) {
	o.failed.Add(1)
	o.first.CompareAndSwap(nil, &err)
}

// Expect says how many more records will be produced. It is called before the first of them, and once the outcomes of
// those before are known.
func (o *Outcomes) Expect(records int) { o.expected.Add(int64(records)) }

// Wait blocks until the outcomes of all expected records were told, and fails if any was a failure, or if ctx ends.
func (o *Outcomes) Wait(ctx context.Context) error {
	select {
	case <-o.complete:
	case <-ctx.Done():
		return fmt.Errorf("%d of %d outcomes were told: %w", o.told.Load(), o.expected.Load(), context.Cause(ctx))
	}
	if err := o.first.Load(); err != nil {
		return fmt.Errorf("%d records failed, the first with: %w", o.failed.Load(), *err)
	}
	return nil
}
