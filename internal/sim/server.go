package sim

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// requestBytesMax is socket.request.max.bytes.
const requestBytesMax = 100 << 20

// requestHeaderBytesMin is what API, version and correlation id take.
const requestHeaderBytesMin = 8

// listen makes a broker reachable over the loopback.
func (c *Cluster) listen(n *node) error {
	if !c.options.Loopback {
		return nil
	}
	listener, err := net.Listen("tcp", n.address())
	if err != nil {
		return fmt.Errorf("sim: listening on the loopback: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n.listener, n.port = listener, int32(listener.Addr().(*net.TCPAddr).Port)
	c.running.Go(func() { c.accept(n, listener) })
	return nil
}

// hangUpAll ends a broker's connections and takes no more.
func (c *Cluster) hangUpAll(n *node) {
	c.mu.Lock()
	conns := n.conns
	n.conns = make(map[net.Conn]struct{})
	listener := n.listener
	c.mu.Unlock()
	if listener != nil {
		listener.Close()
	}
	for conn := range conns {
		conn.Close()
	}
}

// accept serves the connections of a listener.
func (c *Cluster) accept(n *node, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if !c.serve(n, conn) {
			conn.Close()
		}
	}
}

// Dial connects to a broker in memory; it is what omnibus.Config.Dial takes.
func (c *Cluster) Dial(_ context.Context, network, address string) (net.Conn, error) {
	for _, n := range c.nodes {
		if n.address() != address {
			continue
		}
		client, server := newPipe(address)
		if c.serve(n, server) {
			return client, nil
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

// serve begins to serve a connection, unless the broker is down.
func (c *Cluster) serve(n *node, conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.model.Up(n.id) || c.mu.closed {
		return false
	}
	n.conns[conn] = struct{}{}
	c.running.Go(func() {
		defer c.hangUp(n, conn)
		out := io.Writer(conn)
		in := bufio.NewReader(conn)
		for c.exchange(n, &out, in) {
		}
	})
	return true
}

func (c *Cluster) hangUp(n *node, conn net.Conn) {
	conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(n.conns, conn)
}

// exchange reads one request and answers it to out, which it replaces when nothing is to arrive any more. It reports whether
// the connection goes on.
func (c *Cluster) exchange(n *node, out *io.Writer, in *bufio.Reader) bool {
	raw, correlationID, err := readRequest(in)
	if err != nil {
		return false
	}
	r := c.describe(n.id, raw)
	fate := c.admit(&r)
	if !c.wait(fate.Delay) {
		return false
	}
	switch fate.End {
	case CutBefore:
		return false
	case RequestSwallowed:
		_, _ = io.Copy(io.Discard, in) // until the client gives up
		return false
	}
	response := c.respond(n, &r, fate)
	switch {
	case fate.End == CutAfter || response == nil:
		return false
	case fate.End == AnswerSwallowed:
		*out = io.Discard
	case r.API == Produce && r.Acks == 0:
		return !failed(response.(*kmsg.ProduceResponse))
	}
	_, err = (*out).Write(frame(response, correlationID))
	return err == nil
}

// describe is a request as scripts see it.
func (c *Cluster) describe(node int32, raw kmsg.Request) Request {
	r := Request{Node: node, API: raw.Key(), Version: raw.GetVersion(), raw: raw}
	if produce, ok := raw.(*kmsg.ProduceRequest); ok {
		r.Acks, r.Batches = produce.Acks, c.sent(produce)
	}
	return r
}

// wait lets a time pass, and reports whether the cluster still runs.
func (c *Cluster) wait(delay time.Duration) bool {
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.closing:
		return false
	}
}

// readRequest reads one request. ApiVersions in a version that kmsg does not know is no case here: the client is ours.
func readRequest(in io.Reader) (kmsg.Request, int32, error) {
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, 0, err
	}
	length := binary.BigEndian.Uint32(size[:])
	if length > requestBytesMax {
		return nil, 0, fmt.Errorf("sim: request of %d bytes", length)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, 0, err
	}
	return parseRequest(body)
}

// parseRequest reads a frame without its size. What it returns keeps the frame.
func parseRequest(body []byte) (kmsg.Request, int32, error) {
	if len(body) < requestHeaderBytesMin {
		return nil, 0, fmt.Errorf("sim: %d bytes are no request", len(body))
	}
	b := kbin.Reader{Src: body}
	request := kmsg.RequestForKey(b.Int16())
	if request == nil {
		return nil, 0, fmt.Errorf("sim: request % x is unknown", body[:2])
	}
	request.SetVersion(b.Int16())
	correlationID := b.Int32()
	b.NullableString()
	if request.IsFlexible() {
		kmsg.SkipTags(&b)
	}
	if !b.Ok() {
		return nil, 0, b.Complete()
	}
	return request, correlationID, request.ReadFrom(b.Src)
}

// frame lays out an answer. That of ApiVersions never has tags in its header.
func frame(response kmsg.Response, correlationID int32) []byte {
	out := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(correlationID))
	if response.IsFlexible() && response.Key() != ApiVersions {
		out = append(out, 0)
	}
	out = response.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}
