package authn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// expiryNear is how long before its end a certificate is worth a warning.
const expiryNear = 14 * 24 * time.Hour

// ExpiresSoon reports whether a certificate ends within two weeks of now, or has ended.
func ExpiresSoon(certificate *x509.Certificate, now time.Time) bool {
	return certificate.NotAfter.Before(now.Add(expiryNear))
}

// TLSError is a failure of TLS with its cause and what to do.
type TLSError struct {
	// Err is what crypto/tls said.
	Err error
	// Advice is the cause and the fix.
	Advice string
	// Refused tells that trying again is of no use.
	Refused bool
}

// Error gives crypto/tls's words and the advice.
func (e *TLSError) Error() string { return fmt.Sprintf("%v: %s", e.Err, e.Advice) }

// Unwrap returns what crypto/tls said.
func (e *TLSError) Unwrap() error { return e.Err }

// Permanent reports whether trying again is of no use.
func (e *TLSError) Permanent() bool { return e.Refused }

// ExplainTLS finds out what a failed TLS handshake with host means. ownCertificate tells whether this client has one to
// show. nil means that err says nothing about TLS: a lost connection, a timeout.
func ExplainTLS(err error, host string, ownCertificate bool) *TLSError {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		return &TLSError{err, unknownAuthority(err), true}
	case errors.As(err, &name):
		return &TLSError{err, wrongName(name), true}
	case errors.As(err, &invalid):
		return &TLSError{err, invalidCertificate(invalid), true}
	case errors.As(err, &record):
		return &TLSError{err, fmt.Sprintf("%s answers without TLS: use the port of its TLS listener, or configure no TLS (security.protocol)", host), true}
	}
	return explainAlert(err, ownCertificate)
}

// ExplainHangUp is ExplainTLS for a connection that the broker closed during the TLS handshake; nil for another error. A
// listener without TLS does that: it takes the greeting for a request of 352 MiB.
func ExplainHangUp(err error) *TLSError {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return &TLSError{Err: err, Advice: "the port closed the connection in the TLS handshake; its listener may have no TLS: " +
		"use the TLS listener's port, or configure no TLS (security.protocol)"}
}

func unknownAuthority(err error) string {
	signer := "an authority"
	var failed *tls.CertificateVerificationError
	if errors.As(err, &failed) && len(failed.UnverifiedCertificates) > 0 {
		chain := failed.UnverifiedCertificates
		signer = fmt.Sprintf("%.200q", chain[len(chain)-1].Issuer.String())
	}
	return "the broker's certificate is signed by " + signer + ", which is not trusted here: give its CA certificate " +
		"(ssl.truststore.location, or RootCAs in Config.TLS)"
}

func wrongName(e x509.HostnameError) string {
	var names []string
	names = append(names, e.Certificate.DNSNames...)
	for _, ip := range e.Certificate.IPAddresses {
		names = append(names, ip.String())
	}
	has := "no name at all"
	if len(names) > 0 {
		has = fmt.Sprintf("%.200s", strings.Join(names, ", "))
	}
	return fmt.Sprintf("the broker's certificate is for %s, and not for %s: have it issued for that name too, or connect "+
		"to one that it has (the addresses are the brokers' advertised.listeners)", has, e.Host)
}

func invalidCertificate(e x509.CertificateInvalidError) string {
	if e.Reason != x509.Expired || e.Cert == nil {
		return "the broker's certificate, or one above it, cannot be used: have it issued anew"
	}
	if time.Now().Before(e.Cert.NotBefore) {
		return fmt.Sprintf("%.200q is valid from %s on: check this machine's clock", e.Cert.Subject.String(), e.Cert.NotBefore.Format(time.RFC3339))
	}
	return fmt.Sprintf("%.200q ended on %s: renew it on the broker", e.Cert.Subject.String(), e.Cert.NotAfter.Format(time.RFC3339))
}

// alert is one that concerns this side's certificate or settings. crypto/tls keeps the alerts' type to itself, so they
// are told by their text.
type alert struct{ text, advice string }

var alerts = []alert{
	{"certificate required", needsCertificate},
	{"bad certificate", "the broker does not take this client's certificate; its log says why"},
	{"unsupported certificate", "the broker does not take this client's kind of certificate: it may not be for client authentication (extended key usage)"},
	{"revoked certificate", "this client's certificate is revoked: have it issued anew"},
	{"expired certificate", "this client's certificate has ended: renew it (ssl.keystore.location)"},
	{"unknown certificate", "the broker does not take this client's certificate; its log says why"},
	{"unknown certificate authority", "the broker does not trust the authority that signed this client's certificate: add it to the broker's trust store"},
	{"access denied", "the broker knows this client's certificate and refuses it"},
	{"handshake failure", "both sides have no cipher suite in common, or the broker wants a client certificate (ssl.client.auth=required)"},
	{"protocol version not supported", "the broker has no TLS version in common with this client, which speaks 1.2 and 1.3: enable one there (ssl.enabled.protocols)"},
	{"insufficient security level", "the broker wants stronger ciphers than both sides have in common"},
}

const needsCertificate = "the broker wants a client certificate (ssl.client.auth=required), and none is configured: set " +
	"ssl.keystore.location, or Certificates in Config.TLS"

// explainAlert says what an alert of the broker's means; nil if err is none.
func explainAlert(err error, ownCertificate bool) *TLSError {
	var remote *net.OpError
	if !errors.As(err, &remote) || remote.Op != "remote error" {
		return nil
	}
	said := strings.TrimPrefix(remote.Err.Error(), "tls: ")
	for _, a := range alerts {
		switch {
		case a.text != said:
		case strings.Contains(said, "certificate") && !ownCertificate:
			return &TLSError{err, needsCertificate, true}
		default:
			return &TLSError{err, a.advice, true}
		}
	}
	return &TLSError{err, "the broker ended the TLS handshake; its log says why", false}
}
