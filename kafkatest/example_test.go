package kafkatest_test

import (
	"context"
	"testing"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"

	"github.com/twmb/franz-go/pkg/kerr"
)

// A cluster inside the test, that ends with it. Its topics are read back with a client that is not the one under test.
func ExampleStart() {
	var t *testing.T // the test's own

	cluster := kafkatest.Start(t, kafkatest.Topic("orders", 3))
	p, err := omnibus.Open(t.Context(), omnibus.Config{Brokers: cluster.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ack, err := p.Send(t.Context(), omnibus.Record{Topic: "orders", Key: []byte("42"), Value: []byte("paid")})
	if err != nil {
		t.Fatal(err)
	}
	if got := cluster.Records("orders")[ack.Partition]; len(got) != 1 || string(got[0].Value) != "paid" {
		t.Errorf("the topic has %v", got)
	}
}

// Requests can be failed, swallowed, delayed and cut off, before and after they are carried out.
func ExampleCluster_Fail() {
	var t *testing.T // the test's own

	cluster := kafkatest.Start(t, kafkatest.Topic("orders", 1))
	fault := cluster.Fail(kafkatest.Produce, kerr.NotEnoughReplicas.Code, 2)
	p, err := omnibus.Open(t.Context(), omnibus.Config{Brokers: cluster.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Send(context.Background(), omnibus.Record{Topic: "orders"}); err != nil {
		t.Errorf("two refusals are no failure: %v", err)
	}
	if fault.Hits() != 2 {
		t.Errorf("%d requests were refused, want 2", fault.Hits())
	}
}

// Real Apache Kafka, three nodes, with Java 17 and Maven. A node is killed, and an acknowledged record is still there.
func ExampleStartKafka() {
	var t *testing.T // the test's own

	cluster := kafkatest.StartKafka(t, 3)
	cluster.CreateTopic("orders", 1, nil)
	p, err := omnibus.Open(t.Context(), omnibus.Config{Brokers: cluster.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Send(t.Context(), omnibus.Record{Topic: "orders", Value: []byte("paid")}); err != nil {
		t.Fatal(err)
	}
	cluster.Node(cluster.Leader("orders", 0)).Kill()
	if got := kafkatest.ReadTopic(t, cluster.Brokers(), "orders"); len(got[0]) != 1 {
		t.Errorf("the topic has %v", got)
	}
}
