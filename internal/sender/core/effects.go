package core

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/settling"
)

// Effects are the deeds that the core decides on. The loop carries them out; tests write them down. None of them blocks,
// and none calls the core: what follows a deed is a step of its own.
type Effects interface {
	// CloseBatch ends the boarding of a batch, if it is still boarding, and does what SetReady does.
	CloseBatch(p *accumulator.Partition, b *batch.Batch, readyBytes int) (reached bool)
	// SetReady names the size at which the boarding batch is full and reports whether it has it already.
	SetReady(p *accumulator.Partition, sizeBytes int) (reached bool)
	// Encode compresses a batch on a worker; Encoded follows.
	Encode(r *Request, b *batch.Batch)
	// Send hands a request to its node's connection; Done follows, exactly once. false: the connection is gone, and
	// Disconnected follows.
	Send(n *Node, r *Request) bool
	// Connect opens a connection to the node; Connected or ConnectFailed follows.
	Connect(n *Node)
	// Disconnect closes the node's connection; Disconnected follows.
	Disconnect(n *Node, reason error)
	// Resolve tells the records of a batch their outcome.
	Resolve(l *Lane, b *batch.Batch, o batch.Outcome)
	// Release drops the reference that a request held on the batch.
	Release(b *batch.Batch)
	// Refresh asks for new metadata of a topic; Hint passes on a leader that a broker named (KIP-951).
	Refresh(topic string)
	Hint(r *Request, p Passenger, a *answers.Answer)
	// Inquire asks the lane's leader what it has of the lane's batches; Inquired follows with the ticket.
	Inquire(n *Node, l *Lane, ticket uint64, q settling.Question)
	// Lost tells that a partition's log no longer has what was acked.
	Lost(l *Lane, loss settling.Loss)
	// FetchID asks for a producer id; ProducerID follows.
	FetchID()
	// Departed, Retried and Answered are for the counters and the user's Trace.
	Departed(l *Lane, b *batch.Batch, why batch.Reason)
	Retried(l *Lane, b *batch.Batch, err error)
	Answered(r *Request, throttle time.Duration, err error)
}
