package histogram

import "math"

// Snapshot is what a Histogram had counted at one moment. The zero value is that of an empty Histogram.
type Snapshot struct {
	Count uint64 // values
	Sum   int64  // of all values, exactly
	Max   int64  // the largest value, exactly; 0 if there is none

	buckets []bucket // by index; none is empty
}

type bucket struct {
	index int
	count uint64
}

// Quantile returns the value below or at which the share q of all values lies, to 3.1 %, and never more than Max: the
// median for q = 0.5, the largest for q >= 1, the smallest for q <= 0. Of no values at all it is 0.
func (s Snapshot) Quantile(q float64) int64 {
	if s.Count == 0 {
		return 0
	}
	if q >= 1 {
		return s.Max
	}
	rank := uint64(math.Ceil(max(q, 0) * float64(s.Count)))
	rank = min(max(rank, 1), s.Count)
	var seen uint64
	for _, b := range s.buckets {
		if seen += b.count; seen >= rank {
			return min(middleOf(b.index), s.Max)
		}
	}
	return s.Max
}
