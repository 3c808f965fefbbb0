package broker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

const (
	saslHandshakeKey    = 17
	saslAuthenticateKey = 36
)

// saslHandshake answers ApiVersions as a broker with SASL does.
func (b *scriptedBroker) saslHandshake() {
	b.answer(b.read(), apiVersions(0, [3]int16{0, 3, 13}, [3]int16{3, 0, 13}, [3]int16{18, 0, 4},
		[3]int16{saslHandshakeKey, 0, 1}, [3]int16{saslAuthenticateKey, 0, 2}))
}

// letIn takes one exchange of PLAIN and grants a lifetime.
func (b *scriptedBroker) letIn(lifetime time.Duration) {
	b.t.Helper()
	b.expect(saslHandshakeKey, 1, &kmsg.SASLHandshakeResponse{SupportedMechanisms: []string{"PLAIN"}})
	b.expect(saslAuthenticateKey, 2, &kmsg.SASLAuthenticateResponse{SessionLifetimeMillis: lifetime.Milliseconds()})
}

func (b *scriptedBroker) expect(key, version int16, response kmsg.Response) {
	b.t.Helper()
	if a := b.read(); a.key != key || a.version != version {
		b.t.Errorf("read key %d version %d, wanted %d version %d", a.key, a.version, key, version)
	} else {
		b.answer(a, response)
	}
}

// asAlice makes the connections of cfg authenticate.
func asAlice(cfg *Config) *Config {
	cfg.SASL = plain.Auth{User: "alice", Pass: "canary-password"}.AsMechanism()
	return cfg
}

func TestConnectAuthenticates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := asAlice(scripted(t, func(b *scriptedBroker) {
			b.saslHandshake()
			b.letIn(0)
			b.answer(b.read(), produced(7))
			b.tryRead()
		}))
		c, r := start(t, cfg)
		mustProduce(t, c, request(-1, 10))
		if o := <-r.told; o.offset != 7 {
			t.Errorf("outcome %v", o)
		}
		c.Close(nil)
		r.cause()
	})
}

func TestARefusedClientLearnsWhyAndThatItIsForGood(t *testing.T) {
	words := "Authentication failed: Invalid username or password"
	for name, test := range map[string]struct {
		script    func(b *scriptedBroker)
		wanted    string
		permanent bool
	}{
		"wrong password": {func(b *scriptedBroker) {
			b.answer(b.read(), &kmsg.SASLHandshakeResponse{})
			b.answer(b.read(), &kmsg.SASLAuthenticateResponse{ErrorCode: 58, ErrorMessage: &words})
		}, words, true},
		"mechanism not enabled": {func(b *scriptedBroker) {
			b.answer(b.read(), &kmsg.SASLHandshakeResponse{ErrorCode: 33, SupportedMechanisms: []string{"SCRAM-SHA-256"}})
		}, "it enables SCRAM-SHA-256", true},
		"no SASL here": {func(b *scriptedBroker) {
			b.answer(b.read(), &kmsg.SASLHandshakeResponse{ErrorCode: 34})
		}, "wants no SASL", true},
		"hang-up": {func(b *scriptedBroker) { b.read() }, "closed the connection while it authenticated", false},
		"silence": {func(b *scriptedBroker) { b.ignore() }, "authentication has not come to an end within 10s", false},
		"another's answer": {func(b *scriptedBroker) {
			a := b.read()
			a.id++
			b.answer(a, &kmsg.SASLHandshakeResponse{})
		}, "correlation id", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := asAlice(scripted(t, func(b *scriptedBroker) {
					b.saslHandshake()
					test.script(b)
				}))
				_, err := Connect(t.Context(), cfg, "b1:9092")
				failure, ok := errors.AsType[*ConnectError](err)
				if !ok || failure.Phase != PhaseSASL || authn.Permanent(err) != test.permanent || !strings.Contains(err.Error(), test.wanted) {
					t.Errorf("%v\nwanted phase sasl, permanent %v, %q", err, test.permanent, test.wanted)
				}
				if strings.Contains(err.Error(), "canary") {
					t.Errorf("the error holds the password: %v", err)
				}
			})
		})
	}
}

func TestAListenerThatWantsSASLIsGuessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.read()
		}))
		if _, err := c.Do(t.Context(), kmsg.NewPtrMetadataRequest()); err == nil || !strings.Contains(err.Error(), "may want SASL") {
			t.Errorf("%v", err)
		}
		r.cause()
	})
}

// The heart of KIP-368: what is in flight when the time comes is answered as ever, and what comes meanwhile waits behind
// the exchange.
func TestRenewalLeavesWhatIsInFlightAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		cfg := asAlice(scripted(t, func(b *scriptedBroker) {
			b.saslHandshake()
			b.letIn(10 * time.Second)
			first, second := b.read(), b.read()
			handshake := b.read()
			if at := time.Since(began); handshake.key != saslHandshakeKey || at < 8*time.Second || at > 8500*time.Millisecond {
				t.Errorf("after %v came key %d", at, handshake.key)
			}
			time.Sleep(time.Second) // inside the bubble; the third request comes
			b.answer(first, produced(1))
			b.answer(second, produced(2))
			b.answer(handshake, &kmsg.SASLHandshakeResponse{})
			b.expect(saslAuthenticateKey, 2, &kmsg.SASLAuthenticateResponse{SessionLifetimeMillis: 10_000})
			b.answer(b.read(), produced(3))
			b.letIn(0) // and then never again
			b.tryRead()
		}))
		c, r := start(t, cfg)
		time.Sleep(7 * time.Second)
		mustProduce(t, c, request(-1, 10))
		mustProduce(t, c, request(-1, 10))
		time.Sleep(1800 * time.Millisecond)
		mustProduce(t, c, request(-1, 10))
		var offsets []int64
		for range 3 {
			o := <-r.told
			offsets = append(offsets, o.offset)
		}
		if !slices.Equal(offsets, []int64{1, 2, 3}) {
			t.Errorf("offsets %v", offsets)
		}
		time.Sleep(time.Hour)
		c.Close(nil)
		if err := r.cause(); !errors.Is(err, ErrClosed) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestARefusedRenewalEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := asAlice(scripted(t, func(b *scriptedBroker) {
			b.saslHandshake()
			b.letIn(10 * time.Second)
			b.answer(b.read(), &kmsg.SASLHandshakeResponse{})
			b.answer(b.read(), &kmsg.SASLAuthenticateResponse{ErrorCode: 58})
			b.tryRead()
		}))
		_, r := start(t, cfg)
		err := r.cause()
		if !errors.Is(err, kerr.SaslAuthenticationFailed) || !authn.Permanent(err) || Peaceful(err) {
			t.Errorf("ended with %v", err)
		}
	})
}

// late is a mechanism whose tokens come from somewhere.
type late struct {
	sasl.Mechanism
	token func(ctx context.Context) error
}

func (l late) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	if err := l.token(ctx); err != nil {
		return nil, nil, err
	}
	return l.Mechanism.Authenticate(ctx, host)
}

func TestATokenThatIsLateIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		cfg := asAlice(scripted(t, func(b *scriptedBroker) {
			b.saslHandshake()
			b.letIn(time.Minute)
			b.letIn(0)
			b.tryRead()
		}))
		cfg.SASL = late{cfg.SASL, func(context.Context) error {
			if n := calls.Add(1); n == 2 || n == 3 {
				return errors.New("nobody is there")
			}
			return nil
		}}
		c, r := start(t, cfg)
		time.Sleep(time.Minute)
		if n := calls.Load(); n != 4 {
			t.Errorf("asked %d times, wanted 4", n)
		}
		c.Close(nil)
		r.cause()
	})
}

func TestATokenThatNeverComesEndsTheConnectionWithItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never, first := errors.New("nobody is there"), true
		cfg := asAlice(scripted(t, func(b *scriptedBroker) {
			b.saslHandshake()
			b.letIn(time.Minute)
			b.tryRead()
		}))
		cfg.SASL = late{cfg.SASL, func(context.Context) error {
			if first {
				first = false
				return nil
			}
			return never
		}}
		began := time.Now()
		_, r := start(t, cfg)
		if err := r.cause(); !errors.Is(err, never) || time.Since(began) > time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// A mechanism that waits for a token must not outlive its connection.
func TestCloseEndsARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, waits := true, make(chan struct{})
		cfg := asAlice(scripted(t, func(b *scriptedBroker) {
			b.saslHandshake()
			b.letIn(10 * time.Second)
			b.tryRead()
		}))
		cfg.SASL = late{cfg.SASL, func(ctx context.Context) error {
			if first {
				first = false
				return nil
			}
			close(waits)
			<-ctx.Done()
			return ctx.Err()
		}}
		c, r := start(t, cfg)
		<-waits
		c.Close(nil)
		r.cause()
	})
}

func TestARenewalIsNoUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := asAlice(scripted(t, func(b *scriptedBroker) {
			b.saslHandshake()
			for range 4 { // at 0, 8, 16 and 24 s
				b.letIn(10 * time.Second)
			}
			b.tryRead()
		}))
		cfg.Idle = 30 * time.Second
		began := time.Now()
		_, r := start(t, cfg)
		if err := r.cause(); !errors.Is(err, ErrIdle) || time.Since(began) != cfg.Idle {
			t.Errorf("after %v: %v, wanted the idle connection closed after %v", time.Since(began), err, cfg.Idle)
		}
	})
}
