package play

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/settling"
	"github.com/omnibus-kafka/omnibus/internal/sim/ask"
)

// question is one about a lane.
type question struct {
	lane   *core.Lane
	ticket uint64
	settling.Question
}

// inquiries are the questions under way, by broker: like the sender, a broker is asked one thing after another.
type inquiries struct {
	waiting [][]question
	busy    []bool
	stops   []func()
}

// end lets go of the coroutines that never came to their end.
func (q *inquiries) end() {
	for _, stop := range q.stops {
		stop()
	}
}

// skewMax is the sender's: by how much brokers' clocks may be behind.
const skewMax = time.Hour

func (s effects) Inquire(n *core.Node, l *core.Lane, ticket uint64, q settling.Question) {
	q.SinceMillis = min(q.SinceMillis, s.Clock().Add(-skewMax-l.Topic.Config.DeliveryTimeout).UnixMilli())
	s.asked.waiting[n.ID] = append(s.asked.waiting[n.ID], question{l, ticket, q})
}

// inquire asks what is to be asked, of each broker that is not being asked.
func (s *schedule) inquire() {
	for node, waiting := range s.asked.waiting {
		if len(waiting) == 0 || s.asked.busy[node] || s.doing.stopped {
			continue
		}
		s.asked.waiting[node], s.asked.busy[node] = nil, true
		s.askLeader(s.peers[node-1], waiting)
	}
}

// errGone ends a coroutine whose schedule is over.
var errGone = errors.New("the schedule is over")

// conversation is settling.Inquire at work: a coroutine that stands still while a request of it is on its way.
type conversation struct {
	peer    *peer
	yield   func(kmsg.Request) bool
	answer  kmsg.Response
	failure error
}

// RequestTo is settling.Asker's.
func (c *conversation) RequestTo(_ context.Context, _ int32, request kmsg.Request) (kmsg.Response, error) {
	if !c.yield(request) {
		return nil, errGone
	}
	return c.answer, c.failure
}

// askLeader asks a broker some questions.
func (s *schedule) askLeader(p *peer, asked []question) {
	questions := make([]settling.Question, len(asked))
	for i := range asked {
		questions[i] = asked[i].Question
	}
	c := &conversation{peer: p}
	resume, stop := iter.Pull(func(yield func(kmsg.Request) bool) {
		c.yield = yield
		settling.Inquire(context.Background(), c, p.id, questions, func(i int, e settling.Evidence) {
			s.After(0, func() { s.inquired(&asked[i], e) })
		})
	})
	s.asked.stops = append(s.asked.stops, stop)
	s.converse(c, resume)
}

// converse lets the coroutine go on to its next request, and answers that.
func (s *schedule) converse(c *conversation, resume func() (kmsg.Request, bool)) {
	request, more := resume()
	if !more {
		s.After(0, func() { s.asked.busy[c.peer.id] = false })
		return
	}
	s.After(c.peer.dice.Within(s.quick(s.setup.Cluster.AskMax)), func() {
		wait := c.peer.dice.Within(s.quick(s.setup.Cluster.AskMax))
		if c.answer, c.failure = nil, errLost; s.answers(c.peer) {
			c.answer, c.failure = ask.Broker(s.cluster, s.Clock(), c.peer.id, request)
		} else if s.cluster.Up(c.peer.id) {
			wait = s.setup.Client.RequestTimeout
		}
		s.After(wait, func() { s.converse(c, resume) })
	})
}

// inquired brings the core the answer to a question.
func (s *schedule) inquired(q *question, e settling.Evidence) {
	if s.doing.stopped {
		return
	}
	s.result.Inquiries++
	flag := func(b bool) int64 {
		if b {
			return 1
		}
		return 0
	}
	s.Note(s.Now, "inquired t%d/%d: error %d, refused %d, remembered %d, epoch %d, last %d, read %d, own %d", int64(s.topicOf(q.lane).number),
		int64(q.lane.Part.Number), flag(e.Err != nil), flag(e.Refused), flag(e.Remembered), int64(e.Epoch), int64(e.Last), flag(e.Read), int64(len(e.Own)))
	s.core.Inquired(s.Now, q.lane, q.ticket, e)
}
