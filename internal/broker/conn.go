package broker

import (
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/broker/frames"
	"github.com/omnibus-kafka/omnibus/internal/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Conn is a connection to one broker. Its methods are safe for concurrent use, and none of them waits for the broker
// but Do.
type Conn struct {
	// Immutable after Connect.
	cfg       *Config
	address   string
	transport net.Conn // what was dialed; it is what is closed, for closing TLS may wait 5 s for a peer that does not read
	socket    net.Conn // transport, or TLS over it
	plainTCP  bool     // else requests are gathered into one piece, for writev does nothing for a wrapped connection
	versions  map[int16]versionRange
	format    *kmsg.RequestFormatter
	counters  *Counters
	logger    *slog.Logger

	ownCertificate bool          // there is one for TLS; set by the handshake
	mechanism      string        // of SASL
	lifetime       time.Duration // of the authentication, set by the handshake; 0 is for ever

	handler Handler      // set by Start
	loops   atomic.Int32 // loops that have not ended

	// Owned by the write loop.
	encoder wire.ProduceEncoder
	out     net.Buffers

	// Owned by Connect, then by the read loop.
	frames   frames.Reader
	response wire.ProduceResponse
	answered bool // a request, since Start

	mu connState
}

// connState is what callers and the two loops share.
type connState struct {
	sync.Mutex
	calls         queue
	sendable      *sync.Cond // the write loop waits: for a call, for the end
	writeReturned *sync.Cond // the read loop waits: for a write to return, for the end of writes
	nextID        int32
	telling       bool // one of the loops is telling outcomes, and tells those that become due meanwhile
	closed        bool // nothing is accepted any more; cause says why
	cause         error
	writeEnded    bool
	armed         time.Time // the socket's read deadline; zero is none
	lastUsed      time.Time // the last request accepted or settled, renewals not counted
	renewal       renewal
}

func newConn(cfg *Config, address string, socket net.Conn) *Conn {
	_, plainTCP := socket.(*net.TCPConn)
	c := &Conn{
		cfg:       cfg,
		address:   address,
		transport: socket,
		socket:    socket,
		plainTCP:  plainTCP,
		format:    kmsg.NewRequestFormatter(kmsg.FormatterClientID(cfg.ClientID)),
		counters:  cfg.counters(),
		logger:    cfg.logger().With("broker", address),
	}
	c.frames = frames.Reader{Source: socket, Received: &c.counters.BytesIn, Large: &c.counters.large}
	c.mu.sendable = sync.NewCond(&c.mu)
	c.mu.writeReturned = sync.NewCond(&c.mu)
	return c
}

// Start begins to serve. It must be called once, by the caller of Connect, before Do; requests that Produce accepted
// earlier are sent now. handler may be nil on a connection that Produce is never called on.
func (c *Conn) Start(handler Handler) {
	c.handler = handler
	c.frames.Failed = c.readFailed
	c.mu.Lock()
	c.mu.lastUsed = time.Now()
	if first := c.mu.calls.earliest(); first != nil {
		c.armLocked(first.deadline)
	} else if c.cfg.Idle > 0 {
		c.armLocked(c.mu.lastUsed.Add(c.cfg.Idle))
	}
	c.mu.Unlock()
	c.counters.Opened.Add(1)
	c.logger.Debug("connection opened")
	c.loops.Store(2)
	c.startWriting()
	c.startReading()
	c.renewLater(c.lifetime)
}

// Address is the broker's "host:port" as it was given to Connect.
func (c *Conn) Address() string { return c.address }

// Produce hands a request over and reports whether the connection took it. It never blocks; how many may be in flight
// is the caller's to bound. If the connection has begun to close the answer is false, the request is still the
// caller's, and Done is not called for it.
func (c *Conn) Produce(r *ProduceRequest) (accepted bool) {
	version, ok := c.ProduceVersion(r.TopicIDs)
	if !ok {
		c.Close(&LostError{Address: c.address, Err: fmt.Errorf("%w: %s needs topic ids", ErrUnsupported,
			c.versions[produceKey].describe(produceKey))})
		return false
	}
	next := newProduceCall(r, version)
	next.queuedAt = time.Now()
	if r.Deadline.IsZero() {
		r.Deadline = next.queuedAt.Add(c.cfg.requestTimeout())
	}
	next.deadline = r.Deadline
	r.QueuedAt, r.AnsweredAt = next.queuedAt, time.Time{}
	return c.enqueue(next)
}

// ProduceVersion is the version that a Produce request is sent as, and whether there is one: all of its topics having
// ids makes the newest possible.
func (c *Conn) ProduceVersion(topicIDs bool) (version int16, ok bool) {
	limit := int16(wire.ProduceVersionMax)
	if !topicIDs {
		limit = produceVersionMaxByName
	}
	theirs, ok := c.versions[produceKey]
	version = min(limit, theirs.max)
	return version, ok && version >= max(theirs.min, wire.ProduceVersionMin)
}

// Close ends the connection and waits for nothing: the outcomes of its requests, and Closed, follow on its loops. err
// is what they are told; nil means ErrClosed. Only the first reason counts. A connection that was never started just
// closes its socket.
func (c *Conn) Close(err error) {
	if err == nil {
		err = ErrClosed
	}
	c.mu.Lock()
	c.closeLocked(err)
	c.mu.Unlock()
	c.transport.Close()
}

// closeLocked stops acceptance and wakes the loops. The socket is still to be closed.
func (c *Conn) closeLocked(err error) {
	if c.mu.closed {
		return
	}
	c.mu.closed, c.mu.cause = true, err
	c.mu.sendable.Signal()
	c.stopRenewalLocked()
}

func (c *Conn) enqueue(next call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return false
	}
	if next.renewal {
		c.mu.calls.insert(next)
	} else {
		c.mu.lastUsed = next.queuedAt
		c.mu.calls.push(next)
	}
	c.armLocked(next.deadline)
	c.mu.sendable.Signal()
	return true
}

// armLocked makes the read loop wake up at the given time or before. It only ever pulls the deadline closer, so that
// steady traffic does not set a timer for each request; the read loop moves it back when it fires early. Setting it
// under the lock is what keeps the loop's "nothing to wait for" from overwriting a caller's new deadline, and is no
// I/O: it sets a timer.
func (c *Conn) armLocked(deadline time.Time) {
	if !c.mu.armed.IsZero() && !deadline.Before(c.mu.armed) {
		return
	}
	c.mu.armed = deadline
	c.socket.SetReadDeadline(deadline) // fails only on a closed socket, which the loops notice by themselves
}

// loopEnded is called by each loop when it ends. The second one settles what is left: only now is nobody reading the
// requests' bytes.
func (c *Conn) loopEnded() {
	if c.loops.Add(-1) > 0 {
		return
	}
	c.mu.Lock()
	cause := c.mu.cause
	c.mu.Unlock()
	for {
		left, sent, ok := c.takeLeft()
		if !ok {
			break
		}
		c.settleLeft(left, sent, cause)
	}
	c.counters.Closed.Add(1)
	if Peaceful(cause) {
		c.logger.Debug("connection closed", "reason", cause)
	} else {
		c.logger.Warn("connection lost", "error", cause)
	}
	if c.handler != nil {
		c.handler.Closed(c, cause)
	}
}

// takeLeft takes the head of what a closed connection has left, and whether it had been sent whole.
func (c *Conn) takeLeft() (left call, sent, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.calls.empty() {
		return call{}, false, false
	}
	sent = c.mu.calls.head < c.mu.calls.written
	return c.mu.calls.pop(), sent, true
}

func (c *Conn) settleLeft(left call, sent bool, cause error) {
	switch {
	case left.control != nil:
		left.control.done <- cause
	case sent && !left.expectsAnswer:
		c.handler.Done(left.produce, nil, true, nil)
	default:
		c.handler.Done(left.produce, nil, left.touched, cause)
	}
}

// Unanswered says for how long the oldest request without an answer has been waiting, as an error; nil if there is none.
func (c *Conn) Unanswered() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.calls.empty() {
		return nil
	}
	oldest := c.mu.calls.at(c.mu.calls.head)
	return fmt.Errorf("%s is connected but has not answered %s for %v; it may be overloaded, hang, or wait for its replicas",
		c.address, oldest.name(), time.Since(oldest.queuedAt).Round(time.Millisecond))
}

// lostLocked describes a failure together with the request that suffers most from it.
func (c *Conn) lostLocked(err error) *LostError {
	lost := &LostError{Address: c.address, Err: err}
	if !c.mu.calls.empty() {
		oldest := c.mu.calls.at(c.mu.calls.head)
		lost.Request, lost.Waited = oldest.name(), time.Since(oldest.queuedAt)
	}
	return lost
}

func (c *call) name() string { return fmt.Sprintf("%s v%d", kmsg.NameForKey(c.key), c.version) }
