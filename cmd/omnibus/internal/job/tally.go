package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/envelope"
)

const (
	// awaitPoll is how often await looks.
	awaitPoll = 2 * time.Millisecond
	// lastOutcomes is how long the outcomes of what was given up may take to be counted and kept.
	lastOutcomes = 5 * time.Second
)

// tally counts outcomes.
type tally struct {
	notWritten atomic.Uint64
	unknown    atomic.Uint64
	timeouts   atomic.Uint64 // failures for want of an answer in time
	single     chan struct{} // takes one signal an outcome; nil unless somebody awaits each

	mu struct {
		sync.Mutex
		topics []*topicTally
	}
}

// topicTally counts the outcomes of one topic. Its callback is the one that all records of the topic share; the producer calls it
// from several goroutines at once, but for each partition from one at a time, in the order of the partition's records.
type topicTally struct {
	job      *job
	topic    string
	callback func(omnibus.Ack, error) // outcome, bound once: binding it for each record would cost an allocation
	printing func(omnibus.Ack, error) // print, likewise

	// partitions is replaced when it has to grow, so that reading it takes no lock.
	partitions atomic.Pointer[[]*partitionTally]
}

// partitionTally counts what one partition acknowledged. It has a cache line to itself, since two partitions are often
// counted by two goroutines.
type partitionTally struct {
	acked atomic.Uint64
	first atomic.Int64 // offset of the first record, -1 if it is not known
	ahead atomic.Int64 // by how much the last offset was ahead of acked; changes only where others write between
	_     [40]byte
}

func newTopicTally(j *job, topic string) *topicTally {
	t := &topicTally{job: j, topic: topic}
	t.callback, t.printing = t.outcome, t.print
	if j.tally.single != nil {
		t.callback = t.singleOutcome
	}
	t.partitions.Store(&[]*partitionTally{})
	j.tally.mu.Lock()
	defer j.tally.mu.Unlock()
	j.tally.mu.topics = append(j.tally.mu.topics, t)
	return t
}

// outcome is the callback of the topic's records.
func (t *topicTally) outcome(ack omnibus.Ack, err error) {
	if err != nil {
		t.failed(err)
		return
	}
	t.partition(ack.Partition).add(ack.Offset)
}

// singleOutcome is outcome while somebody waits for each.
func (t *topicTally) singleOutcome(ack omnibus.Ack, err error) {
	t.outcome(ack, err)
	t.job.tally.single <- struct{}{}
}

// failed counts a record that failed, tells of it and keeps it.
func (t *topicTally) failed(err error) {
	j := t.job
	if j.hopeless(err) {
		j.giveUp(fmt.Errorf("every further record would fail like this one: %w", cause(err)))
	}
	if errors.Is(err, omnibus.ErrDeliveryTimeout) {
		j.tally.timeouts.Add(1)
	}
	record, _ := errors.AsType[*omnibus.RecordError](err)
	if record == nil {
		record = &omnibus.RecordError{Topic: t.topic, Err: err}
	}
	j.errors.outcome(record)
	if j.letters != nil {
		j.keep(t.letter(record))
	}
	if record.NotWritten() {
		j.tally.notWritten.Add(1)
	} else {
		j.tally.unknown.Add(1)
	}
}

// letter is what is kept of a failed record. It is for the time of the callback: the bytes are the producer's.
func (t *topicTally) letter(err *omnibus.RecordError) *envelope.Failure {
	record, ok := err.Record()
	if !ok {
		record = omnibus.Record{Topic: t.topic}
	}
	origin := t.job.source.Origin(err.Tag)
	return &envelope.Failure{
		Record: record, Raw: !ok, // without its bytes it must not be taken for a tombstone
		File: origin.File, Line: origin.Line, Error: err.Err.Error(), Class: classOf(err),
		Attempts: err.Attempts, InDoubt: !err.NotWritten(),
	}
}

// hopeless reports whether every further record would fail for the same reason, so that there is no use in reading on.
// A topic that may not be written is one of many where each record names its own.
func (j *job) hopeless(err error) bool {
	return errors.Is(err, kerr.TopicAuthorizationFailed) && j.topic != "" || errors.Is(err, kerr.ClusterAuthorizationFailed) ||
		errors.Is(err, omnibus.ErrHalted)
}

// partition returns the tally of a partition.
func (t *topicTally) partition(number int32) *partitionTally {
	if known := *t.partitions.Load(); int(number) < len(known) && known[number] != nil {
		return known[number]
	}
	t.job.tally.mu.Lock()
	defer t.job.tally.mu.Unlock()
	known := *t.partitions.Load()
	grown := make([]*partitionTally, max(len(known), int(number)+1))
	copy(grown, known)
	if grown[number] == nil {
		grown[number] = &partitionTally{}
	}
	t.partitions.Store(&grown)
	return grown[number]
}

// add counts one record. Callbacks of one partition come one after the other, so loads and stores are enough, and since its
// offsets mostly follow on each other one store is.
func (p *partitionTally) add(offset int64) {
	count := p.acked.Load()
	if ahead := offset - int64(count); ahead != p.ahead.Load() || count == 0 {
		p.ahead.Store(ahead)
		if count == 0 {
			p.first.Store(offset)
		}
	}
	p.acked.Store(count + 1)
}

// offsets are those of the first and the last record, -1 if the broker does not tell.
func (p *partitionTally) offsets() (first, last int64) {
	if first = p.first.Load(); first < 0 {
		return -1, -1
	}
	return first, int64(p.acked.Load()) - 1 + p.ahead.Load()
}

// told returns how many outcomes were counted, and how many of them were acknowledgements.
func (t *tally) told() (outcomes, acked uint64) {
	failed := t.failures()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, topic := range t.mu.topics {
		for _, p := range *topic.partitions.Load() {
			if p != nil {
				acked += p.acked.Load()
			}
		}
	}
	return acked + failed, acked
}

// failures returns how many records failed.
func (t *tally) failures() uint64 { return t.notWritten.Load() + t.unknown.Load() }

// await waits until so many outcomes were counted, and reports whether they were when ctx ended. Outcomes are known before
// they are counted: a callback may be held up by a standard output that nobody reads.
func (t *tally) await(ctx context.Context, accepted uint64) bool {
	ticker := time.NewTicker(awaitPoll)
	defer ticker.Stop()
	for {
		if outcomes, _ := t.told(); outcomes >= accepted {
			return true
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
}

// partitions lists what each partition acknowledged, by topic and number.
func (t *tally) partitions() []PartitionSummary {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := []PartitionSummary{}
	for _, topic := range t.mu.topics {
		for number, p := range *topic.partitions.Load() {
			if p == nil {
				continue
			}
			first, last := p.offsets()
			list = append(list, PartitionSummary{
				Topic: topic.topic, Partition: int32(number), Acked: p.acked.Load(), FirstOffset: first, LastOffset: last,
			})
		}
	}
	slices.SortFunc(list, func(a, b PartitionSummary) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return list
}

// topics lists the topics that records went to.
func (t *tally) topics() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for _, topic := range t.mu.topics {
		names = append(names, topic.topic)
	}
	slices.Sort(names)
	return names
}
