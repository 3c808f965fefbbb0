package omnibus

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/omnibus-kafka/omnibus/internal/backoff"

	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/dispatch"
	"github.com/omnibus-kafka/omnibus/internal/logging"
	"github.com/omnibus-kafka/omnibus/internal/metadata"
	"github.com/omnibus-kafka/omnibus/internal/pipeline"
)

// Producer gets records to the partitions of a Kafka cluster. It is made to be shared: all methods may be called by any
// number of goroutines at once, callbacks included.
type Producer struct {
	settings *settings
	pipeline *pipeline.Pipeline
	log      *slog.Logger
	failures failureCounters
	tellings sync.Pool // of *telling, one a batch under way

	shutdown struct {
		once sync.Once
		done chan struct{} // closed when the shutdown is over
		err  error
	}
}

// Open checks the configuration and returns a running producer. It never dials: an unreachable cluster shows in Ready, or
// in the first record. ctx is for values only; ending it later does not end the producer. The error is that of
// Config.Validate. Every producer needs a Close or a Shutdown.
func Open(ctx context.Context, config Config) (*Producer, error) {
	settings, notes, err := newSettings(config)
	if err != nil {
		return nil, err
	}
	p := &Producer{settings: settings, log: logging.Limited(settings.Logger)}
	for _, note := range notes {
		p.log.Warn("configuration: " + note.String())
	}
	p.shutdown.done = make(chan struct{})
	p.pipeline = pipeline.Open(ctx, p.pipelineConfig())
	for topic := range settings.Topics {
		p.pipeline.Metadata.Want(topic)
	}
	return p, nil
}

// pipelineConfig is the configuration as the pipeline takes it.
func (p *Producer) pipelineConfig() pipeline.Config {
	s := p.settings
	spread := pipeline.Spread{Uniform: s.DisableAdaptive, AvailabilityMax: s.AvailabilityTimeout}
	if s.RackAware {
		spread.Rack = s.Rack
	}
	return pipeline.Config{
		BufferBytes: s.BufferBytes, RequestBytesMax: s.MaxRequestBytes,
		Callbacks: dispatch.Config{OnPanic: p.panicked},
		Network:   s.network(p.log), Bootstrap: s.Brokers, CanonicalNames: s.DNSLookup == DNSCanonicalBootstrap,
		KeepBrokers: s.MetadataRecovery == RecoveryNone,
		Reconnect:   backoff.Exponential{Min: s.ReconnectBackoff, Max: s.ReconnectBackoffMax},
		Metadata: metadata.Config{
			MaxAge: s.MetadataMaxAge, MaxIdle: s.MetadataMaxIdle, RebootstrapTrigger: s.RebootstrapTrigger,
			Retry: backoff.Exponential{Min: s.RetryBackoff, Max: s.RetryBackoffMax}, Client: s.connection.Client,
		},
		Sender: s.sender(), Spread: spread, Topic: s.pipelineTopic,
		Tell: p.tell, Lost: p.dataLost, Updated: p.metadataUpdated, Watch: p.watch(), Logger: p.log,
	}
}

// network is what all connections have in common.
func (s *settings) network(log *slog.Logger) broker.Config {
	return broker.Config{
		ClientID: s.ClientID, SoftwareVersion: Version, Dial: s.Dial, TLS: s.eachTLS(log), SASL: s.connection.SASL,
		ConnectTimeout: s.ConnectTimeout, ConnectTimeoutMax: s.ConnectTimeoutMax,
		RequestTimeout: s.RequestTimeout, Idle: max(s.ConnectionIdle, 0),
		SendBufferBytes: s.SendBufferBytes, ReceiveBufferBytes: s.ReceiveBufferBytes,
		Logger: log,
	}
}

// metadataUpdated tells the user's Trace of new metadata.
func (p *Producer) metadataUpdated(changed []string) {
	if t := p.settings.Trace; t != nil && t.MetadataUpdated != nil {
		p.guard("Trace.MetadataUpdated", func() { t.MetadataUpdated(changed) })
	}
}

// Ready waits until the cluster answered and every topic of Config.Topics is known, or until ctx ends; the error then
// says what stood in the way. A producer works without it: it is for services that want to know early.
func (p *Producer) Ready(ctx context.Context) error {
	if p.pipeline.Closing() {
		return ErrClosed
	}
	if err := p.pipeline.Metadata.Ready(ctx); err != nil {
		return p.closedOr(err)
	}
	for topic := range p.settings.Topics {
		if _, err := p.pipeline.Metadata.Wait(ctx, topic, -1); err != nil {
			return p.closedOr(err)
		}
	}
	return nil
}

// Flush makes everything leave that was enqueued before the call, without lingering, and waits for all of its outcomes or
// for ctx. It tells nothing about them: deliveries, callbacks and Stats do. What is enqueued meanwhile is not waited
// for. It is legal within a callback.
func (p *Producer) Flush(ctx context.Context) error { return p.pipeline.Sender.Flush(ctx) }

// Close is Shutdown with Config.CloseTimeout.
func (p *Producer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.settings.CloseTimeout)
	defer cancel()
	return p.Shutdown(ctx)
}

// Shutdown refuses further records, sends what was accepted without lingering, waits for all outcomes and callbacks, and
// releases every resource. When ctx ends first, what is still open fails with ErrClosed, in the way that is true for
// each record, and the error is an *UnsentError. When it ends while only callbacks are left, which then still run, the
// error wraps the cause of ctx. Further calls wait for the first and return its error. Within a callback it does not wait
// for that callback.
func (p *Producer) Shutdown(ctx context.Context) error {
	first := false
	p.shutdown.once.Do(func() { first = true })
	if first {
		p.shutdown.err = p.shutDown(ctx)
		close(p.shutdown.done)
		return p.shutdown.err
	}
	if p.pipeline.Callbacks.OnWorker() {
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
	lost, unsent, untold := p.pipeline.Close(ctx, ErrClosed)
	switch {
	case lost != (pipeline.Lost{}):
		return &UnsentError{NotWritten: lost.NotWritten, Unknown: lost.Unknown, Err: unsent}
	case untold != nil:
		return fmt.Errorf("closed before every callback had run: %w", untold)
	}
	return nil
}
