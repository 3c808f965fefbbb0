package play

import (
	"fmt"
	"slices"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// peer is a broker as the producer's network has it.
type peer struct {
	id      int32
	address string
	node    *core.Node // nil until the core connects
	link    *link      // nil while there is none
	moves   int        // addresses so far
	dials   uint64
	dice    draw.Dice
	boots   int // processes so far; a connection is with one of them

	// Until when something is wrong with it.
	frozen, blackhole, swallow, delayed, refusing, deaf time.Duration
	delay                                               time.Duration
}

func newPeer(id int32, d draw.Dice) *peer {
	return &peer{id: id, dice: d, address: fmt.Sprintf("b%d:9092", id)}
}

// link is a connection, both ends of it.
type link struct {
	peer *peer
	boot int
	dice draw.Dice
	// closed is set at the producer's end, of which the core hears a little later. cut vanishes what is under way.
	closed, cut bool
	// swallowed is set once an answer vanished: none can come after it.
	swallowed bool
	frames    []*frame // sent and not done, oldest first

	// At the broker: what arrived, oldest first, what is being answered, and until when nothing is read.
	arrived []*frame
	serving *frame
	held    time.Duration

	writeFree, arriveFree, answerFree time.Duration
}

// frame is a request on its way.
type frame struct {
	link    *link
	request *core.Request
	acks    int16
	byID    bool // it names topics by their ids
	written bool // all of it is in the socket: nobody reads the batches' bytes any more
	lost    bool // it will not arrive
	served  bool
	parts   []sentPart
	answer  *model.Produced
}

// Times on the network.
const (
	writeMax   = 2 * time.Millisecond
	connectMax = 15 * time.Millisecond
	mendedMax  = 5 * time.Millisecond
	noticeMax  = 20 * time.Millisecond // until the core hears of a connection's end
)

func (s effects) Connect(n *core.Node) {
	if s.doing.stopped {
		return
	}
	p := s.peers[n.ID-1]
	p.node = n
	if p.link != nil {
		s.broke("a second connection to broker %d", p.id)
	}
	address, wait := n.Address, p.dice.Within(connectMax)
	if max(p.frozen, p.blackhole) > s.Now {
		wait = s.setup.Client.RequestTimeout
	}
	s.After(wait, func() {
		s.Note(s.Now, "connect %d", int64(p.id))
		if s.doing.stopped || !s.takes(p) || p.address != address {
			s.core.ConnectFailed(s.Now, n)
			s.refresh()
			return
		}
		l := &link{peer: p, boot: p.boots, dice: draw.NewDice(s.setup.Seed, draw.ForLinks*uint64(p.id)+p.dials)}
		p.dials++
		p.link = l
		if n.Address != address {
			s.hangUp(l, true)
		}
		s.core.Connected(s.Now, n, nil)
	})
}

// quick is how long something takes at most: little, once nothing fails any more.
func (s *schedule) quick(usual time.Duration) time.Duration {
	if s.doing.mended {
		return min(usual, mendedMax)
	}
	return usual
}

// takes reports whether a broker takes connections.
func (s *schedule) takes(p *peer) bool {
	return s.cluster.Up(p.id) && max(p.frozen, p.blackhole, p.refusing) <= s.Now
}

func (s effects) Disconnect(n *core.Node, _ error) {
	if l := s.peers[n.ID-1].link; l != nil {
		s.hangUp(l, true)
	}
}

func (s effects) Send(n *core.Node, r *core.Request) bool {
	l := s.peers[n.ID-1].link
	if l == nil || l.closed {
		return false
	}
	r.LayOut(s.core.Config.ProduceTimeoutMillis)
	f := &frame{link: l, request: r, acks: r.Wire.Acks, byID: r.TopicIDs}
	if l.frames = append(l.frames, f); len(l.frames) > s.setup.Client.InFlightMax {
		s.broke("%d requests in flight", len(l.frames))
	}
	l.writeFree = max(l.writeFree, s.Now) + l.dice.Within(writeMax)
	s.After(l.writeFree-s.Now, func() { s.write(f) })
	s.After(s.setup.Client.RequestTimeout, func() {
		if !l.closed && slices.Contains(l.frames, f) {
			s.Note(s.Now, "request timeout at %d", int64(l.peer.id))
			s.hangUp(l, false)
		}
	})
	return true
}

// write is the connection's write loop with a request: until here it reads the batches' bytes.
func (s *schedule) write(f *frame) {
	l := f.link
	if l.closed {
		return
	}
	for _, p := range f.request.Batches {
		p.Batch.Seal()
	}
	s.take(f)
	f.written = true
	if f.lost = l.cut || l.peer.blackhole > s.Now; f.lost {
		l.cut = true
	}
	l.arriveFree = max(l.arriveFree, s.Now) + l.dice.Within(s.quick(s.setup.Cluster.TravelMax))
	s.After(l.arriveFree-s.Now, func() { s.arrive(f) })
	if f.acks == 0 {
		s.After(0, func() {
			if !l.closed {
				s.done(f, nil)
			}
		})
	}
}

// arrive is a request at the broker's socket.
func (s *schedule) arrive(f *frame) {
	l := f.link
	if f.lost || l.cut || l.boot != l.peer.boots {
		return
	}
	l.arrived = append(l.arrived, f)
	if !slices.Contains(s.links, l) {
		s.links = append(s.links, l)
	}
	s.serve(l)
}

// serve lets the broker read the connection's next request, if it is not at one, or standing still.
func (s *schedule) serve(l *link) {
	for l.serving == nil && len(l.arrived) > 0 {
		if wait := max(l.held, l.peer.frozen); wait > s.Now {
			s.After(wait-s.Now, func() { s.serve(l) })
			return
		}
		f := l.arrived[0]
		l.arrived = l.arrived[1:]
		if !s.cluster.Up(l.peer.id) {
			continue
		}
		l.serving, f.served = f, true
		l.held = max(l.held, s.Now+l.dice.Within(s.quick(s.setup.Cluster.ServeMax)))
		s.handle(f)
		s.poll()
	}
}

// poll looks which answers are there by now.
func (s *schedule) poll() {
	for i := 0; i < len(s.links); i++ {
		l := s.links[i]
		if f := l.serving; f != nil && (f.answer.Done() || f.answer.Lost()) {
			l.serving = nil
			if f.answer.Done() {
				s.answer(f)
			}
			s.serve(l)
		}
	}
	s.links = slices.DeleteFunc(s.links, func(l *link) bool { return l.serving == nil && len(l.arrived) == 0 })
	if len(s.links) > 0 {
		s.copySoon()
	}
}

// answer sends a broker's answer on its way.
func (s *schedule) answer(f *frame) {
	l := f.link
	resp, failed := s.response(f)
	switch {
	case l.closed || l.cut:
		return
	case f.acks == 0:
		if failed { // the only way to tell a producer that wants no answer
			s.After(l.dice.Within(s.quick(s.setup.Cluster.TravelMax)), func() { s.hangUp(l, false) })
		}
		return
	case l.swallowed || l.peer.swallow > s.Now:
		l.swallowed = true
		return
	}
	wait := l.dice.Within(s.quick(s.setup.Cluster.TravelMax))
	if l.peer.delayed > s.Now {
		wait += l.peer.delay
	}
	l.answerFree = max(l.answerFree, s.Now+wait)
	s.After(l.answerFree-s.Now, func() {
		if l.closed || l.cut || l.peer.blackhole > s.Now {
			l.cut = l.cut || !l.closed
			return
		}
		f.request.Note(resp)
		s.throttled(f, resp.ThrottleMillis)
	})
}

// throttled is the answer's arrival.
func (s *schedule) throttled(f *frame, millis int32) {
	s.drop(f)
	s.Note(s.Now, "answer from %d", int64(f.link.peer.id))
	s.core.Done(s.Now, f.request, time.Duration(millis)*time.Millisecond, true, nil)
}

// done tells the core the end of a request.
func (s *schedule) done(f *frame, err error) {
	s.drop(f)
	s.core.Done(s.Now, f.request, 0, f.written, err)
}

func (s *schedule) drop(f *frame) {
	l := f.link
	l.frames = slices.DeleteFunc(l.frames, func(other *frame) bool { return other == f })
}

// hangUp ends a connection at the producer's end. What was written and not read yet may be read later, or a beginning of
// it, or nothing.
func (s *schedule) hangUp(l *link, peaceful bool) {
	if l.closed {
		return
	}
	l.closed = true
	s.Note(s.Now, "connection with %d ends", int64(l.peer.id))
	s.leaveBehind(l)
	wait := time.Duration(0)
	if l.dice.Chance(30) {
		wait = l.dice.Within(noticeMax)
	}
	s.After(wait, func() {
		frames := l.frames
		l.frames = nil
		partly := l.dice.Chance(50)
		for _, f := range frames {
			written := f.written || partly
			partly = partly && f.written // of one request at most a part was written
			s.core.Done(s.Now, f.request, 0, written, errLost)
		}
		l.peer.link = nil
		s.core.Disconnected(s.Now, l.peer.node, peaceful && len(frames) == 0)
		if !peaceful {
			s.refresh()
		}
	})
}

// leaveBehind decides what a broker still reads of a connection that ended.
func (s *schedule) leaveBehind(l *link) {
	var unread []*frame
	unread = append(unread, l.arrived...)
	for _, f := range l.frames {
		if f.written && !f.lost && !f.served && !slices.Contains(unread, f) {
			unread = append(unread, f)
		}
	}
	kept := 0
	if s.setup.Cluster.Late && !l.cut {
		kept = l.dice.IntN(len(unread) + 1)
		l.held = s.Now + l.dice.Within(lateMax)
	}
	s.result.Late += kept
	for _, f := range unread[kept:] {
		f.lost = true
	}
	l.arrived = slices.DeleteFunc(l.arrived, func(f *frame) bool { return f.lost })
}

// crash ends a broker's connections at its own end.
func (s *schedule) crash(p *peer) {
	p.boots++
	for _, l := range s.links {
		if l.peer == p {
			l.arrived, l.serving, l.cut = nil, nil, true
		}
	}
	if l := p.link; l != nil {
		l.cut = true
		s.After(l.dice.Within(s.quick(s.setup.Cluster.TravelMax)), func() { s.hangUp(l, false) })
	}
}
