package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
)

func TestGravestOfSeveralCodesWins(t *testing.T) {
	for _, test := range []struct {
		codes []int
		want  int
	}{
		{nil, ExitOK},
		{[]int{ExitOK}, ExitOK},
		{[]int{ExitBadInput, ExitNotWritten}, ExitNotWritten},
		{[]int{ExitNotWritten, ExitUnknown, ExitBadInput}, ExitUnknown},
		{[]int{ExitUnknown, ExitFatal}, ExitFatal},
		{[]int{ExitFatal, ExitInterrupted, ExitUnknown}, ExitInterrupted},
	} {
		if got := Gravest(test.codes...); got != test.want {
			t.Errorf("Gravest%v = %d, want %d", test.codes, got, test.want)
		}
	}
}

func TestCodeOfAnError(t *testing.T) {
	plain := errors.New("plain")
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{plain, ExitUsage},
		{Usage(plain), ExitUsage},
		{Fatal(plain), ExitFatal},
		{fmt.Errorf("more: %w", Fatal(plain)), ExitFatal},
		{errors.Join(&ExitError{Code: ExitUnknown}, plain), ExitUnknown},
	} {
		if got := CodeOf(test.err); got != test.want {
			t.Errorf("CodeOf(%v) = %d, want %d", test.err, got, test.want)
		}
	}
}

func TestTheFirstSignalEndsTheContextAndTheSecondAborts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		aborted := false
		ctx, stop := Interruptible(context.Background(), signals, func() { aborted = true })
		defer stop()
		if Interrupted(ctx) {
			t.Error("interrupted before any signal")
		}
		signals <- os.Interrupt
		synctest.Wait()
		if !Interrupted(ctx) || aborted {
			t.Errorf("after one signal: interrupted %v, aborted %v", Interrupted(ctx), aborted)
		}
		signals <- os.Interrupt
		synctest.Wait()
		if !aborted {
			t.Error("the second signal did not abort")
		}
	})
}

func TestAnEndedCommandIsNotInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := Interruptible(context.Background(), make(chan os.Signal), func() {})
		stop()
		synctest.Wait()
		if Interrupted(ctx) {
			t.Error("the end of the command counts as an interrupt")
		}
	})
}
