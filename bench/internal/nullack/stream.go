package nullack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// errFrame is a request that contradicts its own length.
var errFrame = errors.New("the request is shorter or longer than it says")

// stream reads the fields of one request after the other from a connection. The first error sticks: everything read
// after it is zero, and the caller looks at err once, at the end.
type stream struct {
	in   *bufio.Reader
	left int // bytes of the request that are still to come
	err  error
}

// begin waits for the next request and returns its length; false is the end of the connection.
func (s *stream) begin() (size int, ok bool) {
	var prefix [4]byte
	if _, err := io.ReadFull(s.in, prefix[:]); err != nil {
		return 0, false
	}
	s.left = int(binary.BigEndian.Uint32(prefix[:]))
	return s.left, true
}

// end fails unless the request was read to its end.
func (s *stream) end() error {
	if s.err == nil && s.left != 0 {
		s.fail(errFrame)
	}
	return s.err
}

func (s *stream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// peek returns the next n bytes without passing them, or nil on failure. n is at most the size of the buffer.
func (s *stream) peek(n int) []byte {
	if s.err == nil && n > s.left {
		s.fail(errFrame)
	}
	if s.err != nil {
		return nil
	}
	p, err := s.in.Peek(n)
	if err != nil {
		s.fail(err)
		return nil
	}
	return p
}

// skip passes n bytes.
func (s *stream) skip(n int) {
	if s.err == nil && (n < 0 || n > s.left) {
		s.fail(errFrame)
	}
	if s.err != nil {
		return
	}
	s.left -= n
	if _, err := s.in.Discard(n); err != nil {
		s.fail(err)
	}
}

// take returns the next n bytes and passes them; they are good until the next read.
func (s *stream) take(n int) []byte {
	p := s.peek(n)
	if s.err == nil {
		s.left -= n
		s.in.Discard(n) // cannot fail: they are in the buffer
	}
	return p
}

func (s *stream) int16() int16 {
	p := s.take(2)
	if p == nil {
		return 0
	}
	return int16(binary.BigEndian.Uint16(p))
}

func (s *stream) int32() int32 {
	p := s.take(4)
	if p == nil {
		return 0
	}
	return int32(binary.BigEndian.Uint32(p))
}

func (s *stream) uvarint() int {
	v := 0
	for shift := 0; shift < 35; shift += 7 {
		p := s.take(1)
		if p == nil {
			return 0
		}
		v |= int(p[0]&0x7f) << shift
		if p[0] < 0x80 {
			return v
		}
	}
	s.fail(errors.New("a length takes more than five bytes"))
	return 0
}

// tags passes the tagged fields that end a flexible structure.
func (s *stream) tags(flexible bool) {
	if !flexible {
		return
	}
	for n := s.uvarint(); n > 0 && s.err == nil; n-- {
		s.uvarint()
		s.skip(s.uvarint())
	}
}

// count reads the length of an array, or of bytes: -1 for null.
func (s *stream) count(flexible bool) int {
	if flexible {
		return s.uvarint() - 1
	}
	return int(s.int32())
}

// string reads a string, nil for null. It is good until the next read.
func (s *stream) string(flexible bool) []byte {
	n := 0
	if flexible {
		n = s.uvarint() - 1
	} else {
		n = int(s.int16())
	}
	if n < 0 {
		return nil
	}
	if n > s.in.Size() {
		s.fail(fmt.Errorf("a string of %d bytes", n))
		return nil
	}
	return s.take(n)
}
