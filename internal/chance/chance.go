// Package chance is where the producer's random numbers come from: how long pauses are exactly, and in which order brokers
// are tried. They are drawn anew for each producer, unless the context that it is opened with has a seed: then they are
// always the same, so that a simulation can be played again.
//
// Stage: none. Partitioners and the sender's core keep generators of their own, seeded from here.
//
// Rejected: a field of omnibus.Config, which no application needs; the global generator of math/rand/v2, which cannot be
// seeded.
package chance

import (
	"context"
	"math/rand/v2"
	"sync"
)

// Source gives random numbers, to any number of goroutines at once. nil is a Source too, without a seed.
type Source struct {
	mu struct {
		sync.Mutex
		random *rand.Rand
	}
}

// contextKey is what a context's seed is kept under.
type contextKey struct{}

// With returns a context whose Sources all begin alike.
func With(ctx context.Context, seed uint64) context.Context {
	return context.WithValue(ctx, contextKey{}, seed)
}

// From returns the Source of a context with a seed, nil for any other.
func From(ctx context.Context) *Source {
	if seed, ok := ctx.Value(contextKey{}).(uint64); ok {
		return newSource(seed)
	}
	return nil
}

func newSource(seed uint64) *Source {
	s := new(Source)
	s.mu.random = rand.New(rand.NewPCG(seed, 0x6368616e6365))
	return s
}

// Split returns a Source of its own for another part, whose numbers do not depend on how many are drawn here.
func (s *Source) Split() *Source {
	if s == nil {
		return nil
	}
	return newSource(s.Uint64())
}

// Uint64 is any number.
func (s *Source) Uint64() uint64 {
	if s == nil {
		return rand.Uint64()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.random.Uint64()
}

// Float64 is a number from 0 up to and without 1.
func (s *Source) Float64() float64 {
	if s == nil {
		return rand.Float64()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.random.Float64()
}

// Shuffle brings n things into any order.
func (s *Source) Shuffle(n int, swap func(i, j int)) {
	if s == nil {
		rand.Shuffle(n, swap)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.random.Shuffle(n, swap)
}
