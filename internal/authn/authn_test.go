package authn_test

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const canary = "canary-password"

// listener is the broker's side of an exchange.
type listener struct {
	enabled  []string
	code     int16 // of SaslHandshake
	answer   func(round int, message []byte) *kmsg.SASLAuthenticateResponse
	messages [][]byte
}

func (l *listener) ask(request kmsg.Request) (kmsg.Response, error) {
	switch request := request.(type) {
	case *kmsg.SASLHandshakeRequest:
		return &kmsg.SASLHandshakeResponse{ErrorCode: l.code, SupportedMechanisms: l.enabled}, nil
	case *kmsg.SASLAuthenticateRequest:
		l.messages = append(l.messages, request.SASLAuthBytes)
		return l.answer(len(l.messages), request.SASLAuthBytes), nil
	}
	return nil, fmt.Errorf("unexpected %T", request)
}

func says(message string) *kmsg.SASLAuthenticateResponse {
	return &kmsg.SASLAuthenticateResponse{SASLAuthBytes: []byte(message)}
}

func refuses(code int16, words string) func(int, []byte) *kmsg.SASLAuthenticateResponse {
	return func(int, []byte) *kmsg.SASLAuthenticateResponse {
		return &kmsg.SASLAuthenticateResponse{ErrorCode: code, ErrorMessage: &words}
	}
}

// run is Begin and Run.
func run(t *testing.T, mechanism sasl.Mechanism, l *listener) (time.Duration, error) {
	t.Helper()
	attempt, err := authn.Begin(t.Context(), mechanism, "b1:9092")
	if err != nil {
		return 0, err
	}
	lifetime, err := attempt.Run(l.ask)
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("the error holds the password: %v", err)
	}
	return lifetime, err
}

func alice(password string) plain.Auth { return plain.Auth{User: "alice", Pass: password} }

// scramServer knows alice's password and answers as RFC 5802 wants it.
func scramServer(password string, iterations int) func(int, []byte) *kmsg.SASLAuthenticateResponse {
	var clientFirst, serverFirst string
	sign := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	return func(round int, message []byte) *kmsg.SASLAuthenticateResponse {
		if round == 1 {
			clientFirst = strings.TrimPrefix(string(message), "n,,")
			nonce := clientFirst[strings.Index(clientFirst, "r=")+2:]
			serverFirst = fmt.Sprintf("r=%sserver,s=%s,i=%d", nonce, base64.StdEncoding.EncodeToString([]byte("salt")), iterations)
			return says(serverFirst)
		}
		bare, _, _ := strings.Cut(string(message), ",p=")
		salted, err := pbkdf2.Key(sha256.New, password, []byte("salt"), iterations, sha256.Size)
		if err != nil {
			return refuses(kerr.SaslAuthenticationFailed.Code, err.Error())(round, message)
		}
		signature := sign(sign(salted, "Server Key"), clientFirst+","+serverFirst+","+bare)
		answer := says("v=" + base64.StdEncoding.EncodeToString(signature))
		answer.SessionLifetimeMillis = 5000
		return answer
	}
}

func TestPlain(t *testing.T) {
	l := &listener{answer: func(int, []byte) *kmsg.SASLAuthenticateResponse { return says("") }}
	lifetime, err := run(t, alice(canary).AsMechanism(), l)
	if err != nil || lifetime != 0 {
		t.Errorf("lifetime %v, %v", lifetime, err)
	}
	if got := string(l.messages[0]); got != "\x00alice\x00"+canary {
		t.Errorf("sent %q", got)
	}
}

func TestScramNeedsTheServersProof(t *testing.T) {
	client := scram.Auth{User: "alice", Pass: canary}
	lifetime, err := run(t, client.AsSha256Mechanism(), &listener{answer: scramServer(canary, 4096)})
	if err != nil || lifetime != 5*time.Second {
		t.Errorf("lifetime %v, %v", lifetime, err)
	}
	for name, answer := range map[string]func(int, []byte) *kmsg.SASLAuthenticateResponse{
		"does not know the password": scramServer("guess", 4096),
		"says yes at once":           func(int, []byte) *kmsg.SASLAuthenticateResponse { return says("") },
		"says yes without a proof": func(round int, message []byte) *kmsg.SASLAuthenticateResponse {
			if round == 1 {
				return scramServer(canary, 4096)(1, message)
			}
			return says("")
		},
		"asks for too little work": scramServer(canary, 1000),
		"asks for too much work":   scramServer(canary, 1_000_001),
		"asks for endless work": func(_ int, message []byte) *kmsg.SASLAuthenticateResponse {
			return says("r=" + string(message[strings.Index(string(message), "r=")+2:]) + "x,s=c2FsdA==,i=99999999999999999999")
		},
		"answers with another nonce": func(int, []byte) *kmsg.SASLAuthenticateResponse { return says("r=x,s=c2FsdA==,i=4096") },
	} {
		_, err := run(t, client.AsSha256Mechanism(), &listener{answer: answer})
		if err == nil || !authn.Permanent(err) {
			t.Errorf("a server that %s: %v", name, err)
		}
	}
}

func TestRefusalsNameTheCauseAndTheFix(t *testing.T) {
	for name, test := range map[string]struct {
		mechanism sasl.Mechanism
		listener  *listener
		wanted    []string
		is        error
	}{
		"wrong password": {alice(canary).AsMechanism(), &listener{answer: refuses(58, "Authentication failed: Invalid username or password")},
			[]string{"refuses this client", `"Authentication failed: Invalid username or password"`, "check the user name and the password"}, kerr.SaslAuthenticationFailed},
		"mechanism not enabled": {alice(canary).AsMechanism(), &listener{code: 33, enabled: []string{"SCRAM-SHA-256", "GSSAPI"}},
			[]string{"does not enable PLAIN", "enables SCRAM-SHA-256, GSSAPI", "sasl.mechanism"}, kerr.UnsupportedSaslMechanism},
		"listener without SASL": {alice(canary).AsMechanism(), &listener{code: 34},
			[]string{"wants no SASL", "security.protocol"}, kerr.IllegalSaslState},
		"token refused": {oauth.Auth{Token: canary}.AsMechanism(),
			&listener{answer: func(int, []byte) *kmsg.SASLAuthenticateResponse {
				return says(`{"status":"invalid_token","scope":"kafka"}`)
			}}, []string{`"invalid_token"`, `scope "kafka"`}, nil},
		"token refused with a code": {oauth.Auth{Token: canary}.AsMechanism(), &listener{answer: refuses(58, "")}, []string{"sasl.oauthbearer.expected"}, kerr.SaslAuthenticationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, test.mechanism, test.listener)
			if err == nil || !authn.Permanent(err) || test.is != nil && !errors.Is(err, test.is) {
				t.Fatalf("%v, wanted a permanent %v", err, test.is)
			}
			for _, wanted := range test.wanted {
				if !strings.Contains(err.Error(), wanted) {
					t.Errorf("%v\ndoes not say %q", err, wanted)
				}
			}
		})
	}
}

func TestAPassingErrorIsNotPermanent(t *testing.T) {
	_, err := run(t, alice("x").AsMechanism(), &listener{answer: refuses(kerr.NetworkException.Code, "")})
	if err == nil || authn.Permanent(err) {
		t.Errorf("%v", err)
	}
}

// mechanism is an application's own.
type mechanism struct {
	begin     func(ctx context.Context) (sasl.Session, []byte, error)
	challenge func(message []byte) (bool, []byte, error)
}

func (mechanism) Name() string { return "OWN" }

func (m mechanism) Authenticate(ctx context.Context, _ string) (sasl.Session, []byte, error) {
	if m.begin != nil {
		return m.begin(ctx)
	}
	return m, []byte("hello"), nil
}

func (m mechanism) Challenge(message []byte) (bool, []byte, error) { return m.challenge(message) }

func TestAMechanismOfOnesOwn(t *testing.T) {
	greets := func(round int, _ []byte) *kmsg.SASLAuthenticateResponse { return says(fmt.Sprint(round)) }
	l := &listener{answer: greets}
	_, err := run(t, mechanism{challenge: func(m []byte) (bool, []byte, error) { return string(m) == "2", []byte("bye"), nil }}, l)
	if err != nil || len(l.messages) != 3 {
		t.Errorf("a last message: %q, %v", l.messages, err)
	}
	l = &listener{answer: greets}
	_, err = run(t, mechanism{challenge: func([]byte) (bool, []byte, error) { return false, []byte("on"), nil }}, l)
	if err == nil || len(l.messages) > 20 {
		t.Errorf("no end: %d rounds, %v", len(l.messages), err)
	}
	for name, m := range map[string]mechanism{
		"panics at first":  {begin: func(context.Context) (sasl.Session, []byte, error) { panic("oh") }},
		"panics later":     {challenge: func([]byte) (bool, []byte, error) { panic("oh") }},
		"has no session":   {begin: func(context.Context) (sasl.Session, []byte, error) { return nil, nil, nil }},
		"has no token yet": {begin: func(context.Context) (sasl.Session, []byte, error) { return nil, nil, errors.New("later") }},
	} {
		if _, err := run(t, m, &listener{answer: greets}); err == nil {
			t.Errorf("one that %s: no error", name)
		}
	}
}

func TestAnUnbelievableMessageIsRefused(t *testing.T) {
	huge := func(int, []byte) *kmsg.SASLAuthenticateResponse { return says(strings.Repeat("x", 1<<20)) }
	if _, err := run(t, alice("x").AsMechanism(), &listener{answer: huge}); err == nil {
		t.Error("1 MiB was taken")
	}
}

func TestALifetimeBeyondAllReasonIsCut(t *testing.T) {
	for millis, wanted := range map[int64]bool{-1: false, 0: false, 1: true, 1<<63 - 1: true} {
		l := &listener{answer: func(int, []byte) *kmsg.SASLAuthenticateResponse {
			return &kmsg.SASLAuthenticateResponse{SessionLifetimeMillis: millis}
		}}
		lifetime, err := run(t, alice("x").AsMechanism(), l)
		if err != nil || (lifetime > 0) != wanted || lifetime < 0 || lifetime > 366*24*time.Hour {
			t.Errorf("%d ms: %v, %v", millis, lifetime, err)
		}
	}
}
