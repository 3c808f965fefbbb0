package test

import (
	"context"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// TestBrokersThatLeadNothingOfOursHaveNoShareOfTheBuffer fills the buffer for the one leader of a topic in a cluster of
// twenty brokers: beside it, only partitions without a leader and callbacks keep a share of the guaranteed half.
func TestBrokersThatLeadNothingOfOursHaveNoShareOfTheBuffer(t *testing.T) {
	const nodes, bufferBytes = 20, 8 << 20
	noLeaks(t)
	cluster := kafkatest.Start(t, kafkatest.Nodes(nodes), kafkatest.Topic("lonely", 1))
	p := open(t, omnibus.Config{Brokers: cluster.Brokers(), BufferBytes: bufferBytes, DeliveryTimeout: time.Minute, Linger: time.Millisecond})
	value := make([]byte, 1<<10)
	if _, err := p.Send(context.Background(), omnibus.Record{Topic: "lonely", Value: value}); err != nil {
		t.Fatal(err)
	}
	all := make([]int32, nodes)
	for i := range all {
		all[i] = int32(i)
	}
	cluster.StopBroker(all...)
	accepted := 0
	for {
		if _, err := p.TryEnqueue(context.Background(), omnibus.Record{Topic: "lonely", Value: value}); err != nil {
			break
		}
		accepted++
	}
	// Half of the buffer is shared, a third of the other half is the leader's: two thirds in all, less what batches do
	// not fill. With a share for each broker it were little more than half.
	if least := bufferBytes / len(value) * 60 / 100; accepted < least {
		t.Errorf("%d records of 1 KiB were accepted into %d MiB; want at least %d", accepted, bufferBytes>>20, least)
	}
	for _, node := range all {
		cluster.StartBroker(node)
	}
	within(t, 30*time.Second, "Flush", func() {
		if err := p.Flush(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
