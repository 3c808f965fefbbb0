package batch

import (
	"sort"
	"unsafe"
)

// Run is a stretch of records, one behind the other, that have the same callback and the same time. A producer that shares
// one callback has a run a millisecond; one with a callback for each record has a run for each. 32 bytes a record, which
// it was when each kept its own, were a tenth of what a 100-byte record costs.
type Run struct {
	// First is the seat of the run's first record. The run ends where the next one begins, or with the batch.
	First int32
	// Delta is the records' timestamp less the batch's base timestamp, in milliseconds.
	Delta int32
	// Callback is opaque to the pipeline; nil for records nobody is told about.
	Callback any
}

// manifest is whom to tell what became of the records, from the first one on that somebody wants to be told of.
type manifest struct {
	last Run // a copy of the last of runs, which need not be looked at for a record like the one before
	runs []Run
	tags []uint64 // by seat; shorter than the batch where the last ones are 0
	// calls is set once a record has a callback.
	calls bool
}

// note adds the record at the seat, which is the batch's last.
func (m *manifest) note(seat, delta int32, callback any, tag uint64) {
	if len(m.runs) == 0 || m.last.Delta != delta || !identical(m.last.Callback, callback) {
		m.last = Run{First: seat, Delta: delta, Callback: callback}
		m.runs = append(m.runs, m.last)
		m.calls = m.calls || callback != nil
	}
	if tag != 0 {
		for len(m.tags) < int(seat) {
			m.tags = append(m.tags, 0)
		}
		m.tags = append(m.tags, tag)
	}
}

// identical reports whether two callbacks are one value. Go does not compare functions, but an interface that holds one is two
// words, its type and a pointer to the function and its variables: where both agree, so do the functions.
func identical(a, b any) bool {
	return *(*[2]uintptr)(unsafe.Pointer(&a)) == *(*[2]uintptr)(unsafe.Pointer(&b))
}

// reset makes the manifest empty and keeps its memory.
func (m *manifest) reset() {
	clear(m.runs)
	m.last, m.runs, m.tags, m.calls = Run{}, m.runs[:0], m.tags[:0], false
}

// Runs lists whom to call, in the order of the records. What stands before the first run has no callback.
func (b *Batch) Runs() []Run { return b.manifest.runs }

// RunEnd is the seat behind the last record of the run at a place in Runs.
func (b *Batch) RunEnd(at int) int {
	if at+1 < len(b.manifest.runs) {
		return int(b.manifest.runs[at+1].First)
	}
	return b.Count()
}

// ManifestBytes is the memory that the batch keeps for callbacks and tags from one life to the next.
func (b *Batch) ManifestBytes() int {
	return cap(b.manifest.runs)*int(unsafe.Sizeof(Run{})) + 8*cap(b.manifest.tags)
}

// Tag is the mark of the record at a seat.
func (b *Batch) Tag(seat int) uint64 {
	if seat < len(b.manifest.tags) {
		return b.manifest.tags[seat]
	}
	return 0
}

// Callback is what to call for the record at a seat, or nil.
func (b *Batch) Callback(seat int) any {
	runs := b.manifest.runs
	i := sort.Search(len(runs), func(i int) bool { return int(runs[i].First) > seat })
	if i == 0 {
		return nil
	}
	return runs[i-1].Callback
}

// HasCallbacks reports whether any record has a callback.
func (b *Batch) HasCallbacks() bool { return b.manifest.calls }
