package batch

import (
	"math"

	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// Entry is a record as it boards: nothing but bytes. Its slices are read during Board and not kept.
type Entry struct {
	// Record holds key, value and headers; Board fills in the deltas.
	Record wire.Record
	// Timestamp is in milliseconds since the epoch.
	Timestamp int64
}

// SizeMax is the most the entry can take in a batch, wherever it comes to sit.
func (e *Entry) SizeMax() int {
	r := &e.Record
	return len(r.Key) + len(r.Value) + len(r.Headers) + wire.RecordFramingMax
}

// Missing returns how many more bytes of slabs the batch needs before an entry of sizeMax bytes can board; 0 or less
// means it fits. The caller holds the partition's lock.
func (b *Batch) Missing(sizeMax int) int {
	return sizeMax - b.building.chainBytes + b.building.recordsBytes
}

// MissingExactly is Missing for the entry as it would sit in the batch now.
func (b *Batch) MissingExactly(e *Entry) int {
	e.Record.TimestampDelta, e.Record.OffsetDelta = 0, b.building.count
	if b.building.count > 0 {
		e.Record.TimestampDelta = e.Timestamp - b.building.baseTimestamp
	}
	_, total := e.Record.Size()
	return b.Missing(total)
}

// AddSlabs appends a chain of empty slabs. The caller holds the partition's lock.
func (b *Batch) AddSlabs(chain *bufferpool.Slab) {
	if b.body.head == nil {
		b.body.head, b.body.tail = chain, chain
		b.building.room = chain.Buf
	} else {
		last := b.body.tail
		for last.Next != nil {
			last = last.Next
		}
		last.Next = chain
	}
	for s := chain; s != nil; s = s.Next {
		b.building.chainBytes += cap(s.Buf)
	}
}

// SumWhileBoarding has the body's checksum taken as its slabs fill up: for a batch that will not be compressed. The caller
// holds the partition's lock; no record boards before it.
func (b *Batch) SumWhileBoarding() { b.building.sums = true }

// Fits reports whether a record with this timestamp can share the batch: the distance to the batch's base timestamp is
// kept in 32 bits (24 days), so that a Delivery stays a 16-byte value. The caller holds the partition's lock.
func (b *Batch) Fits(timestamp int64) bool {
	if b.building.count == 0 {
		return true
	}
	delta := timestamp - b.building.baseTimestamp
	return delta >= math.MinInt32 && delta <= math.MaxInt32
}

// Board writes the entry as the batch's next record and returns its seat and its timestamp's distance from the
// batch's. callback and tag, of which either may be none, are kept in the manifest; they are no part of the Entry
// so that an Entry, and the caller's bytes in it, can stay on the stack. There must be room (Missing) and it must fit
// (Fits). The caller holds the partition's lock.
func (b *Batch) Board(e *Entry, callback any, tag uint64) (seat, delta int32) {
	g := &b.building
	if g.count == 0 {
		g.baseTimestamp, g.maxTimestamp = e.Timestamp, e.Timestamp
		b.refs.Store(1)
	}
	seat = g.count
	d := e.Timestamp - g.baseTimestamp
	if e.Timestamp > g.maxTimestamp {
		g.maxTimestamp = e.Timestamp
	}
	r := &e.Record
	r.TimestampDelta, r.OffsetDelta = d, seat
	body, total := r.Size()
	if cap(g.room)-len(g.room) >= total {
		g.room = wire.AppendRecord(g.room, body, r)
	} else {
		b.boardAcross(r, body)
	}
	g.count++
	g.recordsBytes += total
	if callback != nil || tag != 0 || b.manifest.begun {
		b.manifest.note(seat, int32(d), callback, tag)
	}
	return seat, int32(d)
}

// boardAcross writes a record that does not fit into the last used slab: it fills what is left there and goes on in
// the following ones.
func (b *Batch) boardAcross(r *wire.Record, body int) {
	var framing [wire.RecordFramingMax]byte
	for _, piece := range r.Pieces(&framing, body) {
		b.write(piece)
	}
}

// write copies p into the chain, going on to the next slab whenever one is full.
func (b *Batch) write(p []byte) {
	for len(p) > 0 {
		room := b.building.room
		free := cap(room) - len(room)
		if free == 0 {
			b.leaveTail()
			b.body.tail = b.body.tail.Next
			b.building.room = b.body.tail.Buf
			continue
		}
		n := min(free, len(p))
		b.building.room = append(room, p[:n]...)
		p = p[n:]
	}
}

// leaveTail tells the tail what was written into it.
func (b *Batch) leaveTail() {
	b.body.tail.Buf = b.building.room
	if b.building.sums {
		b.body.sum.reach(b.body.head, b.body.tail)
	}
}

// Ticket returns the batch's result, made at the first call, for the Delivery of the record at the seat. The caller
// holds the partition's lock.
func (b *Batch) Ticket(seat int32, tag uint64, origin Origin) *Result {
	if b.result == nil {
		b.result = &Result{Origin: origin, BaseTimestamp: b.building.baseTimestamp}
	}
	if tag != 0 {
		b.result.tag(int(seat), tag)
	}
	return b.result
}

// Origin is what a Result must know of the partition it came from.
type Origin struct {
	Topic     string
	Partition int32
	// Queue is what the batch waits in; nil where nobody asks about it.
	Queue Queue
}

// Queue is a partition as far as somebody who waits for one of its batches needs it.
type Queue interface {
	// Hurry tells the sender that somebody waits for what is queued.
	Hurry()
	// Trouble says what keeps them from being acknowledged, nil if nothing is known to.
	Trouble() error
}
