package batch

import (
	"sort"
	"unsafe"
)

// Run is a stretch of records, one behind the other, that have the same callback and the same time.
type Run struct {
	// End is the seat behind the run's last record.
	End int
	// Delta is the records' timestamp less the batch's base timestamp, in milliseconds.
	Delta int32
	// Callback is opaque to the pipeline; nil for records nobody is told about.
	Callback any
}

// manifest is whom to tell what became of the records, from the first one on that somebody wants to be told of. It notes
// what changes from a record to the next: a producer that shares one callback has one voice a batch, kept in the batch itself,
// and a tick a millisecond. 32 bytes a record, which it was when each kept its own, were a tenth of what a 100-byte record
// costs; and over thousands of partitions, where hardly two records of a batch have the same time, each byte counts.
type manifest struct {
	last    voice
	delta   int32 // of the last tick
	begun   bool  // last is one
	calls   bool  // a record has a callback
	ticks   []tick
	near    [nearTicks]tick // where ticks begins
	earlier []voice         // before the last one
	tags    []uint64        // by seat; shorter than the batch where the last ones are 0
}

// nearTicks is how many ticks need no memory of their own. Over thousands of partitions a batch seldom has more; and with these a
// Batch takes 512 bytes, so that it begins where a cache line does.
const nearTicks = 6

// voice is the callback of the records from a seat on.
type voice struct {
	callback any
	first    int32
}

// tick is the time of the records from a seat on.
type tick struct{ first, delta int32 }

// note adds the record at the seat, which is the batch's last.
func (m *manifest) note(seat, delta int32, callback any, tag uint64) {
	if !m.begun || !identical(m.last.callback, callback) {
		m.speak(voice{callback, seat})
	}
	if m.delta != delta || len(m.ticks) == 0 {
		if m.delta = delta; m.ticks == nil {
			m.ticks = m.near[:0]
		}
		m.ticks = append(m.ticks, tick{seat, delta})
	}
	if tag != 0 {
		for len(m.tags) < int(seat) {
			m.tags = append(m.tags, 0)
		}
		m.tags = append(m.tags, tag)
	}
}

// speak begins a voice.
func (m *manifest) speak(v voice) {
	if m.begun {
		m.earlier = append(m.earlier, m.last)
	}
	m.last, m.begun = v, true
	m.calls = m.calls || v.callback != nil
}

// identical reports whether two callbacks are one value. Go does not compare functions, but an interface that holds one is two
// words, its type and a pointer to the function and its variables: where both agree, so do the functions.
func identical(a, b any) bool {
	return *(*[2]uintptr)(unsafe.Pointer(&a)) == *(*[2]uintptr)(unsafe.Pointer(&b))
}

// reset makes the manifest empty and keeps its memory.
func (m *manifest) reset() {
	clear(m.earlier)
	*m = manifest{ticks: m.ticks[:0], earlier: m.earlier[:0], tags: m.tags[:0]}
}

// bytes is the memory that is kept from one life to the next, beside the batch itself.
func (m *manifest) bytes() int {
	ticks := cap(m.ticks)
	if ticks <= nearTicks {
		ticks = 0
	}
	return cap(m.earlier)*int(unsafe.Sizeof(voice{})) + ticks*int(unsafe.Sizeof(tick{})) + 8*cap(m.tags)
}

// voiceAt is the voice of the record at a seat, and the seat behind its last record; count is that of the batch's records.
func (m *manifest) voiceAt(seat, count int) (callback any, end int) {
	i := sort.Search(len(m.earlier), func(i int) bool { return int(m.earlier[i].first) > seat })
	if i < len(m.earlier) {
		end = int(m.earlier[i].first)
	} else if m.begun && int(m.last.first) > seat {
		end = int(m.last.first)
	} else {
		return m.last.callback, count
	}
	if i == 0 {
		return nil, end // before the first voice
	}
	return m.earlier[i-1].callback, end
}

// tickAt is the time of the record at a seat, and the seat behind the last record that shares it.
func (m *manifest) tickAt(seat, count int) (delta int32, end int) {
	end = count
	i := sort.Search(len(m.ticks), func(i int) bool { return int(m.ticks[i].first) > seat })
	if i < len(m.ticks) {
		end = int(m.ticks[i].first)
	}
	if i == 0 {
		return 0, end // before the first voice: nobody asks
	}
	return m.ticks[i-1].delta, end
}

// RunAt is the rest of the run that the record at a seat is in. What stands before the first record that somebody wants to be
// told of has no callback, and no time here.
func (b *Batch) RunAt(seat int) Run {
	callback, end := b.manifest.voiceAt(seat, b.Count())
	delta, tickEnd := b.manifest.tickAt(seat, b.Count())
	return Run{End: min(end, tickEnd), Delta: delta, Callback: callback}
}

// ManifestBytes is the memory that the batch keeps for callbacks and tags from one life to the next.
func (b *Batch) ManifestBytes() int { return b.manifest.bytes() }

// Tag is the mark of the record at a seat.
func (b *Batch) Tag(seat int) uint64 {
	if seat < len(b.manifest.tags) {
		return b.manifest.tags[seat]
	}
	return 0
}

// Callback is what to call for the record at a seat, or nil.
func (b *Batch) Callback(seat int) any {
	callback, _ := b.manifest.voiceAt(seat, b.Count())
	return callback
}

// HasCallbacks reports whether any record has a callback.
func (b *Batch) HasCallbacks() bool { return b.manifest.calls }
