package whole

import (
	"encoding/binary"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
	"github.com/omnibus-kafka/omnibus/internal/sim/socket"
)

// peer is a broker as the producer's network has it.
type peer struct {
	id      int32
	address string
	dice    draw.Dice
	dials   int
	boots   int // processes so far; a connection is with one of them

	// Until when something is wrong with it.
	frozen, blackhole, swallow, delayed, refusing, deaf time.Duration
	delay                                               time.Duration
}

// link is a connection as the network and the broker have it.
type link struct {
	peer   *peer
	number int // among those dialed to the broker
	boot   int
	socket *socket.Socket
	dice   draw.Dice

	// left: the producer has closed its end. dead: nothing more arrives at the broker. cut: everything vanishes.
	// swallowed: an answer vanished, and so none can come after it.
	left, dead, cut, swallowed bool

	// At the broker: what arrived and is no request yet, what is being answered, and until when nothing is read.
	arrived []byte
	serving *sim.Exchange
	omitted *omission // of what is being answered
	held    time.Duration

	upFree, downFree time.Duration
	under            int // chunks on their way to the broker
	spare            int // of these, how many arrive after the producer left; -1 for all
}

// pieces cuts bytes into the chunks in which they arrive.
func (s *schedule) pieces(l *link, data []byte) (chunks [][]byte) {
	for len(data) > 0 {
		n := len(data)
		if l.dice.Chance(s.setup.Whole.TornOf100) && len(chunks) < 8 {
			n = 1 + l.dice.IntN(min(n, draw.Pick(l.dice, 1, 10, n)))
		}
		chunks = append(chunks, data[:n:n])
		data = data[n:]
	}
	return chunks
}

// pieceMax is how much later than the one before a piece arrives.
const pieceMax = 500 * time.Microsecond

// travel is how long a piece of a chunk is under way.
func (s *schedule) travel(l *link, piece int) time.Duration {
	if piece > 0 {
		return l.dice.Within(pieceMax)
	}
	return l.dice.Within(s.quick(s.setup.Cluster.TravelMax))
}

// carryUp sends what was written on its way to the broker.
func (s *schedule) carryUp(l *link, written []byte) {
	for i, chunk := range s.pieces(l, written) {
		l.upFree = max(l.upFree, s.Now) + s.travel(l, i)
		l.under++
		s.After(l.upFree-s.Now, func() { s.arrive(l, chunk) })
	}
}

// gone reports whether nothing can reach the broker's end of a connection.
func (l *link) gone() bool { return l.dead || l.cut || l.boot != l.peer.boots }

// arrive is a chunk at the broker's socket.
func (s *schedule) arrive(l *link, chunk []byte) {
	l.under--
	if l.left {
		if l.spare == 0 {
			l.dead = true
		}
		l.spare--
	}
	if l.peer.blackhole > s.Now {
		l.cut = true
	}
	if l.gone() {
		return
	}
	l.arrived = append(l.arrived, chunk...)
	l.socket.Acknowledge(len(chunk))
	if l.left && l.arrivedFrame() != nil {
		s.revisit(l)
	}
	s.serve(l)
}

// revisit has the schedule look at a link again that it had forgotten.
func (s *schedule) revisit(l *link) {
	for _, other := range s.links {
		if other == l {
			return
		}
	}
	s.links = append(s.links, l)
}

// arrivedFrame is the next whole request, nil if it is not there yet.
func (l *link) arrivedFrame() []byte {
	if len(l.arrived) < 4 {
		return nil
	}
	size := int(binary.BigEndian.Uint32(l.arrived))
	if len(l.arrived)-4 < size {
		return nil
	}
	return l.arrived[4 : 4+size : 4+size]
}

// serve lets the broker read the connection's next request, if it is not at one, or standing still.
func (s *schedule) serve(l *link) {
	frame := l.arrivedFrame()
	if l.serving != nil || frame == nil || l.gone() || !s.up(l.peer) {
		return
	}
	if wait := max(l.held, l.peer.frozen); wait > s.Now {
		s.After(wait-s.Now, func() { s.serve(l) })
		return
	}
	l.arrived = l.arrived[4+len(frame):]
	x, err := s.cluster.Begin(l.peer.id, frame, s.decide)
	if err != nil {
		s.broke("broker %d cannot read a request: %v", l.peer.id, err)
		l.dead = true
		return
	}
	s.note(l, &x.Request)
	l.serving, l.omitted, s.omitted = x, s.omitted, nil
	l.held = max(l.held, s.Now+l.dice.Within(s.quick(s.setup.Cluster.ServeMax)))
	s.copySoon()
}

// note adds a request to the trace, and looks whether its batches arrived as they were made.
func (s *schedule) note(l *link, r *sim.Request) {
	s.result.Requests++
	s.Note(s.Now, "broker %d reads on connection %d: API %d version %d", int64(r.Node), int64(l.number), int64(r.API), int64(r.Version))
	if r.API != sim.Produce {
		return
	}
	s.result.Produced++
	for i := range r.Batches {
		b := &r.Batches[i]
		s.Note(s.Now, "    batch for t%d/%d epoch %d sequence %d count %d", s.numberOf(b.Topic), int64(b.Partition), int64(b.Batch.ProducerEpoch),
			int64(b.Batch.Sequence), int64(len(b.Batch.Records)))
		if b.Err != nil {
			s.broke("%s/%d: what arrived cannot be read: %v", b.Topic, b.Partition, b.Err)
		}
	}
}

// poll looks which answers are there by now.
func (s *schedule) poll() {
	for i := 0; i < len(s.links); i++ { // more may come
		l := s.links[i]
		for l.serving != nil && l.serving.Over() {
			x := l.serving
			l.serving = nil
			s.answer(l, x)
			s.serve(l)
		}
	}
}

// answer sends a broker's answer on its way.
func (s *schedule) answer(l *link, x *sim.Exchange) {
	response := x.Response()
	switch {
	case l.left || l.gone():
		return
	case response == nil:
		s.hangUp(l, io.EOF)
		return
	case x.Request.API == sim.Produce && x.Request.Acks == 0:
		if x.Failed() { // the only way to tell a producer that wants no answer
			s.hangUp(l, io.EOF)
		}
		return
	}
	deaf := l.peer.deaf > s.Now && x.Request.API != sim.Produce
	if l.swallowed = l.swallowed || deaf || l.peer.swallow > s.Now; l.swallowed {
		return
	}
	s.tamper(l, response)
	s.noteAnswer(response)
	wait := time.Duration(0)
	if l.peer.delayed > s.Now {
		wait = l.peer.delay
	}
	for i, chunk := range s.pieces(l, x.Frame(response)) {
		l.downFree = max(l.downFree, s.Now+wait) + s.travel(l, i)
		s.After(l.downFree-s.Now, func() { s.deliver(l, chunk) })
	}
}

// noteAnswer adds the answer to a Produce request to the text of the trace, for the reader.
func (s *schedule) noteAnswer(response kmsg.Response) {
	produced, ok := response.(*kmsg.ProduceResponse)
	if !ok || s.Text == nil {
		return
	}
	for i := range produced.Topics {
		for _, p := range produced.Topics[i].Partitions {
			fmt.Fprintf(s.Text, "            answer about partition %d: code %d offset %d\n", p.Partition, p.ErrorCode, p.BaseOffset)
		}
	}
}

// deliver is a chunk at the producer's end.
func (s *schedule) deliver(l *link, chunk []byte) {
	if l.peer.blackhole > s.Now {
		l.cut = true
	}
	if !l.left && !l.cut {
		l.socket.Give(chunk)
	}
}

// hangUp is the end of a connection at the broker's end, or on the way, of which the producer hears after a while.
func (s *schedule) hangUp(l *link, err error) {
	l.dead, l.arrived, l.serving = true, nil, nil
	l.downFree = max(l.downFree, s.Now) + l.dice.Within(s.quick(s.setup.Cluster.TravelMax))
	s.After(l.downFree-s.Now, func() { l.socket.HangUp(err) })
}

// leave is the end of a connection at the producer's end. What was written may be read later, or a beginning of it, or
// nothing.
func (s *schedule) leave(l *link) {
	l.left = true
	if !s.setup.Cluster.Late || l.dice.Chance(30) {
		l.dead, l.arrived = true, nil
		return
	}
	if l.under > 0 || len(l.arrived) > 0 {
		s.result.Late++
	}
	l.spare = l.dice.IntN(l.under + 1)
	l.held = s.Now + l.dice.Within(lateMax)
}

// crash ends a broker's connections at its own end.
func (s *schedule) crash(p *peer) {
	p.boots++
	for _, l := range s.links {
		if l.peer == p && !l.left {
			s.hangUp(l, syscall.ECONNRESET)
		}
	}
}

// tamper makes an answer what this schedule's brokers would have said.
func (s *schedule) tamper(l *link, response kmsg.Response) {
	switch r := response.(type) {
	case *kmsg.InitProducerIDResponse:
		if r.ErrorCode == 0 && s.setup.Client.EpochsLeft >= 0 {
			r.ProducerEpoch = 32767 - s.setup.Client.EpochsLeft
		}
		if s.doing.noIDUntil > s.Now {
			r.ErrorCode, r.ProducerID, r.ProducerEpoch = kerr.CoordinatorNotAvailable.Code, -1, -1
		}
	case *kmsg.MetadataResponse:
		if c := &s.setup.Cluster; c.ByName && (c.IDsFrom == 0 || s.Now < c.IDsFrom) {
			for i := range r.Topics {
				r.Topics[i].TopicID = model.ID{}
			}
		}
	case *kmsg.ProduceResponse:
		if l.omitted != nil {
			s.omit(l.omitted, r)
		}
	}
}
