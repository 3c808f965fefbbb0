package client

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

type omnibusClient struct {
	producer *omnibus.Producer
	data     *workload.Data
	outcomes *Outcomes
	callback func(omnibus.Ack, error)
}

func openOmnibus(t Target) (Client, error) {
	codec, ok := map[string]omnibus.Compression{
		"none": omnibus.CompressionNone, "lz4": omnibus.CompressionLZ4, "zstd": omnibus.CompressionZstd,
	}[t.Load.Codec]
	if !ok {
		return nil, fmt.Errorf("codec %q is not known", t.Load.Codec)
	}
	producer, err := omnibus.Open(context.Background(), omnibus.Config{
		Brokers: t.Brokers, Compression: codec,
		Linger: Linger, BatchBytesMax: BatchBytes, MaxRequestBytes: BatchBytes, MaxInFlight: InFlight, BufferBytes: BufferBytes,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, err
	}
	c := &omnibusClient{producer: producer, data: t.Data, outcomes: newOutcomes()}
	c.callback = func(_ omnibus.Ack, err error) {
		if err != nil {
			c.outcomes.fail(err)
		}
		c.outcomes.add(1)
	}
	return c, nil
}

func (c *omnibusClient) Produce(from, to int) error {
	ctx := context.Background()
	for i := from; i < to; i++ {
		r := omnibus.Record{Topic: workload.Topic, Key: c.data.Key(i), Value: c.data.Value(i)}
		if err := c.producer.EnqueueFunc(ctx, r, c.callback); err != nil {
			return err
		}
	}
	return nil
}

func (c *omnibusClient) Flush(ctx context.Context) error { return c.producer.Flush(ctx) }

func (c *omnibusClient) Outcomes() *Outcomes { return c.outcomes }

func (c *omnibusClient) Close() { c.producer.Close() }
