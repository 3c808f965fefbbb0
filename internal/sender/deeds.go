package sender

import (
	"context"
	"errors"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// busyRecords is how many records a request must have for the clock to tick coarsely for the next ones. It is not a
// matter of batches: over 1,000 partitions those stay small however busy the producer is.
const busyRecords = 32

func laneOf(b *batch.Batch) *lane { return b.Owner.(*accumulator.Partition).Sender.(*lane) }

func (s *Sender) closeBatch(p *accumulator.Partition, b *batch.Batch) {
	if spare := p.CloseBatch(b); spare != nil {
		s.around.Accumulator.Pool().Put(spare)
	}
}

func (s *Sender) setReady(p *accumulator.Partition, sizeBytes int) bool { return p.SetReady(sizeBytes) }

func (s *Sender) encode(r *request, b *batch.Batch) {
	s.workers.encode(r, b, laneOf(b).topic.config)
}

// encodedBatch runs on a worker when it is done with a batch.
func (s *Sender) encodedBatch(r *request, b *batch.Batch, outcome encoding) {
	s.around.Accumulator.Pool().Put(outcome.spare)
	s.stats.encoded(outcome)
	if outcome.err != nil {
		s.around.Logger.Error("compression failed; the batch is sent uncompressed", "error", outcome.err)
	}
	s.post(func(now time.Duration) { s.core.encoded(now, r) })
}

func (s *Sender) send(n *node, r *request) bool {
	r.layOut(s.core.config.ProduceTimeoutMillis)
	if r.records() >= busyRecords {
		s.clock.Busy()
	}
	s.stats.InFlight.Add(1)
	if n.conn.Produce(&r.ProduceRequest) {
		return true
	}
	s.stats.InFlight.Add(-1)
	return false
}

func (s *Sender) connect(n *node) {
	if s.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.around.Broker.SetupTimeout(n.failures))
	address := n.address
	s.helpers.Add(1)
	go func() {
		defer s.helpers.Done()
		defer cancel()
		conn, err := n.reach.dialing.Connect(ctx, s.around.Broker, address)
		if err != nil {
			s.post(func(now time.Duration) { s.connectFailed(now, n, address, err) })
			return
		}
		s.helpers.Add(1) // until Closed
		s.post(func(now time.Duration) { s.connected(now, n, address, conn) })
	}()
}

func (s *Sender) connectFailed(now time.Duration, n *node, address string, err error) {
	if s.ctx.Err() == nil {
		s.around.Logger.Warn("broker cannot be reached", "broker", n.id, "address", address, "error", err, "failures", n.failures+1)
	}
	n.lastErr = err
	n.reach.failed(err)
	s.core.connectFailed(now, n)
}

func (s *Sender) connected(now time.Duration, n *node, address string, conn *broker.Conn) {
	conn.Start(&link{s, n, conn})
	if s.ctx.Err() != nil || n.address != address {
		conn.Close(errMoved)
	}
	n.reach.connected(conn)
	s.around.Watch.connected(n.id, address)
	s.core.connected(now, n, conn)
}

func (s *Sender) disconnect(n *node, reason error) {
	if n.conn != nil {
		n.conn.Close(reason)
	}
}

func (s *Sender) resolve(l *lane, b *batch.Batch, o batch.Outcome) {
	if !b.Sender.Departed {
		l.part.Departed(1)
	}
	s.stats.resolved(b, o, s.clock.Now())
	if o.Failure == nil {
		l.part.Troubled(nil)
	}
	s.around.Watch.done(l, b, o, s.clock.Now())
	if o.Failure != nil {
		s.around.Logger.Warn("batch failed", "topic", l.topic.name, "partition", l.part.Number, "records", b.Count(),
			"not_written", o.Failure.NotWritten, "attempts", o.Failure.Attempts, "error", o.Failure.Err)
	}
	s.around.Tell(l.part, b, o)
}

func (s *Sender) release(b *batch.Batch) { s.around.Accumulator.ReleaseBatch(b) }

func (s *Sender) refresh(topic string) { s.around.Refresh(topic) }

func (s *Sender) hint(r *request, p passenger, a *answer) {
	s.around.Hint(Hint{
		Topic: p.lane.topic.name, TopicID: p.lane.topic.id, Partition: p.lane.part.Number,
		Leader: a.leader, Epoch: a.epoch, Nodes: r.nodes,
	})
}

func (s *Sender) fetchID() {
	s.helpers.Add(1)
	go func() {
		defer s.helpers.Done()
		id, err := s.around.FetchID(s.ctx)
		if s.ctx.Err() == nil {
			s.post(func(now time.Duration) { s.core.producerID(now, id, err) })
		}
	}()
}

func (s *Sender) departed(l *lane, b *batch.Batch, why Reason) {
	if !b.Sender.Departed {
		l.part.Departed(1)
	}
	s.stats.departed(b, why, s.clock.Now())
	s.around.Watch.leaves(l, b, why, s.clock.Now())
}

func (s *Sender) retried(l *lane, b *batch.Batch, err error) {
	s.stats.retried(b)
	l.part.Troubled(err)
	s.around.Watch.retried(l, b, err, s.clock.Now())
	s.around.Logger.Debug("batch is tried again", "topic", l.topic.name, "partition", l.part.Number, "attempts", b.Sender.Attempts, "error", err)
}

func (s *Sender) answered(r *request, throttle time.Duration, err error) {
	s.stats.answered(r, throttle, err)
	s.around.Watch.answered(r, throttle, err)
}

// link is a connection's handler: it runs on the connection's loops and passes on what happens to the send loop.
type link struct {
	sender *Sender
	node   *node
	conn   *broker.Conn
}

// BeforeWrite seals the batches on the connection's write loop, so that the CRC pass over the records warms the cache
// for the write that follows and costs the send loop nothing.
func (k *link) BeforeWrite(p *broker.ProduceRequest) {
	for _, passenger := range p.Tag.(*request).batches {
		passenger.batch.Seal()
	}
}

// Done notes the broker's answers and tells the send loop.
func (k *link) Done(p *broker.ProduceRequest, resp *wire.ProduceResponse, written bool, err error) {
	r := p.Tag.(*request)
	var throttle time.Duration
	if resp != nil {
		throttle = time.Duration(resp.ThrottleMillis) * time.Millisecond
		r.note(resp)
	}
	k.sender.post(func(now time.Duration) { k.sender.core.done(now, r, throttle, written, err) })
}

// Closed tells the send loop that the connection ended.
func (k *link) Closed(_ *broker.Conn, err error) {
	peaceful := errors.Is(err, broker.ErrIdle) || errors.Is(err, broker.ErrPeerClosed) || errors.Is(err, broker.ErrClosed)
	k.sender.post(func(now time.Duration) {
		if !peaceful {
			k.sender.around.RefreshAll("a broker's connection was lost")
		}
		k.sender.around.Watch.disconnected(k.node.id, k.conn.Address(), err)
		k.node.lastErr = err
		if peaceful {
			k.node.reach.failed(nil)
		} else {
			k.node.reach.failed(err)
		}
		k.sender.core.disconnected(now, k.node, peaceful)
		k.sender.helpers.Done()
	})
}
