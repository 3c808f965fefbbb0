package client

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Outcomes counts in the callback that all records share: one atomic addition a record, the same for every client.
type Outcomes struct {
	told     atomic.Int64
	expected atomic.Int64
	failed   atomic.Int64
	first    atomic.Pointer[error]
	complete chan struct{}
}

func newOutcomes() *Outcomes { return &Outcomes{complete: make(chan struct{}, 1)} }

// add notes one record's outcome.
func (o *Outcomes) add(err error) {
	if err != nil {
		o.fail(err)
	}
	if o.told.Add(1) == o.expected.Load() {
		o.complete <- struct{}{}
	}
}

// fail notes a failure. It is apart from add so that only an error that there is moves to the heap.
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
