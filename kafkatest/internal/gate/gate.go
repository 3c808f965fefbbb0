// Package gate stands between clients and an in-process broker: a net.Listener that
// the broker accepts from, which can be shut and opened again behind the broker's
// back, and whose connections read whole requests first, so that faults are chosen
// by what a request says.
//
//	client -> socket or pipe -> (TLS) -> conn: frame, Rules, broker's Read
//	client <-                  <-       conn: correlation id, broker's Write
//
// Each gate on a socket has one goroutine, which accepts; all else runs on the broker's.
package gate

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"syscall"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/loopback"
)

// frameBytesMax is the largest request a gate lets through, in bytes: Kafka's
// default socket.request.max.bytes. kfake by itself would allocate whatever the
// first four bytes of a stray connection say.
const frameBytesMax = 100 << 20

// Gate is the listener that a broker accepts its connections from. It reads whole
// requests before kfake does, so that faults can be chosen by their contents,
// and it can be shut and opened again without kfake's noticing.
type Gate struct {
	settings Settings
	addr     net.Addr
	incoming chan net.Conn
	closed   chan struct{}

	mu struct {
		sync.Mutex
		door   net.Listener // nil while stopped, and always nil in memory
		down   bool
		closed bool
		conns  map[*conn]struct{}
	}
}

// Settings says what a gate is for.
type Settings struct {
	Node      int32                         // the broker's id
	InMemory  bool                          // Dial alone leads in, no socket
	TLS       *tls.Config                   // or nil
	Rules     *Rules                        // what befalls requests; shared by all gates of a cluster
	TopicName func(topicID [16]byte) string // "" if unknown
}

// Listen opens a gate.
func Listen(network, address string, settings Settings) (*Gate, error) {
	g := &Gate{settings: settings, incoming: make(chan net.Conn), closed: make(chan struct{})}
	g.mu.conns = make(map[*conn]struct{})
	if settings.InMemory {
		addr, err := net.ResolveTCPAddr(network, address)
		g.addr = addr
		return g, err
	}
	door, err := listen(network, address)
	if err != nil {
		return nil, err
	}
	g.addr = door.Addr()
	g.mu.door = door
	go g.acceptLoop(door)
	return g, nil
}

// listen takes a port that outgoing connections cannot take while the gate is shut,
// if any will do.
func listen(network, address string) (net.Listener, error) {
	if address == loopback.Addr(0) {
		return loopback.Listen()
	}
	return net.Listen(network, address)
}

// acceptLoop owns door and ends when door is closed.
func (g *Gate) acceptLoop(door net.Listener) {
	for {
		client, err := door.Accept()
		if err != nil {
			return
		}
		if g.settings.TLS != nil {
			client = tls.Server(client, g.settings.TLS)
		}
		if err := g.offer(context.Background(), client, false); err != nil {
			client.Close()
		}
	}
}

// offer hands a connection to the broker.
func (g *Gate) offer(ctx context.Context, client net.Conn, internal bool) error {
	gc := &conn{Conn: client, gate: g, internal: internal, closed: make(chan struct{})}
	gc.mu.answers = make(map[int32]Action)
	if !g.admit(gc) {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: g.addr, Err: syscall.ECONNREFUSED}
	}
	select {
	case g.incoming <- gc:
		return nil
	case <-g.closed:
		gc.Close()
		return net.ErrClosed
	case <-ctx.Done():
		gc.Close()
		return ctx.Err()
	}
}

func (g *Gate) admit(gc *conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.closed || g.mu.down && !gc.internal {
		return false
	}
	g.mu.conns[gc] = struct{}{}
	return true
}

// Dial makes a connection without a socket. An internal one meets no fault and
// no TLS, and a stopped broker answers it.
func (g *Gate) Dial(ctx context.Context, internal bool) (net.Conn, error) {
	server, client := net.Pipe()
	if config := g.settings.TLS; config != nil && !internal {
		server = tls.Server(server, config)
	}
	if err := g.offer(ctx, server, internal); err != nil {
		server.Close()
		return nil, err
	}
	return client, nil
}

// Accept implements net.Listener for the broker.
func (g *Gate) Accept() (net.Conn, error) {
	select {
	case conn := <-g.incoming:
		return conn, nil
	case <-g.closed:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener for the broker, which advertises it.
func (g *Gate) Addr() net.Addr { return g.addr }

// Close implements net.Listener for the broker. It closes the connections too.
func (g *Gate) Close() error {
	g.mu.Lock()
	first := !g.mu.closed
	g.mu.closed = true
	g.mu.Unlock()
	if first {
		close(g.closed)
		g.shut(true)
	}
	return nil
}

// Stop closes the door and all connections but internal ones.
func (g *Gate) Stop() { g.shut(false) }

// shut closes the door and the connections, the internal ones only if asked.
func (g *Gate) shut(internalToo bool) {
	g.mu.Lock()
	g.mu.down = true
	door := g.mu.door
	g.mu.door = nil
	g.mu.Unlock()
	if door != nil {
		door.Close()
	}
	g.cutSome(internalToo)
}

// Cut closes all connections but internal ones.
func (g *Gate) Cut() { g.cutSome(false) }

func (g *Gate) cutSome(internalToo bool) {
	g.mu.Lock()
	var conns []*conn
	for gc := range g.mu.conns {
		if internalToo || !gc.internal {
			conns = append(conns, gc)
		}
	}
	g.mu.Unlock()
	for _, gc := range conns {
		gc.Close()
	}
}

// Stopped reports whether Stop was the last word.
func (g *Gate) Stopped() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.down
}

// Start opens the door again, on the same address.
func (g *Gate) Start() error {
	if !g.Stopped() {
		return nil
	}
	var door net.Listener
	if !g.settings.InMemory {
		var err error
		if door, err = net.Listen("tcp", g.addr.String()); err != nil {
			return err
		}
		go g.acceptLoop(door)
	}
	g.mu.Lock()
	late := g.mu.closed
	if !late {
		g.mu.down = false
		g.mu.door = door
	}
	g.mu.Unlock()
	if late && door != nil {
		door.Close()
	}
	return nil
}
