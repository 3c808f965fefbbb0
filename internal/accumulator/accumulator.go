package accumulator

import (
	"slices"
	"sync"

	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
)

// manifestsKept is how many bytes the manifests of finished batches keep for another life: they are memory that buffer.memory does
// not count. The batches themselves, half a KiB each, are as many as were in use at a time: buffer.memory bounds these, and Trim
// gives the others up.
const manifestsKept = 8 << 20

// Accumulator lets records board batches. One serves a whole producer.
type Accumulator struct {
	Clock *Clock
	Inbox *Inbox
	pool  *bufferpool.Pool
	// reserve is charged with what callbacks enqueue when there is no other room.
	reserve *bufferpool.Account
	// callbacks bounds the callbacks that wait to run.
	callbacks *dispatch.Dispatcher

	mu struct {
		sync.Mutex
		free   []*batch.Batch
		bytes  int // of their manifests
		unused int // of the free ones, since the last Trim: the oldest
	}
}

// New returns an accumulator over the pool, for records whose callbacks will run on callbacks.
func New(pool *bufferpool.Pool, callbacks *dispatch.Dispatcher) *Accumulator {
	return &Accumulator{
		Clock: NewClock(), Inbox: NewInbox(), pool: pool, reserve: pool.Account(bufferpool.Callbacks), callbacks: callbacks,
	}
}

// Pool is the buffer pool.
func (a *Accumulator) Pool() *bufferpool.Pool { return a.pool }

// takeBatch returns an empty batch.
func (a *Accumulator) takeBatch() *batch.Batch {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.mu.free); n > 0 {
		b := a.mu.free[n-1]
		a.mu.free[n-1] = nil
		a.mu.free = a.mu.free[:n-1]
		a.mu.bytes -= b.ManifestBytes()
		a.mu.unused = min(a.mu.unused, n-1)
		return b
	}
	return batch.New()
}

// putBatch takes back a batch that nobody refers to any more.
func (a *Accumulator) putBatch(b *batch.Batch) {
	b.Reset()
	bytes := b.ManifestBytes()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.bytes+bytes <= manifestsKept {
		a.mu.free = append(a.mu.free, b)
		a.mu.bytes += bytes
	}
}

// Trim gives batches back to the garbage collector that were not needed at any moment since the last Trim. It is meant to be
// called every now and then, seconds apart.
func (a *Accumulator) Trim() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range a.mu.free[:a.mu.unused] {
		a.mu.bytes -= b.ManifestBytes()
	}
	if a.mu.unused > 0 {
		a.mu.free = slices.Clone(a.mu.free[a.mu.unused:])
	}
	a.mu.unused = len(a.mu.free)
}

// ReleaseBatch drops a reference to the batch; with the last one its slabs go back to the pool and the batch itself is
// kept for another life.
func (a *Accumulator) ReleaseBatch(b *batch.Batch) {
	for b != nil && b.Release() {
		whole := b.Whole()
		a.pool.Put(b.TakeSlabs())
		a.putBatch(b)
		b = whole
	}
}

// ReleaseSlabs gives the slabs of an acknowledged batch back ahead of the batch, which still waits for its callbacks. The
// caller holds the only reference.
func (a *Accumulator) ReleaseSlabs(b *batch.Batch) { a.pool.Put(b.TakeSlabs()) }

// newPartition returns a partition of the topic, which has no leader.
func (a *Accumulator) newPartition(t *Topic, number int32) *Partition {
	p := &Partition{Topic: t, Number: number, Settings: t.Settings, inbox: a.Inbox}
	p.SetLeader(nil)
	p.mu.readyBytes = int32(t.Settings.BatchBytes)
	return p
}
