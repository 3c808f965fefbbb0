package nullack

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// bufferBytes is how much is read from a socket at once: a few requests' worth of system calls saved, and still small
// against the caches.
const bufferBytes = 256 << 10

// requestBytesMax is the largest request, as brokers have it by default (socket.request.max.bytes); controlBytesMax the
// largest other than Produce.
const (
	requestBytesMax = 100 << 20
	controlBytesMax = 1 << 20
)

// session is one connection. Its goroutine owns all of it.
type session struct {
	broker *Broker
	conn   net.Conn
	in     stream
	out    []byte // the answer under way
}

func newSession(b *Broker, conn net.Conn) *session {
	return &session{broker: b, conn: conn, in: stream{in: bufio.NewReaderSize(conn, bufferBytes)}}
}

// serve answers requests until the connection ends, or asks for what is not here.
func (s *session) serve() {
	for {
		size, ok := s.in.begin()
		if !ok || size > requestBytesMax {
			return
		}
		key, version, correlation := s.in.int16(), s.in.int16(), s.in.int32()
		s.in.string(false) // the client id is never compact
		s.out = append(s.out[:0], 0, 0, 0, 0)
		s.out = binary.BigEndian.AppendUint32(s.out, uint32(correlation))
		var err error
		if key == kmsg.Produce.Int16() {
			err = s.produce(version, size)
		} else {
			err = s.control(key, version)
		}
		if err != nil {
			return
		}
	}
}

// answer sends what is in out.
func (s *session) answer() error {
	binary.BigEndian.PutUint32(s.out, uint32(len(s.out)-4))
	_, err := s.conn.Write(s.out)
	return err
}

// control answers a request that is rare enough for a general decoder.
func (s *session) control(key, version int16) error {
	request := kmsg.RequestForKey(key)
	if request == nil || version > request.MaxVersion() || s.in.left > controlBytesMax {
		return fmt.Errorf("request %d, version %d, of %d bytes", key, version, s.in.left)
	}
	request.SetVersion(version)
	s.in.tags(request.IsFlexible())
	body := make([]byte, s.in.left)
	if _, err := io.ReadFull(s.in.in, body); err != nil {
		return err
	}
	s.in.left = 0
	if err := request.ReadFrom(body); err != nil {
		return err
	}
	response := s.broker.control(request)
	if response == nil {
		return fmt.Errorf("request %d is not served", key)
	}
	response.SetVersion(version)
	if response.IsFlexible() && key != kmsg.ApiVersions.Int16() {
		s.out = append(s.out, 0) // the tags of the header, which ApiVersions alone never has
	}
	s.out = response.AppendTo(s.out)
	return s.answer()
}
