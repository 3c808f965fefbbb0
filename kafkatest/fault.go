package kafkatest

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/gate"
)

// The requests that producers send, to name them in faults. Any other kmsg.Key
// serves as well.
const (
	Any                     kmsg.Key = -1 // every request
	Produce                          = kmsg.Produce
	Metadata                         = kmsg.Metadata
	FindCoordinator                  = kmsg.FindCoordinator
	SASLHandshake                    = kmsg.SASLHandshake
	SASLAuthenticate                 = kmsg.SASLAuthenticate
	ApiVersions                      = kmsg.ApiVersions
	InitProducerID                   = kmsg.InitProducerID
	AddPartitionsToTxn               = kmsg.AddPartitionsToTxn
	AddOffsetsToTxn                  = kmsg.AddOffsetsToTxn
	EndTxn                           = kmsg.EndTxn
	TxnOffsetCommit                  = kmsg.TxnOffsetCommit
	DescribeProducers                = kmsg.DescribeProducers
	DescribeTopicPartitions          = kmsg.DescribeTopicPartitions
)

// Always as a number of times means: until Remove is called.
const Always = -1

// Where narrows the requests that a fault is for. Several must all hold.
type Where func(*where)

type where struct {
	gate.Filter
	topLevel bool
}

// OnNode is for requests that the broker with this id receives.
func OnNode(id int32) Where { return func(w *where) { w.Node = &id } }

// OnTopic is for requests that carry the topic. With Fail, only that topic's
// part of the request fails. With the other faults it works for Produce and
// Metadata alone: the test is failed otherwise.
func OnTopic(name string) Where { return func(w *where) { w.Topic = name } }

// OnPartition is for requests that carry the partition, within OnTopic if that is
// given too. With Fail, only that partition's part of the request fails. With
// the other faults it works for Produce alone.
func OnPartition(p int32) Where { return func(w *where) { w.Partition = &p } }

// When is for requests that fn approves. fn runs while the request waits; it
// must not block nor call the Cluster.
func When(fn func(kmsg.Request) bool) Where { return func(w *where) { w.When = fn } }

// TopLevel makes Fail answer with the error code of the whole response, for
// responses that also have codes for each of their parts.
func TopLevel() Where { return func(w *where) { w.topLevel = true } }

// Fault is a fault that was installed. Its methods may be called from any
// goroutine.
type Fault struct{ met meter }

// meter is kfake's kind of fault, for Fail, or the gates', for the others.
type meter interface {
	Hits() int
	Wait(ctx context.Context, n int) error
	Remove()
}

// Hits returns how many requests the fault has met so far.
func (f *Fault) Hits() int { return f.met.Hits() }

// Wait blocks until the fault has met n requests in all, or until ctx is done,
// whose error it then returns.
func (f *Fault) Wait(ctx context.Context, n int) error { return f.met.Wait(ctx, n) }

// Remove ends the fault. What it has already done is not undone.
func (f *Fault) Remove() { f.met.Remove() }

// Fail answers the next times requests with a Kafka error code instead of
// carrying them out. Two codes are told after the work was done, as a real broker
// does: REQUEST_TIMED_OUT (7) and NOT_ENOUGH_REPLICAS_AFTER_APPEND (20).
func (c *Cluster) Fail(key kmsg.Key, code int16, times int, where ...Where) *Fault {
	c.t.Helper()
	w := c.filter(key, times, where)
	kerror := kerr.TypedErrorForCode(code)
	if kerror == nil || kerror.Code != code {
		kerror = &kerr.Error{Message: "UNNAMED", Code: code} // a code from Kafka's future
	}
	fault := kfake.Fault{Topic: w.Topic, When: w.When, TopLevel: w.topLevel, Err: kerror, Count: times}
	if key != Any {
		fault.Keys = []kmsg.Key{key}
	}
	if w.Node != nil {
		fault.Nodes = []int32{*w.Node}
	}
	if w.Partition != nil {
		fault.Partitions = []int32{*w.Partition}
	}
	return &Fault{met: c.kfake.Fault(fault)}
}

// Swallow never answers the next times requests and does not carry them out.
// Each one's connection stays open and takes bytes, as that of a hung broker.
func (c *Cluster) Swallow(key kmsg.Key, times int, where ...Where) *Fault {
	c.t.Helper()
	return c.install(&gate.Rule{Action: gate.Swallow}, key, times, where)
}

// SwallowAnswer carries the next times requests out and never answers them: the
// record is in the log and the producer cannot know. Later requests on the same
// connection are carried out and not answered either, since Kafka answers in
// order.
func (c *Cluster) SwallowAnswer(key kmsg.Key, times int, where ...Where) *Fault {
	c.t.Helper()
	return c.install(&gate.Rule{Action: gate.SwallowAnswer}, key, times, where)
}

// Disconnect closes the connection on which each of the next times requests
// comes in, without carrying it out.
func (c *Cluster) Disconnect(key kmsg.Key, times int, where ...Where) *Fault {
	c.t.Helper()
	return c.install(&gate.Rule{Action: gate.Disconnect}, key, times, where)
}

// DisconnectAnswer carries the next times requests out and closes the connection
// instead of answering.
func (c *Cluster) DisconnectAnswer(key kmsg.Key, times int, where ...Where) *Fault {
	c.t.Helper()
	return c.install(&gate.Rule{Action: gate.DisconnectAnswer}, key, times, where)
}

// Delay holds each of the next times requests for d before the broker sees it,
// and what follows it on the same connection too.
func (c *Cluster) Delay(d time.Duration, key kmsg.Key, times int, where ...Where) *Fault {
	c.t.Helper()
	return c.install(&gate.Rule{Action: gate.Delay, Delay: d}, key, times, where)
}

// Observe counts requests as they come in, whatever befalls them afterwards.
func (c *Cluster) Observe(key kmsg.Key, where ...Where) *Fault {
	c.t.Helper()
	return c.install(&gate.Rule{Action: gate.Observe}, key, Always, where)
}

func (c *Cluster) install(rule *gate.Rule, key kmsg.Key, times int, where []Where) *Fault {
	c.t.Helper()
	rule.Filter = c.filter(key, times, where).Filter
	byTopic, byPartition := rule.Filter.Topic != "", rule.Filter.Partition != nil
	if byTopic && key != Produce && key != Metadata || byPartition && key != Produce {
		c.t.Fatalf("kafkatest: OnTopic and OnPartition cannot tell these requests apart (api key %d): use When", key.Int16())
	}
	c.rules.Add(rule, times)
	return &Fault{met: rule}
}

func (c *Cluster) filter(key kmsg.Key, times int, all []Where) where {
	c.t.Helper()
	if times == 0 || times < Always {
		c.t.Fatalf("kafkatest: a fault for %d requests: want at least 1, or Always", times)
	}
	var w where
	w.Key = key
	for _, set := range all {
		set(&w)
	}
	return w
}
