package consume

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
)

const (
	// clusterPatience is how long a cluster may be silent: longer than the restart of a broker takes, so that whoever waits for new records
	// need not start again.
	clusterPatience = time.Minute
	// attachedPatience is the same for the embedded broker of another process: it does not come back under its address.
	attachedPatience = time.Second
)

// watch ends the reading when the cluster is gone. kgo on its own would dial for ever, and say nothing. It listens to connections that
// fail and to answers that come; both are many where there is anybody to read for.
type watch struct {
	patience time.Duration
	attached bool
	end      context.CancelCauseFunc

	mu struct {
		sync.Mutex
		silent time.Time // of the first failure since the last answer; zero without one
		last   error     // the last failure
	}
}

// watchCluster returns a context that ends when the cluster is gone.
func watchCluster(ctx context.Context, target *connect.Target) (context.Context, *watch) {
	ctx, end := context.WithCancelCause(ctx)
	w := &watch{patience: clusterPatience, attached: target.Attached, end: end}
	if w.attached {
		w.patience = attachedPatience
	}
	return ctx, w
}

// stop ends the watch.
func (w *watch) stop() { w.end(nil) }

// OnBrokerConnect is called by kgo after each attempt to connect.
func (w *watch) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		w.failed(err, time.Now())
	}
}

// OnBrokerE2E is called by kgo after each answer, and after each request that got none.
func (w *watch) OnBrokerE2E(_ kgo.BrokerMetadata, _ int16, e2e kgo.BrokerE2E) {
	if e2e.Err() != nil {
		return // a new connection will be tried, and that tells
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.silent, w.mu.last = time.Time{}, nil
}

func (w *watch) failed(err error, now time.Time) {
	w.mu.Lock()
	w.mu.last = err
	if w.mu.silent.IsZero() {
		w.mu.silent = now
	}
	silent := now.Sub(w.mu.silent)
	w.mu.Unlock()
	if silent < w.patience {
		return
	}
	if w.attached {
		w.end(fmt.Errorf("the process of the broker has ended: start again, and the records that it wrote will be there (%w)", err))
		return
	}
	w.end(fmt.Errorf("no broker has answered for %v: %w", silent.Round(time.Second), err))
}

// why adds what the last connection failed of to an error that says only that time ran out.
func (w *watch) why(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.last == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, w.mu.last)
}
