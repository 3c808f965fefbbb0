package broker

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestADialUnderWayTellsHowFarItCame(t *testing.T) {
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, test := range []struct {
		phase  Phase
		config func(t *testing.T) *Config
		wanted string
	}{
		{PhaseTCP, func(*testing.T) *Config { return &Config{Dial: hang} }, "no answer for 3s; check the host, and firewalls"},
		{PhaseAPI, func(t *testing.T) *Config { return scripted(t, func(b *scriptedBroker) { b.ignore() }) },
			"took the connection but did not answer within 3s"},
	} {
		t.Run(string(test.phase), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dialing Dialing
				if err := dialing.Err(); err != nil {
					t.Errorf("before: %v", err)
				}
				time.AfterFunc(3*time.Second, func() {
					err := dialing.Err()
					var failure *ConnectError
					if !errors.As(err, &failure) || failure.Phase != test.phase || failure.Address != "b1:9092" || !strings.Contains(err.Error(), test.wanted) {
						t.Errorf("meanwhile: %v, wanted phase %s and %q", err, test.phase, test.wanted)
					}
				})
				if _, err := dialing.Connect(t.Context(), test.config(t), "b1:9092"); err == nil {
					t.Error("connected to a silent broker")
				}
				if err := dialing.Err(); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		})
	}
}
