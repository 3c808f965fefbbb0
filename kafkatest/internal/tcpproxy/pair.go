package tcpproxy

import (
	"io"
	"net"
	"sync"
	"time"
)

// pair is one client's connection and the one made to the server for it.
type pair struct {
	proxy   *Proxy
	client  *net.TCPConn
	done    chan struct{}
	endOnce sync.Once

	mu struct {
		sync.Mutex
		server *net.TCPConn // nil until dialled
		cut    bool
	}
}

// attach takes the server's connection, or closes it if the client's is cut.
func (c *pair) attach(server *net.TCPConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.cut {
		server.Close()
		return false
	}
	c.mu.server = server
	return true
}

// cut resets both sides: what is still unsent is lost.
func (c *pair) cut() { c.end(true) }

// end closes both sides, with a reset or after the kernel has sent the rest.
func (c *pair) end(reset bool) {
	c.endOnce.Do(func() {
		close(c.done)
		c.mu.Lock()
		c.mu.cut = true
		server := c.mu.server
		c.mu.Unlock()
		for _, side := range []*net.TCPConn{c.client, server} {
			if side == nil {
				continue
			}
			if reset {
				side.SetLinger(0)
			}
			side.Close()
		}
		c.proxy.mu.Lock()
		delete(c.proxy.mu.conns, c)
		c.proxy.mu.Unlock()
	})
}

// chunk is a piece of a stream and the moment at which it may go on.
type chunk struct {
	bytes []byte
	due   time.Time
}

// carry moves one direction's bytes until its source ends or the connection is
// cut: this goroutine writes, another reads ahead as far as the bound allows.
func (c *pair) carry(d Direction) {
	c.mu.Lock()
	src, dst, count := c.client, c.mu.server, &c.proxy.bytesUp
	c.mu.Unlock()
	if d == Down {
		src, dst, count = dst, src, &c.proxy.bytesDown
	}
	chunks := make(chan chunk, chunksMax)
	var reader sync.WaitGroup
	reader.Go(func() { c.readAhead(src, d, chunks) })
	defer reader.Wait()
	for piece := range chunks {
		if !c.awaitTime(piece.due) || !c.proxy.awaitTurn(d, c.done) {
			return
		}
		count.Add(int64(len(piece.bytes))) // before they go, so that who receives them finds them counted
		if n, err := dst.Write(piece.bytes); err != nil {
			count.Add(int64(n - len(piece.bytes)))
			c.cut()
			return
		}
	}
	dst.CloseWrite()
}

// readAhead closes chunks at the end of the stream.
func (c *pair) readAhead(src *net.TCPConn, d Direction, chunks chan<- chunk) {
	defer close(chunks)
	for {
		buf := make([]byte, chunkBytes)
		n, err := src.Read(buf)
		c.proxy.mu.Lock()
		due := time.Now().Add(c.proxy.mu.delay)
		drop := c.proxy.mu.swallow && d == Down
		c.proxy.mu.Unlock()
		if n > 0 && !drop {
			select {
			case chunks <- chunk{buf[:n], due}:
			case <-c.done:
				return
			}
		}
		if err != nil && err != io.EOF {
			c.cut() // the source was reset: so is the other side
		}
		if err != nil {
			return
		}
	}
}

// awaitTime blocks until due. It reports false when the connection is cut.
func (c *pair) awaitTime(due time.Time) bool {
	wait := time.Until(due)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.done:
		return false
	}
}
