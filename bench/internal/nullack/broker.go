package nullack

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what the broker claims to be.
type Config struct {
	// Nodes is the number of brokers that the process plays, each on a port of its own. 0 counts as 1.
	Nodes int
	// Topics are the topics there are. Others do not come into being.
	Topics []Topic
	// TLS encrypts connections, with a certificate made for the purpose.
	TLS bool
}

// Topic is a topic with partitions 0 to Partitions-1.
type Topic struct {
	Name       string
	Partitions int
}

// Counts is what arrived in Produce requests so far.
type Counts struct {
	// Bytes are those of whole requests, their 4-byte length included.
	Bytes int64 `json:"bytes"`
	// Requests, Batches and Records are what they carried.
	Requests int64 `json:"requests"`
	Batches  int64 `json:"batches"`
	Records  int64 `json:"records"`
	// Connections is how many were accepted, whatever they asked for.
	Connections int64 `json:"connections"`
}

// Less is what was counted since an earlier look.
func (c Counts) Less(earlier Counts) Counts {
	return Counts{
		Bytes: c.Bytes - earlier.Bytes, Requests: c.Requests - earlier.Requests, Batches: c.Batches - earlier.Batches,
		Records: c.Records - earlier.Records, Connections: c.Connections - earlier.Connections,
	}
}

// settledAfter is how long nothing must have come for what was sent to be there.
const settledAfter = 50 * time.Millisecond

// Settled returns what counts says once it stays the same, or after 5 s: who asks for no acknowledgement (acks=0) knows
// nothing of when its records arrive.
func Settled(counts func() (Counts, error)) (Counts, error) {
	last, err := counts()
	for deadline := time.Now().Add(5 * time.Second); err == nil && time.Now().Before(deadline); {
		<-time.After(settledAfter)
		var now Counts
		if now, err = counts(); now == last {
			break
		}
		last = now
	}
	return last, err
}

// topic is a topic with the offsets it gave out.
type topic struct {
	name string
	id   [16]byte
	next []atomic.Int64 // offset of the next record, by partition
}

// Broker is a running broker.
type Broker struct {
	nodes  []net.Listener
	topics []*topic
	byName map[string]*topic
	byID   map[[16]byte]*topic

	certificate []byte // in PEM
	producerIDs atomic.Int64
	counts      struct{ bytes, requests, batches, records, connections atomic.Int64 }

	running sync.WaitGroup
	mu      struct {
		sync.Mutex
		closed bool
		conns  map[net.Conn]struct{}
	}
}

// Listen starts a broker on free ports of the loopback interface. It needs a Close.
func Listen(config Config) (*Broker, error) {
	b := &Broker{byName: make(map[string]*topic), byID: make(map[[16]byte]*topic)}
	b.mu.conns = make(map[net.Conn]struct{})
	for i, t := range config.Topics {
		b.addTopic(i, t)
	}
	var secured *tls.Config
	if config.TLS {
		var err error
		if secured, b.certificate, err = newCertificate(); err != nil {
			return nil, fmt.Errorf("null-ack broker: %w", err)
		}
	}
	for range max(config.Nodes, 1) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("null-ack broker: %w", err), b.Close())
		}
		if secured != nil {
			listener = tls.NewListener(listener, secured)
		}
		b.nodes = append(b.nodes, listener)
	}
	for _, listener := range b.nodes {
		b.running.Go(func() { b.accept(listener) })
	}
	return b, nil
}

// addTopic makes a topic with an id that no real cluster would give.
func (b *Broker) addTopic(i int, t Topic) {
	made := &topic{name: t.Name, id: [16]byte{0: 'n', 1: 'u', 2: 'l', 3: 'l', 14: byte(i >> 8), 15: byte(i)}, next: make([]atomic.Int64, t.Partitions)}
	b.topics = append(b.topics, made)
	b.byName[made.name], b.byID[made.id] = made, made
}

// Addresses are those of the nodes, "host:port", in the order of their ids.
func (b *Broker) Addresses() []string {
	addresses := make([]string, len(b.nodes))
	for i, listener := range b.nodes {
		addresses[i] = listener.Addr().String()
	}
	return addresses
}

// Certificate is what the nodes show their clients, in PEM; nil without TLS.
func (b *Broker) Certificate() []byte { return b.certificate }

// Counts is what arrived so far. A request counts before it is answered, so that who has the answer finds it counted.
func (b *Broker) Counts() Counts {
	c := &b.counts
	return Counts{
		Bytes: c.bytes.Load(), Requests: c.requests.Load(), Batches: c.batches.Load(),
		Records: c.records.Load(), Connections: c.connections.Load(),
	}
}

// Close ends all connections and returns when no goroutine of the broker is left.
func (b *Broker) Close() error {
	var errs []error
	for _, listener := range b.nodes {
		errs = append(errs, listener.Close())
	}
	b.mu.Lock()
	b.mu.closed = true
	for conn := range b.mu.conns {
		conn.Close()
	}
	b.mu.Unlock()
	b.running.Wait()
	return errors.Join(errs...)
}

// accept serves the connections of one node until its listener closes.
func (b *Broker) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if !b.track(conn) {
			return
		}
		b.running.Go(func() {
			defer b.untrack(conn)
			newSession(b, conn).serve()
		})
	}
}

// track remembers a connection for Close. It closes the connection and returns false if Close came first.
func (b *Broker) track(conn net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.closed {
		conn.Close()
		return false
	}
	b.counts.connections.Add(1)
	b.mu.conns[conn] = struct{}{}
	return true
}

func (b *Broker) untrack(conn net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.mu.conns, conn)
	conn.Close()
}
