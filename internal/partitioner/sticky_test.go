package partitioner

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// chance is how likely a partition is the next one, relative to the others.
type chance struct {
	partition int32
	weight    int64
}

// chances are those of this moment. A partition that is not listed would not be chosen now.
func chances(s *Sticky) (list []chance) {
	s.mu.Lock()
	v := s.mu.view
	s.mu.Unlock()
	var t table
	t.build(v, !s.uniform)
	below := int64(0)
	for i, p := range t.ids {
		weight := int64(1)
		if len(t.sums) > 0 {
			weight, below = t.sums[i]-below, t.sums[i]
		}
		list = append(list, chance{p, weight})
	}
	if len(t.ids) == 0 {
		for p := range v.Partitions {
			list = append(list, chance{p, 1})
		}
	}
	return list
}

// view has n partitions, all of them with a leader and none with a queue.
func view(n int32) *View {
	v := &View{Partitions: n}
	for p := range n {
		v.Available = append(v.Available, p)
	}
	return v
}

// loads is a probe over fixed queue lengths; a negative one is a broker that takes no data.
func loads(queues ...int) func(int32) (int, bool) {
	return func(p int32) (int, bool) { return max(queues[p], 0), queues[p] >= 0 }
}

// turns ends n turns of s and counts where the next ones are.
func turns(s *Sticky, n int) map[int32]int {
	seen := make(map[int32]int)
	for range n {
		s.Produced(s.Current(), 1<<20, true)
		seen[s.Current()]++
	}
	return seen
}

func keys(m map[int32]int) []int32 { return slices.Sorted(maps.Keys(m)) }

// appender appends records to batches as the accumulator does, and counts the records of each run on one partition.
type appender struct {
	sticky     *Sticky
	batchBytes int
	batch      map[int32]int // bytes in each partition's open batch
	runs       []int
	last       int32
}

func (a *appender) append(record int) {
	const header = 61
	p := a.sticky.Current()
	if a.batch[p] > 0 && a.batch[p]+record > a.batchBytes {
		a.batch[p] = 0
		if a.sticky.Produced(p, 0, true) {
			p = a.sticky.Current()
		}
	}
	grown := record
	if a.batch[p] == 0 {
		grown += header
	}
	a.batch[p] += grown
	if p != a.last || len(a.runs) == 0 {
		a.runs, a.last = append(a.runs, 0), p
	}
	a.runs[len(a.runs)-1]++
	a.sticky.Produced(p, grown, a.batch[p] >= a.batchBytes)
}

func TestRunsAreWholeBatchesAsInJava(t *testing.T) {
	a := &appender{
		sticky:     NewSticky(StickyOptions{QuantumBytes: 1000, Uniform: true, Seed: 1}, view(50)),
		batchBytes: 1000,
		batch:      make(map[int32]int),
	}
	for range 16 * 500 {
		a.append(109)
	}
	if len(a.runs) < 400 {
		t.Fatalf("%d runs, want about 490", len(a.runs))
	}
	for i, n := range a.runs {
		// Two batches of 61 + 8*109 = 933 bytes; the same partition may be drawn again.
		if n%16 != 0 {
			t.Fatalf("run %d has %d records, want a multiple of 16", i, n)
		}
	}
}

func TestSwitchWaitsForTheBatchButNotBeyondTwoQuanta(t *testing.T) {
	s := NewSticky(StickyOptions{QuantumBytes: 100, Uniform: true, Seed: 1}, view(1000))
	p := s.Current()
	for _, step := range []struct {
		bytes     int
		batchDone bool
		moved     bool
	}{
		{99, true, false},
		{1, false, false},
		{99, false, false},
		{0, true, true},
	} {
		if moved := s.Produced(p, step.bytes, step.batchDone); moved != step.moved {
			t.Fatalf("%+v: moved %v", step, moved)
		}
	}
	p = s.Current()
	if s.Produced(p, 199, false) {
		t.Error("switched below two quanta although the batch takes more")
	}
	if !s.Produced(p, 1, false) {
		t.Error("did not switch at two quanta")
	}
	q := s.Current()
	if s.move(p); s.Current() != q {
		t.Error("a turn that was over was ended again")
	}
	if !s.Produced(p, 5, false) || s.produced.Load() != 0 {
		t.Error("bytes for a partition whose turn is over were counted")
	}
}

func TestUnkeyedRecordsSpreadEvenly(t *testing.T) {
	const partitions, records = 6, 10_000_000
	s := NewSticky(StickyOptions{QuantumBytes: 16384, Uniform: true, Seed: 42}, view(partitions))
	var counts [partitions]int
	for i := range records {
		p := s.Current()
		counts[p]++
		s.Produced(p, 107, i%16 == 0)
	}
	for p, n := range counts {
		if skew := float64(n)/(records/partitions) - 1; skew > 0.05 || skew < -0.05 {
			t.Errorf("partition %d has %d records, %.1f %% off", p, n, 100*skew)
		}
	}
}

func TestWeightsAreLongestQueueLessOwnPlusOne(t *testing.T) {
	v := view(3)
	v.Queued = loads(0, 3, 1)
	s := NewSticky(StickyOptions{QuantumBytes: 1, Seed: 7}, v)
	want := []chance{{0, 4}, {1, 1}, {2, 3}}
	if got := chances(s); !slices.Equal(got, want) {
		t.Errorf("weights %v, want %v", got, want)
	}
	seen := turns(s, 80_000)
	for _, w := range want {
		if n, fair := seen[w.partition], 10_000*int(w.weight); n < fair*95/100 || n > fair*105/100 {
			t.Errorf("partition %d had %d turns, want about %d", w.partition, n, fair)
		}
	}
}

func TestEqualQueuesAreDrawnUniformly(t *testing.T) {
	v := view(4)
	v.Queued = loads(5, 5, 5, 5)
	s := NewSticky(StickyOptions{QuantumBytes: 1, Seed: 7}, v)
	if got := chances(s); !slices.Equal(got, []chance{{0, 1}, {1, 1}, {2, 1}, {3, 1}}) {
		t.Errorf("weights %v, want all 1", got)
	}
}

func TestIdlePartitionOfADeadBrokerIsNotChosen(t *testing.T) {
	v := view(4)
	queues := []int{2, -1, 9, -1}
	v.Queued = func(p int32) (int, bool) { return loads(queues...)(p) }
	s := NewSticky(StickyOptions{QuantumBytes: 1, Seed: 3}, v)
	if got := keys(turns(s, 1000)); !slices.Equal(got, []int32{0, 2}) {
		t.Errorf("turns went to %v, want 0 and 2", got)
	}
	queues = []int{-1, -1, -1, -1}
	if got := keys(turns(s, 1000)); !slices.Equal(got, []int32{0, 1, 2, 3}) {
		t.Errorf("with no broker ready turns went to %v, want all", got)
	}
}

func TestPartitionWithoutLeaderIsNotChosenWhileOthersHaveOne(t *testing.T) {
	for _, uniform := range []bool{false, true} {
		v := &View{Partitions: 5, Available: []int32{1, 4}, Queued: loads(0, 7, 0, 0, -1)}
		s := NewSticky(StickyOptions{QuantumBytes: 1, Seed: 3, Uniform: uniform}, v)
		seen := turns(s, 1000)
		if seen[0]+seen[2]+seen[3] > 0 {
			t.Errorf("uniform %v: partitions without a leader had turns: %v", uniform, seen)
		}
		s.Reset(&View{Partitions: 5, Queued: v.Queued})
		if got := keys(turns(s, 1000)); len(got) != 5 {
			t.Errorf("uniform %v: with no leader at all turns went to %v, want all", uniform, got)
		}
	}
}

func TestNearbyReadyPartitionsComeFirst(t *testing.T) {
	v := view(4)
	v.SameRack = []int32{1, 2}
	for _, c := range []struct {
		name    string
		uniform bool
		queues  []int
		want    []int32
	}{
		{"uniform", true, []int{0, 9, 9, 0}, []int32{1, 2}},
		{"adaptive", false, []int{0, 9, 8, 0}, []int32{1, 2}},
		{"one nearby is down", false, []int{0, 9, -1, 0}, []int32{1}},
		{"all nearby are down", false, []int{0, -1, -1, 4}, []int32{0, 3}},
		{"all are down", false, []int{-1, -1, -1, -1}, []int32{0, 1, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := *v
			v.Queued = loads(c.queues...)
			s := NewSticky(StickyOptions{QuantumBytes: 1, Seed: 9, Uniform: c.uniform}, &v)
			if got := keys(turns(s, 1000)); !slices.Equal(got, c.want) {
				t.Errorf("turns went to %v, want %v", got, c.want)
			}
		})
	}
}

func TestResetMovesOnlyFromAPartitionThatIsGone(t *testing.T) {
	s := NewSticky(StickyOptions{QuantumBytes: 100, Seed: 5}, view(8))
	p := s.Current()
	s.Produced(p, 60, false)
	s.Reset(view(16))
	if s.Current() != p || s.produced.Load() != 60 {
		t.Error("partitions that appeared ended a turn")
	}
	s.Reset(&View{Partitions: 16, Available: []int32{(p + 1) % 16}})
	if got := s.Current(); got != (p+1)%16 || s.produced.Load() != 0 {
		t.Errorf("after its leader was lost the turn of %d went to %d", p, got)
	}
	s.Reset(view(1))
	if s.Current() != 0 {
		t.Errorf("after the topic shrank the turn is %d's", s.Current())
	}
	s.Reset(&View{})
	if s.Current() != -1 {
		t.Errorf("a topic without partitions has the turn at %d", s.Current())
	}
	s.Reset(view(3))
	if s.Current() < 0 {
		t.Error("partitions appeared and none has the turn")
	}
}

func TestLargeTopicProbesFewLoadsPerSwitchAndNoOldOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const partitions, switches = 10_000, 1_560
		probes := 0
		v := view(partitions)
		v.Queued = func(p int32) (int, bool) { probes++; return int(p % 3), true }
		s := NewSticky(StickyOptions{QuantumBytes: 1, Seed: 5}, v)
		probes = 0
		turns(s, switches)
		if perSwitch := probes / switches; perSwitch > 2*probesPerSwitch || probes == 0 {
			t.Errorf("%d probes per switch, want about %d", perSwitch, probesPerSwitch)
		}
		half := *v
		half.Available = v.Available[:partitions/2]
		s.Reset(&half)
		if lost := slices.Max(keys(turns(s, 100))); lost >= partitions/2 {
			t.Errorf("the table outlived its view: partition %d has no leader", lost)
		}
		s.Reset(v)
		turns(s, 1)
		probes = 0
		turns(s, 1)
		if probes != 0 {
			t.Fatalf("%d probes right after a table was made", probes)
		}
		<-time.After(tableAgeMax)
		turns(s, 1)
		if probes != partitions {
			t.Errorf("%d probes after the table's time, want %d", probes, partitions)
		}
	})
}

func TestProducersOnAllPartitionsShareOneTurn(t *testing.T) {
	const partitions, producers, records, quantum = 8, 6, 20_000, 500
	v := view(partitions)
	v.Queued = func(p int32) (int, bool) { return int(p), true }
	s := NewSticky(StickyOptions{QuantumBytes: quantum}, v)
	var queues [partitions]struct {
		sync.Mutex
		records int
	}
	var moves atomic.Int64
	var wg sync.WaitGroup
	for range producers {
		wg.Go(func() {
			for i := range records {
				for {
					p := s.Current()
					q := &queues[p]
					q.Lock()
					if s.Current() != p {
						q.Unlock()
						continue
					}
					q.records++
					if s.Produced(p, 10, i%3 == 0) {
						moves.Add(1)
					}
					q.Unlock()
					break
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 200 {
			v := *v
			v.Available = v.Available[:1+i%partitions]
			s.Reset(&v)
			chances(s)
		}
	})
	wg.Wait()
	total := 0
	for p := range queues {
		total += queues[p].records
	}
	if total != producers*records {
		t.Errorf("%d records, want %d", total, producers*records)
	}
	// Each turn takes at least a quantum, but for those that Reset cut short.
	if most := int64(total*10/quantum + 202); moves.Load() > most {
		t.Errorf("the turn moved %d times, want at most %d", moves.Load(), most)
	}
}

func TestSameSeedMakesTheSameChoices(t *testing.T) {
	trace := func(seed uint64) (ps []int32) {
		s := NewSticky(StickyOptions{QuantumBytes: 1, Seed: seed}, view(100))
		for range 50 {
			ps = append(ps, s.Current())
			s.Produced(s.Current(), 1, true)
		}
		return ps
	}
	if !slices.Equal(trace(1), trace(1)) {
		t.Error("one seed, two traces")
	}
	if slices.Equal(trace(1), trace(2)) {
		t.Error("two seeds, one trace")
	}
}

func TestNothingAllocatesOnceWarm(t *testing.T) {
	v := view(200)
	v.Queued = func(p int32) (int, bool) { return int(p & 7), true }
	s := NewSticky(StickyOptions{QuantumBytes: 10, Seed: 1}, v)
	r := NewRoundRobin(0)
	key := []byte("some key of some length")
	allocs := testing.AllocsPerRun(2000, func() {
		s.Produced(s.Current(), 10, true)
		r.Next(v)
		for scheme := SchemeJava; scheme <= SchemeConsistentRandom; scheme++ {
			scheme.Partition(key, 200)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a round", allocs)
	}
}

func BenchmarkStickyRecord(b *testing.B) {
	for name, partitions := range map[string]int32{"6": 6, "10000": 10_000} {
		b.Run(name, func(b *testing.B) {
			v := view(partitions)
			v.Queued = func(p int32) (int, bool) { return int(p & 7), true }
			s := NewSticky(StickyOptions{QuantumBytes: 16384, Seed: 1}, v)
			for b.Loop() {
				s.Produced(s.Current(), 107, true)
			}
		})
	}
}
