//go:build cgo && (linux || darwin)

package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

func contender() drive.Contender {
	_, version := kafka.LibraryVersion()
	return drive.InProcess(client.Maker{
		Name: clientName, Version: version + " by way of confluent-kafka-go", Open: openLibrdkafka, Differences: []client.Difference{
			{Setting: "requests in flight", Why: "5, of which idempotence lets it use 1 for each partition while more than 5 records are in flight"},
			{Setting: "batches in a request", Why: "1"},
			{Setting: "memory for records", Why: "counts values only, without keys and what a record takes besides"},
			{Setting: "heap objects", Why: "those of Go alone are counted, not librdkafka's"},
		},
		Defaults: "acks=all, no idempotence, no compression, linger 5 ms",
	})
}

// fullPause is how long a caller waits before it tries again after the queue was full.
const fullPause = time.Millisecond

type librdkafkaClient struct {
	client.Target
	producer *kafka.Producer
	outcomes *client.Outcomes
	waits    sync.Pool // of chan kafka.Event
	reader   sync.WaitGroup
}

func openLibrdkafka(t client.Target) (client.Client, error) {
	config := kafka.ConfigMap{"log_level": 3}
	if !t.Load.Defaults {
		config = settings(t.Load)
	}
	for i, broker := range t.Brokers {
		if i > 0 {
			broker = "," + broker
		}
		known, _ := config["bootstrap.servers"].(string)
		config["bootstrap.servers"] = known + broker
	}
	if t.Certificate != nil {
		config["security.protocol"], config["ssl.ca.pem"] = "ssl", string(t.Certificate)
	}
	producer, err := kafka.NewProducer(&config)
	if err != nil {
		return nil, err
	}
	c := &librdkafkaClient{Target: t, producer: producer, outcomes: client.NewOutcomes()}
	c.waits.New = func() any { return make(chan kafka.Event, 1) }
	c.reader.Go(c.readReports)
	return c, nil
}

func settings(w workload.Workload) kafka.ConfigMap {
	config := kafka.ConfigMap{
		"log_level":                             3,
		"acks":                                  "all",
		"enable.idempotence":                    true,
		"linger.ms":                             int(w.Linger.Milliseconds()),
		"batch.size":                            client.BatchBytes,
		"batch.num.messages":                    1_000_000, // so that batch.size decides
		"message.max.bytes":                     client.BatchBytes,
		"queue.buffering.max.kbytes":            client.BufferBytes >> 10,
		"queue.buffering.max.messages":          0, // so that the bytes decide
		"max.in.flight.requests.per.connection": client.InFlight,
		"compression.codec":                     w.Codec,
		"partitioner":                           "murmur2_random",
		"go.delivery.report.fields":             "none", // or every report would copy key and value
	}
	if w.Codec == "zstd" {
		config["compression.level"] = 3
	}
	return config
}

// message makes m the i-th record. Produce copies it.
func (c *librdkafkaClient) message(m *kafka.Message, i int) {
	m.TopicPartition = kafka.TopicPartition{Topic: &c.Topics[c.TopicIndex(i)], Partition: kafka.PartitionAny}
	m.Key, m.Value = c.Data.Key(i), c.Data.Value(i)
}

func (c *librdkafkaClient) Produce(from, to int) error {
	var m kafka.Message
	for i := from; i < to; i++ {
		c.message(&m, i)
		if err := c.hand(&m, nil); err != nil {
			return err
		}
	}
	return nil
}

// hand hands over a message, and waits while the queue is full.
func (c *librdkafkaClient) hand(m *kafka.Message, report chan kafka.Event) error {
	for {
		err := c.producer.Produce(m, report)
		var kafkaErr kafka.Error
		if !errors.As(err, &kafkaErr) || kafkaErr.Code() != kafka.ErrQueueFull {
			return err
		}
		<-time.After(fullPause)
	}
}

func (c *librdkafkaClient) Offer(i int) error {
	var m kafka.Message
	c.message(&m, i)
	m.Opaque = i
	return c.hand(&m, nil)
}

func (c *librdkafkaClient) Send(_ context.Context, i int) error {
	report := c.waits.Get().(chan kafka.Event)
	defer c.waits.Put(report)
	var m kafka.Message
	c.message(&m, i)
	if err := c.hand(&m, report); err != nil {
		return err
	}
	told, ok := (<-report).(*kafka.Message)
	if !ok {
		return errors.New("a report that is no message")
	}
	return told.TopicPartition.Error
}

// readReports counts outcomes.
func (c *librdkafkaClient) readReports() {
	for event := range c.producer.Events() {
		switch event := event.(type) {
		case *kafka.Message:
			if number, named := event.Opaque.(int); named {
				c.outcomes.Tell(number, event.TopicPartition.Error)
			} else {
				c.outcomes.Count(event.TopicPartition.Error)
			}
		case kafka.Error:
			if event.IsFatal() {
				c.outcomes.Abort(event)
			}
		}
	}
}

// Flush would look every 100 ms whether all is done. What lingers leaves sooner than that.
func (c *librdkafkaClient) Flush(context.Context) error { return nil }

func (c *librdkafkaClient) Outcomes() *client.Outcomes { return c.outcomes }

func (c *librdkafkaClient) Close() {
	c.producer.Close()
	c.reader.Wait()
}
