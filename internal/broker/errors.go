package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/omnibus-kafka/omnibus/internal/broker/frames"
)

// Phase is the step of reaching a broker at which an attempt failed.
type Phase string

// The phases in the order in which Connect passes them.
const (
	PhaseDNS  Phase = "dns"  // the name has no address
	PhaseTCP  Phase = "tcp"  // no address accepts a connection
	PhaseTLS  Phase = "tls"  // one side speaks TLS and the other does not, or does not believe the other
	PhaseSASL Phase = "sasl" // the broker does not let this client in, or could not be asked to
	PhaseAPI  Phase = "api"  // the peer is no broker, or none that can be used
)

// ConnectError says why no connection to a broker came about. Nothing but the handshake was sent.
type ConnectError struct {
	// Address is the broker's "host:port" as it was given to Connect.
	Address string
	// Phase is how far the attempt came.
	Phase Phase
	// Err is the cause; its text says what to do where there is something to say.
	Err error
}

// Error names the address, the phase and the cause.
func (e *ConnectError) Error() string {
	return fmt.Sprintf("connect to %s: %s: %v", e.Address, e.Phase, e.Err)
}

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// Permanent reports whether the next attempt would fail alike unless somebody mends something: who is not let in is not
// let in a second later.
func (e *ConnectError) Permanent() bool { return authn.Permanent(e.Err) }

// LostError says why an established connection ended before its requests were answered. Its phase is PhaseAPI.
type LostError struct {
	// Address is the broker's "host:port" as it was given to Connect.
	Address string
	// Request is the oldest unanswered request when the connection was lost, such as "Produce v9"; empty if none was.
	Request string
	// Waited is how long that request had been waiting.
	Waited time.Duration
	// Err is the cause: ErrRequestTimeout, ErrProtocol, or what the socket said.
	Err error
}

// Error names the address, the request that waited, and the cause.
func (e *LostError) Error() string {
	if e.Request == "" {
		return fmt.Sprintf("connection to %s lost: %v", e.Address, e.Err)
	}
	return fmt.Sprintf("connection to %s lost while %s waited for %s: %v",
		e.Address, e.Request, e.Waited.Round(time.Millisecond), e.Err)
}

// Unwrap returns the cause.
func (e *LostError) Unwrap() error { return e.Err }

// The reasons for which a connection ends. Compare with errors.Is.
var (
	// ErrRequestTimeout is in a LostError: a request's deadline passed, so its connection was closed.
	ErrRequestTimeout = errors.New("request timeout")
	// ErrProtocol is in a LostError or a ConnectError: what came back was not an answer to what was asked.
	ErrProtocol = frames.ErrProtocol
	// ErrIdle ends a connection that was asked nothing for Config.Idle. It is no failure.
	ErrIdle = errors.New("idle connection closed")
	// ErrPeerClosed ends a connection that the broker closed while nothing was asked of it, as it does when it is idle
	// for connections.max.idle.ms or shuts down. It is no failure.
	ErrPeerClosed = errors.New("broker closed the idle connection")
	// ErrClosed ends a connection whose owner called Close(nil). It is no failure.
	ErrClosed = errors.New("connection closed")
	// ErrUnsupported is the answer to a request that the broker and this client have no common version of. The
	// connection stays as it is.
	ErrUnsupported = errors.New("request not supported by the broker")
)

// Peaceful reports whether a connection that ended with err failed nobody: it was idle, or its owner closed it.
func Peaceful(err error) bool {
	return errors.Is(err, ErrIdle) || errors.Is(err, ErrPeerClosed) || errors.Is(err, ErrClosed)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

func isDisconnect(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// dialError turns what Dial said into the phase it belongs to and advice.
func dialError(address string, err error) *ConnectError {
	failure := &ConnectError{Address: address, Phase: PhaseTCP, Err: err}
	var dns *net.DNSError
	var syntax *net.AddrError
	switch {
	case errors.As(err, &syntax):
		failure.Phase = PhaseDNS
		failure.Err = advise(err, "a broker is given as host:port")
	case errors.As(err, &dns) && dns.IsNotFound:
		failure.Phase = PhaseDNS
		failure.Err = advise(err, "check the spelling; if the broker itself told this name, its advertised.listeners "+
			"names a host that only resolves elsewhere, such as inside its container")
	case errors.As(err, &dns):
		failure.Phase = PhaseDNS
		failure.Err = advise(err, "the name server gave no answer")
	case errors.Is(err, syscall.ECONNREFUSED):
		failure.Err = advise(err, "nothing listens there; check that the broker runs and that this is its listener's port")
	case errors.Is(err, context.Canceled):
	case isTimeout(err):
		failure.Err = advise(err, "no answer from that address; "+adviceUnreachable)
	}
	return failure
}

// handshakeError turns a failure after the connection was accepted into the phase it belongs to and advice.
func handshakeError(address string, waited time.Duration, err error) *ConnectError {
	failure := &ConnectError{Address: address, Phase: PhaseAPI, Err: err}
	var foreign *frames.ForeignError
	switch {
	case errors.As(err, &foreign) && foreign.IsTLS():
		failure.Phase = PhaseTLS
	case errors.Is(err, context.Canceled):
	case isTimeout(err) || errors.Is(err, context.DeadlineExceeded):
		failure.Err = advise(err, adviceSilent(waited))
	case isDisconnect(err):
		failure.Err = advise(err, "the port took the connection and closed it at the first request; it may expect TLS or "+
			"SASL, belong to something other than Kafka, or the broker may be shutting down")
	}
	return failure
}

const adviceUnreachable = "check the host, and firewalls on the way"

func adviceSilent(waited time.Duration) string {
	return fmt.Sprintf("the port took the connection but did not answer within %v; it may not be Kafka's (web servers "+
		"wait like that), may want TLS, or the broker may be overloaded or still starting", waited.Round(time.Millisecond))
}

func advise(err error, advice string) error { return fmt.Errorf("%w: %s", err, advice) }

func protocolError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}
