package authn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Error says why SASL failed.
type Error struct {
	// Mechanism is the one that was tried.
	Mechanism string
	// Code is the broker's error code, 0 if the failure is on this side.
	Code int16
	// Message is what the broker added to its code.
	Message string
	// Enabled are the mechanisms that the listener has, where it said so.
	Enabled []string
	// Refused tells that the same attempt would fail again.
	Refused bool
	// Err is the failure on this side, nil if the broker refused.
	Err error
}

// Error names the mechanism, what went wrong, and what to do.
func (e *Error) Error() string {
	cause, fix := e.Explain()
	if fix == "" {
		return cause
	}
	return cause + "; " + fix
}

// Explain says what went wrong, and what to do about it; fix is empty where the cause says all that is known.
func (e *Error) Explain() (cause, fix string) {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("SASL %s: %v", e.Mechanism, e.Err), ""
	case e.Code == kerr.UnsupportedSaslMechanism.Code:
		return e.notEnabled()
	case e.Code == kerr.IllegalSaslState.Code:
		return fmt.Sprintf("the broker's listener wants no SASL (%s): its protocol is PLAINTEXT or SSL", e.Mechanism),
			"use the port of a SASL listener, or configure no SASL (security.protocol)"
	case e.Code == kerr.SaslAuthenticationFailed.Code:
		return fmt.Sprintf("the broker refuses this client (%s%s)", e.Mechanism, e.words()), e.advice()
	}
	return fmt.Sprintf("SASL %s: %v%s", e.Mechanism, kerr.ErrorForCode(e.Code), e.words()), ""
}

// notEnabled says what the listener enables instead.
func (e *Error) notEnabled() (cause, fix string) {
	cause = "the broker's listener does not enable " + e.Mechanism
	if len(e.Enabled) == 0 {
		return cause, "ask its operator which mechanism it has (sasl.enabled.mechanisms)"
	}
	enabled := strings.ToValidUTF8(strings.Join(e.Enabled, ", "), "?")
	return fmt.Sprintf("%s, it enables %.200s", cause, enabled),
		"set sasl.mechanism to one of these, or add " + e.Mechanism + " to the broker's sasl.enabled.mechanisms"
}

// words are the broker's own.
func (e *Error) words() string {
	if e.Message == "" {
		return ""
	}
	return fmt.Sprintf("; in its own words: %.300q", e.Message)
}

func (e *Error) advice() string {
	switch e.Mechanism {
	case "OAUTHBEARER":
		return "check the token's issuer, audience and expiry against the broker's sasl.oauthbearer.expected.*"
	case "GSSAPI":
		return "check the principal and sasl.kerberos.service.name"
	case "AWS_MSK_IAM":
		return "check the AWS access key, the clock, and the role's kafka-cluster:Connect permission"
	}
	return "check the user name and the password"
}

// Unwrap returns the failure on this side, or the code's *kerr.Error.
func (e *Error) Unwrap() error {
	if e.Err != nil {
		return e.Err
	}
	return kerr.ErrorForCode(e.Code)
}

// Permanent reports whether the same attempt would fail again.
func (e *Error) Permanent() bool { return e.Refused || Permanent(e.Err) }

// Permanent reports whether err, or one that it wraps, says by a method of this name that trying again is of no use: for
// an error of SASL or TLS, and for those of mechanisms, which say so where a password is missing or an
// identity provider does not know the client.
func Permanent(err error) bool {
	var says interface{ Permanent() bool }
	return errors.As(err, &says) && says.Permanent()
}
