package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/broker"
)

const (
	// patienceMin is how long a dial may take while there are other brokers to try; it doubles with each failure of the
	// address. A host that swallows packets would otherwise hold up the start by a whole connect timeout.
	patienceMin = 2 * time.Second
	// impatience divides the request timeout while there are other brokers to try: a broker that is stopped but still
	// connected must not hold up the news that its partitions have moved.
	impatience = 3
	// throttleMax bounds how long a broker can silence its connection by a throttle time (KIP-219).
	throttleMax = 30 * time.Second
)

// line is the control connection to one address, and the memory of how dialing it went.
type line struct {
	address string
	// turn is held by who dials, so that there is one dial at a time; it is a channel because waiting for it must end
	// with a context.
	turn    chan struct{}
	dialing broker.Dialing

	// All below is guarded by Client.mu.

	conn Requester
	// users counts the requests in flight on conn; busySince is when it was last 0.
	users     int
	busySince time.Time
	// retired lines are in nobody's table; the last user closes them.
	retired  bool
	failures int
	failedAt time.Time
	retryAt  time.Time
	err      error
	// throttledUntil is when the broker, by its last answer, wants to hear from this client again.
	throttledUntil time.Time
}

// tryLine makes one attempt at an address: dial if need be, ask, and once more over a new connection if an old one turned out to
// be dead. last tells that there is nobody else to ask, so that patience is in place.
func (c *Client) tryLine(ctx context.Context, address string, request kmsg.Request, last bool) (kmsg.Response, error) {
	l, err := c.line(ctx, address)
	if err != nil {
		return nil, err
	}
	for {
		conn, reused, err := c.connection(ctx, l, last)
		if err != nil {
			return nil, err
		}
		response, late, err := c.do(ctx, conn, request, last)
		if err == nil {
			c.release(l, response)
			return response, nil
		}
		// Neither says anything about the connection: if it is dead, the next user will find out.
		if ctx.Err() != nil || errors.Is(err, broker.ErrUnsupported) {
			c.release(l, nil)
			return nil, err
		}
		again := reused && !late
		c.hangUp(l, conn, err, !again)
		if !again {
			return nil, err
		}
	}
}

// line finds or makes the line to an address and waits until it may be used: until a failure's pause or a throttle time is
// over.
func (c *Client) line(ctx context.Context, address string) (*line, error) {
	c.mu.Lock()
	if c.mu.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	l := c.mu.lines[address]
	if l == nil {
		l = &line{address: address, turn: make(chan struct{}, 1)}
		c.mu.lines[address] = l
	}
	until, reason := l.throttledUntil, errThrottled
	if l.conn == nil && l.retryAt.After(until) {
		until, reason = l.retryAt, l.err
	}
	c.mu.Unlock()
	pause := time.Until(until)
	if pause <= 0 {
		return l, nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return l, nil
	case <-ctx.Done():
		// The reason says more than that the time is up.
		return nil, fmt.Errorf("%w (%w)", reason, context.Cause(ctx))
	}
}

// connection returns the line's connection with the caller counted as its user, dialing it if there is none. reused tells
// that it was there before. Callers that waited while another one's dial failed share its error instead of dialing
// again.
func (c *Client) connection(ctx context.Context, l *line, last bool) (conn Requester, reused bool, err error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
	c.mu.Lock()
	switch {
	case c.mu.closed:
		err = ErrClosed
	case l.conn != nil:
		conn = l.conn
		l.joinLocked()
	case time.Until(l.retryAt) > 0:
		err = l.err
	}
	patience := patienceMin << min(l.failures, 4)
	c.mu.Unlock()
	if conn != nil || err != nil {
		return conn, true, err
	}
	if last {
		patience = 0
	}
	conn, err = c.dial(ctx, l, patience)
	return conn, false, c.dialed(ctx, l, conn, err)
}

// dial opens a connection; a patience of 0 leaves it to Connect when to give up.
func (c *Client) dial(ctx context.Context, l *line, patience time.Duration) (Requester, error) {
	if patience == 0 {
		return c.config.Connect(ctx, l.address, &l.dialing)
	}
	impatient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := c.config.Connect(impatient, l.address, &l.dialing)
	if err != nil && impatient.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no connection within %v: %w", patience, err)
	}
	return conn, err
}

// dialed notes how a dial ended. A dial that the caller's context ended says nothing about the address.
func (c *Client) dialed(ctx context.Context, l *line, conn Requester, err error) error {
	c.mu.Lock()
	switch {
	case err != nil && ctx.Err() == nil:
		c.failLocked(l, err)
	case err == nil && !c.mu.closed:
		l.conn = conn
		l.joinLocked()
		conn = nil
	case err == nil:
		err = ErrClosed
	}
	c.mu.Unlock()
	if err != nil && conn != nil {
		conn.Close(err)
	}
	return err
}

// do sends one request. late tells that it failed by waiting for too long: a connection found dead fails sooner.
func (c *Client) do(
	ctx context.Context, conn Requester, request kmsg.Request, last bool,
) (r kmsg.Response, late bool, err error) {
	timeout := c.config.RequestTimeout
	if !last {
		timeout /= impatience
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	r, err = conn.Do(bounded, request)
	if err == nil {
		return r, false, nil
	}
	if bounded.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no answer within %v: %w", timeout, err)
	}
	return nil, time.Since(start) > timeout/2, err
}

// release ends one use of the line's connection. An answer proves the address good; nil proves nothing.
func (c *Client) release(l *line, answer kmsg.Response) {
	c.mu.Lock()
	if answer != nil {
		l.failures, l.failedAt, l.retryAt, l.err = 0, time.Time{}, time.Time{}, nil
	}
	if throttled, ok := answer.(kmsg.ThrottleResponse); ok {
		pause, _ := throttled.Throttle()
		l.throttledUntil = time.Now().Add(min(time.Duration(pause)*time.Millisecond, throttleMax))
	}
	conn := c.leaveLocked(l)
	c.mu.Unlock()
	if conn != nil {
		conn.Close(nil)
	}
}

// hangUp ends one use of a connection that failed. blame counts it against the address, once for all who used the
// connection.
func (c *Client) hangUp(l *line, conn Requester, err error, blame bool) {
	c.mu.Lock()
	if l.conn == conn {
		l.conn = nil
		if blame {
			c.failLocked(l, err)
		}
	}
	retired := c.leaveLocked(l)
	c.mu.Unlock()
	conn.Close(err)
	if retired != nil {
		retired.Close(nil)
	}
}

// joinLocked counts a user in.
func (l *line) joinLocked() {
	if l.users == 0 {
		l.busySince = time.Now()
	}
	l.users++
}

// troubleLocked is what keeps the line from answering, nil if nothing is known to.
func (l *line) troubleLocked() error {
	if err := l.dialing.Err(); err != nil {
		return err
	}
	if l.users > 0 {
		return fmt.Errorf("connected, but no answer for %v; the broker may be overloaded or hang", time.Since(l.busySince).Round(time.Millisecond))
	}
	return l.err
}

// leaveLocked counts a user out. The last user of a retired line gets its connection to close.
func (c *Client) leaveLocked(l *line) Requester {
	l.users--
	if !l.retired || l.users > 0 {
		return nil
	}
	conn := l.conn
	l.conn = nil
	return conn
}

// failLocked counts a failure against the address and sets when it may be dialed again.
func (c *Client) failLocked(l *line, err error) {
	now := time.Now()
	l.failures++
	l.failedAt = now
	l.retryAt = now.Add(c.config.Reconnect.After(l.failures, c.config.Chance.Float64()))
	l.err = err
}

// retireLocked takes a line out of the table. Its connection is returned to be closed, or left to its last user.
func (c *Client) retireLocked(address string) []Requester {
	l := c.mu.lines[address]
	delete(c.mu.lines, address)
	l.retired = true
	if l.users > 0 || l.conn == nil {
		return nil
	}
	conn := l.conn
	l.conn = nil
	return []Requester{conn}
}

// cutLocked takes a line out of the table and returns its connection to be closed, in use or not.
func (c *Client) cutLocked(address string) []Requester {
	l := c.mu.lines[address]
	delete(c.mu.lines, address)
	l.retired = true
	if l.conn == nil {
		return nil
	}
	return []Requester{l.conn}
}
