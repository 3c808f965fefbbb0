package broker

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
)

// Config is what all connections of a producer have in common. It must not change once a connection uses it; each
// default is the caller's to fill in, for a zero here means "off" unless said otherwise.
type Config struct {
	// ClientID is sent with every request; brokers put it into their logs, metrics and quotas (Java: client.id).
	ClientID string
	// SoftwareVersion is the version told to the broker beside the name "omnibus" (KIP-511). Characters that the
	// protocol does not allow are replaced; empty is told as "unknown".
	SoftwareVersion string
	// Dial opens a connection to "host:port". nil uses net.Dialer with keep-alive probes, which tries every address of
	// a name, IPv4 and IPv6 in parallel where there are both (Java: client.dns.lookup=use_all_dns_ips). The name is
	// left to a Dial of the caller's own unresolved, as a proxy needs it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS is asked for the configuration of each connection's TLS; nil is no TLS. Its ServerName, unless set, becomes the
	// host.
	TLS func() *tls.Config
	// SASL authenticates every connection; nil does not.
	SASL sasl.Mechanism
	// ConnectTimeout bounds the first attempt to connect, from the name look-up to the end of the handshake; 0 means
	// 10 s (Java: socket.connection.setup.timeout.ms).
	ConnectTimeout time.Duration
	// ConnectTimeoutMax bounds the attempts after failed ones, whose time doubles; 0 means 30 s (Java:
	// socket.connection.setup.timeout.max.ms).
	ConnectTimeoutMax time.Duration
	// RequestTimeout is how long a request may stay unanswered, from Produce or Do on; 0 means 30 s (Java:
	// request.timeout.ms).
	RequestTimeout time.Duration
	// Idle closes a connection that was asked nothing for so long; 0 never does (Java: connections.max.idle.ms).
	Idle time.Duration
	// SendBufferBytes and ReceiveBufferBytes size the socket's buffers; 0 and less leave them to the operating system
	// (Java: send.buffer.bytes, receive.buffer.bytes).
	SendBufferBytes    int
	ReceiveBufferBytes int
	// Logger is told when connections open and close; nil is silent.
	Logger *slog.Logger
	// Counters are added to by all connections; nil counts nothing.
	Counters *Counters
}

// Counters are the sums over all connections of a producer, kept from its start. They are safe for concurrent use.
type Counters struct {
	// BytesOut and BytesIn count what passed the sockets, lengths and headers included, TLS not.
	BytesOut, BytesIn atomic.Int64
	// Opened counts connections that were started, Closed those of them that have ended.
	Opened, Closed atomic.Int64
	// Requests counts requests written whole, Responses the answers that fit one; the handshake counts too.
	Requests, Responses atomic.Int64

	// large is what answers take that are larger than most, while they are being read.
	large atomic.Int64
}

const (
	defaultConnectTimeout    = 10 * time.Second
	defaultConnectTimeoutMax = 30 * time.Second
	defaultRequestTimeout    = 30 * time.Second
)

// SetupTimeout is how long an attempt to connect should be given after so many failures in a row: ConnectTimeout,
// doubled for each, up to ConnectTimeoutMax (KIP-601). A caller that wants it bounds Connect's context by it.
func (cfg *Config) SetupTimeout(failures int) time.Duration {
	timeout, limit := cfg.connectTimeout(), cfg.connectTimeoutMax()
	for ; failures > 0 && timeout < limit; failures-- {
		timeout *= 2
	}
	return min(timeout, limit)
}

func (cfg *Config) connectTimeout() time.Duration {
	if cfg.ConnectTimeout > 0 {
		return cfg.ConnectTimeout
	}
	return defaultConnectTimeout
}

func (cfg *Config) connectTimeoutMax() time.Duration {
	if cfg.ConnectTimeoutMax > 0 {
		return cfg.ConnectTimeoutMax
	}
	return defaultConnectTimeoutMax
}

func (cfg *Config) requestTimeout() time.Duration {
	if cfg.RequestTimeout > 0 {
		return cfg.RequestTimeout
	}
	return defaultRequestTimeout
}

func (cfg *Config) counters() *Counters {
	if cfg.Counters != nil {
		return cfg.Counters
	}
	return new(Counters)
}

func (cfg *Config) logger() *slog.Logger {
	if cfg.Logger != nil {
		return cfg.Logger
	}
	return slog.New(slog.DiscardHandler)
}
