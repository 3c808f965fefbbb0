package metadata

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/omnibus-kafka/omnibus/internal/metadata/control"
	"github.com/twmb/franz-go/pkg/kerr"
)

// wrongPassword is a broker's no.
func wrongPassword() error {
	return &authn.Error{Mechanism: "PLAIN", Code: kerr.SaslAuthenticationFailed.Code, Refused: true}
}

func TestWhoIsNotLetInLearnsItAtOnceAndAsksSeldom(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.script(func() { s.mu.refusal = wrongPassword() })
		for name, ask := range map[string]func(context.Context) error{
			"Ready": s.manager.Ready,
			"Wait": func(ctx context.Context) error {
				_, err := s.manager.Wait(ctx, "t", -1)
				return err
			},
		} {
			if err := ask(t.Context()); !errors.Is(err, kerr.SaslAuthenticationFailed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if took := time.Since(s.start); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		s.pass(time.Minute)
		if err := s.manager.ShutOut(); !errors.Is(err, kerr.SaslAuthenticationFailed) {
			t.Errorf("ShutOut is %v", err)
		}
		s.script(func() {
			if s.mu.dials > 10 {
				t.Errorf("%d attempts within a minute", s.mu.dials)
			}
			s.mu.refusal = nil
		})
		s.setTopic("t", 1, 0, 1)
		s.pass(10 * time.Second)
		if _, err := s.manager.Wait(t.Context(), "t", -1); err != nil {
			t.Errorf("let in, and still %v", err)
		}
	})
}

// A password that is changed on the cluster first and here a moment later costs no record.
func TestWhoWasLetInBeforeWaits(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		if err := s.manager.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.setDown(true, b1, b2, boot)
		s.setDown(false, b1, b2, boot)
		s.script(func() { s.mu.refusal = wrongPassword() })
		time.AfterFunc(20*time.Second, func() { s.script(func() { s.mu.refusal = nil }) })
		if s.mustWait("t"); time.Since(s.start) < 20*time.Second {
			t.Error("the topic was known without a connection")
		}
	})
}

func TestOneBrokersNoIsEnough(t *testing.T) {
	away := control.Attempt{Address: b1, Err: errors.New("away")}
	if err := (&control.UnreachableError{Attempts: []control.Attempt{away}}); authn.Permanent(err) {
		t.Error("permanent without a no")
	}
	if err := (&control.UnreachableError{Attempts: []control.Attempt{away, {Address: b2, Err: wrongPassword()}}}); !authn.Permanent(err) {
		t.Error("not permanent")
	}
}
