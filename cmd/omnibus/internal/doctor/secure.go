package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/omnibus-kafka/omnibus/internal/broker"
)

// examineTLS shakes hands as the producer does, and says what the broker's certificate is: whom it is for, who signed it,
// how long it is good. What the broker thinks of this client's certificate may show only later, in notLetIn.
func (e *examination) examineTLS(ctx context.Context, address string) []Finding {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	config := e.network.TLS().Clone()
	if config.ServerName == "" {
		config.ServerName = hostOf(address)
	}
	socket, err := e.open(ctx, address)
	if err != nil {
		return []Finding{fault{err.Error(), "check host and port"}.fails("tls", address)}
	}
	defer socket.Close()
	conn := tls.Client(socket, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return []Finding{e.tlsFault(address, config, err).fails("tls", address)}
	}
	state := conn.ConnectionState()
	return append(ending(address, &state, time.Now()), pass("tls", address, "%s", described(&state)))
}

// open dials as the producer does.
func (e *examination) open(ctx context.Context, address string) (net.Conn, error) {
	if e.network.Dial != nil {
		return e.network.Dial(ctx, "tcp", address)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", address)
}

// tlsFault is why the handshake failed.
func (e *examination) tlsFault(address string, config *tls.Config, err error) fault {
	explained := authn.ExplainTLS(err, address, len(config.Certificates) > 0 || config.GetClientCertificate != nil)
	if explained == nil {
		explained = authn.ExplainHangUp(err)
	}
	switch {
	case explained != nil:
		return fault{explained.Err.Error(), explained.Advice}
	case timedOut(err):
		return fault{fmt.Sprintf("it gives no answer to the TLS handshake within %v; its listener may have no TLS", e.timeout),
			"use the TLS listener's port, or configure no TLS (security.protocol); else look at the broker's load"}
	}
	return fault{err.Error(), "use the TLS listener's port, and look at the broker's log"}
}

// described is a handshake that went well.
func described(state *tls.ConnectionState) string {
	leaf := state.PeerCertificates[0]
	names := leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	trusted := "trusted"
	if len(state.VerifiedChains) == 0 {
		trusted = "not checked by crypto/tls"
	}
	return fmt.Sprintf("%s, the certificate is for %s, signed by %q (%s), and good until %s", tls.VersionName(state.Version),
		strings.Join(names, ", "), leaf.Issuer.String(), trusted, leaf.NotAfter.Format(time.DateOnly))
}

// ending warns of the certificates of the broker's chain that end soon.
func ending(address string, state *tls.ConnectionState, now time.Time) []Finding {
	chain := state.PeerCertificates
	if len(state.VerifiedChains) > 0 {
		chain = state.VerifiedChains[0]
	}
	var findings []Finding
	for i, certificate := range chain {
		if !authn.ExpiresSoon(certificate, now) {
			continue
		}
		fix := "renew it on the broker, before its clients are turned away"
		if i > 0 {
			fix = "have the authority's certificate renewed, and give the new one to brokers and clients (ssl.truststore.location)"
		}
		findings = append(findings, fault{endsOn(certificate, now), fix}.warns("tls", address))
	}
	return findings
}

func endsOn(certificate *x509.Certificate, now time.Time) string {
	left := certificate.NotAfter.Sub(now)
	return fmt.Sprintf("the certificate %q ends on %s, in %s", certificate.Subject.String(),
		certificate.NotAfter.Format(time.DateOnly), plural(int(left/(24*time.Hour)), "day"))
}

// notLetIn is a handshake that failed by TLS or SASL; told is false for all others.
func (e *examination) notLetIn(address string, err error) (finding Finding, told bool) {
	failure, ok := errors.AsType[*broker.ConnectError](err)
	if !ok {
		return Finding{}, false
	}
	switch {
	case failure.Phase == broker.PhaseTLS && e.network.TLS != nil:
		what := fault{failure.Err.Error(), "look at the broker's log"}
		if explained, ok := errors.AsType[*authn.TLSError](err); ok {
			what = fault{explained.Err.Error(), explained.Advice}
		}
		return what.fails("tls", address), true
	case failure.Phase == broker.PhaseSASL:
		return e.loginFault(failure).fails("sasl", address), true
	}
	return Finding{}, false
}

// loginFault is why SASL failed.
func (e *examination) loginFault(failure *broker.ConnectError) fault {
	what := fault{failure.Err.Error(), "check sasl.mechanism and sasl.jaas.config, and look at the broker's log"}
	refused, ok := errors.AsType[*authn.Error](failure)
	if !ok {
		return what
	}
	cause, fix := refused.Explain()
	if what.text = cause; fix != "" {
		what.fix = fix
	}
	if refused.Code == kerr.SaslAuthenticationFailed.Code {
		what.text += e.triedAs()
	}
	return what
}

// triedAs is the user that was refused.
func (e *examination) triedAs() string {
	if principal := e.client.Principal(); principal != "" {
		return ", who comes as " + principal
	}
	return ""
}

// withLogin is the security.protocol that adds a login to what is configured.
func (e *examination) withLogin() string {
	if e.network.TLS != nil {
		return "SASL_SSL"
	}
	return "SASL_PLAINTEXT"
}
