package client

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
	"github.com/twmb/franz-go/pkg/kgo"
)

// franz-go keeps the caller's *Record until its promise is called, so records come from slabs that are used again once
// all their promises were. Against slabs made anew this saves it 15 % of its CPU in workload A, against a sync.Pool as
// much, and so does a bound on records that is below its default of 50,000: the fewer wait, the more of them are still
// in a cache when their promise is called (a third less in B).
const (
	slabRecords     = 256
	franzRecordsMax = 10_000
)

func franzMaker() Maker {
	return Maker{Name: "franz-go", Version: ModuleVersion("github.com/twmb/franz-go"), Open: openFranz, Differences: []Difference{
		{"zstd", "a window of 64 KiB, which cannot be changed"},
		{"memory for records", "10,000 records instead of 32 MiB, since that costs it less CPU; 32 MiB hold as well"},
	}, Defaults: "acks=all, idempotence, snappy, linger 10 ms"}
}

type franzClient struct {
	Target
	client   *kgo.Client
	outcomes *Outcomes

	mu struct {
		sync.Mutex
		free []*slab // last in, first out: the last one's memory is the warmest
	}
}

// slab is records whose promises count down to its next use.
type slab struct {
	records [slabRecords]kgo.Record
	used    int          // of records
	open    atomic.Int64 // promises that were not called yet
	promise func(*kgo.Record, error)
}

func openFranz(t Target) (Client, error) {
	options, err := franzOptions(t.Load)
	if err != nil {
		return nil, err
	}
	if secured := t.TLS(); secured != nil {
		options = append(options, kgo.DialTLSConfig(secured))
	}
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(t.Brokers...))...)
	if err != nil {
		return nil, err
	}
	return &franzClient{Target: t, client: client, outcomes: NewOutcomes()}, nil
}

func franzOptions(w workload.Workload) ([]kgo.Opt, error) {
	if w.Defaults {
		return nil, nil
	}
	codec, ok := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[w.Codec]
	if !ok {
		return nil, fmt.Errorf("codec %q is not known", w.Codec)
	}
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()), // idempotence is the default, and with it InFlight requests to each broker
		kgo.ProducerLinger(w.Linger),
		kgo.ProducerBatchMaxBytes(BatchBytes),
		kgo.MaxBufferedRecords(franzRecordsMax),
		kgo.MaxBufferedBytes(BufferBytes),
		kgo.ProducerBatchCompression(codec),
		kgo.DisableClientMetrics(),
	}, nil
}

func (c *franzClient) record(i int) kgo.Record {
	return kgo.Record{Topic: c.Topic(i), Key: c.Data.Key(i), Value: c.Data.Value(i)}
}

func (c *franzClient) Produce(from, to int) error {
	ctx := context.Background()
	for from < to {
		s := c.take()
		n := min(slabRecords, to-from)
		s.used = n
		s.open.Store(int64(n))
		for i := range n {
			s.records[i] = c.record(from + i)
			c.client.Produce(ctx, &s.records[i], s.promise)
		}
		from += n
	}
	return nil
}

func (c *franzClient) Send(ctx context.Context, i int) error {
	r := c.record(i)
	return c.client.ProduceSync(ctx, &r).FirstErr()
}

func (c *franzClient) Offer(i int) error {
	r := c.record(i)
	c.client.Produce(context.Background(), &r, func(_ *kgo.Record, err error) { c.outcomes.Tell(i, err) })
	return nil
}

// take returns a slab of which no record is in use.
func (c *franzClient) take() *slab {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.mu.free); n > 0 {
		s := c.mu.free[n-1]
		c.mu.free = c.mu.free[:n-1]
		return s
	}
	s := new(slab)
	s.promise = func(_ *kgo.Record, err error) {
		if err != nil {
			c.outcomes.Fail(err)
		}
		if s.open.Add(-1) == 0 {
			c.put(s)
		}
	}
	return s
}

// put takes back a slab whose promises were all called.
func (c *franzClient) put(s *slab) {
	used := s.used
	c.mu.Lock()
	c.mu.free = append(c.mu.free, s)
	c.mu.Unlock()
	c.outcomes.Add(used)
}

func (c *franzClient) Flush(ctx context.Context) error { return c.client.Flush(ctx) }

func (c *franzClient) Outcomes() *Outcomes { return c.outcomes }

func (c *franzClient) Close() { c.client.Close() }
