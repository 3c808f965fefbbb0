package client

import (
	"context"
	"errors"

	"github.com/omnibus-kafka/omnibus/bench/internal/floor"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// FloorName is the ruler's: it is compared with, but it is nobody's rival.
const FloorName = "floor"

func floorMaker() Maker {
	return Maker{Name: FloorName, Version: "-", Open: openFloor, Declines: func(w workload.Workload) string {
		if w.Codec != "none" || w.TLS || w.Defaults || w.Kafka || w.Drive != workload.Throughput {
			return "the floor has no codecs, no TLS, no defaults, one broker and nobody who waits"
		}
		return ""
	}}
}

type floorClient struct {
	Target
	producer *floor.Producer
	outcomes *Outcomes
}

func openFloor(t Target) (Client, error) {
	c := &floorClient{Target: t, outcomes: NewOutcomes()}
	var err error
	c.producer, err = floor.Open(floor.Config{
		Broker: t.Brokers[0], Topics: t.Topics, Linger: t.Load.Linger,
		BatchBytesMax: BatchBytes, RequestBytesMax: BatchBytes, BufferBytes: BufferBytes, InFlight: InFlight,
		Callback: c.outcomes.Count, Broken: c.outcomes.Abort,
	})
	return c, err
}

func (c *floorClient) Produce(from, to int) error {
	for i := from; i < to; i++ {
		if err := c.producer.Enqueue(c.TopicIndex(i), c.Data.Key(i), c.Data.Value(i)); err != nil {
			return err
		}
	}
	return nil
}

func (c *floorClient) Send(context.Context, int) error { return errors.ErrUnsupported }

func (c *floorClient) Offer(int) error { return errors.ErrUnsupported }

func (c *floorClient) Flush(context.Context) error {
	c.producer.Flush()
	return nil
}

func (c *floorClient) Outcomes() *Outcomes { return c.outcomes }

func (c *floorClient) Close() { c.producer.Close() }
