// Package client makes producers of different makers send the same load with the same settings: acks=all, idempotence,
// linger of 5 ms, batches of up to 1 MiB, five requests in flight, 32 MiB of records waiting at most, and the codec of the
// workload at the client's own default level. What is left is set as its maker advises for throughput.
//
// A client is driven as a careful user would drive it: no allocation for a record that can be saved, and one callback
// function shared by all records.
package client

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// The settings that all clients share.
const (
	Linger      = 5 * time.Millisecond
	BatchBytes  = 1 << 20
	InFlight    = 5
	BufferBytes = 32 << 20
)

// Client is a producer under load.
type Client interface {
	// Produce hands over the records from one number of the load to the other, the latter excluded. It waits while the
	// buffer is full, not for outcomes. Several goroutines may call it at once.
	Produce(from, to int) error
	// Flush makes everything leave that lingers and waits until the brokers have answered.
	Flush(ctx context.Context) error
	// Outcomes is where the callbacks go.
	Outcomes() *Outcomes
	// Close ends the client.
	Close()
}

// Target is what a client sends, and where to.
type Target struct {
	Brokers []string
	Load    workload.Workload
	Data    *workload.Data
}

// maker is a client that can be asked for.
type maker struct {
	name string
	open func(Target) (Client, error)
}

// makers are all clients, ours first.
func makers() []maker {
	return []maker{{"omnibus", openOmnibus}, {"franz-go", openFranz}}
}

// Names lists the clients, ours first.
func Names() []string {
	var names []string
	for _, m := range makers() {
		names = append(names, m.name)
	}
	return names
}

// Open connects a client by its name.
func Open(name string, t Target) (Client, error) {
	for _, m := range makers() {
		if m.name == name {
			return m.open(t)
		}
	}
	return nil, fmt.Errorf("client %q: wanted one of %s", name, strings.Join(Names(), ", "))
}
