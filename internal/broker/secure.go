package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// startTLS shakes hands over the transport and puts TLS between it and the connection.
func (c *Conn) startTLS() error {
	host, _, err := net.SplitHostPort(c.address)
	if err != nil {
		return err
	}
	config := c.cfg.TLS()
	c.ownCertificate = len(config.Certificates) > 0 || config.GetClientCertificate != nil
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = host
	}
	secured := tls.Client(c.transport, config)
	if err := secured.Handshake(); err != nil {
		return err
	}
	c.socket, c.frames.Source, c.plainTCP = secured, secured, false
	if chain := secured.ConnectionState().PeerCertificates; len(chain) > 0 && authn.ExpiresSoon(chain[0], time.Now()) {
		c.logger.Warn("the broker's certificate ends soon: renew it", "ends", chain[0].NotAfter, "subject", chain[0].Subject.String())
	}
	return nil
}

// authenticate convinces the broker of a fresh connection.
func (c *Conn) authenticate(ctx context.Context) error {
	c.mechanism = c.cfg.SASL.Name()
	attempt, err := authn.Begin(ctx, c.cfg.SASL, c.address)
	if err != nil {
		return err
	}
	c.lifetime, err = attempt.Run(c.askFresh)
	return err
}

// askFresh is authn's Roundtrip on a connection that has no loops yet.
func (c *Conn) askFresh(request kmsg.Request) (kmsg.Response, error) {
	version, err := c.commonVersion(request)
	if err != nil {
		return nil, err
	}
	request.SetVersion(version)
	body, err := c.exchange(request)
	if err != nil {
		return nil, err
	}
	response := request.ResponseKind()
	if err := decode(response, body); err != nil {
		return nil, protocolError("answer to %s v%d: %v", kmsg.NameForKey(request.Key()), version, err)
	}
	return response, nil
}

// handshakeFailed turns a failure of the handshake into the phase it belongs to and advice. With TLS 1.3 a broker's word on
// this side's certificate comes after its own handshake, in place of its first answer.
func (c *Conn) handshakeFailed(phase Phase, waited time.Duration, err error) *ConnectError {
	failure := &ConnectError{Address: c.address, Phase: phase, Err: err}
	if explained := c.explainTLS(phase, err); explained != nil {
		failure.Phase, failure.Err = PhaseTLS, explained
		return failure
	}
	late := isTimeout(err) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case errors.Is(err, context.Canceled):
	case phase == PhaseAPI:
		return handshakeError(c.address, waited, err)
	case phase == PhaseTLS && late:
		failure.Err = advise(err, adviceSilentTLS(waited))
	case phase == PhaseSASL && late:
		failure.Err = advise(err, adviceSilentSASL(waited))
	case phase == PhaseSASL && isDisconnect(err):
		failure.Err = advise(err, "the broker closed the connection while it authenticated this client; its log says why")
	}
	return failure
}

// explainTLS says what a failure means if it is one of TLS.
func (c *Conn) explainTLS(phase Phase, err error) *authn.TLSError {
	if c.cfg.TLS == nil {
		return nil
	}
	if explained := authn.ExplainTLS(err, c.address, c.ownCertificate); explained != nil || phase != PhaseTLS {
		return explained
	}
	return authn.ExplainHangUp(err)
}

func adviceSilentTLS(waited time.Duration) string {
	return fmt.Sprintf("the port took the connection but did not answer the TLS handshake within %v; its listener may have no "+
		"TLS, or the broker may be overloaded or still starting", waited.Round(time.Millisecond))
}

func adviceSilentSASL(waited time.Duration) string {
	return fmt.Sprintf("authentication has not come to an end within %v; the broker may be overloaded, or whoever gives out "+
		"the tokens may not answer", waited.Round(time.Millisecond))
}
