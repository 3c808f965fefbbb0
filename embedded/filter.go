package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// produceBytesMax bounds a Produce request, as Kafka's socket.request.max.bytes does.
	produceBytesMax = 100 << 20
	// controlBytesMax bounds every other request. Its parser allocates up to a hundred bytes for each byte that claims
	// to be an array element, so this bound is tighter.
	controlBytesMax = 4 << 20
	// headBytes are the size, API key and version that begin every request.
	headBytes = 8
	// requestBytesMin is the rest of the shortest request header: key, version, correlation id, null client id.
	requestBytesMin = 10

	keyProduce     = 0
	keyAPIVersions = 18
)

// errNotKafka marks bytes that are not the start of a request this broker could read.
var errNotKafka = errors.New("not a Kafka request")

// knownVersions is the highest version of each API key that the parser behind the filter can read, by key.
type knownVersions []int16

func readableVersions() knownVersions {
	known := make(knownVersions, kmsg.MaxKey+1)
	for key := range known {
		known[key] = -1
		if request := kmsg.RequestForKey(int16(key)); request != nil {
			known[key] = request.MaxVersion()
		}
	}
	return known
}

// check says whether a request with this head may pass. A version of ApiVersions that is too new passes, because the
// answer to it tells the client which versions to use (KIP-511).
func (known knownVersions) check(head [headBytes]byte) error {
	size := binary.BigEndian.Uint32(head[:4])
	key := int16(binary.BigEndian.Uint16(head[4:6]))
	version := int16(binary.BigEndian.Uint16(head[6:8]))
	switch {
	case key < 0 || int(key) >= len(known) || known[key] < 0:
		return fmt.Errorf("%w: unknown API key %d", errNotKafka, key)
	case version < 0 || (version > known[key] && key != keyAPIVersions):
		return fmt.Errorf("%w: version %d of API key %d is not known", errNotKafka, version, key)
	case key != keyProduce && size > controlBytesMax:
		return fmt.Errorf("%w: %d bytes for API key %d, at most %d are taken", errNotKafka, size, key, controlBytesMax)
	}
	return nil
}

// checkSize judges a frame by its first four bytes alone, so that a client that waits for an answer after a few bytes of
// another protocol is told off at once.
func checkSize(first [4]byte) error {
	size := binary.BigEndian.Uint32(first[:])
	if size >= requestBytesMin && size <= produceBytesMax {
		return nil
	}
	switch string(first[:]) {
	case "GET ", "PUT ", "POST", "HEAD", "OPTI", "PATC", "DELE", "CONN", "PRI ":
		return fmt.Errorf("%w: this is HTTP, and the port speaks Kafka", errNotKafka)
	}
	if first[0] == 0x16 && first[1] == 0x03 {
		return fmt.Errorf("%w: this is TLS, and the port speaks plain Kafka: use security.protocol=PLAINTEXT", errNotKafka)
	}
	return fmt.Errorf("%w: a frame of %d bytes, want %d to %d", errNotKafka, size, requestBytesMin, produceBytesMax)
}

// filterConn passes on well-begun frames and ends the connection at the first other one. It holds a frame's first eight
// bytes and nothing more.
type filterConn struct {
	net.Conn
	known  knownVersions
	server *server

	// owned by the one goroutine that reads
	head     [headBytes]byte
	headLeft int    // bytes of head that are still to be passed on
	bodyLeft uint32 // bytes of the frame that are still to come from the socket
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
	return n, err
}

func (c *filterConn) nextFrame() error {
	if _, err := io.ReadFull(c.Conn, c.head[:4]); err != nil {
		return err
	}
	if err := checkSize([4]byte(c.head[:4])); err != nil {
		return err
	}
	if _, err := io.ReadFull(c.Conn, c.head[4:]); err != nil {
		return err
	}
	if err := c.known.check(c.head); err != nil {
		return err
	}
	c.headLeft = headBytes
	c.bodyLeft = binary.BigEndian.Uint32(c.head[:4]) - (headBytes - 4)
	return nil
}

// Write sends an answer, unless the disk has failed: then no answer may claim that something was written.
func (c *filterConn) Write(p []byte) (int, error) {
	if err := c.server.failure(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close ends the connection and forgets it.
func (c *filterConn) Close() error {
	c.server.forget(c)
	return c.Conn.Close()
}
