package broker

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestHandshakeFallsBackWhenItsVersionIsUnknown(t *testing.T) {
	usable := [3]int16{0, 3, 9}
	for _, test := range []struct {
		name    string
		refusal []byte // the body, in the format of version 0
		wanted  int16
	}{
		{"told which versions are known", apiVersions(35, [3]int16{18, 0, 3}).AppendTo(nil), 3},
		{"told nothing", apiVersions(35).AppendTo(nil), 0},
		{"told the code alone", []byte{0, 35}, 0},
		{"told the refused version", apiVersions(35, [3]int16{18, 0, 9}).AppendTo(nil), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := scripted(t, func(b *scriptedBroker) {
					first := b.read()
					if first.key != apiVersionsKey || first.version != 4 {
						t.Errorf("first request is key %d version %d", first.key, first.version)
					}
					b.write(withLength(append(binary.BigEndian.AppendUint32(make([]byte, 4), uint32(first.id)), test.refusal...)))
					second := b.read()
					if second.version != test.wanted {
						t.Errorf("asked again with version %d, wanted %d", second.version, test.wanted)
					}
					b.answer(second, apiVersions(0, usable))
				})
				c := connect(t, cfg)
				if version, ok := c.ProduceVersion(true); !ok || version != 9 {
					t.Errorf("Produce %d %v, wanted 9", version, ok)
				}
				if _, ok := c.versions[3]; ok {
					t.Error("Metadata was not offered")
				}
				c.Close(nil)
			})
		})
	}
}

func TestHandshakeTellsWhoIsCalling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) {
			a := b.read()
			told := kmsg.NewPtrApiVersionsRequest()
			told.Version = a.version
			header := 2 + len("test") + 1 // client id and tags
			if err := told.ReadFrom(a.frame[header:]); err != nil {
				t.Error(err)
			}
			if told.ClientSoftwareName != "omnibus" || told.ClientSoftwareVersion != "devel--1" {
				t.Errorf("told %q %q", told.ClientSoftwareName, told.ClientSoftwareVersion)
			}
			b.answer(a, apiVersions(0, [3]int16{0, 3, 13}))
		})
		cfg.SoftwareVersion = "(devel)+1"
		connect(t, cfg).Close(nil)
	})
}

func TestConnectSaysWhatIsWrong(t *testing.T) {
	answer := func(bytes string) func(b *scriptedBroker) {
		return func(b *scriptedBroker) {
			b.read()
			b.write([]byte(bytes))
			b.tryRead()
		}
	}
	refuse := func(response *kmsg.ApiVersionsResponse) func(b *scriptedBroker) {
		return func(b *scriptedBroker) { b.answer(b.read(), response) }
	}
	for _, test := range []struct {
		name   string
		script func(b *scriptedBroker)
		phase  Phase
		wanted string
		is     error
	}{
		{"web server", answer("HTTP/1.1 400 Bad Request\r\n\r\n"), PhaseAPI, "answers in HTTP", ErrProtocol},
		{"TLS alert", answer("\x15\x03\x01\x00\x02\x02\x46"), PhaseTLS, "answers in TLS", ErrProtocol},
		{"TLS handshake", answer("\x16\x03\x03\x00\x40"), PhaseTLS, "answers in TLS", ErrProtocol},
		{"other text", answer("SSH-2.0-OpenSSH\r\n"), PhaseAPI, `text ("SSH-")`, ErrProtocol},
		{"huge frame", answer("\x7f\xff\xff\xff"), PhaseAPI, "frame of 2147483647 bytes", ErrProtocol},
		{"wrong id", answer("\x00\x00\x00\x06\x00\x00\x00\x09\x00\x00"), PhaseAPI, "correlation id 9, expected 218762506", ErrProtocol},
		{"broken answer", answer("\x00\x00\x00\x07\r\n\r\n\x00\x00\x09"), PhaseAPI, "ApiVersions v4", ErrProtocol},
		{"hang-up", func(b *scriptedBroker) { b.read() }, PhaseAPI, "TLS or SASL", io.EOF},
		{"hang-up in the middle", func(b *scriptedBroker) { b.read(); b.write([]byte{0, 0}) }, PhaseAPI, "closed it", io.ErrUnexpectedEOF},
		{"silence", func(b *scriptedBroker) { b.ignore() }, PhaseAPI, "did not answer within 10s", context.DeadlineExceeded},
		{"broker's error", refuse(apiVersions(42)), PhaseAPI, "INVALID_REQUEST", kerr.InvalidRequest},
		{"old broker", refuse(apiVersions(0, [3]int16{0, 0, 5})), PhaseAPI, "supports Produce 0 to 5", ErrUnsupported},
		{"controller", refuse(apiVersions(0, [3]int16{18, 0, 4})), PhaseAPI, "KRaft controller", ErrUnsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := Connect(t.Context(), scripted(t, test.script), "b1:9092")
				var failure *ConnectError
				if !errors.As(err, &failure) || failure.Phase != test.phase || failure.Address != "b1:9092" ||
					!strings.Contains(err.Error(), test.wanted) || !errors.Is(err, test.is) || failure.Permanent() != (test.phase == PhaseTLS) {
					t.Errorf("%v\nwanted phase %s, text %q, %v", err, test.phase, test.wanted, test.is)
				}
			})
		})
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		begun := time.Now()
		_, err := Connect(ctx, scripted(t, func(b *scriptedBroker) { b.ignore() }), "b1:9092")
		if !errors.Is(err, context.Canceled) || time.Since(begun) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestConnectTimeoutGrowsOnlyWhereTheCallerAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) { b.ignore() })
		for failures, wanted := range []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second, 30 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), cfg.SetupTimeout(failures))
			begun := time.Now()
			_, err := Connect(ctx, cfg, "b1:9092")
			if cancel(); err == nil || time.Since(begun) != wanted {
				t.Errorf("after %d failures: %v, wanted %v", failures, time.Since(begun), wanted)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begun := time.Now()
		if Connect(ctx, cfg, "b1:9092"); time.Since(begun) != 30*time.Second {
			t.Errorf("ConnectTimeoutMax: %v", time.Since(begun))
		}
	})
}

func TestConnectErrorsOfRealSockets(t *testing.T) {
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	closed := listen()
	closed.Close()
	secure := listen()
	go func() {
		for {
			conn, err := secure.Accept()
			if err != nil {
				return
			}
			tls.Server(conn, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				return nil, errors.New("none")
			}}).Handshake()
			conn.Close()
		}
	}()
	for _, test := range []struct {
		name, address string
		phase         Phase
		wanted        string
	}{
		{"closed port", closed.Addr().String(), PhaseTCP, "nothing listens there"},
		{"unknown host", "no-such-host.invalid:9092", PhaseDNS, ""},
		{"no port", "localhost", PhaseDNS, "host:port"},
		{"TLS server that just hangs up", secure.Addr().String(), PhaseAPI, "may expect TLS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Connect(t.Context(), &Config{ConnectTimeout: 5 * time.Second}, test.address)
			var failure *ConnectError
			if !errors.As(err, &failure) || failure.Phase != test.phase || !strings.Contains(err.Error(), test.wanted) {
				t.Errorf("%v\nwanted phase %s and %q", err, test.phase, test.wanted)
			}
		})
	}
}

func TestCanonicalAddressesKeepThePort(t *testing.T) {
	got, err := CanonicalAddresses(t.Context(), "127.0.0.1:9092")
	if err != nil || len(got) != 1 || !strings.HasSuffix(got[0], ":9092") {
		t.Errorf("%q %v", got, err)
	}
	if _, err := CanonicalAddresses(t.Context(), "127.0.0.1"); err == nil {
		t.Error("an address without a port was accepted")
	}
}
