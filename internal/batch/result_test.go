package batch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// ticketed is a batch of so many records with its result.
func ticketed(records int, origin Origin) (*Batch, *Result) {
	b := New()
	b.AddSlabs(slabs(1 << 12))
	for range records {
		b.Board(&Entry{Timestamp: 42}, nil, 0)
	}
	return b, b.Ticket(0, 0, origin)
}

func TestResultGivesEachSeatItsOutcome(t *testing.T) {
	b, r := ticketed(10, Origin{Topic: "t", Partition: 3})
	if r.Topic != "t" || r.Partition != 3 || r.BaseTimestamp != 42 || b.Ticket(5, 0, Origin{}) != r {
		t.Errorf("%+v", r)
	}
	failure := &Failure{Err: errors.New("refused")}
	b.Resolve(4, 2, Outcome{Offset: -1, Failure: failure})
	b.Resolve(0, 4, Outcome{Offset: 100, LogAppendTime: 7})
	b.Resolve(6, 4, Outcome{Offset: -1})
	for seat, want := range []int64{100, 101, 102, 103, -1, -1, -1, -1, -1, -1} {
		o := r.Outcome(seat)
		if !r.Done(seat) || o.Offset != want || (o.Failure == failure) != (seat == 4 || seat == 5) {
			t.Errorf("seat %d: %+v", seat, o)
		}
	}
	if r.Outcome(3).LogAppendTime != 7 || r.Done(10) || r.Done(-1) {
		t.Error("the spans are not right")
	}
}

func TestResolveWithoutAWaiterIsNoWork(t *testing.T) {
	b := boarded(t, []record{{}}, 100)
	b.Resolve(0, 1, Outcome{})
	if b.result != nil {
		t.Error("a result that nobody asked for")
	}
}

func TestWaitersWakeWithTheirOwnSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := ticketed(6, Origin{})
		woken := make([]atomic.Bool, 6)
		var waiters sync.WaitGroup
		for seat := range woken {
			for range 2 {
				waiters.Go(func() {
					if err := r.Wait(t.Context(), seat); err != nil {
						t.Error(err)
					}
					woken[seat].Store(true)
				})
			}
		}
		synctest.Wait()
		for _, span := range [][2]int{{2, 2}, {0, 2}, {4, 2}} {
			b.Resolve(span[0], span[1], Outcome{})
			synctest.Wait()
			for seat := range woken {
				if woken[seat].Load() != r.Done(seat) {
					t.Errorf("after %v: seat %d woken %v", span, seat, woken[seat].Load())
				}
			}
		}
		waiters.Wait()
		if err := r.Wait(t.Context(), 5); err != nil {
			t.Errorf("a wait for what is known: %v", err)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	_, r := ticketed(1, Origin{})
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := r.Wait(ctx, 0); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

func TestWaitersAndOutcomesMeetFromManyGoroutines(t *testing.T) {
	const seats = 64
	b, r := ticketed(seats, Origin{})
	var all sync.WaitGroup
	for seat := range seats {
		all.Go(func() {
			if err := r.Wait(t.Context(), seat); err != nil || r.Outcome(seat).Offset != int64(seat) {
				t.Errorf("seat %d: %v", seat, err)
			}
		})
		all.Go(func() { b.Resolve(seat, 1, Outcome{Offset: int64(seat)}) })
	}
	all.Wait()
}

func TestTagsComeBack(t *testing.T) {
	b, r := ticketed(6, Origin{})
	b.Ticket(1, 11, Origin{})
	b.Ticket(2, 0, Origin{})
	b.Ticket(4, 14, Origin{})
	for seat, want := range []uint64{0, 11, 0, 0, 14, 0} {
		if got := r.Tag(seat); got != want {
			t.Errorf("seat %d: tag %d, want %d", seat, got, want)
		}
	}
}

type queue struct {
	hurried int
	trouble error
}

func (q *queue) Hurry() { q.hurried++ }

func (q *queue) Trouble() error { return q.trouble }

func TestResultReachesThePartition(t *testing.T) {
	queue := &queue{trouble: errors.New("broker away")}
	_, r := ticketed(1, Origin{Queue: queue})
	if r.Hurry(); queue.hurried != 1 || r.Trouble() != queue.trouble {
		t.Errorf("hurried %d times", queue.hurried)
	}
	_, r = ticketed(1, Origin{})
	if r.Hurry(); r.Trouble() != nil {
		t.Error("trouble out of nothing")
	}
}
