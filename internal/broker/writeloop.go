package broker

import (
	"encoding/binary"
	"io"
	"net"
	"time"
)

// answersGrace is how long answers that are already on their way are still read after a write has failed: a broker
// that closes a connection may have answered the older requests just before.
const answersGrace = 500 * time.Millisecond

func (c *Conn) startWriting() { go c.writeLoop() }

// writeLoop sends calls in their order until the connection closes, and sleeps while there are none.
func (c *Conn) writeLoop() {
	for {
		next, ok := c.beginCall()
		if !ok {
			break
		}
		sent, err := c.write(&next)
		c.counters.BytesOut.Add(sent)
		if !c.endCall(sent > 0, err) {
			break
		}
	}
	c.mu.Lock()
	c.mu.writeEnded = true
	c.mu.writeReturned.Signal()
	c.mu.Unlock()
	c.loopEnded()
}

// beginCall waits for the next call to send. It gives out correlation ids, so that they ascend on the wire.
func (c *Conn) beginCall() (next call, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.heldBackLocked() && !c.mu.closed {
		c.mu.sendable.Wait()
	}
	if c.mu.closed {
		return call{}, false
	}
	slot := c.mu.calls.at(c.mu.calls.begun)
	slot.id = c.nextIDLocked()
	c.mu.calls.begun++
	return *slot, true
}

func (c *Conn) nextIDLocked() int32 {
	id := c.mu.nextID
	c.mu.nextID = (id + 1) & 0x7fffffff
	return id
}

// write sends one call and tells how many of its bytes the socket took. Its deadline is the call's own, so that a
// write is not stuck longer than the request may take, even if the read loop is held up in the handler.
func (c *Conn) write(next *call) (sent int64, err error) {
	if err := c.layOut(next); err != nil {
		return 0, err
	}
	total := int64(0)
	for _, piece := range c.out {
		total += int64(len(piece))
	}
	c.socket.SetWriteDeadline(next.deadline) // fails only on a closed socket, as the write will
	sent, err = c.out.WriteTo(c.socket)
	if err == nil && sent != total {
		err = io.ErrShortWrite
	}
	return sent, err
}

// layOut leaves the call's frame in out. A request that cannot be encoded (of 2 GiB, say) ends the connection like a
// failed write: an outcome of its own would have to overtake those before it.
func (c *Conn) layOut(next *call) (err error) {
	if next.control != nil {
		binary.BigEndian.PutUint32(next.control.frame[correlationIDOffset:], uint32(next.id))
		c.out = net.Buffers{next.control.frame}
		return nil
	}
	c.handler.BeforeWrite(next.produce)
	request := &next.produce.Wire
	request.Version, request.CorrelationID, request.ClientID = next.version, next.id, c.cfg.ClientID
	c.out, err = c.encoder.Encode(request, !c.plainTCP)
	return err
}

// endCall books what became of the call begun last, and reports whether the loop may go on.
func (c *Conn) endCall(touched bool, err error) bool {
	c.mu.Lock()
	slot := c.mu.calls.at(c.mu.calls.begun - 1)
	slot.touched = touched
	if err != nil {
		c.writeFailedLocked(err)
		c.mu.Unlock()
		return false
	}
	c.counters.Requests.Add(1)
	c.mu.calls.written++
	tell := !c.mu.telling && c.mu.calls.unansweredIsDone()
	c.mu.telling = c.mu.telling || tell
	c.mu.writeReturned.Signal()
	c.mu.Unlock()
	if tell {
		c.tellUnanswered()
	}
	return true
}

// writeFailedLocked closes for new requests and lets the read loop take the answers that have come, briefly; the read
// loop closes the socket.
func (c *Conn) writeFailedLocked(err error) {
	grace := answersGrace
	if isTimeout(err) {
		err, grace = timeoutError("its bytes were not taken by the socket"), 0
	}
	c.closeLocked(c.lostLocked(err))
	c.mu.armed = time.Time{}
	c.armLocked(time.Now().Add(grace))
}

// tellUnanswered tells the outcome of the acks=0 requests at the head of the queue, which is all there is to wait for
// in them. The caller has set telling; it is given back here.
func (c *Conn) tellUnanswered() {
	for {
		done, ok := c.takeUnanswered()
		if !ok {
			return
		}
		c.handler.Done(done.produce, nil, true, nil)
	}
}

func (c *Conn) takeUnanswered() (done call, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.calls.unansweredIsDone() {
		return c.mu.calls.pop(), true
	}
	c.mu.telling = false
	return call{}, false
}
