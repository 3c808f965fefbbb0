package produce

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus"
)

const (
	// Latency is measured of every record up to sampleAll, and of one in sampleEvery after that, so that a clock need not
	// be read for each record.
	sampleAll   = 4096
	sampleEvery = 64
	// sampleSlots is how many measurements may be under way. More outstanding records than that times sampleEvery make
	// some measurements be dropped, never wrong.
	sampleSlots = 1 << 15
	// reservoirSize is how many measurements are kept, a uniform choice of all.
	reservoirSize = 8192
)

// tally counts outcomes. Its outcome method is the one callback that all records share; the producer calls it from
// several goroutines at once.
type tally struct {
	errors *errorPrinter
	began  time.Time

	acked      atomic.Uint64
	notWritten atomic.Uint64
	unknown    atomic.Uint64
	bytes      uint64 // of records handed to the producer; owned by the goroutine that sends

	slots     [sampleSlots]slot
	latencies reservoir

	// partitions is a *partitionTally for each partition that acknowledged, by its number.
	partitions sync.Map
}

// slot is one measurement under way. sent is written before tag, so that who reads its own tag reads its own time.
type slot struct {
	tag  atomic.Uint64
	sent atomic.Int64
}

// partitionTally counts what one partition acknowledged.
type partitionTally struct {
	acked atomic.Uint64
	first atomic.Int64 // lowest offset, -1 while none is known
	last  atomic.Int64
}

func newTally(printer *errorPrinter) *tally { return &tally{errors: printer, began: time.Now()} }

// sampled says where the latency of record tag is measured, if it is.
func (t *tally) sampled(tag uint64) *slot {
	switch {
	case tag <= sampleAll:
		return &t.slots[tag%sampleSlots]
	case tag%sampleEvery == 0:
		return &t.slots[(sampleAll+tag/sampleEvery)%sampleSlots]
	}
	return nil
}

// sending notes that a record is about to be handed to the producer.
func (t *tally) sending(tag uint64, size int) {
	t.bytes += uint64(size)
	if s := t.sampled(tag); s != nil {
		s.sent.Store(int64(time.Since(t.began)))
		s.tag.Store(tag)
	}
}

// outcome is the callback of every record.
func (t *tally) outcome(ack omnibus.Ack, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	t.acked.Add(1)
	t.partition(ack.Partition).add(ack.Offset)
	s := t.sampled(ack.Tag)
	if s == nil || s.tag.Load() != ack.Tag {
		return
	}
	sent := s.sent.Load()
	if s.tag.Load() == ack.Tag {
		t.latencies.add(time.Since(t.began) - time.Duration(sent))
	}
}

func (t *tally) failed(err error) {
	if omnibus.NotWritten(err) {
		t.notWritten.Add(1)
	} else {
		t.unknown.Add(1)
	}
	t.errors.outcome(err)
}

func (t *tally) partition(number int32) *partitionTally {
	if known, ok := t.partitions.Load(number); ok {
		return known.(*partitionTally)
	}
	fresh := &partitionTally{}
	fresh.first.Store(-1)
	fresh.last.Store(-1)
	known, _ := t.partitions.LoadOrStore(number, fresh)
	return known.(*partitionTally)
}

// add counts one record. Callbacks of one partition come one after the other, so plain loads and stores are enough.
func (p *partitionTally) add(offset int64) {
	p.acked.Add(1)
	if offset < 0 {
		return
	}
	if first := p.first.Load(); first < 0 || offset < first {
		p.first.Store(offset)
	}
	p.last.Store(max(p.last.Load(), offset))
}

// summary is what the outcomes say; the rest of the Summary is the job's.
func (t *tally) summary() *Summary {
	s := &Summary{
		Acked: t.acked.Load(), NotWritten: t.notWritten.Load(), Bytes: t.bytes,
		Partitions: []PartitionSummary{},
	}
	t.partitions.Range(func(number, value any) bool {
		p := value.(*partitionTally)
		s.Partitions = append(s.Partitions, PartitionSummary{
			Partition: number.(int32), Acked: p.acked.Load(), FirstOffset: p.first.Load(), LastOffset: p.last.Load(),
		})
		return true
	})
	slices.SortFunc(s.Partitions, func(a, b PartitionSummary) int { return cmp.Compare(a.Partition, b.Partition) })
	s.AckMillis.P50, s.AckMillis.P99 = t.latencies.quantiles()
	return s
}

// reservoir keeps a uniform choice of the values it was given (Vitter's algorithm R).
type reservoir struct {
	mu struct {
		sync.Mutex
		kept []time.Duration
		seen int64
	}
}

func (r *reservoir) add(v time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.seen++
	if len(r.mu.kept) < reservoirSize {
		r.mu.kept = append(r.mu.kept, v)
	} else if at := rand.Int64N(r.mu.seen); at < reservoirSize {
		r.mu.kept[at] = v
	}
}

// quantiles returns the median and the 99th percentile in milliseconds, 0 if there are no values.
func (r *reservoir) quantiles() (p50, p99 float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.mu.kept) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(r.mu.kept))
	at := func(q float64) float64 {
		micros := sorted[int(q*float64(len(sorted)-1))].Microseconds()
		return float64(micros) / 1000
	}
	return at(0.50), at(0.99)
}
