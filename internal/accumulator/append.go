package accumulator

import (
	"context"
	"errors"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// ErrFull is returned by an Append that may not wait and found no room.
var ErrFull = errors.New("no room in the buffer")

// Boarding is how a record boards.
type Boarding struct {
	// Sticky lets the record follow its topic's sticky partition; Partition is then ignored.
	Sticky    bool
	Partition *Partition
	// Callback is told the outcome, and Tag comes back with it; either may be none.
	Callback any
	Tag      uint64
	// Ticket asks for the batch's Result.
	Ticket bool
	// Waiter makes the batch leave without lingering, because the caller waits for the outcome.
	Waiter bool
	// Wait bounds the wait for room; 0 means not to wait at all.
	Wait time.Duration
}

// Place is where a record came to sit.
type Place struct {
	Partition *Partition
	Result    *batch.Result // nil unless a ticket was asked for
	Seat      int32
	Delta     int32 // the record's timestamp less its batch's, in milliseconds
}

// appending is one Append under way: what it took in advance, because nothing is taken under a partition's lock. The
// record itself is no part of it: what is taken ends on the heap, and would take with it whatever it is kept with.
type appending struct {
	accumulator *Accumulator
	sizeMax     int // of the record in a batch, wherever it comes to sit

	batch   *batch.Batch // to be opened if none is
	chain   *bufferpool.Slab
	account *bufferpool.Account // that the chain was charged to
	bytes   int                 // that the chain has room for
}

// want is what an attempt lacks when it fails.
type want struct {
	bytes int
	hint  bufferpool.Class
}

// Append lets the record board. It copies the record's bytes and keeps none of the caller's. When there is no room it
// waits for as long as how.Wait says or until ctx ends. Errors are ErrFull, the pool's, the dispatcher's (too many
// callbacks), and the cause for which the partition was refused.
func (a *Accumulator) Append(ctx context.Context, t *Topic, e *batch.Entry, how *Boarding) (Place, error) {
	sizeMax := e.SizeMax()
	if place, ok := a.boardEasily(t, e, how, sizeMax); ok {
		return place, nil
	}
	return a.appendWith(ctx, t, e, how, appending{accumulator: a, sizeMax: sizeMax})
}

// boardEasily lets the record board where nothing is to be decided: there is an open batch with room for it, and nobody
// needs to hear of it. That is so for all but a few records of a batch, and costs half of what the long way does. Whether
// too many callbacks have yet to run is asked once a batch, when it begins: with many partitions that question alone is
// a cache miss, and the answer does not count what is on its way anyway.
func (a *Accumulator) boardEasily(t *Topic, e *batch.Entry, how *Boarding, sizeMax int) (place Place, ok bool) {
	p := how.Partition
	if how.Sticky {
		p = t.stickyPartition()
	}
	if how.Waiter {
		return Place{}, false
	}
	p.mu.Lock()
	b := p.mu.open
	if b == nil || b.Bytes()+sizeMax > int(p.mu.easyBytes) || b.Missing(sizeMax) > 0 || !b.Fits(e.Timestamp) ||
		(how.Sticky && p.Number != t.Sticky.Current()) {
		p.mu.Unlock()
		return Place{}, false
	}
	place = p.seatLocked(b, e, how)
	if how.Sticky {
		p.countTurnLocked(sizeMax, false)
	}
	p.mu.Unlock()
	return place, true
}

// seatLocked lets the record board a batch that has room for it.
func (p *Partition) seatLocked(b *batch.Batch, e *batch.Entry, how *Boarding) Place {
	seat, delta := b.Board(e, how.Callback, how.Tag)
	place := Place{Partition: p, Seat: seat, Delta: delta}
	if how.Ticket {
		place.Result = b.Ticket(seat, how.Tag, batch.Origin{Topic: p.Topic.Name, Partition: p.Number, Queue: p})
	}
	return place
}

// appendWith is Append where something is to be decided or waited for.
func (a *Accumulator) appendWith(ctx context.Context, t *Topic, e *batch.Entry, how *Boarding, w appending) (Place, error) {
	defer w.giveBack()
	for {
		p := how.Partition
		if how.Sticky {
			p = t.stickyPartition()
		}
		if how.Callback != nil {
			if err := a.admit(ctx, p, &how.Wait); err != nil {
				return Place{}, err
			}
		}
		place, lack, done, err := w.attempt(p, e, how)
		switch {
		case err != nil || done:
			return place, err
		case lack.bytes == 0:
			continue // the sticky partition moved on while we came: follow it
		}
		if err := w.takeRoom(ctx, p, lack, &how.Wait); err != nil {
			return Place{}, err
		}
	}
}

// attempt lets the record board the partition if there is room for it.
func (w *appending) attempt(p *Partition, e *batch.Entry, how *Boarding) (place Place, lack want, done bool, err error) {
	t, sticky := p.Topic, how.Sticky
	p.mu.Lock()
	if refused := p.refused.Load(); refused != nil {
		p.mu.Unlock()
		return Place{}, want{}, false, *refused
	}
	if sticky && p.Number != t.Sticky.Current() {
		p.mu.Unlock()
		return Place{}, want{}, false, nil
	}
	closed, spare := p.makeWayLocked(e, w.sizeMax)
	lack = p.lackLocked(e, w.sizeMax)
	var signals Signal
	if closed {
		signals = SignalFull
	}
	if closed && sticky && p.countTurnLocked(0, true) {
		lack = want{} // the turn is another partition's now that this one's batch is full
	} else if lack.bytes <= 0 || w.covers(lack, p) {
		var more Signal
		place, more = p.boardLocked(w, e, how)
		signals |= more
		if sticky {
			p.countTurnLocked(w.sizeMax, more&SignalFull != 0)
		}
		done = true
	}
	if signals != 0 {
		p.raiseLocked(signals)
	}
	p.mu.Unlock()
	if spare != nil {
		w.accumulator.pool.Put(spare)
	}
	return place, lack, done, nil
}

// countTurnLocked counts the bytes of unkeyed records towards the partition's turn, and reports whether the turn is
// another's now. The topic's own count is an atomic that all partitions share; it hears of them four times a turn, since
// an addition for each record was 7 % of what a 100-byte record costs. What is left over when metadata ends the
// turn early counts in the next one.
func (p *Partition) countTurnLocked(bytes int, batchDone bool) (moved bool) {
	bytes += int(p.mu.turnBytes)
	if !batchDone && bytes < p.Settings.BatchBytes/4 {
		p.mu.turnBytes = int32(bytes)
		return false
	}
	p.mu.turnBytes = 0
	return p.Topic.Sticky.Produced(p.Number, bytes, batchDone)
}

// covers reports whether what was taken in advance makes up for what lacks, and is charged to the right account.
func (w *appending) covers(lack want, p *Partition) bool {
	return w.chain != nil && w.bytes >= lack.bytes && (w.account == p.Account() || w.account == w.accumulator.reserve)
}

// takeRoom takes from the pool what the last attempt lacked, in exchange for what was taken before. It may wait for as
// long as wait says, and deducts what it did.
func (w *appending) takeRoom(ctx context.Context, p *Partition, lack want, wait *time.Duration) error {
	a := w.accumulator
	if w.chain != nil {
		a.pool.Put(w.chain)
	}
	w.account, w.bytes = p.Account(), lack.bytes
	if w.batch == nil {
		w.batch = a.takeBatch()
	}
	if w.chain = a.pool.TryGet(w.account, lack.bytes, lack.hint); w.chain != nil {
		return nil
	}
	if a.callbacks.OnWorker() {
		// Failed records hold memory until their callbacks have run. A callback that enqueues them elsewhere would wait
		// for itself, and for the callbacks that wait like it, if it depended on that memory.
		w.account = a.reserve
		if w.chain = a.pool.TryGet(w.account, lack.bytes, lack.hint); w.chain != nil {
			return nil
		}
	}
	if *wait <= 0 {
		return ErrFull
	}
	var err error
	began := time.Now()
	w.chain, err = a.pool.Get(ctx, w.account, lack.bytes, lack.hint, *wait)
	*wait -= time.Since(began)
	return err
}

// admit waits until the callbacks of the partition are not too far behind to take one more, for at most wait, and deducts
// what it waited.
func (a *Accumulator) admit(ctx context.Context, p *Partition, wait *time.Duration) error {
	if err := a.callbacks.Admit(ctx, &p.Lane, 0); err == nil || *wait <= 0 {
		return err
	}
	began := time.Now()
	err := a.callbacks.Admit(ctx, &p.Lane, *wait)
	*wait -= time.Since(began)
	return err
}

// giveBack returns what was taken and not needed.
func (w *appending) giveBack() {
	if w.chain != nil {
		w.accumulator.pool.Put(w.chain)
		w.chain = nil
	}
	if w.batch != nil {
		w.accumulator.putBatch(w.batch)
		w.batch = nil
	}
}

// makeWayLocked closes the boarding batch if the record may not board it.
func (p *Partition) makeWayLocked(e *batch.Entry, sizeMax int) (closed bool, spare *bufferpool.Slab) {
	b := p.mu.open
	if b == nil {
		return false, nil
	}
	if !p.Settings.OneRecord && b.Bytes()+sizeMax <= int(p.Topic.limitBytes.Load()) && b.Fits(e.Timestamp) {
		return false, nil
	}
	return true, p.closeLocked()
}

// lackLocked is what the partition lacks to take the record: a first slab of at least half of what the last batches were,
// then as much again as the batch already has, but not much more than it takes to be full.
func (p *Partition) lackLocked(e *batch.Entry, sizeMax int) want {
	b := p.mu.open
	if b == nil {
		return want{bytes: sizeMax, hint: bufferpool.ClassFor(int(p.mu.usualBytes) / 2)}
	}
	lack := b.Missing(sizeMax)
	if lack <= 0 {
		return want{}
	}
	if lack = b.MissingExactly(e); lack <= 0 {
		return want{}
	}
	bytes := b.Bytes()
	more := bytes
	if rest := int(p.mu.readyBytes) - bytes; rest > 0 {
		more = min(bytes, max(rest, lack))
	}
	return want{bytes: lack, hint: bufferpool.ClassFor(more)}
}

// boardLocked lets the record board the open batch, or a new one, with the room that was taken if it lacks any.
func (p *Partition) boardLocked(w *appending, e *batch.Entry, how *Boarding) (Place, Signal) {
	var signals Signal
	b := p.mu.open
	if b == nil {
		b, w.batch = w.batch, nil
		clock := w.accumulator.Clock
		p.openLocked(b, clock.Now())
		b.Aged = e.Timestamp < clock.Millis()-agedMillis
		signals |= SignalFresh
	}
	if w.chain != nil && b.MissingExactly(e) > 0 {
		b.AddSlabs(w.chain)
		w.chain = nil
	}
	place := p.seatLocked(b, e, how)
	if how.Waiter {
		signals |= SignalWaiter
	}
	if b.TellFull(int(p.mu.readyBytes)) {
		signals |= SignalFull
	}
	p.easeLocked()
	return place, signals
}

// agedMillis is well below any sensible producer.id.expiration.ms.
const agedMillis = 60 * 60 * 1000

// SizeMax is the largest record, in bytes as it stands in a batch, that can board at all under these settings.
func (s *Settings) SizeMax(requestBytesMax, poolBytesMax int) int {
	return min(requestBytesMax-wire.BatchHeaderLen, poolBytesMax)
}
