package authn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
)

const (
	// roundsMax bounds an exchange. SCRAM has two rounds, GSSAPI three or four.
	roundsMax = 16
	// messageBytesMax bounds what a server may send in one round; a Kerberos ticket with many groups has some 64 KiB.
	messageBytesMax = 256 << 10
)

// Roundtrip sends a request in a version that both sides know, and returns the answer to it.
type Roundtrip func(request kmsg.Request) (kmsg.Response, error)

// Attempt is one authentication, begun by its mechanism and not yet put to the broker.
type Attempt struct {
	mechanism string
	session   sasl.Session
	message   []byte // the mechanism's first
	round     int
}

// Begin lets the mechanism prepare, which may mean that it fetches a token: it blocks for as long as the mechanism does,
// which has ctx to see when it should not. address is the broker's "host:port". The error is an *Error.
func Begin(ctx context.Context, mechanism sasl.Mechanism, address string) (a *Attempt, err error) {
	a = &Attempt{mechanism: mechanism.Name()}
	err = guarded(func() (err error) {
		a.session, a.message, err = mechanism.Authenticate(ctx, address)
		return err
	})
	if err == nil && a.session == nil {
		err = errors.New("the mechanism returned no session")
	}
	if err != nil {
		return nil, &Error{Mechanism: a.mechanism, Err: err}
	}
	return a, nil
}

// guarded runs a mechanism's code, which may be the application's; a panic becomes an error.
func guarded(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the mechanism panicked: %v", p)
		}
	}()
	return run()
}

// Run puts the attempt to the broker. lifetime is how long the broker lets the connection live before it wants to be
// convinced again; 0 is for ever. The error is an *Error where broker or mechanism refused, else it is ask's.
func (a *Attempt) Run(ask Roundtrip) (lifetime time.Duration, err error) {
	if err := a.agree(ask); err != nil {
		return 0, err
	}
	message, done := a.message, false
	for a.round = 1; a.round <= roundsMax; a.round++ {
		answer, err := a.send(ask, message)
		if err != nil {
			return 0, err
		}
		lifetime = sessionLifetime(answer)
		if done {
			return lifetime, nil
		}
		if done, message, err = a.challenge(answer.SASLAuthBytes); err != nil {
			return 0, err
		}
		if done && len(message) == 0 {
			return lifetime, nil
		}
	}
	return 0, &Error{Mechanism: a.mechanism, Refused: true, Err: fmt.Errorf("no end after %d rounds", roundsMax)}
}

// agree names the mechanism to the broker.
func (a *Attempt) agree(ask Roundtrip) error {
	request := kmsg.NewPtrSASLHandshakeRequest()
	request.Mechanism = a.mechanism
	response, err := ask(request)
	if err != nil {
		return err
	}
	answer, ok := response.(*kmsg.SASLHandshakeResponse)
	if !ok {
		return fmt.Errorf("SaslHandshake was answered with %T", response)
	}
	if refusal := Refusal(a.mechanism, answer); refusal != nil {
		return refusal
	}
	return nil
}

// send is one round.
func (a *Attempt) send(ask Roundtrip, message []byte) (*kmsg.SASLAuthenticateResponse, error) {
	request := kmsg.NewPtrSASLAuthenticateRequest()
	request.SASLAuthBytes = message
	response, err := ask(request)
	if err != nil {
		return nil, err
	}
	answer, ok := response.(*kmsg.SASLAuthenticateResponse)
	if !ok {
		return nil, fmt.Errorf("SaslAuthenticate was answered with %T", response)
	}
	if refusal := Refusal(a.mechanism, answer); refusal != nil {
		return nil, refusal
	}
	if len(answer.SASLAuthBytes) > messageBytesMax {
		return nil, &Error{Mechanism: a.mechanism, Refused: true,
			Err: fmt.Errorf("the broker's message has %d bytes, at most %d are believed", len(answer.SASLAuthBytes), messageBytesMax)}
	}
	return answer, nil
}

// Refusal is what a broker's answer in the exchange refuses, nil if it goes on.
func Refusal(mechanism string, response kmsg.Response) *Error {
	refusal := &Error{Mechanism: mechanism}
	switch answer := response.(type) {
	case *kmsg.SASLHandshakeResponse:
		refusal.Code, refusal.Enabled = answer.ErrorCode, answer.SupportedMechanisms
	case *kmsg.SASLAuthenticateResponse:
		refusal.Code = answer.ErrorCode
		if answer.ErrorMessage != nil {
			refusal.Message = *answer.ErrorMessage
		}
	}
	if refusal.Code == 0 {
		return nil
	}
	refusal.Refused = !kerr.IsRetriable(kerr.ErrorForCode(refusal.Code))
	return refusal
}

// challenge lets the mechanism answer the broker's message, once that was looked at.
func (a *Attempt) challenge(message []byte) (done bool, reply []byte, err error) {
	if err := a.inspect(message); err != nil {
		return false, nil, &Error{Mechanism: a.mechanism, Refused: true, Err: err}
	}
	err = guarded(func() (err error) {
		done, reply, err = a.session.Challenge(message)
		return err
	})
	if err != nil {
		return false, nil, &Error{Mechanism: a.mechanism, Refused: true, Err: a.plainly(err)}
	}
	return done, reply, nil
}

// sessionLifetime is the broker's connections.max.reauth.ms, or what remains of a token; 0 for neither.
func sessionLifetime(answer *kmsg.SASLAuthenticateResponse) time.Duration {
	const longest = 365 * 24 * time.Hour // so that no sum with it overflows
	if ms := answer.SessionLifetimeMillis; ms > 0 {
		return time.Duration(min(ms, longest.Milliseconds())) * time.Millisecond
	}
	return 0
}
