package omnibus_test

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// spoiler says what becomes of each answer of a cluster on its way to the producer: it reads that from a script, and
// leaves alone what comes when the script has ended.
type spoiler struct {
	mu struct {
		sync.Mutex
		script []byte
		bombs  int
	}
}

// numberLocked reads a number of at most so much.
func (s *spoiler) numberLocked(most int) int {
	n := 0
	for m := most; m > 0 && len(s.mu.script) > 0; m >>= 8 {
		n = n<<8 | int(s.mu.script[0])
		s.mu.script = s.mu.script[1:]
	}
	return n % (most + 1)
}

// spoil changes an answer; last ends the connection behind it.
type spoil func(frame []byte, asked question) (out stretch, last bool)

// dial wraps a cluster's connections.
func (s spoil) dial(cluster *sim.Cluster) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := cluster.Dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &spoilt{Conn: conn, spoil: s}, nil
	}
}

// spoilt is a connection whose answers are spoilt. One goroutine writes to it and one reads.
type spoilt struct {
	net.Conn
	spoil spoil

	mu struct {
		sync.Mutex
		asked []question // whose answers are to come
	}
	// Owned by the reader.
	came []byte // an answer, or the beginning of it
	out  stretch
	last bool // the connection ends behind out
}

// question is what the answer to a request depends on.
type question struct{ key, version int16 }

// stretch is bytes, more of a pattern behind them, and a suffix: so many bytes that are never all in memory.
type stretch struct {
	bytes, pattern []byte
	more           int
	suffix         []byte
	block          []byte // the pattern often enough
}

// Write notes which request goes out: requests come in one piece each.
func (c *spoilt) Write(p []byte) (int, error) {
	if be := binary.BigEndian; len(p) >= 12 {
		c.mu.Lock()
		c.mu.asked = append(c.mu.asked, question{int16(be.Uint16(p[4:])), int16(be.Uint16(p[6:]))})
		c.mu.Unlock()
	}
	return c.Conn.Write(p)
}

func (c *spoilt) Read(p []byte) (int, error) {
	for c.out.empty() {
		if c.last {
			c.Conn.Close()
			return 0, io.EOF
		}
		frame, err := c.frame()
		if err != nil {
			return 0, err
		}
		c.mu.Lock()
		asked := c.mu.asked[0]
		c.mu.asked = c.mu.asked[1:]
		c.mu.Unlock()
		c.out, c.last = c.spoil(frame, asked)
	}
	return c.out.read(p), nil
}

// frame reads a whole answer; what a deadline has cut short goes on at the next call.
func (c *spoilt) frame() ([]byte, error) {
	for {
		if be := binary.BigEndian; len(c.came) >= 4 && len(c.came) >= 4+int(be.Uint32(c.came)) {
			n := 4 + int(be.Uint32(c.came))
			frame := slices.Clone(c.came[:n])
			c.came = c.came[n:]
			return frame, nil
		}
		piece := make([]byte, 4<<10)
		n, err := c.Conn.Read(piece)
		c.came = append(c.came, piece[:n]...)
		if err != nil {
			return nil, err
		}
	}
}

func (s *stretch) empty() bool { return len(s.bytes)+s.more+len(s.suffix) == 0 }

func (s *stretch) read(p []byte) int {
	switch {
	case len(s.bytes) > 0:
	case s.more > 0:
		if s.block == nil {
			s.block = slices.Repeat(s.pattern, 8<<10/len(s.pattern)+1)
		}
		s.bytes = s.block[:min(len(s.block), s.more)]
		s.more -= len(s.bytes)
	default:
		s.bytes, s.suffix = s.suffix, nil
	}
	n := copy(p, s.bytes)
	s.bytes = s.bytes[n:]
	return n
}

// spoil changes an answer in one of the ways that its script names.
func (s *spoiler) spoil(frame []byte, asked question) (out stretch, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.script) == 0 {
		return stretch{bytes: frame}, false
	}
	be, body := binary.BigEndian, frame[4:]
	at := func() int { return s.numberLocked(len(body) - 1) }
	switch s.numberLocked(255) % 16 {
	case 0:
		body[at()] = byte(s.numberLocked(255))
	case 1:
		body[at()] ^= 1 << (s.numberLocked(255) % 8)
	case 2: // an extreme number
		if i := at(); i+4 <= len(body) {
			be.PutUint32(body[i:], []uint32{math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 24, 0}[s.numberLocked(255)%5])
		}
	case 3: // a huge count or length in the middle
		frame = slices.Insert(frame, 4+at(), 0xff, 0xff, 0xff, 0xff, byte(s.numberLocked(255))%16)
	case 4:
		frame = frame[:4+at()]
	case 5: // without a word about it
		return stretch{bytes: frame[:4+at()]}, true
	case 6: // twice
		return stretch{bytes: append(frame, frame...)}, false
	case 7:
		be.PutUint32(body, uint32(s.numberLocked(math.MaxInt32)))
	case 8: // anything
		n := min(s.numberLocked(255), len(s.mu.script))
		frame = append(frame[:8], s.mu.script[:n]...)
		s.mu.script = s.mu.script[n:]
	case 9: // a length that does not fit
		be.PutUint32(frame, uint32(s.numberLocked(math.MaxInt32)))
		return stretch{bytes: frame}, false
	case 10: // nothing
		return stretch{}, false
	case 11: // the end
		return stretch{}, true
	case 12: // another protocol
		return stretch{bytes: []byte([]string{"HTTP/1.1 400 Bad Request\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x46",
			"\x00\x00\x12\x04\x00\x00\x00\x00\x00", "-ERR unknown command\r\n"}[s.numberLocked(255)%4])}, false
	case 13:
		if s.mu.bombs++; s.mu.bombs <= 4 {
			return bomb(be.Uint32(body), asked, s.numberLocked(255)), false
		}
	}
	be.PutUint32(frame, uint32(len(frame)-4))
	return stretch{bytes: frame}, false
}

// bomb is a well-formed answer that is as large as is believed, or takes as much memory once it is decoded, or neither
// ends; choice says of what kind.
func bomb(correlationID uint32, asked question, choice int) stretch {
	s := stretch{bytes: binary.BigEndian.AppendUint32(make([]byte, 4), correlationID)}
	switch {
	case asked.key == sim.Metadata && asked.version >= 10:
		s.metadataBomb(asked.version, choice)
	case asked.key == sim.Produce && asked.version >= 9:
		s.produceBomb(asked.version)
	case asked.key == sim.ApiVersions && asked.version >= 3:
		s.add(0, 0) // no error
		s.addMany([]byte{0, 0, 0, 0, 0, 9, 0}, 9000)
		s.end(0, 0, 0, 0, 0)
	default:
		s.add(make([]byte, 17)...)
		s.add(endlessTags()...)
	}
	binary.BigEndian.PutUint32(s.bytes, uint32(len(s.bytes)+s.more+len(s.suffix)-4))
	return s
}

// endlessTags is the count of four billion tagged fields, and none of them.
func endlessTags() []byte { return []byte{0xff, 0xff, 0xff, 0xff, 0x0f} }

func (s *stretch) metadataBomb(version int16, choice int) {
	end := []byte{0} // of the topics' tags, and what follows
	if version == 10 {
		end = append(end, 0, 0, 0, 0)
	}
	if version >= 13 {
		end = append(end, 0, 0)
	}
	broker := []byte{0, 0, 0, 1, 2, 'b', 0, 0, 0, 1, 0, 0}
	s.add(0, 0, 0, 0, 0) // header's tags, throttle
	switch choice % 5 {
	case 0: // brokers, as many as may be decoded
		s.addMany(broker, 240_000)
		s.end(append([]byte{0, 0, 0, 0, 0, 1}, end...)...)
	case 1: // brokers, each with a field that nobody knows
		s.addMany(append(broker[:11:11], 1, 99, 0), 38_000)
		s.end(append([]byte{0, 0, 0, 0, 0, 1}, end...)...)
	case 2: // partitions of the topic, each another one
		s.add(2)
		s.add(broker...)
		s.add(0, 0, 0, 0, 0, 2, 0, 0, 2, 't')
		s.add(make([]byte, 17)...) // id, internal
		s.addMany([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 0}, 165_000)
		s.end(append([]byte{0, 0, 0, 0, 0}, end...)...)
	case 3: // fields that nobody knows, without end
		s.add(1, 0, 0, 0, 0, 0, 1)
		s.add(end[:len(end)-1]...)
		s.add(endlessTags()...)
		s.pattern, s.more = []byte{0}, 6<<20-64
	default: // topics
		s.add(append([]byte{2}, broker...)...)
		s.add(0, 0, 0, 0, 0)
		s.addMany(append(append([]byte{0, 0, 2, 't'}, make([]byte, 17)...), 1, 0, 0, 0, 0, 0), 155_000)
		s.end(end...)
	}
}

// produceBomb is about partition 0 of the topic, and names 1.4 million culprits.
func (s *stretch) produceBomb(version int16) {
	s.add(0, 2)
	if version >= 13 {
		s.add(make([]byte, 15)...)
		s.add(1)
	} else {
		s.add(2, 't')
	}
	s.add(2, 0, 0, 0, 0, 0, 87)
	s.add(make([]byte, 24)...)
	s.addMany([]byte{0, 0, 0, 1, 0, 0}, 1_390_000)
	s.end(0, 0, 0, 0, 0, 0, 0, 0)
}

func (s *stretch) add(b ...byte) { s.bytes = append(s.bytes, b...) }

// addMany adds an array of so many equal elements. Only end may follow.
func (s *stretch) addMany(element []byte, count int) {
	s.bytes = binary.AppendUvarint(s.bytes, uint64(count+1))
	s.pattern, s.more = element, count*len(element)
}

func (s *stretch) end(b ...byte) { s.suffix = b }

// twisting lets twist change the first Produce answer of a cluster.
func twisting(twist func(r *kmsg.ProduceResponse)) spoil {
	var done atomic.Bool
	return func(frame []byte, asked question) (stretch, bool) {
		if asked.key != sim.Produce || done.Swap(true) {
			return stretch{bytes: frame}, false
		}
		r := kmsg.NewPtrProduceResponse()
		r.Version = asked.version
		if err := r.ReadFrom(frame[9:]); err != nil { // length, correlation id, no tags
			return stretch{}, true
		}
		twist(r)
		frame = r.AppendTo(frame[:9])
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
		return stretch{bytes: frame}, false
	}
}
