package bufferpool

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Hooks are what a pool tells its owner. The zero value tells nothing.
type Hooks struct {
	// OnPressure is called on the goroutine of a Get that is about to wait, without locks, so that the owner can let
	// the oldest batches leave. It must not wait itself.
	OnPressure func()
	// Poison overwrites memory when it is returned, and panics when memory was written to after its return. It is for
	// tests: it costs a pass over each slab on either way.
	Poison bool
}

// Stats is a pool at one moment, and what happened to it so far.
type Stats struct {
	Total     int64         // buffer.memory in bytes
	Used      int64         // bytes charged to accounts
	Held      int64         // bytes of the arenas that exist, used or not
	Waiters   int           // calls of Get that wait now
	Waits     uint64        // calls of Get that ever waited
	WaitTime  time.Duration // the sum of the waits that ended
	Exhausted uint64        // calls of Get that ended by TimeoutError
}

// AccountStats is an account at one moment, in bytes.
type AccountStats struct {
	Used  int64
	Share int64 // guaranteed
}

// Pool is a bounded amount of memory for several accounts. All methods may be called by any goroutine at any time.
type Pool struct {
	total int64
	hooks Hooks

	mu struct {
		sync.Mutex
		accounts   map[int32]*Account
		line       []*Account // those with waiters, in the order of their turns
		rested     []*waiter  // waiters for other calls
		guaranteed int64      // the sum of all shares
		used       int64      // the sum of all accounts' use
		over       int64      // the sum of what accounts use above their shares
		arenas     arenas
		spare      *Slab // descriptors not in use, linked by Next
		closed     bool
		stats      Stats // the counters; the rest is filled in by Pool.Stats
	}
}

// New returns a pool of total bytes (buffer.memory), rounded up to a KiB and at least one. Nothing is allocated before
// it is asked for. Until SetAccounts is called, NoLeader is the only account with a share.
func New(total int64, hooks Hooks) *Pool {
	p := &Pool{total: roundUp(max(total, 1)), hooks: hooks}
	p.mu.accounts = make(map[int32]*Account)
	p.mu.arenas.most = int((p.total + arenaBytes - 1) / arenaBytes)
	p.SetAccounts(nil)
	return p
}

// Account returns the account of a broker, or of NoLeader. One that SetAccounts did not name yet has no guaranteed
// share and lives on what is shared.
func (p *Pool) Account(id int32) *Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accountLocked(id)
}

func (p *Pool) accountLocked(id int32) *Account {
	a := p.mu.accounts[id]
	if a == nil {
		a = &Account{id: id}
		p.mu.accounts[id] = a
	}
	return a
}

// SetAccounts names the brokers that are written to, after each change of that; NoLeader need not be named. Half of the
// pool is divided among them in equal shares, in whole KiB. A broker that is no longer named keeps what it uses until
// that is returned, as use of the shared half.
func (p *Pool) SetAccounts(ids []int32) {
	named := slices.Concat(ids, []int32{NoLeader})
	slices.Sort(named)
	named = slices.Compact(named)
	share := p.total / 2 / int64(len(named)) &^ (unitBytes - 1)

	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.mu.accounts {
		a.share = 0
	}
	for _, id := range named {
		p.accountLocked(id).share = share
	}
	p.mu.guaranteed = share * int64(len(named))
	p.mu.over = 0
	for _, a := range p.mu.accounts {
		p.mu.over += a.over(a.used)
	}
	p.grantLocked()
}

// TryGet returns a chain of slabs with room for bytes, charged to a, or nil if there is no room now, if others wait for
// it, or if the pool is closed. It never waits. The slabs are of class hint or larger, and waste at most a quarter or
// one slab of class hint; where the account's share is smaller than that, they are as small as need be.
func (p *Pool) TryGet(a *Account, bytes int, hint Class) *Slab {
	p.mu.Lock()
	s := p.tryLocked(a, int64(bytes), min(hint, Class64K))
	p.mu.Unlock()
	p.check(s)
	return s
}

// Get is TryGet, but waits for room: behind those of its account that came before, and in turn with other accounts. It
// waits until ctx ends (the error wraps ctx.Err()), for at most timeout (a *TimeoutError; at once if timeout is not
// positive), or until Close (ErrClosed). A request above MaxRequest fails at once with a *TooLargeError.
func (p *Pool) Get(ctx context.Context, a *Account, bytes int, hint Class, timeout time.Duration) (*Slab, error) {
	wanted := int64(bytes)
	hint = min(hint, Class64K)
	if wanted > p.total {
		return nil, &TooLargeError{Wanted: wanted, Most: p.total}
	}
	p.mu.Lock()
	if s := p.tryLocked(a, wanted, hint); s != nil {
		p.mu.Unlock()
		p.check(s)
		return s, nil
	}
	if err := p.refusalLocked(wanted, timeout); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	w := p.enqueueLocked(a, wanted, hint)
	p.mu.Unlock()

	if p.hooks.OnPressure != nil {
		p.hooks.OnPressure()
	}
	return p.wait(ctx, a, w, timeout)
}

// refusalLocked is the error of a request that found no room and may not wait, or nil if it may.
func (p *Pool) refusalLocked(wanted int64, timeout time.Duration) error {
	if p.mu.closed {
		return ErrClosed
	}
	if timeout > 0 {
		return nil
	}
	p.mu.stats.Exhausted++
	return &TimeoutError{Wanted: wanted, Used: p.mu.used, Total: p.total}
}

// wait waits for w's grant and takes it out of the line if something else comes first.
func (p *Pool) wait(ctx context.Context, a *Account, w *waiter, timeout time.Duration) (*Slab, error) {
	if w.timer == nil {
		w.timer = time.NewTimer(timeout)
	} else {
		w.timer.Reset(timeout)
	}
	select {
	case <-w.done:
		w.timer.Stop() // not later: w is another call's after rest
		granted, closed := w.granted, w.closed
		p.rest(w)
		if closed {
			return nil, ErrClosed
		}
		p.check(granted)
		return granted, nil
	case <-ctx.Done():
		w.timer.Stop()
		p.abandon(a, w, false)
		return nil, fmt.Errorf("bufferpool: gave up waiting for %d bytes after %v: %w", w.bytes, time.Since(w.began), ctx.Err())
	case <-w.timer.C:
		return nil, &TimeoutError{
			Wanted: w.bytes, Waited: time.Since(w.began), Used: p.abandon(a, w, true), Total: p.total,
		}
	}
}

// abandon ends the wait of w without success and returns the bytes in use. A grant that came meanwhile is returned;
// who waited behind w may fit now.
func (p *Pool) abandon(a *Account, w *waiter, exhausted bool) (used int64) {
	p.mu.Lock()
	if exhausted {
		p.mu.stats.Exhausted++
	}
	used = p.mu.used
	granted := w.granted
	if granted == nil && !w.closed {
		p.leaveLocked(a, w)
		if a.first == nil {
			i := slices.Index(p.mu.line, a)
			p.mu.line = slices.Delete(p.mu.line, i, i+1)
		}
		p.grantLocked()
	}
	p.mu.Unlock()
	p.Put(granted)
	return used
}

// Put returns all slabs of chain to the pool and credits the accounts they were charged to; nil is allowed. The memory
// may be handed to a waiter before Put returns: nobody may read or write it any more.
func (p *Pool) Put(chain *Slab) {
	if chain == nil {
		return
	}
	if p.hooks.Poison {
		for s := chain; s != nil; s = s.Next {
			s.poison()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for chain != nil {
		s := chain
		chain = s.Next
		a := s.account
		if a == nil {
			// invariant: a batch hands its slabs out once (Batch.TakeSlabs), to whoever dropped the last reference.
			panic(returnedTwice)
		}
		p.chargeLocked(a, -p.uncutLocked(s))
	}
	p.grantLocked()
}

// Waiting reports whether a Get waits.
func (p *Pool) Waiting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.stats.Waiters > 0
}

// Trim gives memory back to the garbage collector: what was not needed at any moment since the last Trim. It is meant
// to be called every now and then, seconds apart.
func (p *Pool) Trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.arenas.trim() > 0 {
		p.mu.spare = nil
	}
}

// Close ends every wait with ErrClosed and refuses further requests. What is out may still be returned.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.closed = true
	for _, a := range p.mu.line {
		for a.first != nil {
			w := a.first
			p.leaveLocked(a, w)
			w.closed = true
			w.done <- struct{}{}
		}
	}
	p.mu.line = nil
}

// Stats returns a consistent picture of the pool.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.mu.stats
	s.Total, s.Used, s.Held = p.total, p.mu.used, int64(p.mu.arenas.held)*arenaBytes
	return s
}

// AccountStats returns what a uses and may count on.
func (p *Pool) AccountStats(a *Account) AccountStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return AccountStats{Used: a.used, Share: a.share}
}

// check looks at memory that is handed out again, in a poisoned pool.
func (p *Pool) check(chain *Slab) {
	if !p.hooks.Poison {
		return
	}
	for s := chain; s != nil; s = s.Next {
		s.checkPoison()
	}
}
