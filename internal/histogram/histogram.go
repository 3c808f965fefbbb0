// Package histogram counts values by their magnitude, in fixed memory and without a lock, so that the time spent in every
// stage of the pipeline can be measured while it runs.
//
// A bucket is found from a value's highest bit and the four bits below it, so buckets grow with the values they count:
//
//	value    0 1 2 … 31 | 32-33 34-35 … 62-63 | 64-67 68-71 … 124-127 | …  2^63-1
//	width      1        |          2          |           4           | …  2^58
//
// Invariants:
//
//  1. Values up to 31 are kept exactly. A larger value is off by at most 1/32 of itself (3.1 %), because its bucket is
//     at most 1/16 as wide as the value is large, and stands for all its values by its middle.
//  2. Every int64 has a bucket; negative values count as 0. There is no range to configure, so one type serves
//     nanoseconds, bytes and records.
//  3. A Histogram takes less than 4 KiB, because buckets count in 32 bits; a bucket that is half full carries over to
//     64 bits, once in two thousand million records, under a lock.
//  4. Record is three atomic operations at most and never allocates, but for the first carry of all.
//
// Rejected: HdrHistogram's configurable range and digits (nothing here needs them, and a wrong range loses values), and
// t-digests (they need a lock or a buffer on the recording side).
package histogram

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	subBits     = 4            // bits of a value, below its highest, that choose its bucket
	subBuckets  = 1 << subBits // buckets for each power of two
	bucketCount = (64 - subBits) * subBuckets
	carryAt     = 1 << 31 // count at which a bucket carries over; room enough for all writers until one has done it
)

// Histogram counts values. The zero value is empty. It may be used by any number of goroutines and must not be copied.
type Histogram struct {
	counts [bucketCount]atomic.Uint32
	sum    atomic.Int64
	max    atomic.Int64

	mu struct {
		sync.Mutex
		carried *[bucketCount]uint64 // what was taken from counts, or nil
	}
}

// Record counts v. It costs a few nanoseconds and never blocks but for the carry of invariant 3.
func (h *Histogram) Record(v int64) {
	v = max(v, 0)
	i := bucketOf(v)
	if h.counts[i].Add(1) >= carryAt {
		h.carry(i)
	}
	h.sum.Add(v)
	for {
		top := h.max.Load()
		if v <= top || h.max.CompareAndSwap(top, v) {
			return
		}
	}
}

// carry moves half of what bucket i can hold to where there is more room. Snapshot sees it before or after, not between.
func (h *Histogram) carry(i int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts[i].Load() < carryAt {
		return // another writer did it
	}
	if h.mu.carried == nil {
		h.mu.carried = new([bucketCount]uint64)
	}
	h.mu.carried[i] += carryAt
	h.counts[i].Add(^uint32(carryAt - 1))
}

// Snapshot returns what was counted so far. Records that are made meanwhile may be in Count and not yet in Sum or Max.
func (h *Histogram) Snapshot() Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	var s Snapshot
	for i := range h.counts {
		n := uint64(h.counts[i].Load())
		if h.mu.carried != nil {
			n += h.mu.carried[i]
		}
		if n > 0 {
			s.buckets = append(s.buckets, bucket{index: i, count: n})
			s.Count += n
		}
	}
	s.Sum = h.sum.Load()
	s.Max = h.max.Load()
	return s
}

// bucketOf returns the bucket of v, which must not be negative. Up to 2*subBuckets it is v itself; beyond, each power of
// two begins subBuckets further on.
func bucketOf(v int64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(uint64(v)) - subBits - 1
	return shift*subBuckets + int(v>>shift)
}

// middleOf returns the value that stands for all values of bucket i.
func middleOf(i int) int64 {
	if i < 2*subBuckets {
		return int64(i)
	}
	shift := i/subBuckets - 1
	low := int64(i-shift*subBuckets) << shift
	return low + int64(1)<<shift/2
}
