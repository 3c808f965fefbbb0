package kafkatest

import (
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/tcpproxy"
)

// Direction is a way through a Proxy. Up|Down is both.
type Direction uint8

// The two directions.
const (
	Up   = Direction(tcpproxy.Up)   // from the client to the server
	Down = Direction(tcpproxy.Down) // from the server to the client
)

// Proxy is a TCP proxy on a loopback port, with which a test makes the network
// slow, silent or broken between a client and one server. It understands no
// protocol. Of what it has taken and not yet passed on it holds at most 1 MiB per
// connection and direction; then it stops reading, and the sender feels it. All
// methods may be called from any goroutine.
type Proxy struct {
	t    testing.TB
	core *tcpproxy.Proxy
}

// NewProxy starts a proxy to target ("host:port"; it need not listen yet), and
// closes it when the test ends.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	core, err := tcpproxy.Start(target)
	if err != nil {
		t.Fatalf("kafkatest: start a proxy: %v", err)
	}
	t.Cleanup(core.Close)
	return &Proxy{t: t, core: core}
}

// Addr returns the "127.0.0.1:port" at which the proxy listens for its whole
// life, refusing or not.
func (p *Proxy) Addr() string { return p.core.Addr() }

// Target returns where new connections lead.
func (p *Proxy) Target() string { return p.core.Target() }

// Retarget leads new connections elsewhere. Old ones stay where they are: CutAll
// ends them.
func (p *Proxy) Retarget(target string) { p.core.Retarget(target) }

// Pause stops the bytes of a direction on all connections, old and new. They are
// kept, up to the bound, and go on after Resume.
func (p *Proxy) Pause(d Direction) { p.core.Pause(tcpproxy.Direction(d)) }

// Resume lets the bytes of a direction flow again.
func (p *Proxy) Resume(d Direction) { p.core.Resume(tcpproxy.Direction(d)) }

// SwallowResponses drops what the server sends while it is true; the connections
// stay. Bytes that were dropped do not come back: after false only new
// connections make sense to a client.
func (p *Proxy) SwallowResponses(on bool) { p.core.SwallowResponses(on) }

// Delay makes every byte that comes in from now on arrive d later, in both
// directions; a round trip grows by 2d. 0 ends it. Throughput is bounded by 1 MiB
// per d.
func (p *Proxy) Delay(d time.Duration) { p.core.Delay(d) }

// CutAll resets every connection at once, as a crash of the other side would.
// Bytes on their way are lost. New connections are accepted.
func (p *Proxy) CutAll() { p.core.CutAll() }

// Refuse(true) makes the kernel refuse new connections, as when no process
// listens; those that exist go on. Refuse(false) listens on the same port again;
// in the unlikely case that another process has taken it meanwhile, the test has
// failed.
func (p *Proxy) Refuse(on bool) {
	p.t.Helper()
	if err := p.core.Refuse(on); err != nil {
		p.t.Errorf("kafkatest: proxy: listen again: %v", err)
	}
}

// BytesUp returns how many bytes have reached the server's socket.
func (p *Proxy) BytesUp() int64 { return p.core.BytesUp() }

// BytesDown returns how many bytes have reached the client's socket; those that
// were swallowed are not among them.
func (p *Proxy) BytesDown() int64 { return p.core.BytesDown() }

// Connections returns how many connections are open through the proxy.
func (p *Proxy) Connections() int { return p.core.Connections() }
