package omnibus_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
)

// rig is a cluster with one topic, "t", and a producer on it, in a bubble of its own time. Its T is the bubble's. When the
// test ends the producer and the cluster are closed, and the bubble fails the test if a goroutine is left.
type rig struct {
	*testing.T
	cluster  *sim.Cluster
	producer *omnibus.Producer
	began    time.Time
}

// inBubble runs a test on a rig: one broker, so many partitions, and a producer of config.
func inBubble(t *testing.T, partitions int, config omnibus.Config, test func(r *rig)) {
	t.Helper()
	onNodes(t, 1, partitions, config, test)
}

// onNodes is inBubble on several brokers, which lead the partitions in turn.
func onNodes(t *testing.T, nodes, partitions int, config omnibus.Config, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cluster, err := sim.Start(sim.Options{Nodes: nodes})
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		cluster.AddTopic("t", partitions, sim.TopicOptions{})
		r := &rig{T: t, cluster: cluster, began: time.Now()}
		r.producer = r.open(config)
		defer func() {
			r.producer.Close()
			if n := r.producer.Stats().DataLosses; n > 0 { // nothing here makes a cluster lose what it acknowledged
				r.Errorf("%d false alarms of lost data", n)
			}
		}()
		test(r)
	})
}

// open opens a producer on the rig's cluster. The caller closes it.
func (r *rig) open(config omnibus.Config) *omnibus.Producer {
	r.Helper()
	config.Brokers, config.Dial = r.cluster.Brokers(), r.cluster.Dial
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	p, err := omnibus.Open(r.Context(), config)
	if err != nil {
		r.Fatal(err)
	}
	return p
}

// record is a record without a key for partition 0 of "t".
func record(value string) omnibus.Record {
	return omnibus.Record{Topic: "t", Partition: omnibus.At(0), Value: []byte(value)}
}

// send sends a record that must be acknowledged.
func (r *rig) send(rec omnibus.Record) omnibus.Ack {
	r.Helper()
	ack, err := r.producer.Send(r.Context(), rec)
	if err != nil {
		r.Fatalf("Send: %v", err)
	}
	return ack
}

// enqueue enqueues a record that must be accepted.
func (r *rig) enqueue(rec omnibus.Record) omnibus.Delivery {
	r.Helper()
	d, err := r.producer.Enqueue(r.Context(), rec)
	if err != nil {
		r.Fatalf("Enqueue: %v", err)
	}
	return d
}

// flush waits until everything has its outcome.
func (r *rig) flush() {
	r.Helper()
	if err := r.producer.Flush(r.Context()); err != nil {
		r.Fatalf("Flush: %v", err)
	}
}

// within returns a context that ends after a time.
func (r *rig) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(r.Context(), d)
	r.Cleanup(cancel)
	return ctx
}

// holds fails the test unless a partition of "t" holds just these values, in this order.
func (r *rig) holds(partition int32, want ...string) {
	r.Helper()
	var got []string
	for _, rec := range r.cluster.Records("t", partition) {
		got = append(got, string(rec.Value))
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		r.Errorf("partition %d holds %q, want %q", partition, got, want)
	}
}

// took fails the test unless so much time has passed since the rig was made, give or take a tenth.
func (r *rig) took(want time.Duration) {
	r.Helper()
	if took := time.Since(r.began); took < want-want/10 || took > want+want/10 {
		r.Errorf("took %v, want %v", took, want)
	}
}

// settles fails the test unless every accepted record has one of the three outcomes, and as many as said.
func (r *rig) settles(acked, notWritten, unknown int64) {
	r.Helper()
	s := r.producer.Stats()
	if s.Acked != acked || s.NotWritten != notWritten || s.Unknown != unknown || s.Pending != 0 ||
		s.Accepted != s.Acked+s.NotWritten+s.Unknown {
		r.Errorf("accepted %d, acked %d, not written %d, unknown %d, pending %d; want %d, %d, %d acked, not written, unknown",
			s.Accepted, s.Acked, s.NotWritten, s.Unknown, s.Pending, acked, notWritten, unknown)
	}
}

// failed fails the test unless err is a RecordError in whose text all words stand, not written or unknown as said.
func (r *rig) failed(err error, notWritten bool, words ...string) *omnibus.RecordError {
	r.Helper()
	e, ok := err.(*omnibus.RecordError)
	if !ok {
		r.Fatalf("got %T (%v), want a *RecordError", err, err)
	}
	if e.NotWritten() != notWritten || omnibus.NotWritten(err) != notWritten || omnibus.Unknown(err) == notWritten {
		r.Errorf("not written: %v, want %v: %v", e.NotWritten(), notWritten, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			r.Errorf("%q does not say %q", err, word)
		}
	}
	return e
}

// ledger notes what callbacks tell.
type ledger struct {
	mu struct {
		sync.Mutex
		told []told
	}
}

// told is one call of a callback.
type told struct {
	ack omnibus.Ack
	err error
	at  time.Time
}

// note is a callback.
func (l *ledger) note(ack omnibus.Ack, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.told = append(l.mu.told, told{ack, err, time.Now()})
}

// all is what was told so far.
func (l *ledger) all() []told {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]told(nil), l.mu.told...)
}

// tags are the tags that were told so far.
func (l *ledger) tags() []uint64 {
	var tags []uint64
	for _, t := range l.all() {
		tag := t.ack.Tag
		if e, ok := t.err.(*omnibus.RecordError); ok {
			tag = e.Tag
		}
		tags = append(tags, tag)
	}
	return tags
}

// logged is a log that can be read.
type logged struct {
	mu struct {
		sync.Mutex
		text strings.Builder
	}
}

// Write is io.Writer's.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.text.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// refuse is the fate of being answered an error code.
func refuse(code int16) sim.Fate { return sim.Fate{Refusal: &sim.Refusal{Code: code}} }
