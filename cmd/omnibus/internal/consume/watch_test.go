package consume

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/connect"
	"github.com/omnibus-kafka/omnibus/embedded"
)

func TestASilentClusterEndsTheReadingAndAnAnswerStartsTheWaitAnew(t *testing.T) {
	ctx, w := watchCluster(t.Context(), &connect.Target{})
	defer w.stop()
	refused, began := errors.New("connection refused"), time.Now()
	w.failed(refused, began)
	w.failed(refused, began.Add(clusterPatience-1))
	w.OnBrokerE2E(kgo.BrokerMetadata{}, 1, kgo.BrokerE2E{ReadErr: io.EOF}) // no answer
	if ctx.Err() != nil {
		t.Fatalf("ended too early: %v", context.Cause(ctx))
	}
	w.OnBrokerE2E(kgo.BrokerMetadata{}, 1, kgo.BrokerE2E{})
	w.failed(refused, began.Add(clusterPatience+1))
	if ctx.Err() != nil {
		t.Fatalf("ended in spite of an answer: %v", context.Cause(ctx))
	}
	w.failed(refused, began.Add(2*clusterPatience+1))
	if cause := context.Cause(ctx); !errors.Is(cause, refused) || !strings.Contains(cause.Error(), "no broker has answered for 1m0s") {
		t.Errorf("cause %v, want that no broker answers", cause)
	}
}

// kgo dials for ever.
func TestItEndsWhenTheProcessOfTheEmbeddedBrokerDoes(t *testing.T) {
	dir := t.TempDir()
	broker, err := embedded.Open(embedded.Config{Dir: dir, PartitionsDefault: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	write(t, broker, 0, 1)
	out, in := io.Pipe()
	go func() {
		out.Read(make([]byte, 10)) // it reads
		broker.Close()
		io.Copy(io.Discard, out)
	}()
	began := time.Now()
	code, message := runConsume(t.Context(), t, in, "orders", "--embedded", "--data", dir, "--from-beginning")
	if code != cli.ExitFatal || !strings.Contains(message, "the process of the broker has ended") {
		t.Errorf("code %d: %s; want %d and why", code, message, cli.ExitFatal)
	}
	if took := time.Since(began); took > testTimeout {
		t.Errorf("it took %v", took)
	}
}

func TestAClusterThatNobodyReachesIsAnErrorThatSaysWhy(t *testing.T) {
	w := &watch{}
	late := errors.New("late")
	if err := w.why(late); err != late {
		t.Errorf("%v, want nothing added", err)
	}
	w.patience = clusterPatience
	w.failed(errors.New("connection refused"), time.Now())
	if err := w.why(late); !errors.Is(err, late) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v, want why", err)
	}
}
