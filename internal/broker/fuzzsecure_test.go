package broker

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/testcert"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	// hostileTimeMax is how long a hostile peer can hold up an attempt to connect: the connect timeout.
	hostileTimeMax = 10 * time.Second
	// hostileBytesMax is what an attempt may allocate over a hostile peer: far more than an honest handshake takes, far
	// less than what lengths that are made up would.
	hostileBytesMax = 8 << 20
	hostileCanary   = "canary-password"
)

// survives connects to a hostile peer, and checks time, memory and the error. It reports whether the peer was believed.
func survives(t *testing.T, cfg *Config) bool {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	c, err := Connect(t.Context(), cfg, "b1:9092")
	took := time.Since(begun)
	runtime.ReadMemStats(&after)
	if took > hostileTimeMax {
		t.Errorf("it took %v", took)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > hostileBytesMax {
		t.Errorf("%d bytes were allocated", taken)
	}
	if err == nil {
		c.Close(nil)
		return true
	}
	if _, ok := errors.AsType[*ConnectError](err); !ok || strings.Contains(err.Error(), hostileCanary) {
		t.Errorf("%T: %v", err, err)
	}
	return false
}

// FuzzSASLPeer has a broker say anything where the exchange of SASL is due: each byte string of the input, behind its
// length, is an answer, with a proper frame around it or as it is.
func FuzzSASLPeer(f *testing.F) {
	said := func(response kmsg.Response, version int16) string {
		return string(frameFor(ask{version: version, key: response.Key()}, response)[8:])
	}
	honest := []string{
		said(&kmsg.SASLHandshakeResponse{SupportedMechanisms: []string{"PLAIN", "SCRAM-SHA-256"}}, 1),
		said(&kmsg.SASLAuthenticateResponse{SASLAuthBytes: []byte("r=x,s=c2FsdA==,i=4096")}, 2),
		said(&kmsg.SASLAuthenticateResponse{SASLAuthBytes: []byte("v=c2lnbmF0dXJl"), SessionLifetimeMillis: 1 << 62}, 2),
	}
	join := func(texts ...string) (input []byte) {
		for _, text := range texts {
			input = append(binary.BigEndian.AppendUint16(input, uint16(len(text))), text...)
		}
		return input
	}
	for mechanism := range uint8(4) {
		f.Add(mechanism, true, join(honest...))
		f.Add(mechanism, true, join(honest[0], "\x00\x00\xff\xff\xff\xff"))
		f.Add(mechanism, false, join("\x7f\xff\xff\xff\x00\x00\x00\x00"))
		f.Add(mechanism, false, join("HTTP/1.1 400 Bad Request\r\n\r\n"))
	}
	f.Fuzz(func(t *testing.T, mechanism uint8, framed bool, input []byte) {
		synctest.Test(t, func(t *testing.T) {
			cfg := scripted(t, func(b *scriptedBroker) {
				b.saslHandshake()
				for {
					a, err := b.tryRead()
					if err != nil || len(input) < 2 {
						return
					}
					end := min(2+int(binary.BigEndian.Uint16(input)), len(input))
					answer := input[2:end]
					input = input[end:]
					if framed {
						answer = append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(4+len(answer))), uint32(a.id)), answer...)
					}
					b.write(answer)
				}
			})
			cfg.SASL = []sasl.Mechanism{
				plain.Auth{User: "alice", Pass: hostileCanary}.AsMechanism(), oauth.Auth{Token: hostileCanary}.AsMechanism(),
				scram.Auth{User: "alice", Pass: hostileCanary}.AsSha256Mechanism(), scram.Auth{User: "alice", Pass: hostileCanary}.AsSha512Mechanism(),
			}[mechanism%4]
			if survives(t, cfg) && strings.HasPrefix(cfg.SASL.Name(), "SCRAM") {
				t.Error("a broker that cannot know the password was believed")
			}
		})
	})
}

// spoiled is a connection whose written bytes are damaged from a position on, and end at another.
type spoiled struct {
	net.Conn
	at, end int // positions of bytes
	with    []byte
	written int
}

func (s *spoiled) Write(p []byte) (int, error) {
	out := append([]byte(nil), p...)
	for i := range out {
		if position := s.written + i - s.at; position >= 0 && position < len(s.with) {
			out[i] ^= s.with[position]
		}
	}
	if over := s.written + len(out) - s.end; over > 0 {
		out = out[:max(len(out)-over, 0)]
	}
	s.written += len(p)
	if len(out) < len(p) {
		s.Conn.Write(out)
		return 0, net.ErrClosed
	}
	return s.Conn.Write(out)
}

// FuzzTLSPeer has a broker answer a TLS handshake with anything, or with a handshake that is damaged at one place.
func FuzzTLSPeer(f *testing.F) {
	authority := testcert.NewAuthority(f, "fuzzed authority")
	leaf := authority.Issue(f, testcert.Request{Name: "broker", Hosts: []string{"b1"}})
	now := func() time.Time { return leaf.TLS.Leaf.NotBefore.Add(time.Hour) } // a bubble's clock starts in the past
	f.Add(uint16(0), uint16(0), []byte{}, []byte{})
	f.Add(uint16(5), uint16(65535), []byte{1}, []byte{})
	f.Add(uint16(200), uint16(300), []byte{0xff, 0xff, 0xff}, []byte{})
	f.Add(uint16(0), uint16(65535), []byte{}, []byte("\x15\x03\x03\x00\x02\x02\x28"))
	f.Add(uint16(0), uint16(65535), []byte{}, []byte("\x16\x03\x03\x3f\xff\x0b\xff\xff\xff"))
	f.Add(uint16(0), uint16(65535), []byte{}, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, at, end uint16, with, instead []byte) {
		synctest.Test(t, func(t *testing.T) {
			cfg := scripted(t, func(b *scriptedBroker) {
				if len(instead) > 0 {
					b.conn.Read(make([]byte, 1<<10))
					b.write(instead)
					b.conn.Read(make([]byte, 1<<10))
					return
				}
				conn := tls.Server(&spoiled{Conn: b.conn, at: int(at), end: int(end), with: with}, &tls.Config{Certificates: []tls.Certificate{leaf.TLS}, Time: now})
				if conn.Handshake() != nil {
					return
				}
				secured := &scriptedBroker{t: t, conn: conn}
				if a, err := secured.tryRead(); err == nil {
					secured.answer(a, apiVersions(0, [3]int16{0, 3, 13}))
				}
				secured.tryRead()
			})
			cfg.TLS = always(&tls.Config{RootCAs: authority.Pool(), Time: now})
			believed := survives(t, cfg)
			if untouched := len(with) == 0 && len(instead) == 0 && end == 65535; untouched && !believed {
				t.Error("an honest broker was not believed")
			}
		})
	})
}
