package metadata

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/authn"
)

// Want says that a topic is going to be used, and starts its look-up if nothing usable is known of it: for a new topic at
// once, else after the pause that the last answer demands. It never blocks. For a usable topic it is Used.
func (m *Manager) Want(topic string) {
	if m.used(topic) {
		return
	}
	m.mu.Lock()
	m.pendLocked(topic, false)
	m.mu.Unlock()
	m.signal()
}

// Used says that a topic is in use, so that it is not forgotten. It costs a map look-up and, once a second, a write: call it
// every now and then while it is.
func (m *Manager) Used(topic string) { m.used(topic) }

// used is Used, and reports whether the topic is usable.
func (m *Manager) used(topic string) bool {
	t := m.cluster.Load().Topics[topic]
	if t == nil {
		return false
	}
	t.touch(time.Since(m.started))
	return t.Usable()
}

// Refresh asks for topics again because of an error of theirs: a broker does not lead, or does not know, a partition.
// Calls are gathered into one request, which waits for the pause that follows from the topic's last answer: answers
// that bring nothing new make it longer. It never blocks, and it counts as a use of the topics.
func (m *Manager) Refresh(topics ...string) {
	m.mu.Lock()
	for _, topic := range topics {
		m.pendLocked(topic, true)
	}
	m.mu.Unlock()
	m.signal()
}

// RefreshNow asks for everything again, as soon as the last such answer's pause is over: a connection was lost, so that any
// partition may have moved. The reason is for the log. It never blocks.
func (m *Manager) RefreshNow(reason string) {
	now := time.Now()
	m.mu.Lock()
	at := m.mu.fullRetryAt
	if now.After(at.Add(m.config.Retry.Max)) {
		m.mu.fullTries = 0
	}
	if at.Before(now) {
		at = now
	}
	m.mu.fullAt = earlier(m.mu.fullAt, at)
	m.mu.Unlock()
	m.config.Logger.Debug("metadata refresh", "reason", reason)
	m.signal()
}

// Hint takes in a broker's word on a partition's new leader. It never blocks; the picture follows soon after.
func (m *Manager) Hint(h Hint) {
	key := hintKey{h.Topic, h.Partition}
	m.mu.Lock()
	if held, ok := m.mu.hints[key]; !ok || held.LeaderEpoch < h.LeaderEpoch {
		m.mu.hints[key] = h
	}
	m.mu.Unlock()
	m.signal()
}

// pendLocked makes a topic one to ask for.
func (m *Manager) pendLocked(topic string, byError bool) *interest {
	now := time.Now()
	in := m.mu.topics[topic]
	if in == nil {
		in = &interest{used: new(atomic.Int64)}
		if t := m.cluster.Load().Topics[topic]; t != nil {
			in.used = t.use
		}
		m.mu.topics[topic] = in
	}
	in.used.Store(int64(now.Sub(m.started)))
	if now.After(in.retryAt.Add(m.config.Retry.Max)) {
		in.tries = 0
	}
	m.mu.pending[topic] = m.mu.pending[topic] || byError
	return in
}

// signal wakes Run.
func (m *Manager) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Wait returns the topic as soon as it is usable and has the given partition; -1 is content with any. It waits through
// "unknown topic" and "no leader", for topics may be about to be made, and for more partitions; it fails at once when
// waiting cannot help (an invalid name, no authorization), but not by an answer older than Config.Retry.Max: rights can be
// granted; and at once if the brokers do not let this client in (ShutOut). For a known topic it costs an atomic load and a map look-up. Errors are *TopicError, or ErrClosed.
func (m *Manager) Wait(ctx context.Context, topic string, partition int32) (*Topic, error) {
	if t := m.cluster.Load().Topics[topic]; t.has(partition) {
		t.touch(time.Since(m.started))
		return t, nil
	}
	start := time.Now()
	m.mu.Lock()
	in := m.pendLocked(topic, false)
	in.waiters++
	before := in.answers
	if start.Sub(in.answeredAt) < m.config.Retry.Max {
		before-- // What was heard a moment ago still holds.
	}
	m.mu.Unlock()
	defer m.leave(in)
	for {
		t, news, err := m.look(in, topic, partition, before)
		if t != nil || err != nil {
			return t, err
		}
		m.signal()
		select {
		case <-news:
		case <-ctx.Done():
			return nil, m.failure(in, topic, partition, time.Since(start), context.Cause(ctx))
		}
	}
}

// ShutOut is why nothing can be known of the cluster: the brokers do not let this client in, and never did. It is nil once
// a broker has answered, for then a refusal may be a password or a certificate that is being changed.
func (m *Manager) ShutOut() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shutOutLocked()
}

func (m *Manager) shutOutLocked() error {
	if m.mu.ready || !authn.Permanent(m.mu.lastErr) {
		return nil
	}
	return m.mu.lastErr
}

// has reports whether the topic is usable and has the partition. t may be nil.
func (t *Topic) has(partition int32) bool {
	return t != nil && t.Usable() && int(partition) < len(t.Partitions)
}

// look is one look of a waiter: the topic, a final error, or a channel that tells when to look again; the topic then stays one
// to ask for. An answer that refuses the topic counts if there are more answers than before.
func (m *Manager) look(in *interest, topic string, partition int32, before int) (*Topic, chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.cluster.Load().Topics[topic]
	switch {
	case t.has(partition):
		return t, nil, nil
	case m.mu.stopped:
		return nil, nil, ErrClosed
	case in.answers > before && refused(in.code):
		return nil, nil, m.failureLocked(in, topic, partition)
	case m.shutOutLocked() != nil:
		e := m.failureLocked(in, topic, partition)
		e.Cause = m.mu.lastErr
		return nil, nil, e
	}
	m.pendLocked(topic, false)
	return nil, m.mu.news, nil
}

// leave ends a wait.
func (m *Manager) leave(in *interest) {
	m.mu.Lock()
	in.waiters--
	m.mu.Unlock()
}

// failure is the error of a wait that its context ended.
func (m *Manager) failure(in *interest, topic string, partition int32, waited time.Duration, cause error) error {
	m.mu.Lock()
	e := m.failureLocked(in, topic, partition)
	e.Waited, e.Ended, e.Cause = waited, cause, m.mu.lastErr
	m.mu.Unlock()
	if e.Cause == nil && e.Code == 0 && e.Partitions == 0 {
		e.Cause = m.client.Trouble() // nothing was heard yet
	}
	return e
}

// failureLocked says what is known of a topic that cannot be had.
func (m *Manager) failureLocked(in *interest, topic string, partition int32) *TopicError {
	e := &TopicError{Topic: topic, Partition: partition, Code: in.code, From: in.from, client: m.config.Client}
	if t := m.cluster.Load().Topics[topic]; t != nil {
		e.Partitions = len(t.Partitions)
	}
	return e
}
