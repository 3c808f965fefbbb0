package sender

import (
	"context"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// busyRecords is how many records a request must have for the clock to tick coarsely for the next ones. It is not a
// matter of batches: over 1,000 partitions those stay small however busy the producer is.
const busyRecords = 32

// deeds carries the core's decisions out. It is the Sender under another name, so that these methods are no part of the
// Sender's own.
type deeds struct{ *Sender }

// age is the time from a batch's first record to this turn, which may have begun before it. The clock is read once a turn, not
// once a batch.
func (s deeds) age(b *batch.Batch) time.Duration { return max(s.now-b.Created, 0) }

func (s deeds) CloseBatch(p *accumulator.Partition, b *batch.Batch, readyBytes int) (reached bool) {
	spare, reached := p.CloseBatch(b, readyBytes)
	s.around.Accumulator.Pool().Put(spare)
	return reached
}

func (s deeds) SetReady(p *accumulator.Partition, sizeBytes int) bool { return p.SetReady(sizeBytes) }

func (s deeds) Encode(r *core.Request, b *batch.Batch) {
	s.workers.encode(r, b, core.LaneOf(b).Topic.Config)
}

// encodedBatch runs on a worker when it is done with a batch.
func (s *Sender) encodedBatch(r *core.Request, b *batch.Batch, outcome encoding) {
	s.around.Accumulator.Pool().Put(outcome.spare)
	s.stats.encoded(outcome)
	if outcome.err != nil {
		s.around.Logger.Error("compression failed; the batch is sent uncompressed", "error", outcome.err)
	}
	s.post(func(now time.Duration) { s.core.Encoded(now, r) })
}

func (s deeds) Send(n *core.Node, r *core.Request) bool {
	r.LayOut(s.core.Config.ProduceTimeoutMillis)
	if r.Records() >= busyRecords {
		s.clock.Busy()
	}
	s.stats.InFlight.Add(1)
	if n.Conn.Produce(&r.ProduceRequest) {
		return true
	}
	s.stats.InFlight.Add(-1)
	return false
}

func (s deeds) Connect(n *core.Node) {
	if s.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.around.Broker.SetupTimeout(n.Failures))
	address := n.Address
	s.helpers.Add(1)
	go func() {
		defer s.helpers.Done()
		defer cancel()
		conn, err := n.Reach.Dialing.Connect(ctx, s.around.Broker, address)
		if err != nil {
			s.post(func(now time.Duration) { s.connectFailed(now, n, address, err) })
			return
		}
		s.helpers.Add(1) // until Closed
		s.post(func(now time.Duration) { s.connected(now, n, address, conn) })
	}()
}

func (s *Sender) connectFailed(now time.Duration, n *core.Node, address string, err error) {
	if s.ctx.Err() == nil {
		s.around.Logger.Warn("broker cannot be reached", "broker", n.ID, "address", address, "error", err, "failures", n.Failures+1)
	}
	n.LastErr = err
	n.Reach.Failed(err)
	s.core.ConnectFailed(now, n)
}

func (s *Sender) connected(now time.Duration, n *core.Node, address string, conn *broker.Conn) {
	conn.Start(&link{s, n, conn})
	if s.ctx.Err() != nil || n.Address != address {
		conn.Close(core.ErrMoved)
	}
	n.Reach.Connected(conn)
	s.around.Watch.connected(n.ID, address)
	s.core.Connected(now, n, conn)
}

func (s deeds) Disconnect(n *core.Node, reason error) {
	if n.Conn != nil {
		n.Conn.Close(reason)
	}
}

func (s deeds) Resolve(l *core.Lane, b *batch.Batch, o batch.Outcome) {
	if !b.Sender.Departed {
		l.Part.Departed(1)
	}
	s.stats.resolved(b, o, s.age(b))
	if o.Failure == nil {
		l.Part.Troubled(nil)
	}
	s.around.Watch.done(l, b, o, s.age(b))
	if o.Failure != nil {
		s.around.Logger.Warn("batch failed", "topic", l.Topic.Name, "partition", l.Part.Number, "records", b.Count(),
			"not_written", o.Failure.NotWritten, "attempts", o.Failure.Attempts, "error", o.Failure.Err)
	}
	s.around.Tell(l.Part, b, o)
}

func (s deeds) Release(b *batch.Batch) { s.around.Accumulator.ReleaseBatch(b) }

func (s deeds) Refresh(topic string) { s.around.Refresh(topic) }

func (s deeds) Hint(r *core.Request, p core.Passenger, a *answers.Answer) {
	s.around.Hint(Hint{
		Topic: p.Lane.Topic.Name, TopicID: p.Lane.Topic.ID, Partition: p.Lane.Part.Number,
		Leader: a.Leader, Epoch: a.Epoch, Nodes: r.Nodes,
	})
}

func (s deeds) FetchID() {
	s.helpers.Add(1)
	go func() {
		defer s.helpers.Done()
		id, err := s.around.FetchID(s.ctx)
		if s.ctx.Err() == nil {
			s.post(func(now time.Duration) { s.core.ProducerID(now, id, err) })
		}
	}()
}

func (s deeds) Departed(l *core.Lane, b *batch.Batch, why batch.Reason) {
	if !b.Sender.Departed {
		l.Part.Departed(1)
	}
	s.stats.departed(b, why, s.age(b))
	s.around.Watch.leaves(l, b, why, s.age(b))
}

func (s deeds) Retried(l *core.Lane, b *batch.Batch, err error) {
	s.stats.retried(b)
	l.Part.Troubled(err)
	s.around.Watch.retried(l, b, err, s.age(b))
	s.around.Logger.Debug("batch is tried again", "topic", l.Topic.Name, "partition", l.Part.Number,
		"attempts", b.Sender.Attempts, "error", err)
}

func (s deeds) Answered(r *core.Request, throttle time.Duration, err error) {
	s.stats.answered(r, throttle, err)
	s.around.Watch.answered(r, throttle, err)
}

// link is a connection's handler: it runs on the connection's loops and passes on what happens to the send loop.
type link struct {
	sender *Sender
	node   *core.Node
	conn   *broker.Conn
}

// BeforeWrite seals the batches on the connection's write loop, so that the CRC pass over the records warms the cache
// for the write that follows and costs the send loop nothing.
func (k *link) BeforeWrite(p *broker.ProduceRequest) {
	for _, passenger := range p.Tag.(*core.Request).Batches {
		passenger.Batch.Seal()
	}
}

// Done notes the broker's answers and tells the send loop.
func (k *link) Done(p *broker.ProduceRequest, resp *wire.ProduceResponse, written bool, err error) {
	r := p.Tag.(*core.Request)
	var throttle time.Duration
	if resp != nil {
		throttle = time.Duration(resp.ThrottleMillis) * time.Millisecond
		r.Note(resp)
	}
	k.sender.post(func(now time.Duration) {
		k.sender.core.Done(now, r, throttle, written, err)
		k.sender.relieve(now, k.node)
	})
}

// relieve makes more batches leave where those that a blocked caller made leave have all left and were not enough.
func (s *Sender) relieve(now time.Duration, n *core.Node) {
	if n.Idle() && s.around.Accumulator.Pool().Waiting() {
		s.core.Pressure(now)
	}
}

// Closed tells the send loop that the connection ended.
func (k *link) Closed(_ *broker.Conn, err error) {
	peaceful := broker.Peaceful(err)
	k.sender.post(func(now time.Duration) {
		if !peaceful {
			k.sender.around.RefreshAll("a broker's connection was lost")
		}
		k.sender.around.Watch.disconnected(k.node.ID, k.conn.Address(), err)
		k.node.LastErr = err
		if peaceful {
			k.node.Reach.Failed(nil)
		} else {
			k.node.Reach.Failed(err)
		}
		k.sender.core.Disconnected(now, k.node, peaceful)
		k.sender.helpers.Done()
	})
}
