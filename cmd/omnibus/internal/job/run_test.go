package job

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
)

func TestAnInterruptEndsTheProcessWhateverHoldsItUp(t *testing.T) {
	for _, test := range []struct {
		name  string
		ends  time.Duration // after the interrupt, by itself
		wants int           // exit code; -1 for none
	}{
		{"in time", leaveAfter - time.Second, -1},
		{"never", 10 * leaveAfter, cli.ExitInterrupted},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stderr bytes.Buffer
				code := -1
				j := idle(&stderr)
				j.factory = &cli.Factory{Exit: func(c int) { code = c }}
				ctx, interrupt := context.WithCancelCause(t.Context())
				ended := j.boundEnd(ctx)
				interrupt(cli.ErrInterrupted)
				<-time.After(test.ends)
				ended()
				synctest.Wait()
				if code != test.wants || (code >= 0) != strings.Contains(stderr.String(), "held up") {
					t.Errorf("exit code %d, want %d; standard error %q", code, test.wants, &stderr)
				}
			})
		})
	}
}

func TestAnInterruptEndsTheProcessThoughStandardErrorTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, unread := io.Pipe()
		defer stuck.Close() // so that no goroutine outlives the bubble
		code := -1
		j := idle(nil)
		j.errors.out = unread
		j.factory = &cli.Factory{Exit: func(c int) { code = c }}
		ctx, interrupt := context.WithCancelCause(t.Context())
		ended := j.boundEnd(ctx)
		interrupt(cli.ErrInterrupted)
		<-time.After(leaveAfter + farewellTime)
		synctest.Wait()
		if code != cli.ExitInterrupted {
			t.Errorf("exit code %d, want %d", code, cli.ExitInterrupted)
		}
		ended()
	})
}

func TestGivingUpNeedsTimeoutsAndASilenceOfAWholeDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := idle(&bytes.Buffer{})
		j.patience = time.Minute
		reading, giveUp := context.WithCancelCause(t.Context())
		defer giveUp(nil)
		j.giveUp = giveUp
		w := &watch{job: j, ackedAt: time.Now()}
		topic := newTopicTally(j, "orders")
		look := func(after time.Duration, want bool, what string) {
			t.Helper()
			<-time.After(after)
			w.doubt()
			if gaveUp := reading.Err() != nil; gaveUp != want {
				t.Errorf("%s: gave up: %v, want %v", what, gaveUp, want)
			}
		}
		look(2*time.Minute, false, "nothing to send")
		j.tally.timeouts.Add(1)
		topic.outcome(ackAt(0), nil)
		look(time.Second, false, "a timeout and an acknowledgement")
		look(2*time.Minute, false, "a silence without a further timeout")
		topic.outcome(ackAt(1), nil)
		look(time.Second, false, "one more acknowledgement")
		j.tally.timeouts.Add(1)
		look(30*time.Second, false, "a timeout after half a minute")
		look(30*time.Second, true, "a timeout and a minute without acknowledgements")
	})
}
