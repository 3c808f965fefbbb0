package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// probeTLS finds out whether the port speaks TLS, and says what it said; empty if it does not. Nothing is sent over such
// a connection, so that it does not matter whether its certificate can be trusted.
func (e *examination) probeTLS(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	var dialer net.Dialer
	socket, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return ""
	}
	defer socket.Close()
	host, _, _ := net.SplitHostPort(address)
	conn := tls.Client(socket, &tls.Config{ServerName: host, InsecureSkipVerify: true}) // see above
	err = conn.HandshakeContext(ctx)
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "it refuses with " + alert.Error()
	}
	if err != nil {
		return ""
	}
	state := conn.ConnectionState()
	if len(state.PeerCertificates) == 0 {
		return tls.VersionName(state.Version)
	}
	certificate := state.PeerCertificates[0]
	names := certificate.DNSNames
	if len(names) == 0 {
		names = []string{certificate.Subject.CommonName}
	}
	return fmt.Sprintf("%s, certificate for %s", tls.VersionName(state.Version), strings.Join(names, ", "))
}

// probeSASL finds out whether the listener wants a login, and with which mechanisms; empty if it does not. It asks over a
// connection of its own, because a broker closes one on which this question is out of place.
func (e *examination) probeSASL(ctx context.Context, address string) (mechanisms []string) {
	e.drop(address)
	if e.network.SASL != nil {
		return nil // it has logged in
	}
	conn, err := e.connect(ctx, address)
	if err != nil {
		return nil
	}
	defer e.drop(address)
	request := kmsg.NewPtrSASLHandshakeRequest()
	request.Mechanism = "NONE" // no broker has it, so that all answer with those that they have
	response, err := e.ask(ctx, conn, request)
	if err != nil {
		return nil
	}
	answer := response.(*kmsg.SASLHandshakeResponse)
	if answer.ErrorCode != kerr.UnsupportedSaslMechanism.Code {
		return nil
	}
	return answer.SupportedMechanisms
}
