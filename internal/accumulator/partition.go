package accumulator

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
)

// Signal is a set of reasons for which the sender should look at a partition.
type Signal uint32

// The signals. They are level-triggered: raised again before the sender looked, they are seen once.
const (
	SignalFresh  Signal = 1 << iota // a batch got its first record
	SignalFull                      // the boarding batch reached the size that SetReady named
	SignalWaiter                    // somebody waits for what is queued
)

// Partition is one partition of a topic: where its records board. With thousands of them each cache line that is touched is
// fetched from memory, or from another core, so the fields are grouped by the occasion, a line for each: a record boards and the
// sender looks; a batch begins; it ends, with what is rarely needed; its callbacks run. Sizes are int32 because the first line is full,
// and a batch has no more than 2 GiB.
type Partition struct {
	signals atomic.Uint32
	queued  atomic.Int32 // batches announced and not yet departed
	next    *Partition   // in the inbox's list, owned by whoever raised the first signal
	mu      struct {
		sync.Mutex
		open       *batch.Batch   // the boarding batch
		fresh      *batch.Batch   // the first one that is not announced to the sender yet
		boarded    int64          // records of the batches before the boarding one
		easyBytes  int32          // size up to which records board without further ado; see easeLocked
		readyBytes int32          // size at which the sender wants to hear of the boarding batch
		turnBytes  int32          // of unkeyed records, that the topic's Sticky has not heard of
		usualBytes int32          // what the last batches took, which tells the size of the first slab
		later      []*batch.Batch // that are not announced either, behind fresh
	}

	// Topic and Number name the partition; Settings are its topic's. All three are fixed.
	Topic    *Topic
	Settings *Settings
	leader   atomic.Pointer[Leader]
	// Sender is the send loop's own state of the partition, which nobody else touches.
	Sender any

	// Turns is the order of the partition's callbacks. It is the send loop's, too.
	Turns   Turns
	Number  int32
	refused atomic.Pointer[error] // set once, when no more records are taken
	trouble atomic.Pointer[error] // why the last attempt failed, until one succeeds
	inbox   *Inbox

	// Lane runs the partition's callbacks in order.
	Lane dispatch.Lane
}

// Settings are what a topic's partitions need to know of its configuration.
type Settings struct {
	// BatchBytes is batch.size, BatchBytesMax the most a batch grows to while earlier ones are in flight. OneRecord
	// is batch.size=0: a batch for each record.
	BatchBytes, BatchBytesMax int
	OneRecord                 bool
	// Compresses says that batches will be compressed, so that nothing is to be known of them as they are written.
	Compresses bool
}

// ReadyBytes is the size at which the boarding batch is full while n batches are in flight: the busier the partition, the
// larger its batches.
func (s *Settings) ReadyBytes(n int) int {
	size := s.BatchBytes
	for ; n > 0 && size < s.BatchBytesMax && !s.OneRecord; n-- {
		size *= 4
	}
	return min(size, s.BatchBytesMax)
}

// Leader is what a partition must know of the broker that leads it. All partitions of the broker share it.
type Leader struct {
	// Account is the pool's account that the partitions' slabs are charged to.
	Account *bufferpool.Account
	// Away says why the broker cannot be reached, Slow how long it has owed an answer; nil, as a function or as an error,
	// says nothing. Both are called from any goroutine.
	Away, Slow func() error

	stalled atomic.Int64
}

// Stall notes since when the broker takes no data, on the accumulator's clock; 0 for "it does".
func (l *Leader) Stall(since time.Duration) { l.stalled.Store(int64(since)) }

// Account is the pool's account of the partition's leader.
func (p *Partition) Account() *bufferpool.Account { return p.leader.Load().Account }

// SetLeader names the broker that leads the partition; nil for none.
func (p *Partition) SetLeader(l *Leader) {
	if l == nil {
		l = p.Topic.leaderless
	}
	p.leader.Store(l)
}

// StalledSince is when the partition's leader last stopped taking data, on the accumulator's clock; 0 while it takes
// some.
func (p *Partition) StalledSince() time.Duration {
	return time.Duration(p.leader.Load().stalled.Load())
}

// Queued is the number of batches that wait to leave, for the adaptive partitioner.
func (p *Partition) Queued() int { return int(p.queued.Load()) }

// Departed tells that n batches no longer wait.
func (p *Partition) Departed(n int) { p.queued.Add(int32(-n)) }

// Refuse makes every further Append fail with the cause, and reports whether it was the first to do so. It returns when
// no Append is under way that would still succeed.
func (p *Partition) Refuse(cause error) (first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.easyBytes = 0
	return p.refused.CompareAndSwap(nil, &cause)
}

// Hurry tells the sender that somebody waits for what is queued.
func (p *Partition) Hurry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raiseLocked(SignalWaiter)
}

// Troubled notes why an attempt to send failed; nil that one succeeded.
func (p *Partition) Troubled(err error) {
	switch {
	case err != nil:
		p.trouble.Store(new(err)) // a copy: &err would put every call's on the heap, and success calls it once a batch
	case p.trouble.Load() != nil:
		p.trouble.Store(nil)
	}
}

// Trouble is what keeps the partition's records from being acknowledged, as far as it is known: the leader is away, the
// last attempt failed, or an answer is due. It is nil otherwise, and may be called from any goroutine.
func (p *Partition) Trouble() error {
	leader := p.leader.Load()
	if leader.Away != nil {
		if err := leader.Away(); err != nil {
			return err
		}
	}
	if err := p.trouble.Load(); err != nil {
		return *err
	}
	if leader.Slow != nil {
		return leader.Slow()
	}
	return nil
}

// Accepted is the number of records that boarded so far.
func (p *Partition) Accepted() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.open == nil {
		return p.mu.boarded
	}
	return p.mu.boarded + int64(p.mu.open.Count())
}

// SetReady names the size at which the sender wants to hear of the boarding batch, and reports whether it has that
// size already; then no signal follows.
func (p *Partition) SetReady(sizeBytes int) (reached bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.setReadyLocked(sizeBytes)
}

func (p *Partition) setReadyLocked(sizeBytes int) (reached bool) {
	p.mu.readyBytes = int32(sizeBytes)
	reached = p.mu.open != nil && p.mu.open.Bytes() >= sizeBytes
	if reached {
		p.mu.open.TellFull(sizeBytes)
	}
	p.easeLocked()
	return reached
}

// easeLocked sets the size up to which the open batch takes records without further ado: up to there the sender wants to hear
// of none, and the topic does not refuse the batch.
func (p *Partition) easeLocked() {
	p.mu.easyBytes = 0
	if p.mu.open == nil || p.Settings.OneRecord || p.refused.Load() != nil {
		return
	}
	if p.mu.easyBytes = int32(p.Topic.BatchLimit()); !p.mu.open.FullTold() {
		p.mu.easyBytes = min(p.mu.easyBytes, p.mu.readyBytes-1)
	}
}

// ease is easeLocked after the topic's limit has changed.
func (p *Partition) ease() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.easeLocked()
}

// CloseBatch ends the boarding of b, if it is still boarding, and returns slabs it did not need. It is SetReady for the
// batches that follow.
func (p *Partition) CloseBatch(b *batch.Batch, sizeBytes int) (spare *bufferpool.Slab, reached bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.open == b {
		spare = p.closeLocked()
	}
	return spare, p.setReadyLocked(sizeBytes)
}

// TakeNews returns the signals raised and the batches begun since the last call, oldest first, appended to dst, which is empty.
func (p *Partition) TakeNews(dst []*batch.Batch) (Signal, []*batch.Batch) {
	signals := Signal(p.signals.Swap(0))
	// A signal raised after this has put the partition on the list again; what was begun before it is told now.
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.fresh == nil {
		return signals, dst
	}
	dst = append(dst, p.mu.fresh)
	p.mu.fresh = nil
	if len(p.mu.later) > 0 {
		dst = append(dst, p.mu.later...)
		clear(p.mu.later)
		p.mu.later = p.mu.later[:0]
	}
	if dst[len(dst)-1] == p.mu.open && p.mu.open.FullTold() {
		signals |= SignalFull // SetReady may have told it to a sender that did not know the batch
	}
	return signals, dst
}

// closeLocked closes the boarding batch and remembers what it took.
func (p *Partition) closeLocked() (spare *bufferpool.Slab) {
	b := p.mu.open
	p.mu.open, p.mu.easyBytes = nil, 0
	p.mu.boarded += int64(b.Count())
	p.mu.usualBytes = int32((int(p.mu.usualBytes) + b.Bytes()) / 2)
	return b.Close()
}

// openLocked begins a batch.
func (p *Partition) openLocked(b *batch.Batch, now time.Duration) {
	b.Owner, b.Created, b.First = p, now, p.mu.boarded
	p.mu.open = b
	if !p.Settings.Compresses {
		b.SumWhileBoarding()
	}
	if p.mu.fresh == nil {
		p.mu.fresh = b
	} else {
		p.mu.later = append(p.mu.later, b)
	}
	p.queued.Add(1)
}

// raiseLocked leaves signals for the sender and puts the partition on its list unless it is there already. It is done under
// the lock because others rely on it: the next record boards the same batch, or finds the signals raised, and tells the
// sender nothing; if its caller could return before the partition is on the list, a Flush or a Close that follows would
// miss the record.
func (p *Partition) raiseLocked(s Signal) {
	if p.signals.Or(uint32(s)) == 0 {
		p.inbox.put(p)
	}
}
