package omnibus_test

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
)

// bench is a cluster with one topic, "t", and a producer on it, in a bubble of its own time. When the test ends the
// producer and the cluster are closed, and synctest fails the test if a goroutine is left.
type rig struct {
	*testing.T
	cluster  *sim.Cluster
	producer *omnibus.Producer
}

// inBubble runs a test on a rig: a cluster with the topic "t" of so many partitions, on one broker, and a producer of config.
func inBubble(t *testing.T, partitions int, config omnibus.Config, test func(r *rig)) {
	t.Helper()
	onNodes(t, 1, partitions, config, test)
}

// onNodes is inBubble on several brokers.
func onNodes(t *testing.T, nodes, partitions int, config omnibus.Config, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cluster, err := sim.Start(sim.Options{Nodes: nodes})
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		cluster.AddTopic("t", partitions, sim.TopicOptions{})
		r := &rig{T: t, cluster: cluster}
		r.producer = r.open(config)
		defer r.producer.Close()
		test(r)
	})
}

// open opens a producer on the rig's cluster. The test closes it.
func (r *rig) open(config omnibus.Config) *omnibus.Producer {
	r.Helper()
	config.Brokers, config.Dial = r.cluster.Brokers(), r.cluster.Dial
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	p, err := omnibus.Open(r.Context(), config)
	if err != nil {
		r.Fatal(err)
	}
	return p
}

func TestSmoke(t *testing.T) {
	inBubble(t, 3, omnibus.Config{}, func(r *rig) {
		ack, err := r.producer.Send(t.Context(), omnibus.Record{Topic: "t", Key: []byte("k"), Value: []byte("v")})
		fmt.Println(ack, err, time.Now())
		fmt.Println(r.cluster.Records("t", ack.Partition))
	})
}
