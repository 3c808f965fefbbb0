package cli

import (
	"context"
	"errors"
	"os"
)

// ErrInterrupted is the cause of a context that a signal ended.
var ErrInterrupted = errors.New("interrupted")

// Interruptible returns a context that the first signal ends, with ErrInterrupted as its cause. The second signal calls
// abort at once, whatever is still going on; abort is expected to end the process. The function returned ends the watch.
func Interruptible(parent context.Context, signals <-chan os.Signal, abort func()) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	stop := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel(ErrInterrupted)
		case <-stop:
			return
		}
		select {
		case <-signals:
			abort()
		case <-stop:
		}
	}()
	return ctx, func() {
		close(stop)
		cancel(nil)
	}
}

// Interrupted reports whether a signal ended the context.
func Interrupted(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrInterrupted) }
