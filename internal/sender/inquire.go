package sender

import (
	"context"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/settling"
)

const (
	// inquiryMax bounds one inquiry: what it did not find out by then is asked again.
	inquiryMax = 10 * time.Second
	// skewMax is by how much the clocks of brokers that stamp records themselves may be behind this one.
	skewMax = time.Hour
)

// inquiry is a question about a lane on its way to the lane's leader.
type inquiry struct {
	lane     *core.Lane
	ticket   uint64
	question settling.Question
}

// inquiries are the questions of a turn, by broker. A broker is asked about all partitions at once, and one thing after
// another: what comes up meanwhile waits.
type inquiries struct {
	waiting map[int32][]inquiry
	busy    map[int32]bool
}

func (s deeds) Inquire(n *core.Node, l *core.Lane, ticket uint64, q settling.Question) {
	if s.inquiries.waiting == nil {
		s.inquiries.waiting, s.inquiries.busy = make(map[int32][]inquiry), make(map[int32]bool)
	}
	q.SinceMillis = min(q.SinceMillis, time.Now().Add(-skewMax-l.Topic.Config.DeliveryTimeout).UnixMilli())
	s.inquiries.waiting[n.ID] = append(s.inquiries.waiting[n.ID], inquiry{l, ticket, q})
}

// inquire asks what is to be asked, of each broker that is not being asked.
func (s *Sender) inquire() {
	for node, waiting := range s.inquiries.waiting {
		if s.inquiries.busy[node] || s.ctx.Err() != nil {
			continue
		}
		delete(s.inquiries.waiting, node)
		s.inquiries.busy[node] = true
		s.helpers.Go(func() { s.ask(node, waiting) })
	}
}

// ask runs on a goroutine of its own.
func (s *Sender) ask(node int32, asked []inquiry) {
	ctx, cancel := context.WithTimeout(s.ctx, inquiryMax)
	defer cancel()
	questions := make([]settling.Question, len(asked))
	for i := range asked {
		questions[i] = asked[i].question
	}
	s.around.Inquire(ctx, node, questions, func(i int, e settling.Evidence) {
		s.stats.Inquiries.Add(1)
		s.post(func(now time.Duration) {
			s.logInquiry(&asked[i], &e)
			s.core.Inquired(now, asked[i].lane, asked[i].ticket, e)
		})
	})
	s.post(func(time.Duration) { delete(s.inquiries.busy, node) })
}

// logInquiry notes what was found out.
func (s *Sender) logInquiry(asked *inquiry, e *settling.Evidence) {
	about := s.around.Logger.With("topic", asked.question.Topic, "partition", asked.question.Partition)
	switch {
	case s.ctx.Err() != nil:
	case e.Err != nil:
		about.Warn("the partition's leader was asked in vain what it has of this producer", "error", e.Err)
	case e.Refused:
		about.Info("this client may not ask what the log has of it (DescribeProducers needs Read on the topic, kafka-acls.sh --operation Read): batches in doubt are settled by sending them again, their offsets stay unknown")
	default:
		about.Debug("the partition's leader told what it has of this producer", "remembered", e.Remembered, "epoch", e.Epoch,
			"last_sequence", e.Last, "log_read", e.Read, "own_batches", len(e.Own))
	}
}

func (s deeds) Lost(l *core.Lane, loss settling.Loss) {
	s.stats.Losses.Add(1)
	s.around.Lost(l.Topic.Name, l.Part.Number, loss)
}
