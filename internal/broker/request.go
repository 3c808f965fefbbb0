package broker

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// ProduceRequest is one Produce request while a connection has it: from Produce to Handler.Done it and all that it
// refers to belong to the connection, before and after to the caller, who may use the same one again.
type ProduceRequest struct {
	// Wire is what is sent. The connection sets its Version, CorrelationID and ClientID.
	Wire wire.ProduceRequest
	// TopicIDs tells that every topic in Wire has its id. Only then can Produce 13 be used, which knows no names; a
	// request without ids is sent as version 12 at most.
	TopicIDs bool
	// Tag is the caller's own; the connection does not look at it.
	Tag any
	// Deadline is when the connection is given up if this request is still unanswered. Zero means
	// Config.RequestTimeout after Produce; Produce then fills it in, so reset it before the next use.
	Deadline time.Time
	// QueuedAt and AnsweredAt are set by the connection: when Produce took the request, and when its answer had been
	// read; the latter is zero where it did not come to that, and for acks=0.
	QueuedAt, AnsweredAt time.Time
}

// Handler is told what becomes of a connection's Produce requests. Its methods are called on the connection's loops:
// a slow one delays everything else on this connection, so they should pass on and return. They may call Produce and
// Close of the same connection, but not Do.
type Handler interface {
	// BeforeWrite is called by the write loop right before the request is laid out, for what is best done late and off
	// the sender's goroutine: the CRCs. It is not called for a request that the connection's end overtakes.
	BeforeWrite(r *ProduceRequest)
	// Done is called exactly once for each request that Produce accepted, in the order of Produce, never two at a time.
	// err == nil means that resp is the broker's answer, valid during the call only; it is nil for acks=0, where it
	// means "written". resp names partitions of the request and none of them twice, but perhaps not all. Otherwise written
	// tells whether any byte of the request may have reached the broker: if false, the broker cannot have acted on it.
	Done(r *ProduceRequest, resp *wire.ProduceResponse, written bool, err error)
	// Closed is called once, after the last Done, when both loops have ended and the socket is closed. err is the
	// reason: a *LostError, ErrIdle, ErrPeerClosed, or what was given to Close.
	Closed(c *Conn, err error)
}

// partitions is how many there are in the request.
func (r *ProduceRequest) partitions() (n int) {
	for i := range r.Wire.Topics {
		n += len(r.Wire.Topics[i].Partitions)
	}
	return n
}

const (
	produceKey = 0
	// From this version on a Produce response's header ends in tagged fields (KIP-482).
	produceVersionFlexible = 9
	// Produce 13 names topics by id alone (KIP-516).
	produceVersionMaxByName = 12
	acksNone                = 0
	// A partition's part of an answer is about 50 bytes, and as much more as the broker has to say about records it
	// refuses: 120 bytes each for timestamps out of range, say (KIP-467). This is 65,000 of them, as many as package wire
	// keeps. The limits of other answers are in package shape.
	produceResponseBytesMax = 8 << 20
)

func newProduceCall(r *ProduceRequest, version int16) call {
	return call{
		produce:       r,
		key:           produceKey,
		version:       version,
		responseLimit: produceResponseBytesMax,
		expectsAnswer: r.Wire.Acks != acksNone,
	}
}
