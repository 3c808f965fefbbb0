package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/omnibus-kafka/omnibus/internal/testcert"
)

// secured is the address of a broker that speaks TLS with the configuration, answers a handshake, and then acknowledges.
func secured(t *testing.T, config *tls.Config) string {
	return loopback(t, func(conn net.Conn) {
		server := tls.Server(conn, config)
		if server.Handshake() == nil {
			acking(t, 1000)(server)
		}
	})
}

// pki is an authority, and what a server and a client have from it.
type pki struct {
	authority      *testcert.Authority
	server, client *testcert.Leaf
}

func newPKI(t testing.TB) pki {
	authority := testcert.NewAuthority(t, "test authority")
	return pki{authority,
		authority.Issue(t, testcert.Request{Name: "broker", Hosts: []string{"127.0.0.1"}}),
		authority.Issue(t, testcert.Request{Name: "client"})}
}

func (p pki) serverConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{p.server.TLS}}
}

func (p pki) clientConfig() *tls.Config { return &tls.Config{RootCAs: p.authority.Pool()} }

func TestProduceOverTLS(t *testing.T) {
	p := newPKI(t)
	server := p.serverConfig()
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, p.authority.Pool()
	client := p.clientConfig()
	client.Certificates = []tls.Certificate{p.client.TLS}
	c, err := Connect(t.Context(), &Config{TLS: always(client)}, secured(t, server))
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	c.Start(r)
	const requests = 20
	for range requests {
		mustProduce(t, c, request(-1, 50<<10))
	}
	for range requests {
		if o := <-r.told; o.err != nil || o.offset != 1 {
			t.Errorf("outcome %v", o)
		}
	}
	c.Close(nil)
	if err := r.cause(); !errors.Is(err, ErrClosed) {
		t.Errorf("ended with %v", err)
	}
}

// A peer that does not read would hold up the closing of TLS itself for 5 s.
func TestCloseDoesNotWaitForAPeerThatHangs(t *testing.T) {
	p := newPKI(t)
	end := make(chan struct{})
	defer close(end)
	address := loopback(t, func(conn net.Conn) {
		b := &scriptedBroker{t: t, conn: tls.Server(conn, p.serverConfig())}
		b.handshake()
		<-end
	})
	c, err := Connect(t.Context(), &Config{TLS: always(p.clientConfig()), SendBufferBytes: 4 << 10}, address)
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	c.Start(r)
	mustProduce(t, c, request(-1, 16<<20))
	begun := time.Now()
	c.Close(nil)
	r.cause()
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestTLSFailuresNameTheCauseAndTheFix(t *testing.T) {
	p := newPKI(t)
	stranger := testcert.NewAuthority(t, "another authority")
	leaf := func(a *testcert.Authority, r testcert.Request) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{a.Issue(t, r).TLS}}
	}
	wantsClients := func(version uint16) *tls.Config {
		config := p.serverConfig()
		config.ClientAuth, config.ClientCAs, config.MaxVersion = tls.RequireAndVerifyClientCert, p.authority.Pool(), version
		return config
	}
	strange := p.clientConfig()
	strange.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &stranger.Issue(t, testcert.Request{Name: "stranger"}).TLS, nil
	}
	old := p.serverConfig()
	old.MaxVersion = tls.VersionTLS11
	for _, test := range []struct {
		name   string
		server *tls.Config
		client *tls.Config
		wanted []string
	}{
		{"wrong CA", leaf(stranger, testcert.Request{Hosts: []string{"127.0.0.1"}}), p.clientConfig(),
			[]string{`signed by "CN=another authority"`, "ssl.truststore.location"}},
		{"expired", leaf(p.authority, testcert.Request{Name: "old", Hosts: []string{"127.0.0.1"}, NotAfter: time.Now().AddDate(0, 0, -2)}),
			p.clientConfig(), []string{`"CN=old" ended on `, "renew it"}},
		{"wrong name", leaf(p.authority, testcert.Request{Hosts: []string{"kafka.example", "10.0.0.1"}}), p.clientConfig(),
			[]string{"is for kafka.example, 10.0.0.1, and not for 127.0.0.1", "advertised.listeners"}},
		{"no client certificate", wantsClients(tls.VersionTLS13), p.clientConfig(), []string{"wants a client certificate", "ssl.keystore.location"}},
		{"no client certificate, TLS 1.2", wantsClients(tls.VersionTLS12), p.clientConfig(), []string{"wants a client certificate"}},
		{"strange client certificate", wantsClients(tls.VersionTLS13), strange, []string{"does not trust the authority", "trust store"}},
		{"old TLS", old, p.clientConfig(), []string{"has no TLS version in common"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Connect(t.Context(), &Config{TLS: always(test.client)}, secured(t, test.server))
			failure, ok := errors.AsType[*ConnectError](err)
			if !ok || failure.Phase != PhaseTLS || !failure.Permanent() || !authn.Permanent(err) {
				t.Fatalf("%v, wanted a permanent one of phase tls", err)
			}
			for _, wanted := range test.wanted {
				if !strings.Contains(err.Error(), wanted) {
					t.Errorf("%v\ndoes not say %q", err, wanted)
				}
			}
		})
	}
}

func TestTLSToAPortWithoutIt(t *testing.T) {
	config := &tls.Config{RootCAs: newPKI(t).authority.Pool()}
	for name, test := range map[string]struct {
		script    func(conn net.Conn)
		wanted    string
		permanent bool
	}{
		"a broker's": {func(conn net.Conn) { conn.Read(make([]byte, 4)) }, "its listener may have no TLS", false},
		"another's":  {func(conn net.Conn) { conn.Write([]byte("SSH-2.0-x\r\n")); conn.Read(make([]byte, 4<<10)) }, "answers without TLS", true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Connect(t.Context(), &Config{TLS: always(config)}, loopback(t, test.script))
			failure, ok := errors.AsType[*ConnectError](err)
			if !ok || failure.Phase != PhaseTLS || failure.Permanent() != test.permanent || !strings.Contains(err.Error(), test.wanted) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestASilentTLSHandshakeEndsWithTheConnectTimeout(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	cfg := &Config{TLS: always(&tls.Config{}), ConnectTimeout: 50 * time.Millisecond}
	_, err := Connect(t.Context(), cfg, loopback(t, func(net.Conn) { <-end }))
	failure, ok := errors.AsType[*ConnectError](err)
	if !ok || failure.Phase != PhaseTLS || failure.Permanent() || !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "did not answer the TLS handshake") {
		t.Errorf("%v", err)
	}
}

func TestABrokersCertificateThatEndsSoonIsWarnedOf(t *testing.T) {
	for days, wanted := range map[int]bool{13: true, 15: false} {
		p := newPKI(t)
		leaf := p.authority.Issue(t, testcert.Request{Name: "b1", Hosts: []string{"127.0.0.1"}, NotAfter: time.Now().AddDate(0, 0, days)})
		var log strings.Builder
		cfg := &Config{TLS: always(p.clientConfig()), Logger: slog.New(slog.NewTextHandler(&log, nil))}
		c, err := Connect(t.Context(), cfg, secured(t, &tls.Config{Certificates: []tls.Certificate{leaf.TLS}}))
		if err != nil {
			t.Fatal(err)
		}
		c.Close(nil)
		if strings.Contains(log.String(), "ends soon") != wanted {
			t.Errorf("%d days: log is %q", days, &log)
		}
	}
}

func TestTheNameOfTheConfigurationGoesBeforeTheHosts(t *testing.T) {
	p := newPKI(t)
	leaf := p.authority.Issue(t, testcert.Request{Hosts: []string{"kafka.example"}})
	config := p.clientConfig()
	config.ServerName = "kafka.example"
	c, err := Connect(t.Context(), &Config{TLS: always(config)}, secured(t, &tls.Config{Certificates: []tls.Certificate{leaf.TLS}}))
	if err != nil {
		t.Fatal(err)
	}
	c.Close(nil)
}

func always(config *tls.Config) func() *tls.Config { return func() *tls.Config { return config } }
