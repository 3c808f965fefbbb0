package core

import (
	"fmt"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/settling"
)

// The effects of a script: what the core does is carried out as far as memory goes, and written down.

func (s *script) CloseBatch(p *accumulator.Partition, b *batch.Batch, readyBytes int) bool {
	s.ready[p] = readyBytes
	return s.stage.CloseBatch(p, b, readyBytes)
}

func (s *script) SetReady(p *accumulator.Partition, sizeBytes int) bool {
	s.ready[p] = sizeBytes
	return s.stage.SetReady(p, sizeBytes)
}

func (s *script) Encode(r *Request, b *batch.Batch) {
	s.print("encode %s", s.name(b))
	s.compresses[s.name(b)] = r
}

func (s *script) Send(n *Node, r *Request) bool {
	if s.refusing[n.ID] {
		s.print("send n%d: refused", n.ID)
		return false
	}
	r.LayOut(1000)
	s.requests++
	s.sent[s.requests], s.numbers[r] = r, s.requests
	var parts []string
	for _, p := range r.Batches {
		b := p.Batch
		b.Seal()
		text := fmt.Sprintf("%s %s records=%d bytes=%d", laneName(p.Lane), s.name(b), b.Count(), b.Bytes())
		if b.Sequence() >= 0 {
			text = fmt.Sprintf("%s epoch=%d seq=%d", text, b.Epoch(), b.Sequence())
		}
		parts = append(parts, text)
	}
	s.print("send r%d n%d %s", s.requests, n.ID, strings.Join(parts, "; "))
	return true
}

func (s *script) Connect(n *Node) { s.print("connect n%d %s", n.ID, n.Address) }

func (s *script) Disconnect(n *Node, reason error) { s.print("disconnect n%d: %v", n.ID, reason) }

func (s *script) Resolve(l *Lane, b *batch.Batch, o batch.Outcome) {
	name := s.name(b)
	switch f := o.Failure; {
	case f == nil:
		s.print("acked %s %s records=%d offset=%d", laneName(l), name, b.Count(), o.Offset)
	case f.NotWritten:
		s.print("not written %s %s records=%d attempts=%d age=%v (%s): %v", laneName(l), name, b.Count(), f.Attempts, f.Age.Truncate(time.Millisecond), f.Where, f.Err)
	default:
		s.print("unknown %s %s records=%d attempts=%d age=%v (%s): %v", laneName(l), name, b.Count(), f.Attempts, f.Age.Truncate(time.Millisecond), f.Where, f.Err)
	}
	s.tell(b, o)
}

func (s *script) Refresh(topic string) { s.print("refresh %s", topic) }

func (s *script) Hint(_ *Request, p Passenger, a *answers.Answer) {
	s.print("hint %s leader=%d epoch=%d", laneName(p.Lane), a.Leader, a.Epoch)
}

func (s *script) Inquire(_ *Node, l *Lane, ticket uint64, q settling.Question) {
	s.tickets[l] = ticket
	text := ""
	if q.Locate {
		text = " and where"
	}
	if q.Aged {
		text += ", old records"
	}
	s.print("inquire %s acked=%d offset=%d%s", laneName(l), q.Acked, q.AckedOffset, text)
}

func (s *script) Lost(l *Lane, loss settling.Loss) {
	s.print("lost data %s %d..%d", laneName(l), loss.From, loss.To)
}

func (s *script) FetchID() { s.print("fetch id") }

func (s *script) Departed(l *Lane, b *batch.Batch, why batch.Reason) {
	s.print("leave %s %s: %v", laneName(l), s.name(b), why)
}

func (s *script) Retried(l *Lane, b *batch.Batch, err error) {
	s.print("again %s %s: %v", laneName(l), s.name(b), err)
}

func (s *script) Answered(*Request, time.Duration, error) {}
