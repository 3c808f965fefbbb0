package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

func kafkaGoMaker() client.Maker {
	return client.Maker{Name: "kafka-go", Version: client.ModuleVersion("github.com/segmentio/kafka-go"), Open: openKafkaGo, Differences: []client.Difference{
		{Setting: "idempotence", Why: "does not have it"},
		{Setting: "requests in flight", Why: "1 for each partition"},
		{Setting: "batches in a request", Why: "1"},
		{Setting: "memory for records", Why: "has no bound when asynchronous; the bench counts what is open and waits"},
	}, Defaults: "acks=0 (it waits for no answer), no idempotence, no compression, linger 1 s, batches of 100 records, keys ignored"}
}

const (
	// kafkaGoChunk is how many records go into a call of WriteMessages, which costs several allocations. Without keys so
	// many also stay with a partition.
	kafkaGoChunk = 1000
	// kafkaGoBatchRecords bounds a batch's records besides its bytes. Each batch makes room for all of them at its start.
	kafkaGoBatchRecords = 10_000
	// kafkaGoRecordBytes is about what a message takes besides its key and value.
	kafkaGoRecordBytes = 200
	// kafkaGoLingerMin stands for no linger, since 0 would be the default of a second. With less, a request would carry
	// little more than a record.
	kafkaGoLingerMin = time.Millisecond
)

type kafkaGoClient struct {
	client.Target
	writer   *kafka.Writer
	outcomes *client.Outcomes
	openMax  int

	mu struct {
		sync.Mutex
		open int // records without an outcome
	}
	closed sync.Cond // some were closed
}

func openKafkaGo(t client.Target) (client.Client, error) {
	c := &kafkaGoClient{Target: t, outcomes: client.NewOutcomes()}
	c.closed.L = &c.mu
	c.openMax = client.BufferBytes / (t.Load.ValueBytes + workload.KeyBytes + kafkaGoRecordBytes)
	c.writer = &kafka.Writer{Addr: kafka.TCP(t.Brokers...), ErrorLogger: kafka.LoggerFunc(func(string, ...any) {})}
	if secured := t.TLS(); secured != nil {
		c.writer.Transport = &kafka.Transport{TLS: secured}
	}
	if t.Load.Drive != workload.Synchronous {
		c.writer.Async, c.writer.Completion = true, c.complete
	}
	return c, c.configure(t.Load)
}

func (c *kafkaGoClient) configure(w workload.Workload) error {
	if w.Defaults {
		return nil
	}
	codec, ok := map[string]kafka.Compression{"none": 0, "lz4": kafka.Lz4, "zstd": kafka.Zstd}[w.Codec]
	if !ok {
		return fmt.Errorf("codec %q is not known", w.Codec)
	}
	c.writer.Compression = codec
	c.writer.RequiredAcks = kafka.RequireAll
	c.writer.BatchBytes = client.BatchBytes
	c.writer.BatchSize = max(1, min(kafkaGoBatchRecords, client.BatchBytes/w.ValueBytes, c.openMax/(w.Topics*w.Partitions)))
	c.writer.BatchTimeout = max(w.Linger, kafkaGoLingerMin)
	c.writer.Balancer = &kafka.RoundRobin{ChunkSize: kafkaGoChunk}
	if w.Keyed {
		c.writer.Balancer = kafka.Murmur2Balancer{}
	}
	if w.Drive == workload.Synchronous && w.Goroutines == 1 {
		c.writer.BatchSize = 1 // full at once
	}
	return nil
}

func (c *kafkaGoClient) message(i int) kafka.Message {
	return kafka.Message{Topic: c.Topic(i), Key: c.Data.Key(i), Value: c.Data.Value(i)}
}

func (c *kafkaGoClient) Produce(from, to int) error {
	ctx := context.Background()
	chunk := make([]kafka.Message, 0, kafkaGoChunk)
	for from < to {
		chunk = chunk[:0]
		for n := min(kafkaGoChunk, to-from); len(chunk) < n; from++ {
			chunk = append(chunk, c.message(from))
		}
		c.admit(len(chunk))
		if err := c.writer.WriteMessages(ctx, chunk...); err != nil {
			return err
		}
	}
	return nil
}

func (c *kafkaGoClient) Offer(i int) error {
	m := c.message(i)
	m.WriterData = i
	c.admit(1)
	return c.writer.WriteMessages(context.Background(), m)
}

func (c *kafkaGoClient) Send(ctx context.Context, i int) error {
	return c.writer.WriteMessages(ctx, c.message(i))
}

// admit waits until so many more records may be open.
func (c *kafkaGoClient) admit(records int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.mu.open > 0 && c.mu.open+records > c.openMax {
		c.closed.Wait()
	}
	c.mu.open += records
}

func (c *kafkaGoClient) complete(messages []kafka.Message, err error) {
	c.mu.Lock()
	c.mu.open -= len(messages)
	c.mu.Unlock()
	c.closed.Broadcast()
	for i := range messages {
		if number, named := messages[i].WriterData.(int); named {
			c.outcomes.Tell(number, err)
		} else {
			c.outcomes.Count(err)
		}
	}
}

// Flush is something that kafka-go does not have: what lingers leaves when its time comes.
func (c *kafkaGoClient) Flush(context.Context) error { return nil }

func (c *kafkaGoClient) Outcomes() *client.Outcomes { return c.outcomes }

func (c *kafkaGoClient) Close() { c.writer.Close() }
