package sender

import (
	"fmt"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// The effects of a script: what the core does is carried out as far as memory goes, and written down.

func (s *script) setReady(p *accumulator.Partition, sizeBytes int) bool {
	s.ready[p] = sizeBytes
	return s.stage.setReady(p, sizeBytes)
}

func (s *script) encode(r *request, b *batch.Batch) {
	s.print("encode %s", s.name(b))
	s.compresses[s.name(b)] = r
}

func (s *script) send(n *node, r *request) bool {
	if s.refusing[n.id] {
		s.print("send n%d: refused", n.id)
		return false
	}
	r.layOut(1000)
	s.requests++
	s.sent[s.requests], s.numbers[r] = r, s.requests
	var parts []string
	for _, p := range r.batches {
		b := p.batch
		b.Seal()
		text := fmt.Sprintf("%s %s records=%d bytes=%d", laneName(p.lane), s.name(b), b.Count(), b.Bytes())
		if b.Sequence() >= 0 {
			text = fmt.Sprintf("%s epoch=%d seq=%d", text, b.Epoch(), b.Sequence())
		}
		parts = append(parts, text)
	}
	s.print("send r%d n%d %s", s.requests, n.id, strings.Join(parts, "; "))
	return true
}

func (s *script) connect(n *node) { s.print("connect n%d %s", n.id, n.address) }

func (s *script) disconnect(n *node, reason error) { s.print("disconnect n%d: %v", n.id, reason) }

func (s *script) resolve(l *lane, b *batch.Batch, o batch.Outcome) {
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

func (s *script) refresh(topic string) { s.print("refresh %s", topic) }

func (s *script) hint(_ *request, p passenger, a *answer) {
	s.print("hint %s leader=%d epoch=%d", laneName(p.lane), a.leader, a.epoch)
}

func (s *script) fetchID() { s.print("fetch id") }

func (s *script) departed(l *lane, b *batch.Batch, why Reason) {
	s.print("leave %s %s: %v", laneName(l), s.name(b), why)
}

func (s *script) retried(l *lane, b *batch.Batch, err error) {
	s.print("again %s %s: %v", laneName(l), s.name(b), err)
}

func (s *script) answered(*request, time.Duration, error) {}
