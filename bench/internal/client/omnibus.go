package client

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

func omnibusMaker() Maker {
	return Maker{
		Name: "omnibus", Version: omnibus.Version, Open: openOmnibus,
		Defaults: "acks=all, idempotence, no compression, linger 5 ms",
	}
}

type omnibusClient struct {
	Target
	producer *omnibus.Producer
	outcomes *Outcomes
	count    func(omnibus.Ack, error)
}

func openOmnibus(t Target) (Client, error) {
	config, err := omnibusConfig(t.Load)
	if err != nil {
		return nil, err
	}
	config.Brokers, config.TLS = t.Brokers, t.TLS()
	config.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	producer, err := omnibus.Open(context.Background(), config)
	if err != nil {
		return nil, err
	}
	c := &omnibusClient{Target: t, producer: producer, outcomes: NewOutcomes()}
	c.count = func(_ omnibus.Ack, err error) { c.outcomes.Count(err) }
	return c, nil
}

func omnibusConfig(w workload.Workload) (omnibus.Config, error) {
	if w.Defaults {
		return omnibus.Config{}, nil
	}
	codec, ok := map[string]omnibus.Compression{
		"none": omnibus.CompressionNone, "lz4": omnibus.CompressionLZ4, "zstd": omnibus.CompressionZstd,
	}[w.Codec]
	if !ok {
		return omnibus.Config{}, fmt.Errorf("codec %q is not known", w.Codec)
	}
	config := omnibus.Config{
		Compression: codec,
		Linger:      w.Linger, BatchBytes: BatchBytes, BatchBytesMax: BatchBytes, MaxRequestBytes: BatchBytes, MaxInFlight: InFlight, BufferBytes: BufferBytes,
	}
	if w.Linger == 0 {
		config.Linger = omnibus.None
	}
	return config, nil
}

func (c *omnibusClient) record(i int) omnibus.Record {
	return omnibus.Record{Topic: c.Topic(i), Key: c.Data.Key(i), Value: c.Data.Value(i)}
}

func (c *omnibusClient) Produce(from, to int) error {
	ctx := context.Background()
	for i := from; i < to; i++ {
		if err := c.producer.EnqueueFunc(ctx, c.record(i), c.count); err != nil {
			return err
		}
	}
	return nil
}

func (c *omnibusClient) Send(ctx context.Context, i int) error {
	_, err := c.producer.Send(ctx, c.record(i))
	return err
}

func (c *omnibusClient) Offer(i int) error {
	return c.producer.EnqueueFunc(context.Background(), c.record(i), func(_ omnibus.Ack, err error) { c.outcomes.Tell(i, err) })
}

func (c *omnibusClient) Flush(ctx context.Context) error { return c.producer.Flush(ctx) }

func (c *omnibusClient) Outcomes() *Outcomes { return c.outcomes }

func (c *omnibusClient) Close() { c.producer.Close() }
