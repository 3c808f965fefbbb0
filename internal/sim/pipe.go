package sim

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeBytes is how much one direction of a connection holds that nobody has read yet: as much as sockets do.
const pipeBytes = 64 << 10

// newPipe returns the two ends of a connection in memory.
func newPipe(address string) (client, server net.Conn) {
	up, down := newStream(), newStream()
	return &pipeEnd{in: down, out: up, local: "client", remote: pipeAddr(address)},
		&pipeEnd{in: up, out: down, local: pipeAddr(address), remote: "client"}
}

// pipeEnd is one end of a connection in memory, a net.Conn.
type pipeEnd struct {
	in, out       *stream
	local, remote pipeAddr
}

// pipeAddr is the name of an end.
type pipeAddr string

// Network and String are net.Addr's.
func (pipeAddr) Network() string  { return "memory" }
func (a pipeAddr) String() string { return string(a) }

// Read, Write and the others are net.Conn's.
func (e *pipeEnd) Read(p []byte) (int, error)         { return e.in.read(p) }
func (e *pipeEnd) Write(p []byte) (int, error)        { return e.out.write(p) }
func (e *pipeEnd) LocalAddr() net.Addr                { return e.local }
func (e *pipeEnd) RemoteAddr() net.Addr               { return e.remote }
func (e *pipeEnd) SetReadDeadline(t time.Time) error  { e.in.limit(reading, t); return nil }
func (e *pipeEnd) SetWriteDeadline(t time.Time) error { e.out.limit(writing, t); return nil }

func (e *pipeEnd) SetDeadline(t time.Time) error {
	e.in.limit(reading, t)
	e.out.limit(writing, t)
	return nil
}

// Close ends both directions: what was written can still be read by the other side.
func (e *pipeEnd) Close() error {
	e.in.end(reading)
	e.out.end(writing)
	return nil
}

// The two sides of a stream.
const (
	reading = iota
	writing
)

// stream is one direction of a connection.
type stream struct {
	changed *sync.Cond
	mu      struct {
		sync.Mutex
		data  []byte
		sides [2]side
	}
}

// side is what one end of the connection did to a stream.
type side struct {
	closed   bool
	deadline time.Time
	timer    *time.Timer
}

func newStream() *stream {
	s := new(stream)
	s.changed = sync.NewCond(&s.mu)
	return s
}

// failure is why a side can go no further, or nil.
func (s *side) failure() error {
	switch {
	case s.closed:
		return net.ErrClosed
	case !s.deadline.IsZero() && !time.Now().Before(s.deadline):
		return os.ErrDeadlineExceeded
	}
	return nil
}

// set replaces the timer that wakes whoever waits at the deadline.
func (s *side) set(deadline time.Time, wake func()) {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.deadline = deadline; !deadline.IsZero() {
		s.timer = time.AfterFunc(time.Until(deadline), wake)
	}
}

func (s *stream) limit(which int, deadline time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.sides[which].closed {
		s.mu.sides[which].set(deadline, s.wake)
	}
	s.changed.Broadcast()
}

func (s *stream) end(which int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.sides[which].set(time.Time{}, nil)
	s.mu.sides[which].closed = true
	s.changed.Broadcast()
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := s.mu.sides[reading].failure(); err != nil {
			return 0, err
		}
		if n := copy(p, s.mu.data); n > 0 || len(p) == 0 {
			s.mu.data = s.mu.data[n:]
			s.changed.Broadcast()
			return n, nil
		}
		if s.mu.sides[writing].closed {
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (written int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := s.mu.sides[writing].failure(); err != nil {
			return written, err
		}
		if s.mu.sides[reading].closed {
			return written, io.ErrClosedPipe
		}
		n := min(len(p), pipeBytes-len(s.mu.data))
		s.mu.data = append(s.mu.data, p[:n]...)
		p, written = p[n:], written+n
		if n > 0 {
			s.changed.Broadcast()
		}
		if len(p) == 0 {
			return written, nil
		}
		s.changed.Wait()
	}
}
