package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// Dialing watches one Connect at a time, for whoever must say why an address does not answer before the attempt has
// ended. The zero value is ready. Its methods may be called from any goroutine.
type Dialing struct {
	mu struct {
		sync.Mutex
		address string
		phase   Phase // empty while no Connect is under way
		since   time.Time
	}
}

// Connect is Connect, watched.
func (d *Dialing) Connect(ctx context.Context, cfg *Config, address string) (*Conn, error) {
	d.mu.Lock()
	d.mu.address, d.mu.phase, d.mu.since = address, PhaseDNS, time.Now()
	d.mu.Unlock()
	defer d.reached("")
	return d.open(ctx, cfg, address)
}

// reached notes the phase that begins; empty is the end.
func (d *Dialing) reached(phase Phase) {
	d.mu.Lock()
	d.mu.phase = phase
	d.mu.Unlock()
}

// socketMade is net.Dialer's ControlContext: the name has addresses, and one of them is dialed.
func (d *Dialing) socketMade(context.Context, string, string, syscall.RawConn) error {
	d.reached(PhaseTCP)
	return nil
}

// Err says how far the Connect that is under way has come and how long it takes already, as a *ConnectError; nil if none is.
func (d *Dialing) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.phase == "" {
		return nil
	}
	waited := time.Since(d.mu.since)
	failure := &ConnectError{Address: d.mu.address, Phase: d.mu.phase}
	switch d.mu.phase {
	case PhaseDNS:
		failure.Err = fmt.Errorf("no answer for %v; check the host's name and the name server", waited.Round(time.Millisecond))
	case PhaseTCP:
		failure.Err = fmt.Errorf("no answer for %v; %s", waited.Round(time.Millisecond), adviceUnreachable)
	case PhaseTLS:
		failure.Err = errors.New(adviceSilentTLS(waited))
	case PhaseSASL:
		failure.Err = errors.New(adviceSilentSASL(waited))
	default:
		failure.Err = errors.New(adviceSilent(waited))
	}
	return failure
}

// dialer is the net.Dialer of connections that have no other.
func (d *Dialing) dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount,
		},
		ControlContext: d.socketMade,
	}
}
