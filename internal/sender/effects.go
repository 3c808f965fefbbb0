package sender

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// effects are the deeds that the core decides on. The loop carries them out; tests write them down.
type effects interface {
	// closeBatch ends the boarding of a batch, if it is still boarding.
	closeBatch(p *accumulator.Partition, b *batch.Batch)
	// setReady names the size at which the boarding batch is full and reports whether it has it already.
	setReady(p *accumulator.Partition, sizeBytes int) (reached bool)
	// encode compresses a batch on a worker; encoded follows.
	encode(r *request, b *batch.Batch)
	// send hands a request to its node's connection; done follows, exactly once. false: the connection is gone, and
	// its closed event follows or came already.
	send(n *node, r *request) bool
	// connect opens a connection to the node; connected or connectFailed follows.
	connect(n *node)
	// disconnect closes the node's connection; closed follows.
	disconnect(n *node, reason error)
	// resolve tells count records of a batch, from the first on, their outcome.
	resolve(l *lane, b *batch.Batch, o batch.Outcome)
	// release drops the reference that a request held on the batch.
	release(b *batch.Batch)
	// refresh asks for new metadata of a topic; hint passes on a leader that a broker named (KIP-951).
	refresh(topic string)
	hint(r *request, p passenger, a *answer)
	// fetchID asks for a producer id; producerID follows.
	fetchID()
	// trace tells the user's Trace and the counters.
	departed(l *lane, b *batch.Batch, why Reason)
	retried(l *lane, b *batch.Batch, err error)
	answered(r *request, throttle time.Duration, err error)
}

// Reason is why a batch left.
type Reason uint8

// The reasons, in no particular order.
const (
	ReasonNone Reason = iota
	ReasonFull
	ReasonLinger
	ReasonWaiter
	ReasonFlush
	ReasonPressure
	ReasonCompany
	ReasonClose
	ReasonRetry
	reasons
)

// String is the reason's name in statistics and traces.
func (r Reason) String() string {
	return [...]string{"none", "full", "linger", "waiter", "flush", "pressure", "company", "close", "retry"}[r]
}
