// Package client makes producers of different makers send the same load with the same settings: acks=all, idempotence,
// the workload's linger, batches and requests of up to 1 MiB, five requests in flight, 32 MiB of records waiting at most,
// the workload's codec at the same level. What is left is set as its maker advises for throughput. Where a client cannot
// be set so, its Maker says it.
//
// A client is driven as a careful user would drive it: no allocation for a record that can be saved, and one callback
// function shared by all records.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// The settings that all clients share.
const (
	BatchBytes  = 1 << 20
	InFlight    = 5
	BufferBytes = 32 << 20
)

// Client is a producer under load. Its methods may be called by several goroutines at once, except Close.
type Client interface {
	// Produce hands over the records from one number of the load to the other, the latter excluded, and has their
	// outcomes counted. It waits while the buffer is full, not for outcomes.
	Produce(from, to int) error
	// Send hands over one record and waits for its outcome.
	Send(ctx context.Context, i int) error
	// Offer hands over one record. Outcomes.Tell is told what became of it.
	Offer(i int) error
	// Flush makes everything leave that lingers. It may wait until the brokers have answered.
	Flush(ctx context.Context) error
	// Outcomes is where the callbacks go.
	Outcomes() *Outcomes
	// Close ends the client.
	Close()
}

// Target is what a client sends, and where to.
type Target struct {
	Brokers []string
	// Certificate is the brokers', in PEM; nil unless connections are encrypted.
	Certificate []byte
	Topics      []string
	Load        workload.Workload
	Data        *workload.Data
}

// TLS trusts the brokers' certificate and no other; nil where connections are not encrypted.
func (t *Target) TLS() *tls.Config {
	if t.Certificate == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(t.Certificate)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
}

// Topic is where the i-th record goes.
func (t *Target) Topic(i int) string { return t.Topics[t.TopicIndex(i)] }

// TopicIndex is the place of the i-th record's topic among all.
func (t *Target) TopicIndex(i int) int {
	if len(t.Topics) == 1 {
		return 0
	}
	return i % len(t.Topics)
}

// Difference is a setting in which a client is not like the others.
type Difference struct {
	Setting string `json:"setting"`
	Why     string `json:"why"`
}

// Maker is a client that can be asked for.
type Maker struct {
	Name string
	// Version is that of the client's code.
	Version string
	// Differences are the settings that it cannot match.
	Differences []Difference
	// Defaults says what it does when nothing is set, as far as that tells in its figures.
	Defaults string
	// Declines returns why the client cannot run a workload, "" if it can. nil means that it can run all.
	Declines func(workload.Workload) string
	// Open connects it.
	Open func(Target) (Client, error)
}

// Declined is why the client cannot run the workload, "" if it can.
func (m *Maker) Declined(w workload.Workload) string {
	if m.Declines == nil {
		return ""
	}
	return m.Declines(w)
}

// Makers are the clients that need nothing but Go and this module, ours first.
func Makers() []Maker { return []Maker{omnibusMaker(), floorMaker(), franzMaker()} }

// Find returns the client with the name.
func Find(makers []Maker, name string) (Maker, error) {
	var known []string
	for _, m := range makers {
		if m.Name == name {
			return m, nil
		}
		known = append(known, m.Name)
	}
	return Maker{}, fmt.Errorf("client %q: wanted one of %s", name, strings.Join(known, ", "))
}

// ModuleVersion is the version of a module that this program was built with.
func ModuleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}
