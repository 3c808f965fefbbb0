package embedded

import (
	"sync"
	"time"
)

const (
	// framesBytesMax bounds the memory that requests may take while they come in, over all connections. kfake allocates a
	// request's size as soon as it knows it, so without this a thousand connections that only claim to send 100 MiB
	// would ask for 100 GiB.
	framesBytesMax = 256 << 20
	// smallCost is what is not worth counting: a thousand connections' worth of it is a quarter of the bound.
	smallCost = 64 << 10
)

// memory is what frames that are coming in share. It is not fair: small requests pass large ones, which end after the time
// that they are given.
type memory struct {
	mu struct {
		sync.Mutex
		free  int64
		freed chan struct{} // closed when something was given back
	}
}

func newMemory() *memory {
	m := new(memory)
	m.mu.free = framesBytesMax
	m.mu.freed = make(chan struct{})
	return m
}

// take waits until so much is free, at most for the time given or until stop is closed, and reports whether it was taken.
func (m *memory) take(n int64, timeMax time.Duration, stop <-chan struct{}) bool {
	freed, ok := m.tryTake(n)
	if ok {
		return true
	}
	timer := time.NewTimer(timeMax)
	defer timer.Stop()
	for {
		select {
		case <-freed:
		case <-timer.C:
			return false
		case <-stop:
			return false
		}
		if freed, ok = m.tryTake(n); ok {
			return true
		}
	}
}

// tryTake takes it if it is free, and else returns what tells that something was given back.
func (m *memory) tryTake(n int64) (freed <-chan struct{}, ok bool) {
	if n <= smallCost {
		return nil, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > m.mu.free {
		return m.mu.freed, false
	}
	m.mu.free -= n
	return nil, true
}

// give returns what was taken.
func (m *memory) give(n int64) {
	if n <= smallCost {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.free += n
	close(m.mu.freed)
	m.mu.freed = make(chan struct{})
}
