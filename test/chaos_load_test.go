package test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// outcomesMax is how long the outcomes of all records may take: every fault is mended long before the delivery timeout.
const outcomesMax = 150 * time.Second

// chaosLoad is two producers that write to three topics, each by several goroutines:
//
//	chaos-steady   one history from the beginning to the end
//	chaos-grown    the same
//	chaos-mortal   life, doom, life, …: a life ends, is read back and judged before the topic is deleted; what is written
//	               while it is deleted may go with it
//
// Each history takes 16 bytes a record, and records are judged as they are read: a run of 20 million takes 400 MB.
type chaosLoad struct {
	k         *kafkatest.Kafka
	producers []*omnibus.Producer
	run       uint64
	rate      int // records a second, by all writers together
	writers   uint32
	strands   map[string]*strand
	doomed    []*check.History // of the mortal topic as it is now
	reports   []*check.Report
}

// strand is all that writes to a topic for a while.
type strand struct {
	topic string
	loads []*load // one for each producer
}

// chaosWays are how the writers of a producer to a topic hand over their records.
func chaosWays() []way { return []way{wayKeyed, waySticky, wayExplicit} }

// startChaosLoad makes the topics and begins to write.
func startChaosLoad(t *testing.T, k *kafkatest.Kafka, o *chaosOptions) *chaosLoad {
	t.Helper()
	c := &chaosLoad{k: k, run: o.seed, rate: o.rate, strands: make(map[string]*strand)}
	for _, topic := range []string{topicSteady, topicGrown, topicMortal} {
		k.CreateTopic(topic, chaosPartitions, nil)
	}
	for _, config := range o.producers() {
		config.Brokers, config.Logger = k.Brokers(), failureLog(t)
		p, err := omnibus.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		c.producers = append(c.producers, p)
		t.Cleanup(func() { p.Close() }) // of a run that failed half-way
	}
	t.Cleanup(func() {
		for _, s := range c.strands {
			for _, l := range s.loads {
				l.stop()
				l.running.Wait()
			}
		}
	})
	for _, topic := range []string{topicSteady, topicGrown, topicMortal} {
		c.write(topic, false)
	}
	return c
}

// write begins to write to a topic.
func (c *chaosLoad) write(topic string, doomed bool) {
	s := &strand{topic: topic}
	const topics = 3
	each := c.rate / (topics * len(c.producers) * len(chaosWays()))
	for _, p := range c.producers {
		var writers []*writer
		for _, way := range chaosWays() {
			c.writers++
			w := newWriter(topic, c.run, c.writers, way, 0)
			w.rate, w.limit, w.partitions = each, math.MaxInt32, chaosPartitions
			if doomed {
				w.Doom()
			}
			writers = append(writers, w)
		}
		l := newLoad(context.Background(), topic, writers)
		l.producer = p
		for _, w := range writers {
			l.running.Go(func() { l.write(w) })
		}
		s.loads = append(s.loads, l)
	}
	c.strands[topic] = s
}

// end ends the writing to a topic, waits until all its outcomes are told, and returns the histories.
func (c *chaosLoad) end(t *testing.T, topic string) (histories []*check.History) {
	t.Helper()
	s := c.strands[topic]
	delete(c.strands, topic)
	for _, l := range s.loads {
		close(l.calm)
	}
	ctx, cancel := context.WithTimeout(context.Background(), outcomesMax)
	defer cancel()
	for _, l := range s.loads {
		l.running.Wait()
		if err := l.producer.Flush(ctx); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: not all outcomes were told within %v", topic, outcomesMax)
		}
		histories = append(histories, l.histories()...)
	}
	return histories
}

// judge reads a topic back as it is now, and holds the histories of all who wrote to it against it.
func (c *chaosLoad) judge(t *testing.T, topic string, histories []*check.History) {
	t.Helper()
	checker := check.New(check.Rules{}, histories...)
	kafkatest.EachRecord(t, c.k.DirectBrokers(), topic, func(r *kgo.Record) {
		checker.Read(&check.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value})
	})
	c.reports = append(c.reports, checker.Finish())
}

// recreate deletes the mortal topic under load and makes another under its name, some time later.
func (c *chaosLoad) recreate(t *testing.T, later time.Duration) {
	t.Helper()
	c.judgeMortal(t)
	c.write(topicMortal, true)
	pause(300 * time.Millisecond)
	c.k.DeleteTopic(topicMortal)
	pause(later)
	c.k.CreateTopic(topicMortal, chaosPartitions, nil)
	pause(300 * time.Millisecond)
	c.doomed = c.end(t, topicMortal)
	c.write(topicMortal, false)
}

// judgeMortal ends a life of the mortal topic, and judges it with what was written while it was made.
func (c *chaosLoad) judgeMortal(t *testing.T) {
	t.Helper()
	c.judge(t, topicMortal, slices.Concat(c.end(t, topicMortal), c.doomed))
}

// finish ends all writing, closes the producers and judges what has not been judged.
func (c *chaosLoad) finish(t *testing.T) {
	t.Helper()
	steady, grown := c.end(t, topicSteady), c.end(t, topicGrown)
	c.judgeMortal(t)
	for i, p := range c.producers {
		if err := p.Close(); err != nil {
			t.Errorf("producer %d did not end well: %v", i+1, err)
		}
		if used := p.Stats().BufferUsedBytes; used != 0 {
			t.Errorf("producer %d: %d bytes of buffer.memory were not given back", i+1, used)
		}
	}
	c.judge(t, topicSteady, steady)
	c.judge(t, topicGrown, grown)
}

// total is the sum of all reports.
func (c *chaosLoad) total() *check.Report {
	sum := &check.Report{Violations: make(map[check.Kind]int)}
	for _, r := range c.reports {
		sum.Counts.Add(r.Counts)
		sum.Doomed.Add(r.Doomed)
		sum.Gone += r.Gone
		sum.InLog += r.InLog
		sum.Doubles += r.Doubles
		for kind, n := range r.Violations {
			sum.Violations[kind] += n
		}
		sum.Examples = append(sum.Examples, r.Examples...)
	}
	return sum
}

// stats is the sum of what the producers counted.
func (c *chaosLoad) stats() (sum omnibus.Stats) {
	for _, p := range c.producers {
		s := p.Stats()
		sum.Accepted += s.Accepted
		sum.Acked += s.Acked
		sum.NotWritten += s.NotWritten
		sum.Unknown += s.Unknown
		sum.Pending += s.Pending
		sum.RetriedBatches += s.RetriedBatches
		sum.Requests += s.Requests
		sum.RequestsLost += s.RequestsLost
		sum.Inquiries += s.Inquiries
		sum.DataLosses += s.DataLosses
		sum.LeaderChanges += s.LeaderChanges
		sum.PartitionsAdded += s.PartitionsAdded
		sum.BlockedTime += s.BlockedTime
	}
	return sum
}
