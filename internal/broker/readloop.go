package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/omnibus-kafka/omnibus/internal/broker/frames"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

func (c *Conn) startReading() { go c.readLoop() }

// readLoop settles calls by the broker's answers until the connection fails or closes.
func (c *Conn) readLoop() {
	var err error
	for err == nil {
		err = c.readResponse()
	}
	c.mu.Lock()
	c.closeLocked(c.readCauseLocked(err))
	c.mu.Unlock()
	c.transport.Close()
	c.frames.Drop()
	c.loopEnded()
}

func (c *Conn) readResponse() error {
	if err := c.frames.Wait(); err != nil {
		return err
	}
	seq, asked, err := c.asked()
	if err != nil {
		return err
	}
	frame, err := c.frames.Take(frames.Due{
		LimitBytes: asked.responseLimit, ID: asked.id,
		Kept: asked.control != nil, // kmsg keeps views
	})
	if err != nil {
		return err
	}
	return c.settle(seq, asked, frame)
}

// asked is the call that an arriving answer must belong to.
func (c *Conn) asked() (seq uint64, asked call, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seq, ok := c.mu.calls.oldestAsked()
	if !ok {
		return 0, call{}, protocolError("the broker sent bytes that no request asked for")
	}
	return seq, *c.mu.calls.at(seq), nil
}

// settle tells the outcome of an answered call. An answer that does not parse is left to the connection's end: the
// broker has had that request.
func (c *Conn) settle(seq uint64, asked call, frame []byte) error {
	answeredAt := time.Now()
	if err := c.parse(&asked, frame); err != nil {
		return protocolError("answer to %s: %v", asked.name(), err)
	}
	if err := c.takeWritten(seq, answeredAt); err != nil {
		return err
	}
	c.counters.Responses.Add(1)
	c.answered = true
	if asked.control != nil {
		asked.control.done <- nil
		if refusal := c.renewalRefused(&asked); refusal != nil {
			return refusal
		}
	} else {
		asked.produce.AnsweredAt = answeredAt
		c.handler.Done(asked.produce, &c.response, true, nil)
	}
	c.tellUnanswered()
	return nil
}

func (c *Conn) parse(asked *call, frame []byte) error {
	if asked.control != nil {
		return asked.control.parse(frame)
	}
	_, body, err := wire.ParseResponseHeader(asked.version >= produceVersionFlexible, frame)
	if err != nil {
		return err
	}
	c.response.PartitionsMax = asked.produce.partitions()
	if err := wire.ParseProduceResponse(asked.version, body, &c.response); err != nil {
		return err
	}
	return asked.produce.checkAnswer(asked.version, &c.response)
}

// takeWritten waits until the write loop has let go of an answered call, then takes it from the queue, and with it the
// right to tell outcomes. The wait is for the write loop to come back from the system call that sent what has been
// answered. The call is the head by then: before it stood acks=0 requests at most, and each of those is told by the
// loop that sees it become the head.
func (c *Conn) takeWritten(seq uint64, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.mu.calls.written <= seq {
		if c.mu.writeEnded {
			return protocolError("the broker answered a request before it had all of it")
		}
		c.mu.writeReturned.Wait()
	}
	c.mu.telling = true
	if answered := c.mu.calls.pop(); !answered.renewal {
		c.mu.lastUsed = now
	}
	return nil
}

// readFailed tells a deadline that was early, and has been set anew, from what ends the connection.
func (c *Conn) readFailed(err error) error {
	if isTimeout(err) {
		return c.readTimedOut()
	}
	return err
}

// readTimedOut is called when the read deadline has fired. nil means that it was early for what is now in the queue
// and has been set anew.
func (c *Conn) readTimedOut() error {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.armed = time.Time{}
	if c.mu.closed {
		return c.mu.cause
	}
	first := c.mu.calls.earliest()
	switch {
	case first != nil && now.Before(first.deadline):
		c.armLocked(first.deadline)
		return nil
	case first != nil:
		return timeoutError("no answer to %s (correlation id %d) within %v", first.name(), first.id,
			now.Sub(first.queuedAt).Round(time.Millisecond))
	case c.cfg.Idle <= 0:
		return c.socket.SetReadDeadline(time.Time{})
	case now.Before(c.mu.lastUsed.Add(c.cfg.Idle)):
		c.armLocked(c.mu.lastUsed.Add(c.cfg.Idle))
		return nil
	}
	c.closeLocked(ErrIdle) // here, under the lock, so that no request slips in between
	return ErrIdle
}

// readCauseLocked turns the error that ended the read loop into the connection's cause.
func (c *Conn) readCauseLocked(err error) error {
	if c.mu.calls.empty() && !errors.Is(err, ErrProtocol) && !authn.Permanent(err) {
		return fmt.Errorf("%w: %w", ErrPeerClosed, err)
	}
	switch {
	case isDisconnect(err) && !c.answered && c.cfg.SASL == nil:
		err = fmt.Errorf("the broker closed the connection at the first request: %w; its listener may want SASL "+
			"(security.protocol=SASL_SSL or SASL_PLAINTEXT)", err)
	case isDisconnect(err):
		err = fmt.Errorf("the broker closed the connection: %w", err)
	}
	return c.lostLocked(err)
}

func timeoutError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRequestTimeout, fmt.Sprintf(format, args...))
}
