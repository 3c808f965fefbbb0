package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// movable is a cluster of either kind, with what these tests do to it.
type movable struct {
	brokers       []string
	nodes         []int32
	createTopic   func(topic string, partitions int)
	addPartitions func(topic string, n int)
	moveLeader    func(t *testing.T, topic string, partition, node int32)
	read          func(t *testing.T, topic string) [][]*kgo.Record
}

func movableKfake(t *testing.T) *movable {
	c := kafkatest.Start(t)
	return &movable{
		brokers: c.Brokers(), nodes: []int32{0, 1, 2},
		createTopic:   func(topic string, partitions int) { c.CreateTopic(topic, partitions, nil) },
		addPartitions: c.AddPartitions,
		moveLeader:    func(_ *testing.T, topic string, partition, node int32) { c.MoveLeader(topic, partition, node) },
		read:          func(_ *testing.T, topic string) [][]*kgo.Record { return c.Records(topic) },
	}
}

func movableKafka(t *testing.T, k *kafkatest.Kafka) *movable {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.DirectBrokers()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &movable{
		brokers: k.Brokers(), nodes: []int32{1, 2, 3},
		createTopic:   func(topic string, partitions int) { k.CreateTopic(topic, partitions, nil) },
		addPartitions: k.AddPartitions,
		moveLeader: func(t *testing.T, topic string, partition, node int32) {
			preferLeader(t, client, topic, partition, node)
			eventually(t, 20*time.Second, fmt.Sprintf("node %d leads partition %d of %s", node, partition, topic), func() bool {
				return k.Leader(topic, partition) == node
			})
		},
		read: func(t *testing.T, topic string) [][]*kgo.Record {
			return kafkatest.ReadTopic(t, k.DirectBrokers(), topic)
		},
	}
}

// preferLeader makes node the preferred leader of a partition that all three nodes have, and has it elected.
func preferLeader(t *testing.T, client *kgo.Client, topic string, partition, node int32) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	place := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	place.Partition, place.Replicas = partition, []int32{node, node%3 + 1, (node+1)%3 + 1}
	topicPlace := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	topicPlace.Topic, topicPlace.Partitions = topic, append(topicPlace.Partitions, place)
	alter := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	alter.Topics = append(alter.Topics, topicPlace)
	altered, err := alter.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(altered.ErrorCode)
	}
	if err == nil {
		err = kerr.ErrorForCode(altered.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("make node %d the preferred leader of partition %d of %s: %v", node, partition, topic, err)
	}
	chosen := kmsg.NewElectLeadersRequestTopic()
	chosen.Topic, chosen.Partitions = topic, []int32{partition}
	elect := kmsg.NewPtrElectLeadersRequest()
	elect.Topics = append(elect.Topics, chosen)
	elected, err := elect.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(elected.ErrorCode)
	}
	if err != nil {
		t.Fatalf("elect the preferred leader of partition %d of %s: %v", partition, topic, err)
	}
}

// movesConfig is for tests in which the cluster changes within seconds.
func movesConfig(m *movable) omnibus.Config {
	return omnibus.Config{Brokers: m.brokers, MetadataMaxAge: time.Second}
}

// movesWriters are one writer of each kind.
func movesWriters(topic string, target, rate int) []*writer {
	run := rand.Uint64()
	var writers []*writer
	for number, way := range []way{wayKeyed, waySticky, wayExplicit} {
		w := newWriter(topic, run, uint32(number), way, target)
		w.rate = rate
		writers = append(writers, w)
	}
	return writers
}

// finishAndCheck ends a load and holds it against the log, which it returns.
func finishAndCheck(t *testing.T, m *movable, l *load) [][]*kgo.Record {
	t.Helper()
	mustFinish(t, l)
	log := m.read(t, l.topic)
	mustBeInnocent(t, checked(log, check.Rules{}, l.histories()))
	return log
}

// onBothClusters runs a test on kfake and on real Kafka.
func onBothClusters(t *testing.T, k *kafkatest.Kafka, name string, test func(t *testing.T, m *movable)) {
	t.Run(name+"/kfake", func(t *testing.T) { noLeaks(t); test(t, movableKfake(t)) })
	t.Run(name+"/kafka", func(t *testing.T) { noLeaks(t); test(t, movableKafka(t, k)) })
}

// TestEachRecordOnceAndInOrderWhileTheClusterChanges is about changes that break no broker.
func TestEachRecordOnceAndInOrderWhileTheClusterChanges(t *testing.T) {
	kafkatest.RequireKafka(t)
	k := kafkatest.StartKafka(t, 3, kafkatest.BehindProxies(), kafkatest.Property("auto.create.topics.enable", "false"))
	onBothClusters(t, k, "leaders move", leadersMove)
	onBothClusters(t, k, "the topic appears late", topicAppearsLate)
	onBothClusters(t, k, "partitions are added", partitionsAreAdded)
	t.Run("a broker's answers are swallowed", func(t *testing.T) { noLeaks(t); answersAreSwallowed(t, k) })
}

// leadersMove gives every partition another leader twice, under load.
func leadersMove(t *testing.T, m *movable) {
	const topic = "moving"
	m.createTopic(topic, loadPartitions)
	l := startLoad(t, movesConfig(m), topic, movesWriters(topic, 30_000, 4000)...)
	for i := range int32(2 * loadPartitions) {
		pause(100 * time.Millisecond)
		m.moveLeader(t, topic, i%loadPartitions, m.nodes[(i%loadPartitions+i/loadPartitions)%3])
	}
	stats := l.producer.Stats()
	if stats.LeaderChanges < loadPartitions {
		t.Errorf("the producer noticed %d changes of leader, want at least %d", stats.LeaderChanges, loadPartitions)
	}
	finishAndCheck(t, m, l)
}

// topicAppearsLate lets writers begin before their topic exists.
func topicAppearsLate(t *testing.T, m *movable) {
	const topic = "late"
	l := startLoad(t, movesConfig(m), topic, movesWriters(topic, 30_000, 4000)...)
	pause(1500 * time.Millisecond)
	if accepted := l.producer.Stats().Accepted; accepted != 0 {
		t.Errorf("%d records were accepted for a topic that does not exist", accepted)
	}
	m.createTopic(topic, loadPartitions)
	eventually(t, 30*time.Second, "records of the new topic are acked", func() bool { return l.producer.Stats().Acked > 0 })
	finishAndCheck(t, m, l)
}

// partitionsAreAdded adds partitions under load, which the keyed and the keyless writers must come to use.
func partitionsAreAdded(t *testing.T, m *movable) {
	const topic, few, many = "growing", 3, 9
	m.createTopic(topic, few)
	writers := movesWriters(topic, 30_000, 4000)
	writers[2].partitions = few
	l := startLoad(t, movesConfig(m), topic, writers...)
	eventually(t, 30*time.Second, "records are acked", func() bool { return l.producer.Stats().Acked > 0 })
	m.addPartitions(topic, many-few)
	eventually(t, 30*time.Second, "the producer knows the new partitions", func() bool {
		return l.producer.Stats().PartitionsAdded == many-few
	})
	pause(time.Second) // of records that go everywhere
	log := finishAndCheck(t, m, l)
	if len(log) != many {
		t.Fatalf("the topic has %d partitions, want %d", len(log), many)
	}
	for partition := few; partition < many; partition++ {
		if len(log[partition]) == 0 {
			t.Errorf("partition %d, which was added, was not used", partition)
		}
	}
}

// answersAreSwallowed has one broker carry requests out while no answer of it arrives, until requests timed out several
// times over. Each of them is in the log; sending them again must not put them there twice.
func answersAreSwallowed(t *testing.T, k *kafkatest.Kafka) {
	const topic = "silent"
	m := movableKafka(t, k)
	m.createTopic(topic, loadPartitions)
	config := movesConfig(m)
	config.RequestTimeout, config.ConnectTimeout = 2*time.Second, time.Second
	l := startLoad(t, config, topic, movesWriters(topic, 60_000, 4000)...)
	silent := k.Leader(topic, 0)
	eventually(t, 30*time.Second, "the broker answers", func() bool {
		answered, _ := l.traffic.of(silent)
		return answered > 20 && l.producer.Stats().RequestsInFlight > 0
	})
	k.Proxy(silent).SwallowResponses(true)
	pause(7 * time.Second)
	k.Proxy(silent).SwallowResponses(false)
	before, lost := l.traffic.of(silent)
	if lost == 0 {
		t.Error("no request to the silent broker was lost")
	}
	eventually(t, 30*time.Second, "the broker is used again", func() bool {
		answered, _ := l.traffic.of(silent)
		return answered > before
	})
	finishAndCheck(t, m, l)
}
