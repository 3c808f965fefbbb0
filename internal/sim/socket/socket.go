// Package socket is a connection in memory of which only the client's end is a net.Conn; at the other end stands a
// simulation that decides when and in which pieces bytes move.
//
//	client: Write ─▶ written ─▶ Take ... Acknowledge: there is room again
//	client: Read  ◀─ arrived ◀─ Give, HangUp
//
// Stage: none. Package whole plays with it.
//
// Invariants:
//
//  1. Write copies, and takes no more than the window has room for: it blocks, and may break off in the middle.
//  2. Whoever waits does so on condition variables and timers only, as testing/synctest wants it.
package socket

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Socket is the client's end of a connection, a net.Conn. What is written to it lies there until the network takes it;
// what is read from it, the network has put there.
type Socket struct {
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
func (address) Network() string  { return "memory" }
func (a address) String() string { return string(a) }

// New returns a connection to an address that takes so many bytes before the first Acknowledge. wake is called when the
// client did something; it must not block, nor call the socket.
func New(to string, window int, wake func()) *Socket {
	s := &Socket{address: address(to), wake: wake}
	s.readable, s.writable = sync.NewCond(&s.mu), sync.NewCond(&s.mu)
	s.mu.room = window
	return s
}

// failureLocked is why a direction can go no further, or nil.
func (s *Socket) failureLocked(direction int) error {
	switch d := &s.mu.deadline[direction]; {
	case s.mu.closed:
		return net.ErrClosed
	case !d.at.IsZero() && !time.Now().Before(d.at):
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Read is net.Conn's.
func (s *Socket) Read(p []byte) (int, error) {
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

// Write is net.Conn's.
func (s *Socket) Write(p []byte) (taken int, err error) {
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
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	for direction := range s.mu.deadline {
		s.setLocked(direction, time.Time{})
	}
	s.wake()
	return nil
}

// LocalAddr is net.Conn's.
func (s *Socket) LocalAddr() net.Addr { return address("client") }

// RemoteAddr is net.Conn's.
func (s *Socket) RemoteAddr() net.Addr { return s.address }

// SetReadDeadline is net.Conn's.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.set(t, reading) }

// SetWriteDeadline is net.Conn's.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.set(t, writing) }

// SetDeadline is net.Conn's.
func (s *Socket) SetDeadline(t time.Time) error { return s.set(t, reading, writing) }

func (s *Socket) set(t time.Time, directions ...int) error {
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
func (s *Socket) setLocked(direction int, t time.Time) {
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

func (s *Socket) wakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readable.Broadcast()
	s.writable.Broadcast()
}

// Take is what was written since the last time, and whether the client has closed the connection.
func (s *Socket) Take() (written []byte, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written, s.mu.written = s.mu.written, nil
	return written, s.mu.closed
}

// Give lets bytes arrive.
func (s *Socket) Give(chunk []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.arrived = append(s.mu.arrived, chunk...)
	s.readable.Broadcast()
}

// Acknowledge makes room for as many bytes.
func (s *Socket) Acknowledge(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.room += n
	s.writable.Broadcast()
}

// HangUp is the other end's end: what has arrived can still be read, and then err.
func (s *Socket) HangUp(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.end == nil {
		s.mu.end = err
	}
	s.readable.Broadcast()
	s.writable.Broadcast()
}
