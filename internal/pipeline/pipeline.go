package pipeline

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/settling"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/chance"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/metadata"
	"github.com/omnibus-kafka/omnibus/internal/metadata/control"
	"github.com/omnibus-kafka/omnibus/internal/sender"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// trimEvery is how often the buffer pool and the accumulator give memory back that was not needed lately.
const trimEvery = 10 * time.Second

// Config is what a pipeline is made of. Durations are literal: 0 is 0.
type Config struct {
	BufferBytes int64
	// RequestBytesMax bounds a record besides the buffer.
	RequestBytesMax int
	Callbacks       dispatch.Config
	// Network is what all connections have in common, Bootstrap where the first ones go.
	Network   broker.Config
	Bootstrap []string
	// CanonicalNames resolves Bootstrap to the canonical names behind it.
	CanonicalNames bool
	// KeepBrokers turns rebootstrapping off.
	KeepBrokers bool
	Reconnect   backoff.Exponential
	Metadata    metadata.Config
	Sender      core.Config
	Spread      Spread
	// Topic gives a topic's settings.
	Topic func(name string) TopicConfig
	// Tell is called on the send loop with the outcome of a batch; see sender.Surroundings.
	Tell func(p *accumulator.Partition, b *batch.Batch, o batch.Outcome)
	// Lost is told of acknowledged records that a partition no longer has; on the send loop.
	Lost func(topic string, partition int32, loss settling.Loss)
	// Updated is told of new metadata, on the manager's goroutine.
	Updated func(changed []string)
	Watch   sender.Watch
	Logger  *slog.Logger
}

// Spread is how records without a key are spread.
type Spread struct {
	// Uniform turns the adaptive choice off.
	Uniform bool
	// AvailabilityMax excludes partitions whose broker took nothing for so long; 0 is off.
	AvailabilityMax time.Duration
	// Rack, unless empty, prefers partitions led in it.
	Rack string
}

// TopicConfig is what differs from topic to topic.
type TopicConfig struct {
	Boarding accumulator.Settings
	Sender   core.TopicConfig
}

// Pipeline is the running whole.
type Pipeline struct {
	Callbacks   *dispatch.Dispatcher
	Accumulator *accumulator.Accumulator
	Metadata    *metadata.Manager
	Sender      *sender.Sender
	// Network counts what went through the connections.
	Network *broker.Counters

	config     Config
	pool       *bufferpool.Pool
	control    *control.Client
	leaderless *accumulator.Leader // of partitions without one
	chance     *chance.Source

	// routes holds a *Route for each topic in use, by name; firstRoute is the first of them, nil while there is none.
	routes     sync.Map
	firstRoute atomic.Pointer[Route]
	closing    atomic.Bool
	mu         struct {
		sync.Mutex
		brokers []core.Broker      // the cluster's, as the sender knows them
		leading map[int32]struct{} // those that lead a partition of a topic in use
		closed  error              // why no route is added any more, and no record boards a partition that is
	}
	stop    context.CancelFunc // ends running
	running sync.WaitGroup     // the metadata manager, the pool's trimming, the control connections
}

// Open returns a running pipeline. It dials nobody. ctx is for its values only; with a seed (chance.With) all that is random
// is drawn from that, and config.Sender.Seed does not count.
func Open(ctx context.Context, config Config) *Pipeline {
	p := &Pipeline{config: config, Network: new(broker.Counters), chance: chance.From(ctx)}
	if p.chance != nil {
		p.config.Sender.Seed = p.chance.Uint64()
	}
	p.config.Network.Counters = p.Network
	p.pool = bufferpool.New(config.BufferBytes, bufferpool.Hooks{OnPressure: func() { p.Sender.Pressure() }})
	p.leaderless = &accumulator.Leader{
		Account: p.pool.Account(bufferpool.NoLeader),
		Away:    func() error { return core.ErrNoLeader },
	}
	p.Callbacks = dispatch.New(config.Callbacks)
	p.Accumulator = accumulator.New(p.pool, p.Callbacks)
	p.openControl()
	p.Sender = sender.Start(p.config.Sender, p.surroundings())
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	p.running.Go(func() { p.Metadata.Run(background) })
	p.running.Go(func() { p.trim(background) })
	return p
}

// openControl makes the control plane.
func (p *Pipeline) openControl() {
	plane := control.Config{
		Bootstrap: p.config.Bootstrap, RequestTimeout: p.config.Network.RequestTimeout,
		Reconnect: p.config.Reconnect, KeepBrokers: p.config.KeepBrokers, Logger: p.config.Logger, Chance: p.chance.Split(),
		Connect: func(ctx context.Context, address string, dialing *broker.Dialing) (control.Requester, error) {
			conn, err := dialing.Connect(ctx, &p.config.Network, address)
			if err != nil {
				return nil, err
			}
			p.running.Add(1)
			conn.Start(controlConn{&p.running})
			return conn, nil
		},
	}
	if p.config.CanonicalNames {
		plane.Resolve = broker.CanonicalAddresses
	}
	p.control = control.NewClient(plane)
	about := p.config.Metadata
	about.OnUpdate, about.Logger, about.Chance = p.metadataChanged, p.config.Logger, p.chance.Split()
	p.Metadata = metadata.NewManager(p.control, about)
}

// controlConn lets Close wait for the loops of a control connection.
type controlConn struct{ running *sync.WaitGroup }

// BeforeWrite is broker.Handler's; no Produce request uses a control connection.
func (controlConn) BeforeWrite(*broker.ProduceRequest) {}

// Done is broker.Handler's.
func (controlConn) Done(*broker.ProduceRequest, *wire.ProduceResponse, bool, error) {}

// Closed notes that the connection's loops have ended.
func (c controlConn) Closed(*broker.Conn, error) { c.running.Done() }

// surroundings are what the sender reaches out to.
func (p *Pipeline) surroundings() sender.Surroundings {
	ids := p.chance.Split()
	return sender.Surroundings{
		Accumulator: p.Accumulator,
		Broker:      &p.config.Network,
		Used:        p.Metadata.Want,
		Refresh:     func(topic string) { p.Metadata.Refresh(topic) },
		RefreshAll:  p.Metadata.RefreshNow,
		Hint:        p.hinted,
		FetchID: func(ctx context.Context) (idempotence.ProducerID, error) {
			return idempotence.Fetch(ctx, p.control, p.config.Metadata.Client, func(failures int) time.Duration {
				return p.config.Metadata.Retry.After(failures, ids.Float64())
			})
		},
		Inquire: func(ctx context.Context, broker int32, questions []settling.Question, tell func(int, settling.Evidence)) {
			settling.Inquire(ctx, p.control, broker, questions, tell)
		},
		Lost:   p.config.Lost,
		Tell:   p.config.Tell,
		Watch:  p.config.Watch,
		Logger: p.config.Logger,
	}
}

// hinted passes on a leader that a broker named.
func (p *Pipeline) hinted(h sender.Hint) {
	nodes := make([]metadata.Broker, 0, len(h.Nodes))
	for _, n := range h.Nodes {
		nodes = append(nodes, metadata.NewBroker(n.ID, n.Host, n.Port, n.Rack))
	}
	p.Metadata.Hint(metadata.Hint{
		Topic: h.Topic, TopicID: h.TopicID, Partition: h.Partition, Leader: h.Leader, LeaderEpoch: h.Epoch, Nodes: nodes,
	})
}

// trim gives memory back that was not needed lately.
func (p *Pipeline) trim(ctx context.Context) {
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.pool.Trim()
			p.Accumulator.Trim()
		case <-ctx.Done():
			return
		}
	}
}

// PoolStats is what the buffer pool counted.
func (p *Pipeline) PoolStats() bufferpool.Stats { return p.pool.Stats() }

// Accepted counts the records that boarded.
func (p *Pipeline) Accepted() (records int64) {
	p.routes.Range(func(_, r any) bool {
		for _, partition := range r.(*Route).Topic.Partitions() {
			records += partition.Accepted()
		}
		return true
	})
	return records
}

// Closing reports whether Close was called.
func (p *Pipeline) Closing() bool { return p.closing.Load() }

// Lost counts records that a Close gave up.
type Lost struct{ NotWritten, Unknown int64 }

// Close takes the pipeline down; the package doc lists the steps. What has no outcome when ctx ends fails with cause. The
// errors tell whether ctx ended before all outcomes, and before all callbacks had run.
func (p *Pipeline) Close(ctx context.Context, cause error) (lost Lost, unsent, untold error) {
	p.refuse(cause)
	p.Sender.CloseSoon()
	unsent = p.Sender.Flush(ctx)
	counts := p.Sender.Stats()
	lost = Lost{-counts.NotWritten.Load(), -counts.Unknown.Load()}
	p.Sender.Stop(cause)
	lost.NotWritten += counts.NotWritten.Load()
	lost.Unknown += counts.Unknown.Load()
	p.stop()
	p.control.Close()
	p.pool.Close()
	p.running.Wait()
	untold = p.Callbacks.Drain(ctx)
	p.Callbacks.Close()
	return lost, unsent, untold
}

// refuse makes every further record fail with cause. It returns once no append is under way that would still succeed.
func (p *Pipeline) refuse(cause error) {
	p.closing.Store(true)
	p.mu.Lock()
	p.mu.closed = cause
	p.mu.Unlock()
	p.routes.Range(func(_, r any) bool {
		for _, partition := range r.(*Route).Topic.Partitions() {
			partition.Refuse(cause)
		}
		return true
	})
}
