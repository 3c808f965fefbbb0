// Package drive runs loads: it has one client send them in the workload's way (as fast as it goes, one record at a time,
// at fixed moments) and says what that cost. InProcess is for clients of package client; a client that is no Go code runs
// loads in a process of its own, see package java.
package drive

import (
	"context"
	"slices"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
)

// Contender is a client as a driver sees it.
type Contender struct {
	client.Maker
	// Missing says what it takes to run the client and is not here, "" for nothing.
	Missing string
	// Start connects it.
	Start func(ctx context.Context, t client.Target) (Driver, error)
}

// Driver runs a load with one client.
type Driver interface {
	// WarmUp sends records for about as long as span and returns how many a second the client takes. It is called once,
	// first.
	WarmUp(ctx context.Context, span time.Duration) (rate float64, err error)
	// Drive sends so many records and waits for all outcomes. A failed record is an error.
	Drive(ctx context.Context, records int) (Figures, error)
	// Close ends the client.
	Close() error
}

// Figures are what the records of one Drive cost.
type Figures struct {
	Elapsed, User, System time.Duration
	// Mallocs and HeapBytes are the heap objects and bytes that were allocated, -1 where nobody counts them.
	Mallocs, HeapBytes int64
	// PeakRSSBytes is the most memory that the client's process ever had.
	PeakRSSBytes int64
	// Latency is nil for a load that goes as fast as it can.
	Latency *Latency
}

// Latency is how long records took: from the call that hands one over to its outcome; in a paced load from the moment
// at which it was meant to come, so that a client which holds up its caller is not forgiven the wait.
type Latency struct {
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p99.9_ns"`
	Max  time.Duration `json:"max_ns"`
}

// latencyOf sorts the times; of none it returns nil.
func latencyOf(times []time.Duration) *Latency {
	if len(times) == 0 {
		return nil
	}
	slices.Sort(times)
	at := func(share float64) time.Duration { return times[min(int(share*float64(len(times))), len(times)-1)] }
	return &Latency{P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: at(1)}
}
