package partitioner

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// probesPerSwitch bounds the average number of load probes that one switch pays for: a table over n partitions
	// serves n/probesPerSwitch switches before it is made anew.
	probesPerSwitch = 64
	// tableAgeMax bounds how old the loads in a table may be where switches are rare.
	tableAgeMax = 10 * time.Millisecond
)

// table is a weighted choice among partitions. One goroutine owns it at a time; see Sticky.move.
type table struct {
	view  *View
	built time.Time // zero for a table so small that it serves one switch
	uses  int

	// ids are the candidates; none means all of the view's partitions. They may be the view's own slice.
	ids []int32
	// sums are the running sums of the candidates' weights, in the order of ids; none means that all weigh the same.
	sums []int64

	idScratch []int32 // room for ids, kept from table to table
}

// fresh reports whether t can serve one more switch over v.
func (t *table) fresh(v *View) bool {
	return t.view == v && t.uses < len(t.ids)/probesPerSwitch && time.Since(t.built) < tableAgeMax
}

// build fills t from the loads of this moment. The candidates are, in this order: the ready partitions near by, the
// ready partitions, all partitions with a leader, all partitions.
func (t *table) build(v *View, weighted bool) {
	t.view, t.uses, t.built = v, 0, time.Time{}
	if weighted && v.Queued != nil && (t.weigh(v.SameRack, v.Queued) || t.weigh(v.Available, v.Queued)) {
		if len(t.ids) >= probesPerSwitch {
			t.built = time.Now()
		}
		return
	}
	t.sums = t.sums[:0]
	t.ids = v.near()
	if weighted && v.Queued != nil {
		// Nobody is ready, near or far: what is near has lost its advantage.
		t.ids = v.Available
	}
}

// weigh makes the ready ones of candidates the table's, each with weight (longest queue + 1 - own queue), and reports
// whether there are any. It is the rule of Java's BuiltInPartitioner.
func (t *table) weigh(candidates []int32, queued func(int32) (int, bool)) bool {
	ids, sums := t.idScratch[:0], t.sums[:0]
	longest, shortest := int64(0), int64(1)<<62
	for _, p := range candidates {
		batches, ready := queued(p)
		if !ready {
			continue
		}
		n := int64(batches)
		ids, sums = append(ids, p), append(sums, n)
		longest, shortest = max(longest, n), min(shortest, n)
	}
	t.ids, t.idScratch, t.sums = ids, ids, sums
	if longest == shortest {
		t.sums = sums[:0]
		return len(ids) > 0
	}
	total := int64(0)
	for i, n := range sums {
		total += longest + 1 - n
		sums[i] = total
	}
	return len(ids) > 0
}

// pick draws a partition, or -1 if there is none at all.
func (t *table) pick(random *rand.Rand) int32 {
	t.uses++
	switch {
	case len(t.sums) > 0:
		r := random.Int64N(t.sums[len(t.sums)-1])
		i, _ := slices.BinarySearch(t.sums, r+1)
		return t.ids[i]
	case len(t.ids) > 0:
		return t.ids[random.IntN(len(t.ids))]
	case t.view.Partitions > 0:
		return random.Int32N(t.view.Partitions)
	default:
		return -1
	}
}
