package whole

import (
	"context"
	"net"
	"sync"
	"syscall"

	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
	"github.com/omnibus-kafka/omnibus/internal/sim/socket"
	"time"
)

// network is what the producer's goroutines and the schedule share.
type network struct {
	wake chan struct{} // has something when something was done
	mu   struct {
		sync.Mutex
		dials []*dialing
	}
}

// dialing is a connection that the producer wants.
type dialing struct {
	address string
	done    chan dialed
	mu      struct {
		sync.Mutex
		socket  *socket.Socket // that is there
		givenUp bool
	}
}

// dialed is how that ended.
type dialed struct {
	socket *socket.Socket
	err    error
}

// rouse tells the schedule that something was done.
func (n *network) rouse() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// dial is omnibus.Config's Dial.
func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	d := &dialing{address: address, done: make(chan dialed, 1)}
	n.mu.Lock()
	n.mu.dials = append(n.mu.dials, d)
	n.mu.Unlock()
	n.rouse()
	select {
	case end := <-d.done:
		if end.err != nil {
			return nil, end.err
		}
		return end.socket, nil
	case <-ctx.Done():
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.givenUp = true; d.mu.socket != nil {
		d.mu.socket.Close()
	}
	return nil, ctx.Err()
}

// end ends a dialing.
func (d *dialing) end(s *socket.Socket, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.socket = s; d.mu.givenUp && s != nil {
		s.Close()
	}
	d.done <- dialed{s, err}
}

// collect takes what the producer did: dials, bytes and ends of connections.
func (s *schedule) collect() {
	s.network.mu.Lock()
	dials := s.network.mu.dials
	s.network.mu.dials = nil
	s.network.mu.Unlock()
	for _, p := range s.peers { // of two at once it does not matter which was first
		for _, d := range dials {
			if d.address == p.address {
				s.dialed(p, d)
			}
		}
	}
	for _, l := range s.links {
		if l.left {
			continue
		}
		written, closed := l.socket.Take()
		s.carryUp(l, written)
		if closed {
			s.leave(l)
		}
	}
	s.forget()
}

// forget leaves links alone with which nothing can happen any more.
func (s *schedule) forget() {
	kept := s.links[:0]
	for _, l := range s.links {
		if !l.left || l.serving != nil || len(l.arrived) > 0 {
			kept = append(kept, l)
		}
	}
	clear(s.links[len(kept):])
	s.links = kept
}

// connectMax is how long a connection takes to be opened.
const connectMax = 15 * time.Millisecond

// dialed lets a dialing take its time.
func (s *schedule) dialed(p *peer, d *dialing) {
	p.dials++
	number := p.dials
	if max(p.frozen, p.blackhole) > s.Now {
		return // until the producer gives up
	}
	s.After(p.dice.Within(s.quick(connectMax)), func() {
		s.Note(s.Now, "dial %d number %d", int64(p.id), int64(number))
		if max(p.frozen, p.blackhole) > s.Now {
			return
		}
		if !s.up(p) || p.refusing > s.Now {
			d.end(nil, &net.OpError{Op: "dial", Net: "whole", Err: syscall.ECONNREFUSED})
			return
		}
		l := &link{
			peer: p, number: number, boot: p.boots, socket: socket.New(p.address, s.setup.Whole.WindowBytes, s.network.rouse),
			dice: draw.NewDice(s.setup.Seed, draw.ForLinks*uint64(p.id)+uint64(number)),
		}
		s.result.Connections++
		s.links = append(s.links, l)
		d.end(l.socket, nil)
	})
}

// up reports whether a broker's process runs.
func (s *schedule) up(p *peer) (up bool) {
	s.model(func(_ time.Time, m *model.Cluster) { up = m.Up(p.id) })
	return up
}

// quick is how long something takes at most: little, once nothing fails any more.
func (s *schedule) quick(usual time.Duration) time.Duration {
	if s.doing.mended {
		return min(usual, mendedMax)
	}
	return usual
}

// mendedMax is how long something takes at most when nothing fails any more.
const mendedMax = 5 * time.Millisecond
