package omnibus

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
	"github.com/omnibus-kafka/omnibus/internal/metadata"
	"github.com/omnibus-kafka/omnibus/internal/metadata/control"
	"github.com/omnibus-kafka/omnibus/internal/sender"
)

// trimEvery is how often the buffer pool gives memory back that was not needed lately.
const trimEvery = 10 * time.Second

// Producer gets records to the partitions of a Kafka cluster. It is made to be shared: all methods may be called by any
// number of goroutines at once, callbacks included.
type Producer struct {
	settings    *settings
	pool        *bufferpool.Pool
	accumulator *accumulator.Accumulator
	callbacks   *dispatch.Dispatcher
	leaderless  *accumulator.Leader // of partitions without one
	control     *control.Client
	metadata    *metadata.Manager
	sender      *sender.Sender
	network     *broker.Counters
	log         *logger
	failures    failureCounters

	// routes holds a *route for each topic in use, by name.
	routes sync.Map

	mu struct {
		sync.Mutex
		brokers []sender.Broker // the cluster's, as the sender knows them
		closed  bool            // no route is added any more
	}
	closing  atomic.Bool
	shutdown struct {
		once sync.Once
		done chan struct{} // closed when the shutdown is over
		err  error
	}
	stop    context.CancelFunc // ends background
	running sync.WaitGroup     // background goroutines
}

// Open checks the configuration and returns a running producer. It never dials: an unreachable cluster shows in Ready, or
// in the first record. ctx is for values only; ending it later does not end the producer. The error is that of
// Config.Validate. Every producer needs a Close or a Shutdown.
func Open(ctx context.Context, config Config) (*Producer, error) {
	settings, notes, err := newSettings(config)
	if err != nil {
		return nil, err
	}
	p := &Producer{settings: settings, network: new(broker.Counters), log: newLogger(settings.Logger)}
	for _, note := range notes {
		p.log.info("configuration", slog.String("note", note.String()))
	}
	p.shutdown.done = make(chan struct{})
	p.pool = bufferpool.New(settings.BufferBytes, bufferpool.Hooks{OnPressure: p.pressure})
	p.callbacks = dispatch.New(dispatch.Config{OnPanic: p.panicked})
	p.leaderless = &accumulator.Leader{Account: p.pool.Account(bufferpool.NoLeader)}
	p.accumulator = accumulator.New(p.pool, p.callbacks)
	p.connectPlanes(p.brokerConfig())
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	p.running.Go(func() { p.metadata.Run(background) })
	p.running.Go(func() { p.trim(background) })
	for topic := range settings.Topics {
		p.metadata.Want(topic)
	}
	return p, nil
}

// brokerConfig is what all connections have in common.
func (p *Producer) brokerConfig() *broker.Config {
	s := p.settings
	return &broker.Config{
		ClientID: s.ClientID, SoftwareVersion: Version, Dial: s.Dial,
		ConnectTimeout: s.ConnectTimeout, ConnectTimeoutMax: s.ConnectTimeoutMax,
		RequestTimeout: s.RequestTimeout, Idle: max(s.ConnectionIdle, 0),
		SendBufferBytes: s.SendBufferBytes, ReceiveBufferBytes: s.ReceiveBufferBytes,
		Logger: p.log.Logger, Counters: p.network,
	}
}

// connectPlanes makes the control plane (metadata, ids) and the data plane (the sender), which share nothing but the
// settings of their connections.
func (p *Producer) connectPlanes(network *broker.Config) {
	s := p.settings
	plane := control.Config{
		Bootstrap: s.Brokers, RequestTimeout: s.RequestTimeout,
		Reconnect:   control.Backoff{Min: s.ReconnectBackoff, Max: s.ReconnectBackoffMax},
		KeepBrokers: s.MetadataRecovery == RecoveryNone,
		Logger:      p.log.Logger,
		Connect: func(ctx context.Context, address string) (control.Requester, error) {
			conn, err := broker.Connect(ctx, network, address)
			if err != nil {
				return nil, err
			}
			conn.Start(nil)
			return conn, nil
		},
	}
	if s.DNSLookup == DNSCanonicalBootstrap {
		plane.Resolve = broker.CanonicalAddresses
	}
	p.control = control.NewClient(plane)
	p.metadata = metadata.NewManager(p.control, metadata.Config{
		MaxAge: s.MetadataMaxAge, MaxIdle: s.MetadataMaxIdle, RebootstrapTrigger: s.RebootstrapTrigger,
		Retry:    control.Backoff{Min: s.RetryBackoff, Max: s.RetryBackoffMax},
		OnUpdate: p.metadataChanged, Logger: p.log.Logger,
	})
	p.sender = sender.Start(s.senderConfig(), p.surroundings(network))
}

// senderConfig is what the sender decides by.
func (s *settings) senderConfig() sender.Config {
	return sender.Config{
		InFlightMax: s.MaxInFlight, RequestBytesMax: s.MaxRequestBytes, Retries: s.Retries,
		ProduceTimeoutMillis: int32(produceTimeout(s.RequestTimeout).Milliseconds()),
		RetryBackoff:         sender.Backoff{First: s.RetryBackoff, Max: s.RetryBackoffMax},
		Reconnect:            sender.Backoff{First: s.ReconnectBackoff, Max: s.ReconnectBackoffMax},
		HaltOnFailure:        s.HaltOnFailure, Encoders: runtime.GOMAXPROCS(0),
		Refusal: func(code int16, message string) error { return &BrokerError{Code: code, Message: message} },
	}
}

// produceTimeout is the time that a broker is given to hear from its replicas: so much less than the request timeout that
// its word comes before the connection is given up.
func produceTimeout(request time.Duration) time.Duration {
	return max(request-5*time.Second, request/2)
}

// trim gives memory of the pool back that was not needed lately.
func (p *Producer) trim(ctx context.Context) {
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.pool.Trim()
		case <-ctx.Done():
			return
		}
	}
}

// pressure tells the sender that a caller is blocked for memory.
func (p *Producer) pressure() { p.sender.Pressure() }

// Ready waits until the cluster answered and every topic of Config.Topics is known, or until ctx ends; the error then
// says what stood in the way. A producer works without it: it is for services that want to know early.
func (p *Producer) Ready(ctx context.Context) error {
	if err := p.metadata.Ready(ctx); err != nil {
		return err
	}
	for topic := range p.settings.Topics {
		if _, err := p.metadata.Wait(ctx, topic, -1); err != nil {
			return err
		}
	}
	return nil
}

// Flush makes everything leave that was enqueued before the call, without lingering, and waits for all of its outcomes or
// for ctx. It tells nothing about them: deliveries, callbacks and Stats do. What is enqueued meanwhile is not waited
// for. It is legal within a callback.
func (p *Producer) Flush(ctx context.Context) error { return p.sender.Flush(ctx) }

// Close is Shutdown with Config.CloseTimeout.
func (p *Producer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.settings.CloseTimeout)
	defer cancel()
	return p.Shutdown(ctx)
}

// Shutdown refuses further records, sends what was accepted without lingering, waits for all outcomes and callbacks, and
// releases every resource. When ctx ends first, what is still open fails with ErrClosed, in the way that is true for
// each record, and the error is an *UnsentError. Further calls wait for the first and return its error. Within a
// callback it does not wait for that callback.
func (p *Producer) Shutdown(ctx context.Context) error {
	first := false
	p.shutdown.once.Do(func() { first = true })
	if first {
		p.shutdown.err = p.shutDown(ctx)
		close(p.shutdown.done)
		return p.shutdown.err
	}
	if p.callbacks.OnWorker() {
		return nil // the first call waits for this very callback
	}
	select {
	case <-p.shutdown.done:
		return p.shutdown.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// shutDown is the first Shutdown.
func (p *Producer) shutDown(ctx context.Context) error {
	p.refuseRecords()
	p.sender.CloseSoon()
	ended := p.sender.Flush(ctx)
	notWritten, unknown := p.sender.Stats().NotWritten.Load(), p.sender.Stats().Unknown.Load()
	p.sender.Stop(ErrClosed)
	p.stop()
	p.control.Close()
	p.pool.Close()
	p.running.Wait()
	drained := p.callbacks.Drain(ctx)
	p.callbacks.Close()
	if ended != nil {
		return &UnsentError{
			NotWritten: p.sender.Stats().NotWritten.Load() - notWritten,
			Unknown:    p.sender.Stats().Unknown.Load() - unknown,
			Err:        ended,
		}
	}
	if drained != nil {
		return errors.Join(errors.New("closed before every callback had run"), drained)
	}
	return nil
}

// refuseRecords makes every further record fail with ErrClosed. It returns once no append is under way that would
// still succeed.
func (p *Producer) refuseRecords() {
	p.closing.Store(true)
	p.mu.Lock()
	p.mu.closed = true
	p.mu.Unlock()
	p.routes.Range(func(_, r any) bool {
		for _, partition := range r.(*route).topic.Partitions() {
			partition.Refuse(ErrClosed)
		}
		return true
	})
}
