package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

func saramaMaker() client.Maker {
	return client.Maker{Name: "sarama", Version: client.ModuleVersion("github.com/IBM/sarama"), Open: openSarama, Differences: []client.Difference{
		{Setting: "requests in flight", Why: "1: with idempotence it allows no more"},
		{Setting: "memory for records", Why: "has no bound of its own; its channels and one request for each broker hold it back"},
		{Setting: "linger", Why: "a timer for each broker, not for each partition"},
		{Setting: "records without a key", Why: "take turns, since it has no sticky partitioner"},
	}, Defaults: "acks=1, no idempotence, no compression, no linger"}
}

// saramaVersion is what sarama takes the brokers for: with it, it speaks the newest Produce that it knows.
func saramaVersion() sarama.KafkaVersion { return sarama.V4_1_0_0 }

type saramaClient struct {
	client.Target
	async    sarama.AsyncProducer // nil for a synchronous load
	sync     sarama.SyncProducer  // nil for any other
	outcomes *client.Outcomes
	records  sync.Pool // of *saramaRecord
	readers  sync.WaitGroup
}

// saramaRecord is a message whose parts are all in one piece of memory, to be used again: a ByteEncoder for key and value
// would be an allocation each.
type saramaRecord struct {
	message    sarama.ProducerMessage
	key, value payload
	number     int  // of the record
	named      bool // who sent it wants to know that it was this one
}

type payload []byte

func (p *payload) Encode() ([]byte, error) { return *p, nil }

func (p *payload) Length() int { return len(*p) }

func openSarama(t client.Target) (client.Client, error) {
	config, err := saramaConfig(t.Load)
	if err != nil {
		return nil, err
	}
	if secured := t.TLS(); secured != nil {
		config.Net.TLS.Enable, config.Net.TLS.Config = true, secured
	}
	c := &saramaClient{Target: t, outcomes: client.NewOutcomes()}
	c.records.New = func() any { return new(saramaRecord) }
	if t.Load.Drive == workload.Synchronous {
		c.sync, err = sarama.NewSyncProducer(t.Brokers, config)
		return c, err
	}
	if c.async, err = sarama.NewAsyncProducer(t.Brokers, config); err != nil {
		return nil, err
	}
	c.readers.Go(c.readSuccesses)
	c.readers.Go(c.readErrors)
	return c, nil
}

func saramaConfig(w workload.Workload) (*sarama.Config, error) {
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true // or nobody would know when the records are in
	if w.Defaults {
		return config, nil
	}
	metrics.UseNilMetrics = true // as its documentation advises who needs none
	config.MetricRegistry = metrics.NewRegistry()
	codec, ok := map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}[w.Codec]
	if !ok {
		return nil, fmt.Errorf("codec %q is not known", w.Codec)
	}
	config.Version = saramaVersion()
	config.Producer.Compression = codec
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.MaxMessageBytes = client.BatchBytes
	config.Producer.Partitioner = sarama.NewRoundRobinPartitioner
	if w.Keyed {
		config.Producer.Partitioner = sarama.NewMurmur2Partitioner
	}
	if w.Linger > 0 {
		// Of 16 KiB to 1 MiB at which the linger ends early, this came out cheapest in workloads A and B.
		config.Producer.Flush.Frequency, config.Producer.Flush.Bytes = w.Linger, client.BatchBytes
	}
	return config, nil
}

// record takes a message from the pool and makes it the i-th.
func (c *saramaClient) record(i int) *saramaRecord {
	r := c.records.Get().(*saramaRecord)
	r.number, r.named = i, false
	r.value = c.Data.Value(i)
	r.message = sarama.ProducerMessage{Topic: c.Topic(i), Value: &r.value, Metadata: r}
	if r.key = c.Data.Key(i); r.key != nil {
		r.message.Key = &r.key
	}
	return r
}

func (c *saramaClient) Produce(from, to int) error {
	input := c.async.Input()
	for i := from; i < to; i++ {
		input <- &c.record(i).message
	}
	return nil
}

func (c *saramaClient) Offer(i int) error {
	r := c.record(i)
	r.named = true
	c.async.Input() <- &r.message
	return nil
}

func (c *saramaClient) Send(_ context.Context, i int) error {
	r := c.record(i)
	_, _, err := c.sync.SendMessage(&r.message)
	c.records.Put(r)
	return err
}

func (c *saramaClient) readSuccesses() {
	for message := range c.async.Successes() {
		c.tell(message, nil)
	}
}

func (c *saramaClient) readErrors() {
	for failure := range c.async.Errors() {
		c.tell(failure.Msg, failure.Err)
	}
}

func (c *saramaClient) tell(message *sarama.ProducerMessage, err error) {
	r := message.Metadata.(*saramaRecord)
	if r.named {
		c.outcomes.Tell(r.number, err)
	} else {
		c.outcomes.Count(err)
	}
	c.records.Put(r)
}

// Flush is something that sarama does not have: what lingers leaves when its time comes.
func (c *saramaClient) Flush(context.Context) error { return nil }

func (c *saramaClient) Outcomes() *client.Outcomes { return c.outcomes }

func (c *saramaClient) Close() {
	if c.sync != nil {
		c.sync.Close()
		return
	}
	c.async.AsyncClose()
	c.readers.Wait()
}
