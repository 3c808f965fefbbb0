package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"
)

// oracle answers as a Histogram should, from all its values.
type oracle []int64

func (o oracle) quantile(q float64) int64 {
	rank := int(math.Ceil(q * float64(len(o))))
	return o[min(max(rank, 1), len(o))-1]
}

func (o oracle) sum() (sum int64) {
	for _, v := range o {
		sum += v
	}
	return sum
}

func record(values ...int64) *Histogram {
	h := new(Histogram)
	for _, v := range values {
		h.Record(v)
	}
	return h
}

// distributions draws values as the pipeline has them, and some that it never should.
func distributions() map[string]func(*rand.Rand) int64 {
	return map[string]func(*rand.Rand) int64{
		"small counts":      func(r *rand.Rand) int64 { return r.Int64N(200) },
		"1 µs to 1 h in ns": func(r *rand.Rand) int64 { return int64(1000 * math.Pow(3.6e9, r.Float64())) },
		"latencies":         func(r *rand.Rand) int64 { return int64(r.ExpFloat64() * float64(5*time.Millisecond)) },
		"one value":         func(*rand.Rand) int64 { return 16_384 },
		"all of int63":      func(r *rand.Rand) int64 { return r.Int64() >> r.IntN(63) >> 10 },
	}
}

func TestQuantilesAreWithinOneThirtySecondOfTheOracle(t *testing.T) {
	for name, draw := range distributions() {
		t.Run(name, func(t *testing.T) {
			const seed = 1
			r := rand.New(rand.NewPCG(seed, seed))
			var all oracle
			h := new(Histogram)
			for range 20_000 {
				v := draw(r)
				all = append(all, v)
				h.Record(v)
			}
			slices.Sort(all)
			s := h.Snapshot()
			if s.Count != uint64(len(all)) || s.Sum != all.sum() || s.Max != all[len(all)-1] {
				t.Fatalf("count %d sum %d max %d, want %d %d %d", s.Count, s.Sum, s.Max, len(all), all.sum(), all[len(all)-1])
			}
			for _, q := range []float64{0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1} {
				got, want := s.Quantile(q), all.quantile(q)
				if math.Abs(float64(got-want)) > float64(want)/32 {
					t.Errorf("quantile %v is %d, want %d within 1/32", q, got, want)
				}
			}
		})
	}
}

func TestValuesUpTo31AreExact(t *testing.T) {
	for v := range int64(32) {
		if got := record(v, 1000).Snapshot().Quantile(0.5); got != v {
			t.Errorf("%d was kept as %d", v, got)
		}
	}
}

func TestBucketsFollowOneAnotherWithoutGapOrOverlap(t *testing.T) {
	last := bucketOf(0)
	for shift := range 63 {
		for _, offset := range []int64{-1, 0, 1} {
			for sub := range int64(subBuckets) {
				v := int64(1)<<shift + int64(1)<<shift/subBuckets*sub + offset
				if v < 0 {
					continue
				}
				i := bucketOf(v)
				if i < 0 || i >= bucketCount {
					t.Fatalf("%d is in bucket %d of %d", v, i, bucketCount)
				}
				if bucketOf(middleOf(i)) != i {
					t.Fatalf("the middle of bucket %d, %d, is in bucket %d", i, middleOf(i), bucketOf(middleOf(i)))
				}
			}
		}
	}
	for v := int64(1); v < 1<<16; v++ {
		i := bucketOf(v)
		if i != last && i != last+1 {
			t.Fatalf("%d is in bucket %d, its predecessor in %d", v, i, last)
		}
		last = i
	}
	if got := bucketOf(math.MaxInt64); got != bucketCount-1 {
		t.Errorf("the largest value is in bucket %d, want the last, %d", got, bucketCount-1)
	}
}

func TestNegativeValuesCountAsZero(t *testing.T) {
	s := record(-5, math.MinInt64).Snapshot()
	if s.Count != 2 || s.Sum != 0 || s.Max != 0 || s.Quantile(1) != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestAnEmptyHistogramIsAllZero(t *testing.T) {
	s := new(Histogram).Snapshot()
	if s.Count != 0 || s.Sum != 0 || s.Max != 0 || s.Quantile(0.5) != 0 || s.Quantile(1) != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestQuantileNeverExceedsTheMaximum(t *testing.T) {
	s := record(1 << 40).Snapshot()
	for _, q := range []float64{-1, 0, 0.5, 0.999, 1, 2} {
		if got := s.Quantile(q); got != 1<<40 {
			t.Errorf("quantile %v of a single value is %d, want %d", q, got, int64(1)<<40)
		}
	}
}

func TestAFullBucketCarriesOver(t *testing.T) {
	h := new(Histogram)
	i := bucketOf(1000)
	for round := range uint64(3) {
		h.counts[i].Store(carryAt - 2)
		for range 4 {
			h.Record(1000)
		}
		if got, want := h.Snapshot().Count, (round+1)*carryAt+2; got != want {
			t.Fatalf("round %d: count %d, want %d", round, got, want)
		}
		if got := h.counts[i].Load(); got != 2 {
			t.Fatalf("round %d: %d left in the bucket, want 2", round, got)
		}
	}
}

func TestParallelRecordsAreAllCounted(t *testing.T) {
	const writers, values = 8, 20_000
	h := new(Histogram)
	h.counts[bucketOf(7)].Store(carryAt - writers*values/2) // so that a carry happens meanwhile
	before := h.Snapshot().Count
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range values {
				h.Record(7)
			}
		})
	}
	for range 50 {
		if got := h.Snapshot().Count; got < before || got > before+writers*values {
			t.Errorf("a snapshot meanwhile counted %d, out of %d to %d", got, before, before+writers*values)
		}
	}
	wg.Wait()
	s := h.Snapshot()
	if s.Count != before+writers*values || s.Sum != 7*writers*values || s.Max != 7 {
		t.Errorf("count %d sum %d max %d", s.Count, s.Sum, s.Max)
	}
}

func TestAHistogramTakesLessThan4KiBAndRecordsWithoutAllocating(t *testing.T) {
	h := new(Histogram)
	if size := unsafe.Sizeof(*h); size > 4096 {
		t.Errorf("it takes %d bytes", size)
	}
	v := int64(0)
	if allocs := testing.AllocsPerRun(1000, func() { h.Record(v); v += 977 }); allocs != 0 {
		t.Errorf("Record allocates %v times", allocs)
	}
}

func BenchmarkRecord(b *testing.B) {
	h := new(Histogram)
	v := int64(0)
	for b.Loop() {
		h.Record(v & 0xffffff)
		v += 977
	}
}
