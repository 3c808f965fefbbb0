package test

import (
	"context"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
)

// openOn returns a producer for the brokers that is closed when the test ends and must then have nothing left to send.
func openOn(t testing.TB, brokers []string, configure ...func(*omnibus.Config)) *omnibus.Producer {
	t.Helper()
	config := omnibus.Config{Brokers: brokers}
	for _, set := range configure {
		set(&config)
	}
	return open(t, config)
}

// bounded returns a context that ends after d, or with the test.
func bounded(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// sendAll sends the records and returns their acks; each must be acknowledged within a minute.
func sendAll(t testing.TB, p *omnibus.Producer, records []omnibus.Record) []omnibus.Ack {
	t.Helper()
	acks := make([]omnibus.Ack, len(records))
	for i, result := range p.SendAll(bounded(t, time.Minute), records) {
		if result.Err != nil {
			t.Fatalf("record %d: %v", i, result.Err)
		}
		acks[i] = result.Ack
	}
	return acks
}

// until looks every few milliseconds whether condition holds, and fails the test if it does not within 20 seconds. It is
// for what happens in another process and cannot be waited for.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-late:
			t.Fatalf("not within 20s: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
