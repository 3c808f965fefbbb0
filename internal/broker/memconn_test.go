package broker

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memPipe is a full-duplex connection in memory whose two directions buffer up to capacity bytes, as sockets do.
func memPipe(capacity int) (client, server *memConn) {
	there, back := newMemHalf(capacity), newMemHalf(capacity)
	return &memConn{in: back, out: there}, &memConn{in: there, out: back}
}

// memConn is one end of a memPipe. It blocks on condition variables only, so that it can be used in a synctest bubble.
type memConn struct{ in, out *memHalf }

func (c *memConn) Read(p []byte) (int, error)         { return c.in.read(p) }
func (c *memConn) Write(p []byte) (int, error)        { return c.out.write(p) }
func (c *memConn) LocalAddr() net.Addr                { return memAddr{} }
func (c *memConn) RemoteAddr() net.Addr               { return memAddr{} }
func (c *memConn) SetReadDeadline(t time.Time) error  { c.in.reading.set(c.in, t); return nil }
func (c *memConn) SetWriteDeadline(t time.Time) error { c.out.writing.set(c.out, t); return nil }

func (c *memConn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) Close() error {
	c.in.end(func(h *memHalf) { h.readerGone = true })
	c.out.end(func(h *memHalf) { h.writerGone = true })
	return nil
}

type memAddr struct{}

func (memAddr) Network() string { return "mem" }
func (memAddr) String() string  { return "mem" }

// memHalf is one direction of a memPipe.
type memHalf struct {
	mu         sync.Mutex
	changed    *sync.Cond
	buf        []byte
	capacity   int
	readerGone bool
	writerGone bool
	reading    memDeadline
	writing    memDeadline
}

type memDeadline struct {
	at    time.Time
	timer *time.Timer
}

func newMemHalf(capacity int) *memHalf {
	h := &memHalf{capacity: capacity}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (h *memHalf) end(mark func(*memHalf)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	mark(h)
	for _, d := range []*memDeadline{&h.reading, &h.writing} {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	h.changed.Broadcast()
}

func (d *memDeadline) set(h *memHalf, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at = t
	if !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), h.wake)
	}
	h.changed.Broadcast()
}

func (h *memHalf) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

func (d *memDeadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (h *memHalf) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readerGone:
			return 0, net.ErrClosed
		case h.reading.passed():
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.changed.Broadcast()
			return n, nil
		case h.writerGone:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (h *memHalf) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.writerGone:
			return n, net.ErrClosed
		case h.readerGone:
			return n, io.ErrClosedPipe
		case h.writing.passed():
			return n, os.ErrDeadlineExceeded
		case len(p) == 0:
			return n, nil
		case len(h.buf) < h.capacity:
			room := min(h.capacity-len(h.buf), len(p))
			h.buf = append(h.buf, p[:room]...)
			p, n = p[room:], n+room
			h.changed.Broadcast()
			continue
		}
		h.changed.Wait()
	}
}
