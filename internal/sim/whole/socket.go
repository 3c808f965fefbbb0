package whole

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// socket is the producer's end of a connection, a net.Conn. What is written to it lies there until the network takes it;
// what is read from it, the network has put there.
type socket struct {
	address  address
	wake     func() // tells the network that something was done
	readable *sync.Cond
	writable *sync.Cond
	mu       struct {
		sync.Mutex
		arrived  []byte
		end      error // after what has arrived
		written  []byte
		room     int // for so many bytes more
		closed   bool
		deadline [2]deadline
	}
}

// deadline is that of one direction.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// The directions.
const (
	reading = iota
	writing
)

// address is a name on the network.
type address string

// Network and String are net.Addr's.
func (address) Network() string  { return "whole" }
func (a address) String() string { return string(a) }

func newSocket(to string, window int, wake func()) *socket {
	s := &socket{address: address(to), wake: wake}
	s.readable, s.writable = sync.NewCond(&s.mu), sync.NewCond(&s.mu)
	s.mu.room = window
	return s
}

// failureLocked is why a direction can go no further, or nil.
func (s *socket) failureLocked(direction int) error {
	switch d := &s.mu.deadline[direction]; {
	case s.mu.closed:
		return net.ErrClosed
	case !d.at.IsZero() && !time.Now().Before(d.at):
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Read, Write and the others are net.Conn's.
func (s *socket) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := s.failureLocked(reading); err != nil {
			return 0, err
		}
		if n := copy(p, s.mu.arrived); n > 0 || len(p) == 0 {
			s.mu.arrived = s.mu.arrived[n:]
			return n, nil
		}
		if s.mu.end != nil {
			return 0, s.mu.end
		}
		s.readable.Wait()
	}
}

func (s *socket) Write(p []byte) (taken int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := s.failureLocked(writing); err != nil {
			return taken, err
		}
		if s.mu.end != nil {
			return taken, syscall.EPIPE
		}
		if n := min(len(p), s.mu.room); n > 0 {
			s.mu.written = append(s.mu.written, p[:n]...)
			s.mu.room -= n
			taken, p = taken+n, p[n:]
			s.wake()
		}
		if len(p) == 0 {
			return taken, nil
		}
		s.writable.Wait()
	}
}

// Close leaves it to the network what becomes of what is under way.
func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	for direction := range s.mu.deadline {
		s.setLocked(direction, time.Time{})
	}
	s.wake()
	return nil
}

func (s *socket) LocalAddr() net.Addr  { return address("producer") }
func (s *socket) RemoteAddr() net.Addr { return s.address }

func (s *socket) SetReadDeadline(t time.Time) error  { return s.set(t, reading) }
func (s *socket) SetWriteDeadline(t time.Time) error { return s.set(t, writing) }
func (s *socket) SetDeadline(t time.Time) error      { return s.set(t, reading, writing) }

func (s *socket) set(t time.Time, directions ...int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return net.ErrClosed
	}
	for _, direction := range directions {
		s.setLocked(direction, t)
	}
	return nil
}

// setLocked sets a deadline, and wakes who waits: it may be over, or another one.
func (s *socket) setLocked(direction int, t time.Time) {
	d := &s.mu.deadline[direction]
	if d.timer != nil {
		d.timer.Stop()
	}
	if *d = (deadline{at: t}); !t.IsZero() {
		if wait := time.Until(t); wait > 0 {
			d.timer = time.AfterFunc(wait, s.wakeAll)
		}
	}
	s.readable.Broadcast()
	s.writable.Broadcast()
}

func (s *socket) wakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readable.Broadcast()
	s.writable.Broadcast()
}

// take is what was written since the last time, and whether the producer has closed the connection.
func (s *socket) take() (written []byte, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written, s.mu.written = s.mu.written, nil
	return written, s.mu.closed
}

// give lets bytes arrive.
func (s *socket) give(chunk []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.arrived = append(s.mu.arrived, chunk...)
	s.readable.Broadcast()
}

// acknowledge makes room for as many bytes.
func (s *socket) acknowledge(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.room += n
	s.writable.Broadcast()
}

// hangUp is the other end's end.
func (s *socket) hangUp(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.end == nil {
		s.mu.end = err
	}
	s.readable.Broadcast()
	s.writable.Broadcast()
}
