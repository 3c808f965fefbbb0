package sender

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// Watch is what the user's Trace is made of: functions that may be nil, called on the send loop.
type Watch struct {
	Leaves       func(p *accumulator.Partition, b *batch.Batch, why Reason, inFlight int, boarded time.Duration)
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

func (w *Watch) leaves(l *lane, b *batch.Batch, why Reason, now time.Duration) {
	if w.Leaves != nil {
		w.Leaves(l.part, b, why, l.inFlight, now-b.Created)
	}
}

func (w *Watch) done(l *lane, b *batch.Batch, o batch.Outcome, now time.Duration) {
	if w.Done != nil {
		w.Done(l.part, b, o, now-b.Created)
	}
}

func (w *Watch) retried(l *lane, b *batch.Batch, err error, now time.Duration) {
	if w.Retried != nil {
		w.Retried(l.part, b, err, now-b.Created)
	}
}

func (w *Watch) answered(r *request, throttle time.Duration, err error) {
	if w.Answered == nil {
		return
	}
	a := Answered{Broker: r.node.id, Batches: len(r.batches), Bytes: r.bytes, Throttle: throttle, Err: err}
	if !r.AnsweredAt.IsZero() {
		a.Latency = r.AnsweredAt.Sub(r.WrittenAt)
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
