package omnibus

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/sender"
	"github.com/omnibus-kafka/omnibus/internal/settling"
)

// watch makes the sender's watch of the user's trace.
func (p *Producer) watch() sender.Watch {
	t := p.settings.Trace
	if t == nil {
		return sender.Watch{}
	}
	return sender.Watch{
		Leaves:       p.watchLeaves(t.BatchLeaves),
		Done:         p.watchDone(t.BatchDone),
		Retried:      p.watchRetried(t.BatchRetried),
		Answered:     p.watchAnswered(t.RequestDone),
		Connected:    p.watchConnected(t.BrokerConnected),
		Disconnected: p.watchDisconnected(t.BrokerDisconnected),
	}
}

func (p *Producer) watchLeaves(f func(BatchLeave)) func(*accumulator.Partition, *batch.Batch, batch.Reason, int, time.Duration) {
	if f == nil {
		return nil
	}
	return func(part *accumulator.Partition, b *batch.Batch, why batch.Reason, inFlight int, boarded time.Duration) {
		p.guard("Trace.BatchLeaves", func() {
			f(BatchLeave{
				Topic: part.Topic.Name, Partition: part.Number, Records: b.Count(), Bytes: b.Bytes(),
				Reason: why.String(), Boarded: boarded, InFlight: inFlight,
			})
		})
	}
}

func (p *Producer) watchDone(f func(BatchOutcome)) func(*accumulator.Partition, *batch.Batch, batch.Outcome, time.Duration) {
	if f == nil {
		return nil
	}
	return func(part *accumulator.Partition, b *batch.Batch, o batch.Outcome, age time.Duration) {
		out := BatchOutcome{
			Topic: part.Topic.Name, Partition: part.Number, Records: b.Count(), Offset: o.Offset,
			Attempts: b.Sender.Attempts, Age: age,
		}
		if o.Failure != nil {
			out.Err = o.Failure.Err
		}
		p.guard("Trace.BatchDone", func() { f(out) })
	}
}

func (p *Producer) watchRetried(f func(BatchOutcome)) func(*accumulator.Partition, *batch.Batch, error, time.Duration) {
	if f == nil {
		return nil
	}
	return func(part *accumulator.Partition, b *batch.Batch, err error, age time.Duration) {
		p.guard("Trace.BatchRetried", func() {
			f(BatchOutcome{
				Topic: part.Topic.Name, Partition: part.Number, Records: b.Count(), Offset: -1,
				Attempts: b.Sender.Attempts, Age: age, Err: err,
			})
		})
	}
}

func (p *Producer) watchAnswered(f func(RequestOutcome)) func(sender.Answered) {
	if f == nil {
		return nil
	}
	return func(a sender.Answered) {
		p.guard("Trace.RequestDone", func() {
			f(RequestOutcome{
				Broker: a.Broker, Batches: a.Batches, Bytes: a.Bytes,
				Latency: a.Latency, Throttle: a.Throttle, Err: a.Err,
			})
		})
	}
}

func (p *Producer) watchConnected(f func(int32, string)) func(int32, string) {
	if f == nil {
		return nil
	}
	return func(id int32, address string) { p.guard("Trace.BrokerConnected", func() { f(id, address) }) }
}

func (p *Producer) watchDisconnected(f func(int32, string, error)) func(int32, string, error) {
	if f == nil {
		return nil
	}
	return func(id int32, address string, err error) {
		p.guard("Trace.BrokerDisconnected", func() { f(id, address, err) })
	}
}

// dataLost tells of acknowledged records that a partition no longer has.
func (p *Producer) dataLost(topic string, partition int32, loss settling.Loss) {
	p.log.Error("the partition has lost records that it had acknowledged: an unclean leader election or a restored disk; send them again if you still have them",
		"topic", topic, "partition", partition, "from_offset", loss.From, "to_offset", loss.To)
	if t := p.settings.Trace; t != nil && t.DataLost != nil {
		p.guard("Trace.DataLost", func() {
			t.DataLost(DataLoss{Topic: topic, Partition: partition, FromOffset: loss.From, ToOffset: loss.To})
		})
	}
}
