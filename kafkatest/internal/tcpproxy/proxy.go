// Package tcpproxy is a TCP proxy that understands no protocol and disturbs
// connections on demand. Of what it has taken and not yet passed on it holds at
// most 1 MiB per connection and direction; then it stops reading, and the
// sender feels it.
//
//	client -> readAhead -> chunks (32 x 32 KiB) -> carry -> server     Up
//	client <- carry <- chunks <- readAhead <- server                   Down
//
// A connection has these four goroutines and the one that serves it; Close waits for all.
package tcpproxy

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/loopback"
)

// Direction is a way through a Proxy. Up|Down is both.
type Direction uint8

// The two directions.
const (
	Up   Direction = 1 << iota // from the client to the server
	Down                       // from the server to the client
)

const (
	chunkBytes = 32 << 10
	chunksMax  = 32 // held per direction and connection: 1 MiB at most
	dialMax    = 10 * time.Second
)

// Proxy is one proxy. All methods may be called from any goroutine.
type Proxy struct {
	addr      string
	bytesUp   atomic.Int64
	bytesDown atomic.Int64
	live      sync.WaitGroup

	mu struct {
		sync.Mutex
		door    net.Listener // nil while refusing
		closed  bool
		target  string
		swallow bool
		delay   time.Duration
		paused  Direction
		changed chan struct{} // closed and replaced when paused changes
		conns   map[*pair]struct{}
	}
}

// Start starts a proxy to target ("host:port"; it need not listen yet).
func Start(target string) (*Proxy, error) {
	door, err := loopback.Listen()
	if err != nil {
		return nil, err
	}
	p := &Proxy{addr: door.Addr().String()}
	p.mu.target = target
	p.mu.changed = make(chan struct{})
	p.mu.conns = make(map[*pair]struct{})
	p.mu.door = door
	p.live.Go(func() { p.acceptLoop(door) })
	return p, nil
}

// Addr returns the "127.0.0.1:port" at which the proxy listens for its whole
// life, refusing or not.
func (p *Proxy) Addr() string { return p.addr }

// Target returns where new connections lead.
func (p *Proxy) Target() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.target
}

// Retarget leads new connections elsewhere. Old ones stay where they are: CutAll
// ends them.
func (p *Proxy) Retarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.target = target
}

// Pause stops the bytes of a direction on all connections, old and new. They are
// kept, up to the bound, and go on after Resume.
func (p *Proxy) Pause(d Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setPausedLocked(p.mu.paused | d)
}

// Resume lets the bytes of a direction flow again.
func (p *Proxy) Resume(d Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setPausedLocked(p.mu.paused &^ d)
}

func (p *Proxy) setPausedLocked(d Direction) {
	p.mu.paused = d
	close(p.mu.changed)
	p.mu.changed = make(chan struct{})
}

// SwallowResponses drops what the server sends while it is true; the connections
// stay. Bytes that were dropped do not come back: after false only new
// connections make sense to a client.
func (p *Proxy) SwallowResponses(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.swallow = on
}

// Delay makes every byte that comes in from now on arrive d later, in both
// directions; a round trip grows by 2d. 0 ends it. Throughput is bounded by 1 MiB
// per d.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.delay = d
}

// CutAll resets every connection at once, as a crash of the other side would.
// Bytes on their way are lost. New connections are accepted.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	conns := make([]*pair, 0, len(p.mu.conns))
	for c := range p.mu.conns {
		conns = append(conns, c)
	}
	p.mu.Unlock()
	for _, c := range conns {
		c.cut()
	}
}

// Refuse(true) makes the kernel refuse new connections; those that exist go on.
// Refuse(false) listens on the same port again, which fails if another process has
// taken it meanwhile.
func (p *Proxy) Refuse(on bool) error {
	p.mu.Lock()
	door, closed := p.mu.door, p.mu.closed
	if on {
		p.mu.door = nil
	}
	p.mu.Unlock()
	switch {
	case on && door != nil:
		door.Close()
	case !on && door == nil && !closed:
		return p.reopen()
	}
	return nil
}

func (p *Proxy) reopen() error {
	door, err := net.Listen("tcp", p.addr)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed || p.mu.door != nil {
		return door.Close()
	}
	p.mu.door = door
	p.live.Go(func() { p.acceptLoop(door) })
	return nil
}

// BytesUp returns how many bytes have reached the server's socket.
func (p *Proxy) BytesUp() int64 { return p.bytesUp.Load() }

// BytesDown returns how many bytes have reached the client's socket; those that
// were swallowed are not among them.
func (p *Proxy) BytesDown() int64 { return p.bytesDown.Load() }

// Connections returns how many connections are open through the proxy.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.mu.conns)
}

// Reset ends every disturbance.
func (p *Proxy) Reset() error {
	p.Resume(Up | Down)
	p.SwallowResponses(false)
	p.Delay(0)
	return p.Refuse(false)
}

// Close resets all connections and returns when no goroutine is left.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.mu.closed = true
	door := p.mu.door
	p.mu.door = nil
	p.mu.Unlock()
	if door != nil {
		door.Close()
	}
	p.CutAll()
	p.live.Wait()
}

// acceptLoop owns door and ends when door is closed.
func (p *Proxy) acceptLoop(door net.Listener) {
	for {
		client, err := door.Accept()
		if err != nil {
			return
		}
		p.live.Go(func() { p.serve(client.(*net.TCPConn)) })
	}
}

func (p *Proxy) serve(client *net.TCPConn) {
	conn := &pair{proxy: p, client: client, done: make(chan struct{})}
	if !p.register(conn) {
		conn.cut()
		return
	}
	server, err := net.DialTimeout("tcp", p.Target(), dialMax)
	if err != nil || !conn.attach(server.(*net.TCPConn)) {
		conn.cut()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { conn.carry(Up) })
	both.Go(func() { conn.carry(Down) })
	both.Wait()
	conn.end(false)
}

func (p *Proxy) register(c *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return false
	}
	p.mu.conns[c] = struct{}{}
	return true
}

// awaitTurn blocks while d is paused. It reports false when done is closed.
func (p *Proxy) awaitTurn(d Direction, done <-chan struct{}) bool {
	for {
		p.mu.Lock()
		paused, changed := p.mu.paused&d != 0, p.mu.changed
		p.mu.Unlock()
		if !paused {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}
