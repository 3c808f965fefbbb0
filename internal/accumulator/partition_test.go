package accumulator

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// TestNoWakeUpIsLost has callers who each wait until the loop has seen what they appended before they append again. If a
// wake-up were lost, the loop and all callers would sleep for good, which the bubble reports as a deadlock.
func TestNoWakeUpIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, rounds = 8, 300
		s := newStop(t, 1<<20, 3, &Settings{BatchBytes: 200, BatchBytesMax: 300})
		seen := make([]chan struct{}, callers)
		var wg sync.WaitGroup
		for g := range callers {
			seen[g] = make(chan struct{}, 1)
			wg.Go(func() {
				for range rounds {
					_, err := s.Append(t.Context(), s.topic, entry(numbered(uint32(g), 50)), &Boarding{Partition: s.partition(g % 3), Wait: time.Second})
					if err != nil {
						t.Error(err)
						return
					}
					<-seen[g]
				}
			})
		}
		s.drain(callers*rounds, func(_ *Partition, value []byte) { seen[value[3]] <- struct{}{} })
		wg.Wait()
		s.empty()
	})
}

func TestPartitionIsInTheInboxOnce(t *testing.T) {
	s := newStop(t, 1<<20, 3, &Settings{BatchBytes: 100, BatchBytesMax: 1 << 20})
	a, b := s.partition(2), s.partition(0)
	s.add(a, 10)
	s.add(b, 10)
	s.add(a, 200) // full, and there already
	a.Hurry()
	taken := s.Inbox.Take(nil)
	if len(taken) != 2 || taken[0] != a || taken[1] != b || !s.Inbox.Empty() {
		t.Fatalf("took %d partitions", len(taken))
	}
	a.Hurry() // between Take and TakeNews: nothing to come back for
	if !s.Inbox.Empty() {
		t.Error("back in the inbox before its news were taken")
	}
	signals, batches := a.TakeNews(nil)
	if signals != SignalFresh|SignalFull|SignalWaiter || len(batches) != 1 {
		t.Errorf("signals %b, %d batches", signals, len(batches))
	}
	a.Hurry()
	if got := s.Inbox.Take(taken[:1]); len(got) != 2 || got[0] != a || got[1] != a {
		t.Error("Take does not append to what it is given")
	}
}

func TestInboxWakesAParkedLoopOnce(t *testing.T) {
	s := newStop(t, 1<<20, 2, &Settings{BatchBytes: 100, BatchBytesMax: 1 << 20})
	woken := func() bool {
		select {
		case <-s.Inbox.C():
			return true
		default:
			return false
		}
	}
	s.add(s.partition(0), 1)
	if woken() {
		t.Error("a running loop was woken")
	}
	s.Inbox.Park()
	s.Inbox.Wake()
	s.Inbox.Wake()
	if !woken() || woken() {
		t.Error("a parked loop is woken once")
	}
	s.Inbox.Park()
	s.Inbox.Unpark()
	s.add(s.partition(1), 1)
	if woken() {
		t.Error("a loop that runs again was woken")
	}
}

func TestFullIsToldOncePerBatchAtTheSizeThatWasNamed(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 300, BatchBytesMax: 1 << 20})
	p := s.partition(0)
	full := func() bool {
		signals, _ := s.news(p)
		return signals&SignalFull != 0
	}
	s.add(p, 100)
	if full() {
		t.Error("full at once")
	}
	s.add(p, 200)
	if !full() {
		t.Error("not told that the batch is full")
	}
	s.add(p, 200)
	if full() {
		t.Error("told twice")
	}
	if p.SetReady(10_000) {
		t.Error("it has not reached 10,000 bytes")
	}
	if !p.SetReady(400) {
		t.Error("it has reached 400 bytes")
	}
	s.add(p, 100)
	if full() {
		t.Error("told although SetReady said so")
	}
	s.close(p, p.mu.open)
	if p.SetReady(1) {
		t.Error("nothing boards, so nothing is full")
	}
	s.add(p, 10)
	if !full() {
		t.Error("the next batch is not told of")
	}
}

// TestSetReadyAndAppendsMissNoFullBatch races the two: whoever comes second must say that the batch is full.
func TestSetReadyAndAppendsMissNoFullBatch(t *testing.T) {
	for range 300 {
		s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1 << 19, BatchBytesMax: 1 << 20})
		p := s.partition(0)
		s.add(p, 10)
		s.news(p)
		var reached bool
		var both sync.WaitGroup
		both.Go(func() { reached = p.SetReady(500) })
		both.Go(func() {
			for range 10 {
				s.Append(context.Background(), s.topic, entry(make([]byte, 100)), &Boarding{Partition: p})
			}
		})
		both.Wait()
		signals, _ := s.news(p)
		if !reached && signals&SignalFull == 0 {
			t.Fatal("nobody said that the batch is full")
		}
	}
}

// TestWaiterBringsABatchThatIsNotAnnouncedYet: the second record's signal tells nothing new, but the loop must see the
// batch with it, or it would linger for its whole time.
func TestWaiterBringsABatchThatIsNotAnnouncedYet(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1000})
	p := s.partition(0)
	s.add(p, 10)
	if _, err := s.Append(t.Context(), s.topic, entry(make([]byte, 10)), &Boarding{Partition: p, Waiter: true}); err != nil {
		t.Fatal(err)
	}
	if signals, batches := s.news(p); signals != SignalFresh|SignalWaiter || len(batches) != 1 {
		t.Errorf("signals %b with %d batches", signals, len(batches))
	}
}

// TestARecordThatBoardedIsNotMissed: whoever's signals are already raised counts on the partition being on the list.
func TestARecordThatBoardedIsNotMissed(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1000})
	p := s.partition(0)
	var all sync.WaitGroup
	var missed atomic.Int64
	for range 10_000 {
		for range 4 {
			all.Go(func() {
				s.Append(context.Background(), s.topic, entry(make([]byte, 10)), &Boarding{Partition: p})
				if s.Inbox.Empty() {
					missed.Add(1)
				}
			})
		}
		all.Wait()
		_, batches := s.news(p)
		for _, b := range batches {
			s.depart(p, b)
		}
	}
	if n := missed.Load(); n > 0 {
		t.Errorf("%d records boarded and the send loop could not know", n)
	}
}

func TestCloseBatchLeavesAnotherBatchAlone(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1000})
	p := s.partition(0)
	s.add(p, 10)
	if spare, _ := p.CloseBatch(batch.New(), 1000); spare != nil || p.mu.open == nil {
		t.Error("closed a batch that was not meant")
	}
}

func TestLeaderSaysWhatKeepsItsPartitions(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1000})
	p := s.partition(0)
	var away, slow error
	leader := &Leader{Account: s.pool.Account(1), Away: func() error { return away }, Slow: func() error { return slow }}
	if p.Trouble() != nil || p.StalledSince() != 0 {
		t.Error("trouble from the start")
	}
	p.SetLeader(leader)
	leader.Stall(3 * time.Second)
	if p.StalledSince() != 3*time.Second || p.Account() != leader.Account {
		t.Error("the leader's state does not show")
	}
	refused := errors.New("refused")
	p.Troubled(nil)
	for _, step := range []struct {
		do   func()
		want error
	}{
		{func() {}, nil},
		{func() { slow = errors.New("slow") }, errors.New("slow")},
		{func() { p.Troubled(refused) }, refused},
		{func() { away = errors.New("away") }, errors.New("away")},
		{func() { away = nil }, refused},
		{func() { p.Troubled(nil) }, errors.New("slow")},
	} {
		step.do()
		if got := p.Trouble(); (got == nil) != (step.want == nil) || (got != nil && got.Error() != step.want.Error()) {
			t.Errorf("trouble %v, want %v", got, step.want)
		}
	}
}

func TestClockCountsFromItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStop(t, 1<<20, 1, &Settings{})
		time.Sleep(5 * time.Second)
		if s.Clock.Now() != 5*time.Second {
			t.Errorf("now %v", s.Clock.Now())
		}
	})
}

func TestIdleClockIsExactAndABusyOneTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock()
		exact := func() int64 { return time.Now().UnixMilli() }
		for range 3 {
			if c.Millis() != exact() {
				t.Error("an idle clock is not exact")
			}
			time.Sleep(7 * time.Millisecond)
		}
		c.Busy()
		c.Busy()
		for range 50 { // it goes on for as long as somebody is busy
			time.Sleep(5 * time.Millisecond)
			if late := exact() - c.Millis(); late < 0 || late > 1 || !c.ticking.Load() {
				t.Fatalf("%d ms late, ticking %v", late, c.ticking.Load())
			}
			c.Busy()
		}
		time.Sleep(clockIdleMax + 3*clockTick)
		if c.ticking.Load() || c.Millis() != exact() {
			t.Error("it ticks on although nobody is busy")
		}
		c.Busy()
		c.Stop()
		if c.Millis() != exact() {
			t.Error("a stopped clock is not exact")
		}
	})
}

func TestSuccessIsNotedWithoutAnAllocation(t *testing.T) {
	p := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1 << 20}).partition(0)
	if allocations := testing.AllocsPerRun(100, func() { p.Troubled(nil) }); allocations != 0 {
		t.Errorf("%v allocations, once a batch", allocations)
	}
	p.Troubled(ErrFull)
	if err := p.Trouble(); err != ErrFull {
		t.Errorf("trouble: %v", err)
	}
	if p.Troubled(nil); p.Trouble() != nil {
		t.Errorf("trouble: %v", p.Trouble())
	}
}
