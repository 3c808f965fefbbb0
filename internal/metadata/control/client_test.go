package control

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/broker"
)

// host is one scripted address.
type host struct {
	refuse    error         // dialing fails with it
	swallow   bool          // dialing never ends
	silent    bool          // requests are never answered
	answer    time.Duration // requests are answered after it
	dials     []time.Duration
	served    int
	conns     []*conn
	handshake time.Duration
	throttle  int32 // milliseconds, in each answer
	refusal   error // requests fail with it, without a word to the network
}

// network is a scripted set of hosts, without sockets.
type network struct {
	start time.Time
	mu    struct {
		sync.Mutex
		hosts map[string]*host
	}
}

func newNetwork(addresses ...string) *network {
	n := &network{start: time.Now()}
	n.mu.hosts = make(map[string]*host)
	for _, a := range addresses {
		n.mu.hosts[a] = &host{}
	}
	return n
}

// set changes a host's script.
func (n *network) set(address string, change func(h *host)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n.mu.hosts[address])
}

// host is a copy of a host's state.
func (n *network) host(address string) host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := *n.mu.hosts[address]
	h.conns = slices.Clone(h.conns)
	return h
}

func (n *network) connect(ctx context.Context, address string, _ *broker.Dialing) (Requester, error) {
	n.mu.Lock()
	h := n.mu.hosts[address]
	if h == nil {
		n.mu.Unlock()
		return nil, fmt.Errorf("dns: no such host %s", address)
	}
	h.dials = append(h.dials, time.Since(n.start))
	refuse, swallow, handshake := h.refuse, h.swallow, h.handshake
	n.mu.Unlock()
	if swallow {
		<-ctx.Done()
		return nil, fmt.Errorf("tcp: %w", ctx.Err())
	}
	<-time.After(handshake)
	if refuse != nil {
		return nil, refuse
	}
	c := &conn{network: n, host: h, address: address, closed: make(chan struct{})}
	n.mu.Lock()
	h.conns = append(h.conns, c)
	n.mu.Unlock()
	return c, nil
}

// conn is one scripted connection.
type conn struct {
	network *network
	host    *host
	address string
	once    sync.Once
	closed  chan struct{}
}

func (c *conn) Do(ctx context.Context, _ kmsg.Request) (kmsg.Response, error) {
	c.network.mu.Lock()
	silent, wait, throttle, refusal := c.host.silent, c.host.answer, c.host.throttle, c.host.refusal
	c.network.mu.Unlock()
	if refusal != nil {
		return nil, refusal
	}
	var answered <-chan time.Time
	if !silent {
		answered = time.After(wait)
	}
	select {
	case <-c.closed:
		return nil, errors.New("connection closed")
	default:
	}
	select {
	case <-c.closed:
		return nil, errors.New("connection closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-answered:
	}
	c.network.mu.Lock()
	c.host.served++
	c.network.mu.Unlock()
	return &kmsg.MetadataResponse{ThrottleMillis: throttle}, nil
}

func (c *conn) Close(error) { c.once.Do(func() { close(c.closed) }) }

func (c *conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

func (n *network) client(bootstrap ...string) *Client {
	return NewClient(Config{
		Bootstrap:      bootstrap,
		Connect:        n.connect,
		RequestTimeout: 30 * time.Second,
		Reconnect:      backoff.Exponential{Min: 50 * time.Millisecond, Max: time.Second},
	})
}

var errRefused = errors.New("tcp: connection refused")

func refuse(h *host) { h.refuse = errRefused }

func ask(t *testing.T, c *Client) string {
	t.Helper()
	_, from, err := c.Ask(t.Context(), kmsg.NewPtrMetadataRequest())
	if err != nil {
		t.Fatalf("Ask: %v", err)
	}
	return from
}

func TestDeadBootstrapAddressesAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("a:1", "b:1", "c:1")
		n.set("a:1", refuse)
		n.set("b:1", func(h *host) { h.swallow = true })
		c := n.client("a:1", "nowhere:1", "b:1", "c:1")
		defer c.Close()
		start := time.Now()
		if from := ask(t, c); from != "c:1" {
			t.Fatalf("answered by %s, want c:1", from)
		}
		if took := time.Since(start); took > patienceMin {
			t.Fatalf("a host that swallows packets held up the start for %v, want at most %v", took, patienceMin)
		}
	})
}

func TestErrorNamesEachAddressAndItsFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("a:1", "b:1")
		n.set("a:1", refuse)
		n.set("b:1", func(h *host) { h.refuse = errors.New("sasl: wrong password") })
		c := n.client("a:1", "b:1")
		defer c.Close()
		_, err := c.Request(t.Context(), kmsg.NewPtrMetadataRequest())
		for _, want := range []string{"a:1 (tcp: connection refused)", "b:1 (sasl: wrong password)"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %q lacks %q", err, want)
			}
		}
		var unreachable *UnreachableError
		if !errors.As(err, &unreachable) || len(unreachable.Attempts) != 2 || !errors.Is(err, errRefused) {
			t.Errorf("error %#v does not unwrap to its two attempts", err)
		}
	})
}

func TestRedialingBacksOffExponentially(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("a:1")
		n.set("a:1", refuse)
		c := n.client("a:1")
		defer c.Close()
		for range 8 {
			if _, err := c.Request(t.Context(), kmsg.NewPtrMetadataRequest()); err == nil {
				t.Fatal("a refused dial succeeded")
			}
		}
		dials := n.host("a:1").dials
		for i := 1; i < len(dials); i++ {
			nominal := min(50*time.Millisecond<<(i-1), time.Second)
			gap := dials[i] - dials[i-1]
			if gap < nominal*8/10 || gap > min(nominal*12/10, time.Second) {
				t.Errorf("dial %d came %v after the one before, want about %v", i, gap, nominal)
			}
		}
	})
}

func TestConcurrentRequestsShareOneDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("a:1")
		n.set("a:1", func(h *host) { h.handshake = 300 * time.Millisecond; h.answer = time.Millisecond })
		c := n.client("a:1")
		defer c.Close()
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() { ask(t, c) })
		}
		group.Wait()
		if h := n.host("a:1"); len(h.dials) != 1 || h.served != 10 {
			t.Fatalf("%d dials served %d requests, want 1 dial and 10 requests", len(h.dials), h.served)
		}
	})
}

func TestRequestsThatWaitedForAFailedDialShareItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("a:1")
		n.set("a:1", func(h *host) { h.handshake = time.Second; h.refuse = errRefused })
		c := n.client("a:1")
		defer c.Close()
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if _, err := c.Request(t.Context(), kmsg.NewPtrMetadataRequest()); !errors.Is(err, errRefused) {
					t.Errorf("error %v, want the dial's", err)
				}
			})
		}
		group.Wait()
		if h := n.host("a:1"); len(h.dials) != 1 {
			t.Fatalf("%d dials, want 1", len(h.dials))
		}
	})
}

func TestKnownBrokersAreAskedInsteadOfBootstrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("boot:1", "b1:1", "b2:1")
		c := n.client("boot:1")
		defer c.Close()
		ask(t, c)
		c.SetBrokers(map[int32]string{1: "b1:1", 2: "b2:1"})
		if from := ask(t, c); from == "boot:1" {
			t.Fatal("the bootstrap address was asked although brokers are known")
		}
		if boot := n.host("boot:1"); !boot.conns[0].isClosed() {
			t.Fatal("the idle bootstrap connection was left open")
		}
		first := ask(t, c)
		if again := ask(t, c); again != first {
			t.Fatalf("asked %s, then %s: the open connection was not used again", first, again)
		}
	})
}

func TestBusyConnectionOutlivesItsRetirement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("boot:1", "b1:1")
		c := n.client("boot:1")
		defer c.Close()
		ask(t, c)
		var group sync.WaitGroup
		for i := range 3 {
			n.set("boot:1", func(h *host) { h.answer = time.Duration(i+1) * time.Second })
			group.Go(func() { ask(t, c) })
			synctest.Wait()
		}
		c.SetBrokers(map[int32]string{1: "b1:1"})
		group.Wait()
		if boot := n.host("boot:1"); len(boot.dials) != 1 || boot.served != 4 || !boot.conns[0].isClosed() {
			t.Fatalf("%d dials served %d requests, closed %v; want one connection to serve all, then to be closed",
				len(boot.dials), boot.served, boot.conns[0].isClosed())
		}
	})
}

func TestRequestsOnOneConnectionBlameItsAddressOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("a:1")
		n.set("a:1", func(h *host) { h.silent = true })
		c := n.client("a:1")
		defer c.Close()
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() { c.Request(t.Context(), kmsg.NewPtrMetadataRequest()) })
		}
		group.Wait()
		if l := c.mu.lines["a:1"]; l.failures != 1 || l.users != 0 {
			t.Fatalf("%d failures and %d users counted, want 1 and none", l.failures, l.users)
		}
	})
}

func TestDeadIdleConnectionIsReplacedWithoutFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("a:1")
		c := n.client("a:1")
		defer c.Close()
		ask(t, c)
		n.host("a:1").conns[0].Close(nil)
		start := time.Now()
		ask(t, c)
		if took := time.Since(start); took != 0 {
			t.Fatalf("replacing a dead connection took %v, want no pause", took)
		}
	})
}

func TestStoppedBrokerDelaysByAShareOfTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("b1:1", "b2:1")
		c := n.client("b1:1", "b2:1")
		defer c.Close()
		c.SetBrokers(map[int32]string{1: "b1:1", 2: "b2:1"})
		stopped := ask(t, c)
		n.set(stopped, func(h *host) { h.silent = true })
		start := time.Now()
		if from := ask(t, c); from == stopped {
			t.Fatal("a stopped broker answered")
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Fatalf("a stopped broker held up the request for %v, want a third of 30s", took)
		}
		if h := n.host(stopped); !h.conns[0].isClosed() {
			t.Fatal("the connection that gave no answer in time was left open")
		}
	})
}

func TestAllBrokersLostLeadsBackToBootstrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("boot:1", "b1:1", "b2:1")
		c := n.client("boot:1")
		defer c.Close()
		c.SetBrokers(map[int32]string{1: "b1:1", 2: "b2:1"})
		n.set("b1:1", refuse)
		n.set("b2:1", refuse)
		if from := ask(t, c); from != "boot:1" || c.Rebootstraps() != 1 {
			t.Fatalf("answered by %s after %d rebootstraps, want boot:1 after 1", from, c.Rebootstraps())
		}
	})
}

func TestForgottenBrokersAreTriedWhenBootstrapIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("boot:1", "b1:1")
		n.set("boot:1", refuse)
		n.set("b1:1", refuse)
		c := n.client("boot:1")
		defer c.Close()
		c.SetBrokers(map[int32]string{1: "b1:1"})
		if _, err := c.Request(t.Context(), kmsg.NewPtrMetadataRequest()); err == nil {
			t.Fatal("a dead cluster answered")
		}
		n.set("b1:1", func(h *host) { h.refuse = nil })
		if from := ask(t, c); from != "b1:1" {
			t.Fatalf("answered by %s, want b1:1, which came back", from)
		}
	})
}

func TestKeepBrokersNeverGoesBackToBootstrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("boot:1", "b1:1")
		n.set("b1:1", refuse)
		c := n.client("boot:1")
		c.config.KeepBrokers = true
		defer c.Close()
		c.SetBrokers(map[int32]string{1: "b1:1"})
		if _, err := c.Request(t.Context(), kmsg.NewPtrMetadataRequest()); err == nil || len(n.host("boot:1").dials) > 0 {
			t.Fatalf("error %v after %d dials of bootstrap, want an error and none", err, len(n.host("boot:1").dials))
		}
		if c.Rebootstrap("test"); c.Rebootstraps() != 0 {
			t.Fatal("rebootstrapped against the configuration")
		}
	})
}

func TestResolvedBootstrapNamesAreAllTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("h1:1", "h2:1", "h3:1")
		n.set("h1:1", refuse)
		n.set("h2:1", refuse)
		c := n.client("broken:1", "alias:1")
		defer c.Close()
		c.config.Resolve = func(_ context.Context, address string) ([]string, error) {
			if address == "broken:1" {
				return nil, errors.New("dns: no such host")
			}
			return []string{"h1:1", "h2:1", "h3:1"}, nil
		}
		if from := ask(t, c); from != "h3:1" {
			t.Fatalf("answered by %s, want h3:1", from)
		}
		n.set("h3:1", func(h *host) { h.refuse = errRefused })
		n.host("h3:1").conns[0].Close(nil)
		_, err := c.Request(t.Context(), kmsg.NewPtrMetadataRequest())
		if err == nil || !strings.Contains(err.Error(), "broken:1 (dns: no such host)") {
			t.Fatalf("error %v does not name the bootstrap address that does not resolve", err)
		}
	})
}

func TestRequestToWaitsOutTheBackoffOfItsBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("boot:1", "b7:1")
		c := n.client("boot:1")
		defer c.Close()
		if _, err := c.RequestTo(t.Context(), 7, kmsg.NewPtrMetadataRequest()); err == nil {
			t.Fatal("a request to an unknown broker succeeded")
		}
		c.SetBrokers(map[int32]string{7: "b7:1"})
		n.set("b7:1", refuse)
		_, err := c.RequestTo(t.Context(), 7, kmsg.NewPtrMetadataRequest())
		if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "broker 7 at b7:1") {
			t.Fatalf("error %v, want the broker, its address and its failure", err)
		}
		n.set("b7:1", func(h *host) { h.refuse = nil })
		start := time.Now()
		if _, err := c.RequestTo(t.Context(), 7, kmsg.NewPtrMetadataRequest()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 40*time.Millisecond || took > 60*time.Millisecond {
			t.Fatalf("asked again after %v, want about 50ms", took)
		}
	})
}

func TestContextEndsEveryWaitAndBlamesNobody(t *testing.T) {
	for name, script := range map[string]func(h *host){
		"dialing":  func(h *host) { h.swallow = true },
		"asking":   func(h *host) { h.silent = true },
		"backoff":  refuse,
		"answered": func(h *host) { h.answer = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork("a:1")
				n.set("a:1", script)
				c := n.client("a:1")
				defer c.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				defer cancel()
				if name == "backoff" {
					c.Request(ctx, kmsg.NewPtrMetadataRequest())
				}
				_, err := c.Request(ctx, kmsg.NewPtrMetadataRequest())
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("error %v, want the context's", err)
				}
				if name != "backoff" && c.mu.lines["a:1"].failures != 0 {
					t.Fatal("the context's end was held against the broker")
				}
			})
		})
	}
}

func TestCloseFailsRequestsUnderWayAndLaterOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("a:1")
		n.set("a:1", func(h *host) { h.silent = true })
		c := n.client("a:1")
		done := make(chan error)
		go func() {
			_, err := c.Request(t.Context(), kmsg.NewPtrMetadataRequest())
			done <- err
		}()
		synctest.Wait()
		c.Close()
		c.Close()
		if err := <-done; err == nil {
			t.Fatal("a request outlived Close")
		}
		if _, err := c.Request(t.Context(), kmsg.NewPtrMetadataRequest()); !errors.Is(err, ErrClosed) {
			t.Fatalf("error %v, want ErrClosed", err)
		}
		if h := n.host("a:1"); len(h.dials) != 1 || !h.conns[0].isClosed() {
			t.Fatalf("%d dials, first connection closed %v", len(h.dials), h.conns[0].isClosed())
		}
	})
}

func TestThrottledBrokerIsLeftAloneForItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("b1:1", "b2:1")
		c := n.client("b1:1", "b2:1")
		defer c.Close()
		n.set("b1:1", func(h *host) { h.throttle = 5000 })
		n.set("b2:1", func(h *host) { h.throttle = math.MaxInt32 })
		start := time.Now()
		if first, second := ask(t, c), ask(t, c); first == second || time.Since(start) != 0 {
			t.Fatalf("asked %s, then %s after %v, want the other broker at once", first, second, time.Since(start))
		}
		c.SetBrokers(map[int32]string{1: "b1:1", 2: "b2:1"})
		for id, want := range map[int32]time.Duration{1: 5 * time.Second, 2: throttleMax} {
			if _, err := c.RequestTo(t.Context(), id, kmsg.NewPtrMetadataRequest()); err != nil {
				t.Fatal(err)
			}
			ready := c.mu.lines[fmt.Sprintf("b%d:1", id)].throttledUntil
			if waited := time.Since(start); waited < want || time.Until(ready) != want {
				t.Fatalf("broker %d was asked after %v, want %v", id, waited, want)
			}
		}
	})
}

func TestUnsupportedRequestCostsNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("a:1")
		c := n.client("a:1")
		defer c.Close()
		ask(t, c)
		n.set("a:1", func(h *host) { h.refusal = broker.ErrUnsupported })
		if _, err := c.Request(t.Context(), kmsg.NewPtrMetadataRequest()); !errors.Is(err, broker.ErrUnsupported) {
			t.Fatalf("error %v, want ErrUnsupported", err)
		}
		n.set("a:1", func(h *host) { h.refusal = nil })
		ask(t, c)
		if h := n.host("a:1"); len(h.dials) != 1 {
			t.Fatalf("%d dials, want 1", len(h.dials))
		}
	})
}

func TestRebootstrapOpensNewConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("boot:1")
		c := n.client("boot:1")
		defer c.Close()
		ask(t, c)
		c.Rebootstrap("nothing is known yet")
		c.SetBrokers(map[int32]string{1: "boot:1"})
		c.Rebootstrap("test")
		c.Rebootstrap("test again")
		ask(t, c)
		h := n.host("boot:1")
		if c.Rebootstraps() != 1 || len(h.dials) != 2 || !h.conns[0].isClosed() {
			t.Fatalf("%d rebootstraps, %d dials, first connection closed %v", c.Rebootstraps(), len(h.dials), h.conns[0].isClosed())
		}
	})
}

func TestBrokerThatDemandsRebootstrapIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork("boot:1", "b1:1")
		n.set("b1:1", func(h *host) { h.refuse = fmt.Errorf("api: %w", kerr.RebootstrapRequired) })
		c := n.client("boot:1")
		defer c.Close()
		c.SetBrokers(map[int32]string{1: "b1:1"})
		if from := ask(t, c); from != "boot:1" || len(c.mu.former) != 0 {
			t.Fatalf("answered by %s, former brokers %v, want boot:1 and none", from, c.mu.former)
		}
	})
}

func TestBrokerConnectionsAreRequesters(t *testing.T) {
	var conn any = (*broker.Conn)(nil)
	if _, ok := conn.(Requester); !ok {
		t.Fatal("*broker.Conn does not have the methods of Requester")
	}
}
