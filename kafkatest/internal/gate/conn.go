package gate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// conn is the broker's side of one connection. kfake reads from one
// goroutine at a time and writes from another, each answer by one Write.
type conn struct {
	net.Conn
	gate      *Gate
	internal  bool
	unread    []byte // what is left of the last request; owned by the reader
	closed    chan struct{}
	closeOnce sync.Once

	mu struct {
		sync.Mutex
		answers map[int32]Action // what befalls the answer with that correlation id
		mute    bool
	}
}

// Close closes the connection once and forgets it.
func (c *conn) Close() error {
	c.closeOnce.Do(func() {
		close(c.closed)
		c.gate.mu.Lock()
		delete(c.gate.mu.conns, c)
		c.gate.mu.Unlock()
	})
	return c.Conn.Close()
}

// Read returns bytes of requests that no fault held back.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		frame, err := c.nextFrame()
		if err != nil {
			return 0, err
		}
		c.unread = frame
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

func (c *conn) nextFrame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.Conn, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 8 || n > frameBytesMax {
		return nil, fmt.Errorf("kafkatest: a request of %d bytes: want 8 to %d", n, frameBytesMax)
	}
	frame := make([]byte, 4+n)
	copy(frame, size[:])
	if _, err := io.ReadFull(c.Conn, frame[4:]); err != nil {
		return nil, err
	}
	return frame, c.suffer(frame[4:])
}

// suffer applies the faults that match the request. An error means that kfake is
// not to see it.
func (c *conn) suffer(body []byte) error {
	key := int16(binary.BigEndian.Uint16(body))
	if kmsg.RequestForKey(key) == nil { // kfake panics on these
		return fmt.Errorf("kafkatest: request with the unknown api key %d", key)
	}
	if c.internal {
		return nil
	}
	hit := c.gate.settings.Rules.choose(&c.gate.settings, body)
	switch hit.Action {
	case Swallow:
		// The broker's socket goes on taking bytes, as a hung process's would.
		_, err := io.Copy(io.Discard, c.Conn)
		return errors.Join(io.EOF, err)
	case Disconnect:
		c.Close()
		return io.EOF
	case Delay:
		return c.wait(hit.Delay)
	case SwallowAnswer, DisconnectAnswer:
		c.mu.Lock()
		c.mu.answers[correlationID(body[4:])] = hit.Action
		c.mu.Unlock()
	}
	return nil
}

func (c *conn) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.closed:
		return net.ErrClosed
	}
}

// Write passes an answer on, unless a fault has its correlation id.
func (c *conn) Write(p []byte) (int, error) {
	if len(p) < 8 {
		return c.Conn.Write(p)
	}
	id := correlationID(p[4:])
	c.mu.Lock()
	fate := c.mu.answers[id]
	delete(c.mu.answers, id)
	c.mu.mute = c.mu.mute || fate == SwallowAnswer
	mute := c.mu.mute
	c.mu.Unlock()
	switch {
	case fate == DisconnectAnswer:
		c.Close()
		return 0, net.ErrClosed
	case mute:
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func correlationID(b []byte) int32 { return int32(binary.BigEndian.Uint32(b)) }

// parseRequest reads a request without its size. It returns nil for one it
// cannot read: kfake will refuse it by itself.
func parseRequest(body []byte) kmsg.Request {
	reader := kbin.Reader{Src: body}
	req := kmsg.RequestForKey(reader.Int16())
	if req == nil {
		return nil
	}
	req.SetVersion(reader.Int16())
	reader.Int32() // correlation id
	reader.NullableString()
	if req.IsFlexible() {
		kmsg.SkipTags(&reader)
	}
	if !reader.Ok() || req.ReadFrom(reader.Src) != nil {
		return nil
	}
	return req
}
