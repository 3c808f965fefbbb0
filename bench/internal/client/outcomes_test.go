package client

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestWaitKnowsAllOutcomes(t *testing.T) {
	o := NewOutcomes()
	o.Expect(3, nil)
	o.Add(1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := o.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after one of three: %v", err)
	}
	o.Add(2)
	if err := o.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	o.Expect(1, nil)
	broken := errors.New("broken")
	o.Fail(broken)
	o.Add(1)
	if err := o.Wait(t.Context()); !errors.Is(err, broken) {
		t.Errorf("after a failure: %v", err)
	}
}

func TestUnknownClientIsNamed(t *testing.T) {
	if _, err := Find(Makers(), "nobody"); err == nil {
		t.Error("there is a client nobody")
	}
}
