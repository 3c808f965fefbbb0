package accumulator

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
)

// drain stands in for the send loop: it parks while there is nothing to do, takes every batch off, and hands the values of
// its records to got. It ends when so many records came.
func (s *stop) drain(records int, got func(p *Partition, value []byte)) {
	var partitions []*Partition
	var fresh []*batch.Batch
	for records > 0 {
		partitions = s.Inbox.Take(partitions[:0])
		for _, p := range partitions {
			_, fresh = p.TakeNews(fresh[:0])
			for _, b := range fresh {
				for _, value := range s.depart(p, b) {
					got(p, value)
					records--
				}
			}
		}
		s.Inbox.Park()
		if s.Inbox.Empty() && records > 0 {
			<-s.Inbox.C()
		}
		s.Inbox.Unpark()
	}
}

func TestConcurrentAppendsKeepTheirOrderAndLoseNothing(t *testing.T) {
	// The pool is far too small for what is appended, so appends wait for room, and batches are recycled all the time.
	const goroutines, records, partitions = 8, 2000, 3
	s := newStop(t, 64<<10, partitions, &Settings{BatchBytes: 1000, BatchBytesMax: 3000})
	var callers sync.WaitGroup
	for g := range goroutines {
		callers.Go(func() {
			for i := range records {
				how := &Boarding{Wait: time.Minute, Ticket: i%3 == 0, Sticky: g%2 == 1, Partition: s.partition((g + i) % partitions)}
				place, err := s.Append(t.Context(), s.topic, entry(numbered(uint32(g<<16|i), i%200)), how)
				if err != nil || (place.Result == nil) == how.Ticket || (!how.Sticky && place.Partition != how.Partition) {
					t.Errorf("append: %+v, %v", place, err)
					return
				}
			}
		})
	}
	last := make(map[*Partition]*[goroutines]int)
	s.drain(goroutines*records, func(p *Partition, value []byte) {
		n := binary.BigEndian.Uint32(value)
		g, i := n>>16, int(n&0xffff)
		if last[p] == nil {
			last[p] = new([goroutines]int)
		}
		if i < last[p][g] {
			t.Errorf("partition %d: record %d of goroutine %d stands behind %d", p.Number, i, g, last[p][g]-1)
		}
		last[p][g] = i + 1
	})
	callers.Wait()
	s.empty()
	var accepted int64
	for _, p := range s.topic.Partitions() {
		accepted += p.Accepted()
		if p.Queued() != 0 {
			t.Errorf("partition %d counts %d queued batches", p.Number, p.Queued())
		}
	}
	if accepted != goroutines*records {
		t.Errorf("%d records accepted, want %d", accepted, goroutines*records)
	}
}

func TestWithoutRoomAnAppendFailsAtOnceOrWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStop(t, 4<<10, 2, &Settings{BatchBytes: 1000, BatchBytesMax: 1 << 20})
		full := s.partition(0)
		s.add(full, 3000)
		try := func(how Boarding) error {
			how.Partition = s.partition(1)
			_, err := s.Append(t.Context(), s.topic, entry(make([]byte, 2000)), &how)
			return err
		}
		used := s.pool.Stats().Used
		if err := try(Boarding{}); !errors.Is(err, ErrFull) {
			t.Errorf("without waiting: %v", err)
		}
		began := time.Now()
		if err := try(Boarding{Wait: time.Second}); !errors.Is(err, bufferpool.ErrTimeout) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
		defer cancel()
		_, err := s.Append(ctx, s.topic, entry(make([]byte, 2000)), &Boarding{Partition: s.partition(1), Wait: time.Hour})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context: %v", err)
		}
		if got := s.pool.Stats().Used; got != used {
			t.Errorf("failed appends keep %d bytes", got-used)
		}
		if _, batches := s.news(s.partition(1)); len(batches) != 0 {
			t.Error("a failed append left a batch")
		}

		done := make(chan error)
		go func() { done <- try(Boarding{Wait: time.Minute}) }()
		synctest.Wait()
		_, batches := s.news(full)
		s.depart(full, batches[0])
		if err := <-done; err != nil {
			t.Errorf("although room was made: %v", err)
		}
		_, batches = s.news(s.partition(1))
		s.depart(s.partition(1), batches[0])
		s.empty()
	})
}

func TestRoomIsTakenAsBatchesGrowAndGivenBackWhenTheyClose(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 10_000, BatchBytesMax: 50_000})
	p := s.partition(0)
	s.add(p, 100)
	if used := s.pool.Stats().Used; used != 1<<10 {
		t.Errorf("%d bytes in use for the first small record, want one slab of 1 KiB", used)
	}
	for range 90 {
		s.add(p, 100)
	}
	used, bytes := s.pool.Stats().Used, int64(p.mu.open.Bytes())
	if used < bytes-wireHeader || used > 5*bytes/2 {
		t.Errorf("%d bytes in use for a batch of %d", used, bytes)
	}
	_, batches := s.news(p)
	s.depart(p, batches[0])
	s.empty()

	// The next batch begins with a slab for what the last one took, and gives back what it did not reach.
	s.add(p, 100)
	if used := s.pool.Stats().Used; used < 4<<10 {
		t.Errorf("%d bytes in use: the partition's habit is forgotten", used)
	}
	_, batches = s.news(p)
	s.depart(p, batches[0])
	s.empty()
}

// wireHeader is a batch's header, which lies beside the slabs.
const wireHeader = 61

func TestRoomForAnOldLeaderIsExchanged(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1 << 20})
	p := s.partition(0)
	old, successor := &Leader{Account: s.pool.Account(1)}, &Leader{Account: s.pool.Account(2)}
	p.SetLeader(old)
	w := appending{accumulator: s.Accumulator, sizeMax: 100}
	e, how := entry(make([]byte, 50)), &Boarding{Partition: p}
	if _, lack, done, _ := w.attempt(p, e, how); done || w.takeRoom(t.Context(), p, lack, &how.Wait) != nil {
		t.Fatal("no room")
	}
	p.SetLeader(successor)
	_, lack, done, err := w.attempt(p, e, how)
	if done || err != nil || lack.bytes == 0 {
		t.Fatalf("boarded with the memory of another broker: %v", err)
	}
	if err := w.takeRoom(t.Context(), p, lack, &how.Wait); err != nil {
		t.Fatal(err)
	}
	if used := s.pool.AccountStats(old.Account).Used; used != 0 {
		t.Errorf("the old leader is still charged %d bytes", used)
	}
	if _, _, done, _ := w.attempt(p, e, how); !done || s.pool.AccountStats(successor.Account).Used == 0 {
		t.Error("not boarded with the new leader's memory")
	}
	_, batches := s.news(p)
	s.depart(p, batches[0])
	s.empty()
}

func TestRefusedPartitionTakesNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStop(t, 4<<10, 2, &Settings{BatchBytes: 1000, BatchBytesMax: 1 << 20})
		s.add(s.partition(0), 3000)
		p, cause := s.partition(1), errors.New("gone")
		blocked := make(chan error)
		go func() {
			_, err := s.Append(t.Context(), s.topic, entry(make([]byte, 2000)), &Boarding{Partition: p, Wait: time.Minute, Callback: 1})
			blocked <- err
		}()
		synctest.Wait()
		if !p.Refuse(cause) || p.Refuse(errors.New("again")) {
			t.Error("who was first to refuse is not told right")
		}
		_, batches := s.news(s.partition(0))
		s.depart(s.partition(0), batches[0])
		if err := <-blocked; !errors.Is(err, cause) {
			t.Errorf("an append that waited for room: %v", err)
		}
		if _, err := s.Append(t.Context(), s.topic, entry(nil), &Boarding{Partition: p}); !errors.Is(err, cause) {
			t.Errorf("%v, want the first cause", err)
		}
		s.empty()
	})
}

func TestNoAppendSucceedsOnceRefuseReturned(t *testing.T) {
	for range 50 {
		s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1 << 20})
		p := s.partition(0)
		refused := make(chan struct{})
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for {
					select {
					case <-refused:
						if _, err := s.Append(t.Context(), s.topic, entry(nil), &Boarding{Partition: p}); err == nil {
							t.Error("appended behind Refuse")
						}
						return
					default:
						s.Append(t.Context(), s.topic, entry(nil), &Boarding{Partition: p})
					}
				}
			})
		}
		p.Refuse(errors.New("closed"))
		accepted := p.Accepted()
		close(refused)
		callers.Wait()
		if p.Accepted() != accepted {
			t.Errorf("%d records boarded behind Refuse", p.Accepted()-accepted)
		}
	}
}

// held is a job that ends when its channel is closed.
type held chan struct{}

func (h held) Run()         { <-h }
func (h held) Records() int { return 1 }

// fallBehind makes as many callbacks of the partition wait as the helper allows, until the returned channel is closed.
func (s *stop) fallBehind(p *Partition) held {
	h := make(held)
	for range 4 {
		s.callbacks.Submit(&p.Lane, h)
	}
	return h
}

func TestRecordsWithACallbackBeginNoBatchWhileCallbacksAreBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1 << 20})
		p := s.partition(0)
		add := func(wait time.Duration) error {
			_, err := s.Append(t.Context(), s.topic, entry(nil), &Boarding{Partition: p, Callback: t, Tag: 7, Wait: wait})
			return err
		}
		if err := add(0); err != nil {
			t.Fatal(err)
		}
		behind := s.fallBehind(p)
		if err := add(0); err != nil {
			t.Errorf("into a batch that has begun: %v", err)
		}
		s.close(p, p.mu.open)
		if err := add(0); !errors.Is(err, dispatch.ErrLaneFull) {
			t.Errorf("with callbacks behind: %v", err)
		}
		s.add(p, 10) // a record without a callback does not wait
		s.close(p, p.mu.open)
		admitted := make(chan error)
		go func() { admitted <- add(time.Minute) }()
		synctest.Wait()
		select {
		case err := <-admitted:
			t.Fatalf("a record did not wait: %v", err)
		default:
		}
		close(behind)
		if err := <-admitted; err != nil {
			t.Error(err)
		}
		_, batches := s.news(p)
		if len(batches) != 3 || batches[1].HasCallbacks() {
			t.Fatalf("%d batches", len(batches))
		}
		if b := batches[0]; !b.HasCallbacks() || b.Count() != 2 || b.Callback(0) != t || b.Tag(1) != 7 {
			t.Errorf("%d records, the first with callback %v", b.Count(), b.Callback(0))
		}
	})
}

func TestAnyNumberOfRecordsWithCallbacksMayBeOnTheirWay(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1 << 20})
	for i := range 1000 { // the helper lets 4 callbacks be behind
		if _, err := s.Append(t.Context(), s.topic, entry(nil), &Boarding{Partition: s.partition(0), Callback: 1}); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
}

func TestWaitingForACallbackAndForRoomHaveOneBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStop(t, 4<<10, 2, &Settings{BatchBytes: 1000, BatchBytesMax: 1 << 20})
		p := s.partition(1)
		s.add(s.partition(0), 3000)
		behind := s.fallBehind(p)
		time.AfterFunc(600*time.Millisecond, func() { close(behind) })
		began := time.Now()
		_, err := s.Append(t.Context(), s.topic, entry(make([]byte, 2000)), &Boarding{Partition: p, Callback: 1, Wait: time.Second})
		if !errors.Is(err, bufferpool.ErrTimeout) || time.Since(began) != time.Second {
			t.Errorf("after %v, want one second: %v", time.Since(began), err)
		}
	})
}

func TestStickyRecordThatComesTooLateFollowsTheTurn(t *testing.T) {
	s := newStop(t, 1<<20, 2, &Settings{BatchBytes: 1000, BatchBytesMax: 1 << 20})
	other := s.partition(1 - int(s.topic.Sticky.Current()))
	w := appending{accumulator: s.Accumulator, sizeMax: 100}
	_, lack, done, err := w.attempt(other, entry(nil), &Boarding{Sticky: true})
	if done || err != nil || lack.bytes != 0 {
		t.Errorf("boarded a partition whose turn is over: %v %v %v", lack, done, err)
	}
}

func TestStickyRecordsStayUntilTheBatchIsFull(t *testing.T) {
	s := newStop(t, 1<<20, 16, &Settings{BatchBytes: 1000, BatchBytesMax: 1000})
	var runs []int
	last := int32(-1)
	for range 200 {
		place, err := s.Append(t.Context(), s.topic, entry(make([]byte, 90)), &Boarding{Sticky: true})
		if err != nil {
			t.Fatal(err)
		}
		if place.Partition.Number != last {
			runs, last = append(runs, 0), place.Partition.Number
		}
		runs[len(runs)-1]++
	}
	// A batch of 1,000 bytes takes 9 of these records; a draw may find the same partition again.
	for i, n := range runs[:len(runs)-1] {
		if n < 8 || n > 40 {
			t.Errorf("run %d has %d records: %v", i, n, runs)
		}
	}
	if len(runs) < 5 {
		t.Errorf("the turn passed on %d times only", len(runs))
	}
}

func TestRecordsThatCannotShareABatchGetOneEach(t *testing.T) {
	for name, c := range map[string]struct {
		settings Settings
		stamps   []int64
		batches  int
	}{
		"batch.size=0":        {Settings{BatchBytes: 1, BatchBytesMax: 1000, OneRecord: true}, []int64{1, 2, 3}, 3},
		"the most is reached": {Settings{BatchBytes: 300, BatchBytesMax: 300}, []int64{1, 2, 3, 4}, 2},
		"a month apart":       {Settings{BatchBytes: 1000, BatchBytesMax: 1000}, []int64{0, math.MaxInt32, math.MaxInt32 + 1, 0}, 2},
		"a month back":        {Settings{BatchBytes: 1000, BatchBytesMax: 1000}, []int64{math.MaxInt32 + 3, 1, 2}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStop(t, 1<<20, 1, &c.settings)
			p := s.partition(0)
			for _, stamp := range c.stamps {
				e := entry(make([]byte, 50))
				e.Timestamp = stamp
				if _, err := s.Append(t.Context(), s.topic, e, &Boarding{Partition: p}); err != nil {
					t.Fatal(err)
				}
			}
			signals, batches := s.news(p)
			if len(batches) != c.batches || signals&SignalFull == 0 || p.Queued() != c.batches {
				t.Errorf("%d batches, signals %b, %d queued; want %d batches", len(batches), signals, p.Queued(), c.batches)
			}
			for _, b := range batches {
				s.depart(p, b)
			}
			s.empty()
		})
	}
}

func TestRefusedBatchSizeIsNotReachedAgain(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 10_000, BatchBytesMax: 10_000})
	s.topic.LimitBatch(500)
	s.topic.LimitBatch(700) // nothing was learned by that
	if got := s.topic.BatchLimit(); got != 500 {
		t.Errorf("limit %d", got)
	}
	p := s.partition(0)
	for range 20 {
		s.add(p, 100)
	}
	_, batches := s.news(p)
	for _, b := range batches {
		if b.Bytes() > 500 {
			t.Errorf("a batch of %d bytes", b.Bytes())
		}
		s.depart(p, b)
	}
	s.add(p, 2000) // a record larger than that has a batch of its own
	_, batches = s.news(p)
	if len(batches) != 1 || batches[0].Count() != 1 {
		t.Errorf("%d batches", len(batches))
	}
}

func TestLargestRecordFitsRequestAndPool(t *testing.T) {
	var s Settings
	if got := s.SizeMax(1000, 5000); got != 939 {
		t.Errorf("%d, want the request's 1000 bytes without the batch header", got)
	}
	if got := s.SizeMax(1000, 500); got != 500 {
		t.Errorf("%d, want what the pool has", got)
	}
}

func TestCallbackFindsRoomOfItsOwn(t *testing.T) {
	s := newStop(t, 64<<10, 2, &Settings{BatchBytes: 1000, BatchBytesMax: 1 << 20})
	s.pool.SetAccounts([]int32{1})
	hog := s.partition(0)
	hog.SetLeader(&Leader{Account: s.pool.Account(1)})
	var places []Place
	for {
		place, err := s.Append(t.Context(), s.topic, entry(make([]byte, 1000)), &Boarding{Partition: hog})
		if err != nil {
			break
		}
		places = append(places, place)
	}
	outcome := make(chan error)
	s.callbacks.Submit(&hog.Lane, job(func() {
		_, err := s.Append(t.Context(), s.topic, entry(make([]byte, 500)), &Boarding{Partition: hog})
		outcome <- err
	}))
	if err := <-outcome; err != nil || len(places) == 0 {
		t.Errorf("a callback cannot enqueue while callers have taken everything: %v", err)
	}
}

// job is a dispatch.Job of one call.
type job func()

func (j job) Run()         { j() }
func (j job) Records() int { return 1 }

func TestAppendAllocatesNothingOnceWarm(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1 << 14, BatchBytesMax: 1 << 15})
	p, value := s.partition(0), make([]byte, 100)
	ctx := t.Context()
	var partitions []*Partition
	var batches []*batch.Batch
	round := func() {
		for range 100 {
			e := batch.Entry{Timestamp: 1000}
			e.Record.Value = value
			how := Boarding{Partition: p, Wait: time.Second}
			if _, err := s.Append(ctx, s.topic, &e, &how); err != nil {
				t.Fatal(err)
			}
		}
		partitions = s.Inbox.Take(partitions[:0])
		_, batches = p.TakeNews(batches[:0])
		for _, b := range batches {
			s.close(p, b)
			s.ReleaseBatch(b)
		}
	}
	round()
	if allocs := testing.AllocsPerRun(50, round); allocs > 0 {
		t.Errorf("%v allocations for 100 records", allocs)
	}
}

func TestFinishedBatchesLiveAgain(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1000})
	p := s.partition(0)
	s.add(p, 10)
	_, batches := s.news(p)
	first := batches[0]
	s.depart(p, first)
	s.add(p, 20)
	_, batches = s.news(p)
	if batches[0] != first || first.Count() != 1 || first.Sender != (batch.SenderState{}) {
		t.Error("a finished batch was not made new again")
	}
	// Memory for manifests is bounded: a batch with a great one is left to the garbage collector.
	b := batch.New()
	b.AddSlabs(&bufferpool.Slab{Buf: make([]byte, 0, 64<<20)})
	for range manifestsKept/8 + 1 {
		b.Board(entry(nil), nil, 1)
	}
	kept := len(s.mu.free)
	s.putBatch(b)
	if len(s.mu.free) != kept {
		t.Error("more is kept than is good")
	}
}

func TestSlabsOfAnAckedBatchGoBackAheadOfIt(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1000})
	s.add(s.partition(0), 10)
	_, batches := s.news(s.partition(0))
	s.close(s.partition(0), batches[0])
	s.ReleaseSlabs(batches[0])
	s.empty()
	s.ReleaseBatch(batches[0]) // returns nothing twice
	s.empty()
}

func TestPartitionsAreAnnouncedBeforeARecordCanBoardThem(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1000})
	view := *s.topic.View()
	view.Partitions, view.Available = 3, []int32{0, 2}
	var announced []int32
	s.Update(s.topic, &view, func(added []*Partition) {
		if len(s.topic.Partitions()) != 1 {
			t.Error("published before they were announced")
		}
		for _, p := range added {
			announced = append(announced, p.Number)
		}
	})
	if !slices.Equal(announced, []int32{1, 2}) || len(s.topic.Partitions()) != 3 || !slices.Equal(s.topic.Available(), []int32{0, 2}) {
		t.Errorf("announced %v, available %v", announced, s.topic.Available())
	}
	view.Partitions = 2 // none is taken away
	s.Update(s.topic, &view, func([]*Partition) { t.Error("announced again") })
	if len(s.topic.Partitions()) != 3 {
		t.Error("partitions vanished")
	}
}

// Most partitions of a producer that has many are nearly idle: a record or a few, then nothing for a while.
func TestTenThousandPartitionsThatAreNearlyIdleTakeLittleMemory(t *testing.T) {
	const partitions, heldMax = 10_000, 24 << 20
	s := newStop(t, 32<<20, partitions, &Settings{BatchBytes: 16 << 10, BatchBytesMax: 1 << 20})
	for round, records := range []int{1, 4, 1} {
		for n := range partitions {
			for range records {
				s.add(s.partition(n), 100)
			}
		}
		if held := s.pool.Stats().Held; held > heldMax {
			t.Errorf("round %d: %d bytes for %d records in each of %d partitions, want at most %d", round, held, records, partitions, heldMax)
		}
		for _, p := range s.Inbox.Take(nil) {
			_, batches := p.TakeNews(nil)
			for _, b := range batches {
				s.depart(p, b)
			}
		}
	}
	s.empty()
}

func TestBatchesThatAreNotNeededAreGivenUp(t *testing.T) {
	s := newStop(t, 1<<20, 1, &Settings{BatchBytes: 1000, BatchBytesMax: 1000})
	for range 10 {
		s.putBatch(batch.New())
	}
	s.Trim() // since the last one, all of them were needed
	if n := len(s.mu.free); n != 10 {
		t.Fatalf("%d of 10 batches are kept", n)
	}
	a, b := s.takeBatch(), s.takeBatch()
	s.putBatch(a)
	s.putBatch(b)
	s.Trim()
	if n := len(s.mu.free); n != 2 {
		t.Errorf("%d batches are kept, 2 were needed at a time", n)
	}
}
