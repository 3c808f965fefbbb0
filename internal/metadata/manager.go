package metadata

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/acl"
	"github.com/omnibus-kafka/omnibus/internal/authn"
	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/chance"
	"github.com/omnibus-kafka/omnibus/internal/metadata/control"
)

// Config is what a Manager needs to know. All durations are taken as they are, without defaults.
type Config struct {
	// MaxAge is how old the picture may get before all of it is asked for again (metadata.max.age.ms). Up to a fifth of it
	// is taken off at random, so that clients started together do not ask together.
	MaxAge time.Duration
	// MaxIdle is how long a topic stays known without use (metadata.max.idle.ms); it goes at the next refresh by age.
	MaxIdle time.Duration
	// Retry is the pause before asking again after a failure, or after an answer that did not help (retry.backoff.ms,
	// .max.ms). Its Min is at least 10 ms, whatever is set, for asking brokers as fast as they answer helps nobody.
	Retry backoff.Exponential
	// RebootstrapTrigger is how long requests may fail before the brokers are forgotten and the bootstrap list is used
	// again (metadata.recovery.rebootstrap.trigger.ms); 0 is at the first failure. control.Config.KeepBrokers turns it off.
	RebootstrapTrigger time.Duration
	// Client is whom brokers judge, for the texts of errors.
	Client acl.Client
	// OnUpdate, if set, is told of each new picture, and the names of the topics in it that are others than before:
	// partitions, leaders, epochs, id, error; a topic that was forgotten is nil in next. It is called by the goroutine
	// of Run, after the picture is published, and must not block.
	OnUpdate func(previous, next *Cluster, changed []string)
	// Chance is for pauses and periods.
	Chance *chance.Source
	// Logger hears of new partitions, recreated topics and failing requests; nil is silent.
	Logger *slog.Logger
}

// retryMin bounds Config.Retry from below.
const retryMin = 10 * time.Millisecond

// Manager keeps the picture of the cluster up to date. All methods may be called by any goroutine; one must run Run.
type Manager struct {
	config  Config
	client  *control.Client
	started time.Time
	cluster atomic.Pointer[Cluster]
	// wake tells Run that there is something to do; it holds one token.
	wake chan struct{}

	mu struct {
		sync.Mutex
		// topics are the topics in use.
		topics map[string]*interest
		// pending are the topics to ask for as soon as their interest.retryAt allows. true marks those that an error made
		// pending, which an answer to a request sent before the error does not settle.
		pending map[string]bool
		hints   map[hintKey]Hint
		// fullAt is when everything is to be asked for; zero is now.
		fullAt time.Time
		// fullTries counts the answers to questions for everything, in a row, that changed nothing; fullRetryAt is when
		// errors may have everything asked for again.
		fullTries   int
		fullRetryAt time.Time
		// news is closed, and replaced, whenever something was heard or a request failed.
		news    chan struct{}
		lastErr error
		ready   bool
		stopped bool
		stats   Stats
		// answeredAt is when the last good answer came.
		answeredAt time.Time
	}

	// run is owned by the goroutine of Run.
	run struct {
		// failures counts failed requests in a row; retryAt is when the next one may go.
		failures int
		retryAt  time.Time
		// troubleSince is when the first of these requests was sent.
		troubleSince time.Time
		// rebootstraps is the client's count at the last good answer.
		rebootstraps uint64
	}
}

// Stats are counters since the manager was made, and the age of the picture.
type Stats struct {
	// Age is the time since the last good answer; -1 before the first.
	Age time.Duration
	// Refreshes counts good answers; Failures counts requests that got none.
	Refreshes uint64
	Failures  uint64
	// Rebootstraps counts the ways back to the bootstrap list.
	Rebootstraps uint64
	// PartitionsAdded counts partitions that known topics got; each moves keys to other partitions.
	PartitionsAdded uint64
	// LeaderChanges counts changes of a known partition's leader, losses included.
	LeaderChanges uint64
	// StaleAnswers counts topics that an answer described as they were in an older epoch.
	StaleAnswers uint64
	// Refused counts parts of answers that were not believed.
	Refused uint64
}

// NewManager makes a Manager that asks through client. It does nothing until Run.
func NewManager(client *control.Client, config Config) *Manager {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	config.Retry.Min = max(config.Retry.Min, retryMin)
	config.Retry.Max = max(config.Retry.Max, retryMin)
	m := &Manager{config: config, client: client, started: time.Now(), wake: make(chan struct{}, 1)}
	m.cluster.Store(&Cluster{Brokers: map[int32]Broker{}, Topics: map[string]*Topic{}})
	m.mu.topics = make(map[string]*interest)
	m.mu.pending = make(map[string]bool)
	m.mu.hints = make(map[hintKey]Hint)
	m.mu.news = make(chan struct{})
	return m
}

// Cluster is the newest picture; never nil. It costs one atomic load.
func (m *Manager) Cluster() *Cluster { return m.cluster.Load() }

// Stats reads the counters.
func (m *Manager) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.mu.stats
	s.Rebootstraps = m.client.Rebootstraps()
	s.Age = -1
	if !m.mu.answeredAt.IsZero() {
		s.Age = time.Since(m.mu.answeredAt)
	}
	return s
}

// Ready waits until the cluster has answered once. Its error holds ctx's, and how the brokers failed or what is
// being waited for; it comes at once if they do not let this client in.
func (m *Manager) Ready(ctx context.Context) error {
	start := time.Now()
	for {
		m.mu.Lock()
		ready, stopped, news, cause := m.mu.ready, m.mu.stopped, m.mu.news, m.mu.lastErr
		m.mu.Unlock()
		switch {
		case ready:
			return nil
		case stopped:
			return ErrClosed
		case authn.Permanent(cause):
			return cause
		}
		select {
		case <-news:
		case <-ctx.Done():
			if cause == nil {
				cause = m.client.Trouble()
			}
			return ended(ctx, time.Since(start), cause)
		}
	}
}

// Run keeps the picture up to date until ctx ends; it must be called once. It asks for everything at once, and then as
// errors, new topics and age demand. While a request is under way, in a goroutine that Run waits for before it returns,
// hints are still applied. When Run returns, waits end with ErrClosed.
func (m *Manager) Run(ctx context.Context) {
	defer m.stop()
	answers := make(chan reply, 1)
	asking := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		m.applyHints()
		if !asking {
			q, at := m.plan(time.Now())
			if q != nil {
				asking = true
				go func() { answers <- m.ask(ctx, q) }()
			} else {
				timer.Reset(time.Until(at))
			}
		}
		select {
		case <-ctx.Done():
			if asking {
				<-answers
			}
			return
		case r := <-answers:
			asking = false
			m.settle(ctx, r)
		case <-m.wake:
		case <-timer.C:
		}
	}
}

// stop ends all waits.
func (m *Manager) stop() {
	m.mu.Lock()
	m.mu.stopped = true
	m.newsLocked()
	m.mu.Unlock()
}

// question is one Metadata request.
type question struct {
	topics map[string]struct{}
	// full tells that it is for everything in use.
	full   bool
	sentAt time.Time
}

// reply is what became of a question.
type reply struct {
	question *question
	answer   *answer
	from     string
	err      error
}

// ask carries a question to a broker.
func (m *Manager) ask(ctx context.Context, q *question) reply {
	request := kmsg.NewPtrMetadataRequest()
	request.AllowAutoTopicCreation = true
	// Not nil: null asks for all topics of the cluster.
	request.Topics = make([]kmsg.MetadataRequestTopic, 0, len(q.topics))
	for name := range q.topics {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, topic)
	}
	response, from, err := m.client.Ask(ctx, request)
	if err != nil {
		return reply{question: q, err: err}
	}
	metadata, ok := response.(*kmsg.MetadataResponse)
	if !ok {
		return reply{question: q, err: unusable(from, fmt.Errorf("a Metadata request was answered with %T", response))}
	}
	a, err := decode(metadata, q.topics)
	if err != nil {
		err = unusable(from, err)
	}
	return reply{question: q, answer: a, from: from, err: err}
}

// jittered takes up to a fifth off a period.
func (m *Manager) jittered(period time.Duration) time.Duration {
	return period - time.Duration(m.config.Chance.Float64()*0.2*float64(period))
}
