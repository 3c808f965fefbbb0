package broker

import (
	"context"
	"net"
	"strings"
	"time"
)

// Keep-alive probes find a peer that vanished while nothing is in flight; a request in flight has its deadline.
const (
	keepAliveIdle     = 30 * time.Second
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 3
)

// Connect opens a connection to "host:port" and shakes hands. It blocks until the broker is known to be of use, ctx
// ends, or the time is up: ConnectTimeout if ctx has no deadline of its own, else at most ConnectTimeoutMax, so that
// a caller can give later attempts more time (SetupTimeout). The error is a *ConnectError.
//
// The connection serves nothing before Start. The broker's Produce must have a version in 7 to 13 (Kafka 2.1 or newer).
func Connect(ctx context.Context, cfg *Config, address string) (*Conn, error) {
	return new(Dialing).Connect(ctx, cfg, address)
}

// open is Connect between its beginning and its end.
func (d *Dialing) open(ctx context.Context, cfg *Config, address string) (*Conn, error) {
	limit := cfg.connectTimeout()
	if _, ok := ctx.Deadline(); ok {
		limit = cfg.connectTimeoutMax()
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	socket, err := cfg.dial(ctx, address, d)
	if err != nil {
		return nil, dialError(address, err)
	}
	c := newConn(cfg, address, socket)
	if err := c.handshake(ctx, d); err != nil {
		socket.Close()
		return nil, err
	}
	return c, nil
}

func (cfg *Config) dial(ctx context.Context, address string, watch *Dialing) (net.Conn, error) {
	dial := cfg.Dial
	if dial == nil {
		dial = watch.dialer().DialContext
	} else {
		watch.reached(PhaseTCP)
	}
	socket, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := socket.(*net.TCPConn); ok {
		err = cfg.sizeBuffers(tcp)
	}
	if err != nil {
		socket.Close()
		return nil, err
	}
	return socket, nil
}

func (cfg *Config) sizeBuffers(tcp *net.TCPConn) error {
	if cfg.SendBufferBytes > 0 {
		if err := tcp.SetWriteBuffer(cfg.SendBufferBytes); err != nil {
			return err
		}
	}
	if cfg.ReceiveBufferBytes > 0 {
		return tcp.SetReadBuffer(cfg.ReceiveBufferBytes)
	}
	return nil
}

// CanonicalAddresses turns a bootstrap address into one "name:port" for each address that its host has, by looking the
// addresses up backwards; an address without a name stands for itself. Kerberos needs it where the bootstrap host is
// an alias (KIP-235; Java: client.dns.lookup=resolve_canonical_bootstrap_servers_only). It blocks on name servers
// until ctx ends. The error is a *ConnectError.
func CanonicalAddresses(ctx context.Context, address string) ([]string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, dialError(address, err)
	}
	ips, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, dialError(address, err)
	}
	var canonical []string
	seen := make(map[string]bool, len(ips))
	for _, ip := range ips {
		name := ip
		if names, err := net.DefaultResolver.LookupAddr(ctx, ip); err == nil && len(names) > 0 {
			name = strings.TrimSuffix(names[0], ".")
		}
		if !seen[name] {
			seen[name] = true
			canonical = append(canonical, net.JoinHostPort(name, port))
		}
	}
	return canonical, nil
}
