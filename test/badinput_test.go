package test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
	"github.com/twmb/franz-go/pkg/kerr"
)

// patience is how long these tests let a call wait.
const patience = 3 * time.Second

// refusedWith checks an error of a record that was not accepted or not written: it must name all of these.
func refusedWith(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	t.Log(err)
	if !omnibus.NotWritten(err) {
		t.Errorf("the error does not prove that nothing was written")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines")
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not say %q", text)
		}
	}
}

// took checks how long a call that began then has lasted.
func took(t *testing.T, began time.Time, least, most time.Duration) {
	t.Helper()
	if passed := time.Since(began); passed < least || passed > most {
		t.Errorf("it took %v, want %v to %v", passed.Round(time.Millisecond), least, most)
	}
}

// closedPort is an address at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	proxy := kafkatest.NewProxy(t, "127.0.0.1:1") // keeps the port from others
	proxy.Refuse(true)
	return proxy.Addr()
}

// silentPort takes connections, and bytes, and says nothing.
func silentPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// webServer speaks HTTP, over TLS if config is set.
func webServer(t *testing.T, config *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if config != nil {
		server.TLS = config
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// TestAnAddressThatIsNoBrokersIsExplained sends to addresses that are wrong in every usual way. What is wrong must be in the
// error of a Send whose context, or max.block.ms, ends long before a connect timeout does.
func TestAnAddressThatIsNoBrokersIsExplained(t *testing.T) {
	for _, c := range []struct {
		name    string
		address string
		want    []string
	}{
		{"wrong port", closedPort(t), []string{"tcp: ", "connection refused", "nothing listens there", "check that the broker runs"}},
		{"unknown host", "no-such-host.invalid:9092", []string{"dns: "}},
		{"web server", webServer(t, nil), []string{"api: ", "the port answers in HTTP; this is a web server's address"}},
		{"TLS", webServer(t, new(tls.Config)), []string{"closed it at the first request", "may expect TLS"}},
		{"silent", silentPort(t), []string{"api: ", "the port took the connection but did not answer within 3", "may want TLS"}},
	} {
		t.Run(c.name+", context", func(t *testing.T) {
			t.Parallel()
			p := openOn(t, []string{c.address})
			began := time.Now()
			_, err := p.Send(bounded(t, patience), omnibus.Record{Topic: "orders"})
			refusedWith(t, err, append(c.want, `"orders"`, c.address, "(context deadline exceeded)")...)
			took(t, began, patience, patience+2*time.Second)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error("the error is not the context's")
			}
		})
		t.Run(c.name+", max.block.ms", func(t *testing.T) {
			t.Parallel()
			p := openOn(t, []string{c.address}, func(c *omnibus.Config) { c.MaxBlock = patience })
			began := time.Now()
			_, err := p.Send(t.Context(), omnibus.Record{Topic: "orders"})
			refusedWith(t, err, append(c.want, `"orders"`, c.address, "(max.block.ms ran out)")...)
			took(t, began, patience, patience+2*time.Second)
			if errors.Is(err, context.DeadlineExceeded) {
				t.Error("the error is a context's, which did not end")
			}
			if err := p.Ready(bounded(t, 100*time.Millisecond)); err == nil || !strings.Contains(err.Error(), c.address) {
				t.Errorf("Ready says %v, not the address", err)
			}
		})
	}
}

func TestAnAddressThatCannotBeOneIsRefusedByOpen(t *testing.T) {
	for address, want := range map[string]string{
		"localhost": "port", "": "host:port", "localhost:http": "port", "localhost:99999": "65535", "::1:9092": "[", "http://localhost:9092": "http",
	} {
		_, err := omnibus.Open(t.Context(), omnibus.Config{Brokers: []string{address}})
		var mistake *omnibus.ConfigError
		if !errors.As(err, &mistake) || !strings.HasPrefix(mistake.Field, "Brokers") || mistake.JavaName != "bootstrap.servers" {
			t.Errorf("%q: %v, want a mistake in Brokers", address, err)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), address) {
			t.Errorf("%q: %v; it does not name the address and %q", address, err, want)
		}
	}
}

// TestARecordThatWaitsTellsWhy is about records that were accepted, so that the end of the context is no outcome.
func TestARecordThatWaitsTellsWhy(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	pendingWith := func(t *testing.T, want string, configure ...func(*omnibus.Config)) {
		t.Helper()
		t.Parallel()
		p := openOn(t, c.Brokers(), append(configure, func(c *omnibus.Config) { c.CloseTimeout = omnibus.None })...)
		if err := p.Ready(bounded(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
		_, err := p.Send(bounded(t, patience), omnibus.Record{Topic: "t"})
		var pending *omnibus.PendingError
		if !errors.As(err, &pending) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v, want a PendingError", err)
		}
		t.Log(err)
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q", want)
		}
	}
	_ = pendingWith
}
