package dispatch

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// jobFunc is a job of one record.
type jobFunc func()

func (f jobFunc) Run()         { f() }
func (f jobFunc) Records() int { return 1 }

// emptyJob does nothing, without an allocation.
type emptyJob struct{ records int }

func (*emptyJob) Run()           {}
func (j *emptyJob) Records() int { return j.records }

func drain(t *testing.T, d *Dispatcher) {
	t.Helper()
	if err := d.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestJobsOfALaneRunInOrderAndOneAtATime(t *testing.T) {
	const lanes, jobs = 64, 500
	d := New(Config{Workers: 4, HeldMax: time.Microsecond})
	defer d.Close()
	var got [lanes][]int // written without a lock: -race sees two jobs of a lane at once
	var lane [lanes]Lane
	for n := range jobs {
		for i := range lanes {
			d.Submit(&lane[i], jobFunc(func() { got[i] = append(got[i], n) }))
		}
	}
	drain(t, d)
	for i := range lanes {
		if len(got[i]) != jobs || !slices.IsSorted(got[i]) {
			t.Fatalf("lane %d ran %d of %d jobs, in the order %v", i, len(got[i]), jobs, got[i])
		}
	}
}

func TestSubmittersInParallelLoseNothing(t *testing.T) {
	const submitters, jobs = 64, 300
	d := New(Config{})
	defer d.Close()
	var ran atomic.Int64
	var lanes [8]Lane
	var wg sync.WaitGroup
	for i := range submitters {
		wg.Go(func() {
			for range jobs {
				d.Submit(&lanes[i%len(lanes)], jobFunc(func() { ran.Add(1) }))
			}
		})
	}
	wg.Wait()
	drain(t, d)
	if ran.Load() != submitters*jobs {
		t.Fatalf("%d jobs ran, want %d", ran.Load(), submitters*jobs)
	}
}

func TestSleepingLanesDelayOnlyThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Workers: 2})
		defer d.Close()
		var sleepers [64]Lane
		for i := range sleepers {
			for range 2 {
				d.Submit(&sleepers[i], jobFunc(func() { time.Sleep(10 * time.Second) }))
			}
		}
		// Two workers, then two more every 10 ms: all sleep after 320 ms, and one more takes what comes now.
		time.Sleep(400 * time.Millisecond)
		if got := d.Stats().Workers; got != len(sleepers) {
			t.Errorf("%d workers while %d callbacks sleep", got, len(sleepers))
		}
		start := time.Now()
		var late time.Duration
		var awake Lane
		d.Submit(&awake, jobFunc(func() { late = time.Since(start) }))
		synctest.Wait()
		if late != 0 {
			t.Errorf("another lane's callback came %v late", late)
		}
		drain(t, d)
		// The second round finds its workers there.
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("two rounds of 10 s took %v", took)
		}
		if got := d.Stats().Held; got != 2*uint64(len(sleepers)) {
			t.Errorf("%d jobs counted as held, want %d", got, 2*len(sleepers))
		}
	})
}

func TestWorkersStayWithinTheirMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Workers: 1, WorkersMax: 5})
		defer d.Close()
		var lanes [20]Lane
		for i := range lanes {
			d.Submit(&lanes[i], jobFunc(func() { time.Sleep(time.Second) }))
		}
		time.Sleep(900 * time.Millisecond)
		if got := d.Stats(); got.Workers != 5 || got.PendingJobs != 20 || got.PendingRecords != 20 {
			t.Errorf("%+v, want 5 workers and 20 jobs of 20 records", got)
		}
		start := time.Now()
		drain(t, d)
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("20 lanes of 1 s on 5 workers took %v more than 0.9 s", took)
		}
	})
}

func TestQuickJobsAddNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Workers: 2})
		defer d.Close()
		var lanes [100]Lane
		for i := range lanes {
			d.Submit(&lanes[i], jobFunc(func() { time.Sleep(9 * time.Millisecond) }))
		}
		drain(t, d)
		if got := d.Stats(); got.Workers != 2 || got.Held != 0 {
			t.Errorf("%+v, want 2 workers and nothing held", got)
		}
	})
}

func TestIdleWorkersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Workers: 3})
		var lanes [3]Lane
		for round := range 2 {
			for i := range lanes {
				d.Submit(&lanes[i], jobFunc(func() { time.Sleep(time.Millisecond) }))
			}
			time.Sleep(4 * time.Second)
			if got := d.Stats().Workers; got != 3 {
				t.Errorf("round %d: %d workers after 4 s of idleness, want 3", round, got)
			}
			time.Sleep(2 * time.Second)
			if got := d.Stats().Workers; got != 0 {
				t.Errorf("round %d: %d workers after 6 s of idleness, want none", round, got)
			}
		}
		// The bubble fails the test if a goroutine is left, though Close was not called.
	})
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Workers: 8})
		var lanes [8]Lane
		for i := range lanes {
			d.Submit(&lanes[i], jobFunc(func() { time.Sleep(time.Millisecond) }))
		}
		d.Submit(new(Lane), jobFunc(func() { time.Sleep(time.Minute) }))
		time.Sleep(time.Second)
		start := time.Now()
		d.Close()
		d.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close waited %v for a running callback", took)
		}
		if got := d.Stats().Workers; got != 1 {
			t.Errorf("%d workers after Close, want only the one whose callback runs", got)
		}
		drain(t, d)
		if got := d.Stats().Workers; got != 0 {
			t.Errorf("%d workers after the last job", got)
		}
	})
}

func TestJobsSubmittedAfterCloseStillRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{})
		d.Close()
		ran := 0
		var lane Lane
		for range 3 {
			d.Submit(&lane, jobFunc(func() { ran++ }))
		}
		drain(t, d)
		if ran != 3 {
			t.Errorf("%d jobs ran, want 3", ran)
		}
	})
}

func TestAPanicCostsOneJobOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var values []any
		var stacks []string
		d := New(Config{Workers: 1, OnPanic: func(value any, stack []byte) {
			values = append(values, value)
			stacks = append(stacks, string(stack))
			panic("the logger fails as well")
		}})
		defer d.Close()
		ran := 0
		var lane Lane
		d.Submit(&lane, jobFunc(func() { panic("boom") }))
		d.Submit(&lane, jobFunc(func() { ran++ }))
		drain(t, d)
		if ran != 1 {
			t.Errorf("the job behind a panic ran %d times", ran)
		}
		if len(values) != 1 || values[0] != "boom" || !strings.Contains(stacks[0], "TestAPanicCostsOneJobOnly") {
			t.Errorf("OnPanic was told %v, %v", values, stacks)
		}
		if got := d.Stats(); got.Panics != 2 || got.Workers != 1 {
			t.Errorf("%+v, want 2 panics and 1 worker", got)
		}
	})
}

func TestAPanicWithoutOnPanicIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{})
		defer d.Close()
		d.Submit(new(Lane), jobFunc(func() { panic(errors.New("boom")) }))
		drain(t, d)
		if got := d.Stats().Panics; got != 1 {
			t.Errorf("%d panics counted, want 1", got)
		}
	})
}

func TestACallbackThatEndsItsGoroutineCostsNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Workers: 1})
		defer d.Close()
		ran, onWorker := 0, false
		var lane Lane
		for range 5 {
			d.Submit(&lane, jobFunc(func() { ran++; runtime.Goexit() }))
		}
		d.Submit(&lane, jobFunc(func() { ran++; onWorker = d.OnWorker() }))
		drain(t, d)
		if got := d.Stats(); ran != 6 || !onWorker || got.Workers != 1 || got.PendingJobs != 0 {
			t.Errorf("%d of 6 jobs ran, on worker %v, %+v", ran, onWorker, got)
		}
	})
}

func TestSubmitAllocatesNothing(t *testing.T) {
	d := New(Config{Workers: 1})
	defer d.Close()
	lanes := make([]Lane, 4)
	jobs := make([]*emptyJob, 16)
	for i := range jobs {
		jobs[i] = &emptyJob{records: 3}
	}
	idle := func() bool { return d.Stats().PendingJobs == 0 }
	allocs := testing.AllocsPerRun(200, func() {
		for i, j := range jobs {
			d.Submit(&lanes[i%len(lanes)], j)
		}
		for !idle() {
			runtime.Gosched()
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for %d jobs, want none", allocs, len(jobs))
	}
}

func TestQueueKeepsOrderWhileItMovesAndGrows(t *testing.T) {
	var q taskQueue
	pushed, popped := 0, 0
	for _, step := range []int{3, -2, 9, -5, 400, -300, 50, -155, 7, -7} {
		for ; step > 0; step-- {
			q.push(task{job: jobFunc(nil), records: pushed})
			pushed++
		}
		for ; step < 0; step++ {
			if got := q.first.records; got != popped {
				t.Fatalf("popped %d, want %d", got, popped)
			}
			q.drop()
			popped++
		}
		if q.len() != pushed-popped {
			t.Fatalf("len %d, want %d", q.len(), pushed-popped)
		}
	}
	if cap(q.more.tasks) > queueKeep {
		t.Errorf("the empty queue keeps room for %d tasks", cap(q.more.tasks))
	}
}

func TestDrainEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{})
		defer d.Close()
		d.Submit(new(Lane), jobFunc(func() { time.Sleep(time.Minute) }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := d.Drain(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 records") {
			t.Errorf("got %v", err)
		}
		drain(t, d)
	})
}
