package metadata

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/omnibus-kafka/omnibus/internal/metadata/control"
)

// interest is what the manager remembers of a topic in use beside its picture. It is guarded by Manager.mu, used apart.
type interest struct {
	// used is the last use, in nanoseconds since the manager was made; the topic's pictures share it.
	used *atomic.Int64
	// waiters counts the calls of Wait that wait for this topic.
	waiters int
	// tries counts the answers in a row that did not help: errors, and nothing new where an error asked.
	tries int
	// retryAt is when the topic may be asked for again.
	retryAt time.Time
	// answers counts answers about the topic; the last came at answeredAt from the broker at from, with code.
	answers    int
	answeredAt time.Time
	from       string
	code       int16
}

// plan decides what to ask now, or says when to look again.
func (m *Manager) plan(now time.Time) (*question, time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.run.failures > 0 && now.Before(m.run.retryAt) {
		return nil, m.run.retryAt
	}
	q := &question{topics: make(map[string]struct{}), sentAt: now}
	if !now.Before(m.mu.fullAt) {
		q.full = true
		m.forgetIdleLocked(now)
		for name := range m.mu.topics {
			q.topics[name] = struct{}{}
			delete(m.mu.pending, name)
		}
		m.mu.fullAt = now.Add(m.jittered(m.config.MaxAge))
		return q, time.Time{}
	}
	at := m.mu.fullAt
	for name := range m.mu.pending {
		in := m.mu.topics[name]
		if now.Before(in.retryAt) {
			at = earlier(at, in.retryAt)
			continue
		}
		q.topics[name] = struct{}{}
		delete(m.mu.pending, name)
	}
	if len(q.topics) == 0 {
		return nil, at
	}
	return q, time.Time{}
}

// forgetIdleLocked drops the topics that nobody has used for MaxIdle. Their pictures go when the answer comes.
func (m *Manager) forgetIdleLocked(now time.Time) {
	oldest := int64(now.Sub(m.started) - m.config.MaxIdle)
	for name, in := range m.mu.topics {
		if in.waiters == 0 && in.used.Load() < oldest {
			delete(m.mu.topics, name)
			delete(m.mu.pending, name)
		}
	}
}

// settle takes in what became of a question.
func (m *Manager) settle(ctx context.Context, r reply) {
	switch {
	case r.err == nil:
		m.succeed(r)
	case ctx.Err() == nil:
		m.fail(r)
	}
}

// fail plans the next attempt after a request that got no usable answer.
func (m *Manager) fail(r reply) {
	now := time.Now()
	run := &m.run
	if run.failures == 0 {
		run.troubleSince = r.question.sentAt
	}
	run.failures++
	run.retryAt = now.Add(m.pause(r.err, run.failures))
	m.maybeRebootstrap(now, r.err)

	m.mu.Lock()
	m.mu.stats.Failures++
	m.mu.lastErr = r.err
	if r.question.full {
		m.mu.fullAt = time.Time{}
	}
	for name := range r.question.topics {
		if _, ok := m.mu.topics[name]; ok {
			m.mu.pending[name] = true
		}
	}
	m.newsLocked()
	m.mu.Unlock()
	if n := run.failures; n&(n-1) == 0 {
		m.config.Logger.Warn("metadata request failed", "failures", n, "retry_in", run.retryAt.Sub(now), "error", r.err)
	}
}

// pause is how long to wait after so many failures. Who is not let in asks more and more seldom, so that no account is
// locked and no broker's log is filled; nobody waits for it.
func (m *Manager) pause(err error, failures int) time.Duration {
	pause := m.config.Retry.After(failures, m.config.Chance.Float64())
	if authn.Permanent(err) {
		pause = max(pause, min(shutOutPauseMin<<min(failures-1, 10), shutOutPauseMax))
	}
	return pause
}

// The pauses of a client that is not let in double from the one to the other.
const (
	shutOutPauseMin = time.Second
	shutOutPauseMax = 10 * time.Second
)

// maybeRebootstrap sends the client back to its bootstrap list when a broker demands it, or after trouble that brokers
// known now do not seem to end.
func (m *Manager) maybeRebootstrap(now time.Time, err error) {
	trouble := now.Sub(m.run.troubleSince)
	switch {
	case errors.Is(err, kerr.RebootstrapRequired):
		// The way back is the cure, so no pause: but only once in a row.
		if m.run.failures == 1 {
			m.run.retryAt = now
		}
		m.client.Rebootstrap("a broker demands it")
	case trouble >= m.config.RebootstrapTrigger:
		m.run.troubleSince = now
		m.client.Rebootstrap(fmt.Sprintf("no metadata for %v", trouble.Round(time.Millisecond)))
	}
}

// succeed merges and publishes a good answer.
func (m *Manager) succeed(r reply) {
	rebootstraps := m.client.Rebootstraps()
	anew := rebootstraps != m.run.rebootstraps
	m.run.rebootstraps = rebootstraps
	m.run.failures = 0

	m.mu.Lock()
	previous := m.cluster.Load()
	var forget []string
	if r.question.full {
		for name := range previous.Topics {
			if m.mu.topics[name] == nil {
				forget = append(forget, name)
			}
		}
	}
	for name, t := range r.answer.topics {
		if in := m.mu.topics[name]; in != nil {
			t.use = in.used
		} else {
			delete(r.answer.topics, name)
		}
	}
	next, ch := previous.merge(r.answer, anew, forget)
	m.noteAnswersLocked(r, next, ch)
	m.noteFullLocked(r.question, ch)
	m.mu.ready = true
	m.mu.lastErr = nil
	m.mu.stats.Refreshes++
	m.mu.stats.Refused += uint64(r.answer.refused)
	m.mu.Unlock()

	m.client.SetBrokers(next.addresses())
	m.publish(previous, next, ch)
	m.log(r, previous, next, ch)
}

// noteAnswersLocked remembers who said what about each topic asked for, and when it may be asked for again.
func (m *Manager) noteAnswersLocked(r reply, next *Cluster, ch change) {
	now := time.Now()
	m.mu.answeredAt = now
	changed := make(map[string]bool, len(ch.topics))
	for _, name := range ch.topics {
		changed[name] = true
	}
	for name := range r.question.topics {
		in := m.mu.topics[name]
		if in == nil {
			continue
		}
		told := r.answer.topics[name]
		healthy := told != nil && told.Code == 0
		switch {
		case healthy && changed[name]:
			in.tries = 0
		case !healthy || !r.question.full:
			in.tries++
		}
		in.retryAt = now.Add(m.config.Retry.After(max(1, in.tries), m.config.Chance.Float64()))
		if told != nil {
			in.answers++
			in.answeredAt, in.from, in.code = now, r.from, told.Code
		}
		byError, pending := m.mu.pending[name]
		switch t := next.Topics[name]; {
		case told != nil && doubtful(told.Code, t):
			m.mu.pending[name] = byError
		case pending && !byError && t != nil && t.Usable():
			delete(m.mu.pending, name)
		}
	}
}

// doubtful reports an answer worth asking again about even if nobody waits: the topic is just being made, or a known one
// seems to be gone.
func doubtful(code int16, t *Topic) bool {
	return code == kerr.LeaderNotAvailable.Code || code == kerr.UnknownTopicOrPartition.Code && len(t.Partitions) > 0
}

// noteFullLocked plans the next refresh of everything that errors may ask for.
func (m *Manager) noteFullLocked(q *question, ch change) {
	if !q.full {
		return
	}
	if m.mu.fullTries++; ch.differs {
		m.mu.fullTries = 0
	}
	m.mu.fullRetryAt = m.mu.answeredAt.Add(m.config.Retry.After(max(1, m.mu.fullTries), m.config.Chance.Float64()))
	if m.mu.fullAt.Before(m.mu.fullRetryAt) {
		m.mu.fullAt = m.mu.fullRetryAt
	}
}

// applyHints takes in the hints that have come.
func (m *Manager) applyHints() {
	m.mu.Lock()
	if len(m.mu.hints) == 0 {
		m.mu.Unlock()
		return
	}
	hints := m.mu.hints
	m.mu.hints = make(map[hintKey]Hint)
	m.mu.Unlock()
	previous := m.cluster.Load()
	next, ch := previous.apply(hints)
	m.client.SetBrokers(next.addresses())
	m.publish(previous, next, ch)
}

// publish shows a new picture to everybody. Waiters are woken even if it is the old one: they may wait for its error.
func (m *Manager) publish(previous, next *Cluster, ch change) {
	if ch.differs {
		m.cluster.Store(next)
	}
	m.mu.Lock()
	m.mu.stats.PartitionsAdded += uint64(ch.partitionsAdded)
	m.mu.stats.LeaderChanges += uint64(ch.leaderChanges)
	m.mu.stats.StaleAnswers += uint64(ch.staleAnswers)
	m.newsLocked()
	m.mu.Unlock()
	if ch.differs && m.config.OnUpdate != nil {
		m.config.OnUpdate(previous, next, ch.topics)
	}
}

// newsLocked wakes all waits.
func (m *Manager) newsLocked() {
	close(m.mu.news)
	m.mu.news = make(chan struct{})
}

// log tells of what operators want to know.
func (m *Manager) log(r reply, previous, next *Cluster, ch change) {
	logger := m.config.Logger
	if previous.ClusterID != "" && previous.ClusterID != next.ClusterID {
		logger.Warn("the brokers belong to another cluster now", "was", previous.ClusterID, "is", next.ClusterID)
	}
	for _, g := range ch.grown {
		logger.Info("topic got more partitions; keys move to other partitions", "topic", g.topic, "from", g.from, "to", g.to)
	}
	for _, name := range ch.recreated {
		logger.Warn("topic was deleted and made anew", "topic", name)
	}
	for _, name := range ch.vanished {
		logger.Warn("topic does not exist any more", "topic", name)
	}
	if r.answer.refused > 0 {
		logger.Warn("metadata answer is partly nonsense; that part is ignored", "from", r.from,
			"parts", r.answer.refused, "first", r.answer.refusals)
	}
}

// unusable is the failure of a request that was answered, but not to any use.
func unusable(from string, err error) error {
	return &control.UnreachableError{Attempts: []control.Attempt{{Address: from, Err: err}}}
}

// earlier is the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
