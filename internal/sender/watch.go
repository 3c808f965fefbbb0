package sender

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
)

// Watch is what the user's Trace is made of: functions that may be nil, called on the send loop.
type Watch struct {
	Leaves       func(p *accumulator.Partition, b *batch.Batch, why batch.Reason, inFlight int, boarded time.Duration)
	Done         func(p *accumulator.Partition, b *batch.Batch, o batch.Outcome, age time.Duration)
	Retried      func(p *accumulator.Partition, b *batch.Batch, err error, age time.Duration)
	Answered     func(a Answered)
	Connected    func(broker int32, address string)
	Disconnected func(broker int32, address string, err error)
}

// Answered is a Produce request that was answered or lost.
type Answered struct {
	Broker            int32
	Batches, Bytes    int
	Latency, Throttle time.Duration
	Err               error
}

func (w *Watch) leaves(l *core.Lane, b *batch.Batch, why batch.Reason, age time.Duration) {
	if w.Leaves != nil {
		w.Leaves(l.Part, b, why, l.InFlight, age)
	}
}

func (w *Watch) done(l *core.Lane, b *batch.Batch, o batch.Outcome, age time.Duration) {
	if w.Done != nil {
		w.Done(l.Part, b, o, age)
	}
}

func (w *Watch) retried(l *core.Lane, b *batch.Batch, err error, age time.Duration) {
	if w.Retried != nil {
		w.Retried(l.Part, b, err, age)
	}
}

func (w *Watch) answered(r *core.Request, throttle time.Duration, err error) {
	if w.Answered == nil {
		return
	}
	a := Answered{Broker: r.Node.ID, Batches: len(r.Batches), Bytes: r.Bytes, Throttle: throttle, Err: err}
	if !r.AnsweredAt.IsZero() {
		a.Latency = r.AnsweredAt.Sub(r.QueuedAt)
	}
	w.Answered(a)
}

func (w *Watch) connected(broker int32, address string) {
	if w.Connected != nil {
		w.Connected(broker, address)
	}
}

func (w *Watch) disconnected(broker int32, address string, err error) {
	if w.Disconnected != nil {
		w.Disconnected(broker, address, err)
	}
}
