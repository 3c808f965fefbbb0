package sender

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/settling"
)

// Surroundings are what the loop reaches out to. All functions are called on the send loop and must not block.
type Surroundings struct {
	Accumulator *accumulator.Accumulator
	Broker      *broker.Config
	// Used tells that a topic is in use, every now and then.
	Used func(topic string)
	// Refresh asks for new metadata of a topic because of an error of its own, RefreshAll of everything because a
	// connection was lost.
	Refresh    func(topic string)
	RefreshAll func(reason string)
	// Hint passes on that a broker named another leader (KIP-951).
	Hint func(Hint)
	// FetchID gets a producer id; it may block, and is called on a goroutine of its own.
	FetchID func(ctx context.Context) (idempotence.ProducerID, error)
	// Inquire asks a broker what it has of a producer's batches, and tells about each question as soon as that is known; it
	// may block, and is called on a goroutine of its own.
	Inquire func(ctx context.Context, broker int32, questions []settling.Question, tell func(i int, e settling.Evidence))
	// Lost is told of acknowledged records that a partition no longer has.
	Lost func(topic string, partition int32, loss settling.Loss)
	// Tell is called with the outcome of a batch's records before the batch is released: it wakes who waits
	// and queues the callbacks. It takes over the pipeline's reference to the batch.
	Tell func(p *accumulator.Partition, b *batch.Batch, o batch.Outcome)
	// Watch is told what the user's Trace wants to know.
	Watch  Watch
	Logger *slog.Logger
}

// Hint is a leader that a broker named in a Produce response.
type Hint struct {
	Topic         string
	TopicID       [16]byte
	Partition     int32
	Leader, Epoch int32
	Nodes         []answers.Endpoint
}

// Sender is the running send loop.
type Sender struct {
	around  Surroundings
	core    *core.Core
	inbox   *accumulator.Inbox
	clock   *accumulator.Clock
	workers *encoders
	stats   *Stats
	ctx     context.Context // ends with the loop, and with it dialing and id look-ups
	cancel  context.CancelFunc
	done    chan struct{}

	// Of the loop alone.
	now        time.Duration // when the turn began
	partitions []*accumulator.Partition
	fresh      []*batch.Batch
	running    []step
	inquiries  inquiries

	mu struct {
		sync.Mutex
		steps   []step
		stopped bool
	}
	// helpers counts goroutines that dial, fetch ids and compress.
	helpers sync.WaitGroup
}

// usedEvery is how often it is told that a topic is in use: often enough for one that nobody used for minutes to be forgotten.
const usedEvery = time.Second

// step is an event on its way to the core.
type step func(now time.Duration)

// Start runs a send loop until Stop.
func Start(config core.Config, around Surroundings) *Sender {
	s := &Sender{
		around: around, inbox: around.Accumulator.Inbox, clock: around.Accumulator.Clock,
		stats: new(Stats), done: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.core = core.New(config, deeds{s})
	s.workers = newEncoders(config.Encoders, s.encodedBatch)
	go s.run()
	return s
}

// run is the send loop.
func (s *Sender) run() {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		s.turn()
		s.inbox.Park()
		if !s.inbox.Empty() || len(s.partitions) > 0 || s.pending() {
			s.inbox.Unpark()
			continue
		}
		if s.isStopped() {
			return
		}
		if next := s.core.Next(); next != 0 {
			timer.Reset(max(next-s.clock.Now(), 0))
		}
		select {
		case <-s.inbox.C():
		case <-timer.C:
		}
		s.inbox.Unpark()
	}
}

// turn takes everything that happened and lets the core decide. The events go before the news: a partition is made
// known by an event that was posted before its first record could board.
func (s *Sender) turn() {
	s.partitions = s.inbox.Take(s.partitions)
	s.mu.Lock()
	s.running, s.mu.steps = s.mu.steps, s.running[:0]
	s.mu.Unlock()
	s.now = s.clock.Now()
	now := s.now
	for i, run := range s.running {
		run(now)
		s.running[i] = nil
	}
	s.takeNews(now)
	if next := s.core.Next(); next != 0 && next <= now {
		s.core.Tick(now)
	}
	s.inquire()
}

// takeNews gives the core what the partitions in s.partitions have to tell. One whose announcement is still among the
// events to come waits for the next turn.
func (s *Sender) takeNews(now time.Duration) {
	later := s.partitions[:0]
	for _, p := range s.partitions {
		if p.Sender == nil {
			later = append(later, p)
			continue
		}
		var signals accumulator.Signal
		signals, s.fresh = p.TakeNews(s.fresh[:0])
		l := p.Sender.(*core.Lane)
		if len(s.fresh) > 0 && (l.Topic.Used == 0 || now-l.Topic.Used >= usedEvery) {
			l.Topic.Used = now
			s.around.Used(p.Topic.Name)
		}
		s.core.News(now, l, signals, s.fresh)
		clear(s.fresh)
	}
	clear(s.partitions[len(later):])
	s.partitions = later
}

// catchUp gives the core the news that came since the turn began.
func (s *Sender) catchUp(now time.Duration) {
	s.partitions = s.inbox.Take(s.partitions)
	s.takeNews(now)
}

// post hands an event to the loop.
func (s *Sender) post(run step) {
	s.mu.Lock()
	s.mu.steps = append(s.mu.steps, run)
	s.mu.Unlock()
	s.inbox.Wake()
}

// pending reports whether events wait.
func (s *Sender) pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.steps) > 0
}

// isStopped reports whether Stop was called and nothing more can happen.
func (s *Sender) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.stopped
}

// NewTopic returns the handle of a topic that records will be sent to.
func (s *Sender) NewTopic(name string, config core.TopicConfig) *Topic {
	return &Topic{topic: &core.Topic{Name: name, Config: config}}
}

// Topic is a topic's handle at the sender.
type Topic struct{ topic *core.Topic }

// AddPartitions makes partitions of a topic known. It must be called before a record can board them.
func (s *Sender) AddPartitions(t *Topic, partitions []*accumulator.Partition) {
	s.post(func(time.Duration) { s.core.AddPartitions(t.topic, partitions) })
}

// Lead tells new brokers and leaders.
func (s *Sender) Lead(brokers []core.Broker, leaders []core.Leader) {
	s.post(func(now time.Duration) {
		s.core.Brokers(now, brokers)
		s.core.Leaders(now, leaders)
	})
}

// Flush makes everything leave that was appended so far and waits for all of its outcomes, or for ctx.
func (s *Sender) Flush(ctx context.Context) error {
	done := make(chan struct{})
	s.post(func(now time.Duration) {
		s.catchUp(now) // with what was appended before Flush was called
		s.core.Flush(now, done)
	})
	select {
	case <-done:
		return nil
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Pressure tells that a caller is blocked for memory.
func (s *Sender) Pressure() {
	s.post(func(now time.Duration) {
		s.catchUp(now) // what the caller may be waiting for has just been appended
		s.core.Pressure(now)
	})
}

// CloseSoon makes everything leave without lingering from now on.
func (s *Sender) CloseSoon() { s.post(func(now time.Duration) { s.core.Close(now) }) }

// Stop ends what is still open with err, closes all connections and returns when no goroutine of the sender is left.
func (s *Sender) Stop(err error) {
	aborted := make(chan struct{})
	s.post(func(now time.Duration) {
		s.catchUp(now)
		s.core.Abort(now, err)
		s.cancel() // from here on nothing is dialed
		for _, n := range s.core.Nodes {
			deeds{s}.Disconnect(n, nil)
		}
		close(aborted)
	})
	<-aborted
	s.helpers.Wait() // the loop turns on meanwhile: connections and helpers report to it
	s.workers.stop()
	s.mu.Lock()
	s.mu.stopped = true
	s.mu.Unlock()
	s.inbox.Wake()
	<-s.done
	s.clock.Stop() // nobody is busy any more
}

// Stats is what the sender counts.
func (s *Sender) Stats() *Stats { return s.stats }
