package embedded

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// idleMax ends a connection without a request, as Kafka's connections.max.idle.ms does.
	idleMax = 10 * time.Minute
	// frameTime and frameTimePerMiB are how long a request that has begun may take to come.
	frameTime       = 30 * time.Second
	frameTimePerMiB = time.Second
	// writeTimeMax is how long a client may take to read an answer.
	writeTimeMax = time.Minute
	// outstandingMax is how many requests of one connection are between their head and their answer: kfake carries out
	// one, has read another, and asks for the head of a third.
	outstandingMax = 4
	// answerHeadBytes are the size and the correlation id that begin every answer.
	answerHeadBytes = 8
)

// outstanding is a request whose answer has not been written.
type outstanding struct {
	correlation  [4]byte
	key, version int16
}

// filterConn passes on well-begun frames and ends the connection at the first other one. It holds a frame's first twelve
// bytes and nothing more. On the way back it lets the server finish what must be done before an answer may leave.
type filterConn struct {
	net.Conn
	server *server

	// owned by the one goroutine that reads
	head     head
	headLeft int    // bytes of head that are still to be passed on
	bodyLeft uint32 // bytes of the frame that are still to come from the socket

	mu struct {
		sync.Mutex
		held     int64 // what the frame holds of server.memory
		requests [outstandingMax]outstanding
		next     int
	}
}

// Read passes on bytes of the current frame, or of the next one once its first bytes have been judged.
func (c *filterConn) Read(p []byte) (int, error) {
	if c.headLeft == 0 && c.bodyLeft == 0 {
		if err := c.nextFrame(); err != nil {
			c.server.dropped(c.Conn, err)
			return 0, err
		}
	}
	if c.headLeft > 0 {
		n := copy(p, c.head[headBytes-c.headLeft:])
		c.headLeft -= n
		return n, nil
	}
	if uint32(len(p)) > c.bodyLeft {
		p = p[:c.bodyLeft]
	}
	n, err := c.Conn.Read(p)
	c.bodyLeft -= uint32(n)
	if err != nil {
		c.free() // here too, because Close may have been before hold
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.server.dropped(c.Conn, fmt.Errorf("%w: %d bytes of a frame of %d did not come in time", errNotKafka, c.bodyLeft, c.head.size()))
	}
	return n, err
}

// nextFrame reads and judges the head of the next frame. What the frame before held is free again: it has been handed on.
func (c *filterConn) nextFrame() error {
	c.free()
	c.SetReadDeadline(time.Now().Add(idleMax))
	n, err := io.ReadAtLeast(c.Conn, c.head[:sizeBytes], 1)
	if err != nil {
		return err
	}
	c.SetReadDeadline(time.Now().Add(frameTime))
	if err := c.readHead(n, sizeBytes); err != nil {
		return err
	}
	if err := checkSize([sizeBytes]byte(c.head[:])); err != nil {
		return err
	}
	if err := c.readHead(sizeBytes, headBytes); err != nil {
		return err
	}
	if err := c.server.known.check(&c.head); err != nil {
		return err
	}
	if err := c.hold(); err != nil {
		return err
	}
	size := c.head.size()
	c.SetReadDeadline(time.Now().Add(frameTime + time.Duration(size>>20)*frameTimePerMiB))
	c.expectAnswer()
	c.headLeft = headBytes
	c.bodyLeft = size - (headBytes - sizeBytes)
	return nil
}

// readHead reads the head's bytes from one position to another.
func (c *filterConn) readHead(from, to int) error {
	_, err := io.ReadFull(c.Conn, c.head[from:to])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: it began and did not go on", errNotKafka)
	}
	return err
}

// hold takes the frame's memory, waiting for other connections' frames if there are too many.
func (c *filterConn) hold() error {
	cost := c.head.cost()
	if !c.server.memory.take(cost, frameTime, c.server.closed) {
		return fmt.Errorf("%w for now: %d bytes, and other connections' requests hold the memory", errNotKafka, c.head.size())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.held = cost
	return nil
}

// free gives back what the frame held.
func (c *filterConn) free() {
	c.mu.Lock()
	held := c.mu.held
	c.mu.held = 0
	c.mu.Unlock()
	c.server.memory.give(held)
}

// expectAnswer notes the request whose head has just been read.
func (c *filterConn) expectAnswer() {
	request := outstanding{correlation: c.head.correlation(), key: c.head.key(), version: c.head.version()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.requests[c.mu.next%outstandingMax] = request
	c.mu.next++
}

// requestOf finds the request that an answer with this correlation id is for. Answers come in the order of requests; some
// requests have none.
func (c *filterConn) requestOf(correlation [4]byte) (outstanding, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := max(c.mu.next-outstandingMax, 0); i < c.mu.next; i++ {
		if request := c.mu.requests[i%outstandingMax]; request.correlation == correlation {
			return request, true
		}
	}
	return outstanding{}, false
}

// Write sends an answer, unless the disk has failed: then no answer may claim that something was written. kfake hands over
// each answer whole.
func (c *filterConn) Write(p []byte) (int, error) {
	if len(p) >= answerHeadBytes {
		if request, ok := c.requestOf([4]byte(p[sizeBytes:])); ok {
			c.server.beforeAnswer(request, p[answerHeadBytes:])
		}
	}
	if err := c.server.failure(); err != nil {
		return 0, err
	}
	c.SetWriteDeadline(time.Now().Add(writeTimeMax))
	return c.Conn.Write(p)
}

// Close ends the connection and forgets it.
func (c *filterConn) Close() error {
	c.server.forget(c)
	defer c.free()
	return c.Conn.Close()
}
