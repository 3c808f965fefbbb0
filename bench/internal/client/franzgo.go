package client

import (
	"context"
	"fmt"

	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
	"github.com/twmb/franz-go/pkg/kgo"
)

type franzClient struct {
	client   *kgo.Client
	data     *workload.Data
	outcomes *Outcomes
	promise  func(*kgo.Record, error)
}

func openFranz(t Target) (Client, error) {
	codec, ok := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[t.Load.Codec]
	if !ok {
		return nil, fmt.Errorf("codec %q is not known", t.Load.Codec)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(t.Brokers...),
		kgo.RequiredAcks(kgo.AllISRAcks()), // idempotence is the default, and with it InFlight requests to each broker
		kgo.ProducerLinger(Linger),
		kgo.ProducerBatchMaxBytes(BatchBytes),
		kgo.ProducerBatchCompression(codec),
		kgo.DisableClientMetrics(),
	)
	if err != nil {
		return nil, err
	}
	c := &franzClient{client: client, data: t.Data, outcomes: newOutcomes()}
	c.promise = func(_ *kgo.Record, err error) { c.outcomes.add(err) }
	return c, nil
}

const slabRecords = 256

func (c *franzClient) Produce(from, to int) error {
	ctx := context.Background()
	var slab []kgo.Record
	for i := from; i < to; i++ {
		if len(slab) == 0 {
			slab = make([]kgo.Record, slabRecords)
		}
		r := &slab[0]
		slab = slab[1:]
		r.Topic, r.Key, r.Value = workload.Topic, c.data.Key(i), c.data.Value(i)
		c.client.Produce(ctx, r, c.promise)
	}
	return nil
}

func (c *franzClient) Flush(ctx context.Context) error { return c.client.Flush(ctx) }

func (c *franzClient) Outcomes() *Outcomes { return c.outcomes }

func (c *franzClient) Close() { c.client.Close() }
