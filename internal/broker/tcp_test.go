package broker

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/wire"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// loopback returns the address of a broker on a real socket that serves each connection with script.
func loopback(t testing.TB, script func(conn net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				script(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// acking answers everything with "written", as fast as it can and without allocating; after so many answers it hangs up.
func acking(t testing.TB, answers int) func(conn net.Conn) {
	return func(conn net.Conn) {
		b := &scriptedBroker{t: t, conn: conn}
		b.handshake()
		b.acknowledge(answers)
	}
}

// acknowledge is acking behind the handshake.
func (b *scriptedBroker) acknowledge(answers int) {
	conn := b.conn
	answer := frameFor(ask{version: 12}, produced(1))
	buf := make([]byte, 64<<10)
	for ; answers > 0; answers-- {
		if _, err := io.ReadFull(conn, buf[:12]); err != nil {
			return
		}
		copy(answer[4:8], buf[8:12])
		for left := int(binary.BigEndian.Uint32(buf)) - 8; left > 0; {
			n, err := conn.Read(buf[:min(left, len(buf))])
			if err != nil {
				return
			}
			left -= n
		}
		conn.Write(answer)
	}
}

func TestEveryRequestOverTCPHasOneOutcomeInOrder(t *testing.T) {
	const requests, inFlight = 3000, 5
	for _, hangUpAfter := range []int{requests, requests / 2} {
		cfg := &Config{SendBufferBytes: 16 << 10, ReceiveBufferBytes: 16 << 10}
		c, err := Connect(t.Context(), cfg, loopback(t, acking(t, hangUpAfter)))
		if err != nil {
			t.Fatal(err)
		}
		r := newRecorder()
		r.told = make(chan outcome, requests)
		slots := make(chan struct{}, inFlight)
		r.onDone = func(*ProduceRequest) { <-slots }
		c.Start(r)
		random := rand.New(rand.NewPCG(1, uint64(hangUpAfter)))
		var accepted []*ProduceRequest
		for range requests {
			slots <- struct{}{}
			req := request(-1, random.IntN(20<<10))
			if !c.Produce(req) {
				break
			}
			accepted = append(accepted, req)
		}
		if hangUpAfter == requests {
			for range requests {
				<-r.told
			}
			c.Close(nil)
		}
		r.cause()
		if len(r.outcomes) != len(accepted) {
			t.Fatalf("%d outcomes of %d requests", len(r.outcomes), len(accepted))
		}
		for i, o := range r.outcomes {
			if o.request != accepted[i] || (o.err == nil) != (i < hangUpAfter) {
				t.Fatalf("outcome %d of %d: %v", i, len(accepted), o)
			}
		}
	}
}

func TestStuckTCPWriteEnds(t *testing.T) {
	hold := make(chan struct{})
	address := loopback(t, func(conn net.Conn) {
		(&scriptedBroker{t: t, conn: conn}).handshake()
		<-hold
	})
	defer close(hold)
	c, err := Connect(t.Context(), &Config{RequestTimeout: 200 * time.Millisecond}, address)
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	c.Start(r)
	mustProduce(t, c, request(-1, 32<<20))
	mustProduce(t, c, request(-1, 10))
	if o := <-r.told; !o.written || !errors.Is(o.err, ErrRequestTimeout) {
		t.Errorf("begun request: %v", o)
	}
	if o := <-r.told; o.written || !errors.Is(o.err, ErrRequestTimeout) {
		t.Errorf("queued request: %v", o)
	}
	r.cause()
}

// pingPong is a Handler that lets one goroutine wait for each outcome.
type pingPong struct{ done chan error }

func (pingPong) BeforeWrite(*ProduceRequest) {}
func (pingPong) Closed(*Conn, error)         {}
func (p pingPong) Done(_ *ProduceRequest, _ *wire.ProduceResponse, _ bool, err error) {
	p.done <- err
}

func TestARequestAllocatesNothing(t *testing.T) {
	c, err := Connect(t.Context(), &Config{Idle: time.Minute}, loopback(t, acking(t, 1<<30)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(nil)
	p := pingPong{done: make(chan error, 1)}
	c.Start(p)
	req := request(-1, 4096)
	var failed atomic.Bool
	once := func() {
		req.Deadline = time.Time{}
		if !c.Produce(req) || <-p.done != nil {
			failed.Store(true)
		}
	}
	once()
	if n := testing.AllocsPerRun(500, once); n >= 1 || failed.Load() {
		t.Errorf("%v allocations a request, failed %v", n, failed.Load())
	}
}

// ways are the ways into a broker: how it is reached, and what it does before it acknowledges.
func ways(t testing.TB) map[string]func(answers int) (*Config, string) {
	p := newPKI(t)
	login := plain.Auth{User: "alice", Pass: "secret"}.AsMechanism()
	greet := func(answers int, secured, authenticated bool) (*Config, string) {
		cfg := new(Config)
		if secured {
			cfg.TLS = always(p.clientConfig())
		}
		if authenticated {
			cfg.SASL = login
		}
		return cfg, loopback(t, func(conn net.Conn) {
			if secured {
				conn = tls.Server(conn, p.serverConfig())
			}
			b := &scriptedBroker{t: t, conn: conn}
			if authenticated {
				b.saslHandshake()
				b.letIn(time.Hour)
			} else {
				b.handshake()
			}
			b.acknowledge(answers)
		})
	}
	return map[string]func(answers int) (*Config, string){
		"PLAINTEXT":      func(n int) (*Config, string) { return greet(n, false, false) },
		"SASL_PLAINTEXT": func(n int) (*Config, string) { return greet(n, false, true) },
		"SSL":            func(n int) (*Config, string) { return greet(n, true, false) },
		"SASL_SSL":       func(n int) (*Config, string) { return greet(n, true, true) },
	}
}

// A login is over when the first record comes: SASL_PLAINTEXT costs a request what PLAINTEXT does, and SASL_SSL what SSL does.
func BenchmarkRequestOverLoopback(b *testing.B) {
	all := ways(b)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.Run(name, func(b *testing.B) {
			cfg, address := all[name](1 << 30)
			c, err := Connect(b.Context(), cfg, address)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close(nil)
			p := pingPong{done: make(chan error, 1)}
			c.Start(p)
			req := request(-1, 16<<10)
			b.ReportAllocs()
			for b.Loop() {
				req.Deadline = time.Time{}
				c.Produce(req)
				<-p.done
			}
		})
	}
}

// What a connection costs, once.
func BenchmarkConnect(b *testing.B) {
	all := ways(b)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.Run(name, func(b *testing.B) {
			cfg, address := all[name](0)
			for b.Loop() {
				c, err := Connect(b.Context(), cfg, address)
				if err != nil {
					b.Fatal(err)
				}
				c.Close(nil)
			}
		})
	}
}
