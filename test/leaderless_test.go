package test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// createUnreplicated creates a topic whose partitions have one replica each, on the nodes 1, 2, 3, 1, 2, 3 …
func createUnreplicated(t *testing.T, k *kafkatest.Kafka, topic string, partitions int) {
	t.Helper()
	request := kmsg.NewPtrCreateTopicsRequest()
	created := kmsg.NewCreateTopicsRequestTopic()
	created.Topic, created.NumPartitions, created.ReplicationFactor = topic, -1, -1
	for n := range partitions {
		assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		assignment.Partition, assignment.Replicas = int32(n), []int32{1 + int32(n)%3}
		created.ReplicaAssignment = append(created.ReplicaAssignment, assignment)
	}
	one := kmsg.NewCreateTopicsRequestTopicConfig()
	one.Name, one.Value = "min.insync.replicas", kmsg.StringPtr("1")
	created.Configs = append(created.Configs, one)
	request.Topics = append(request.Topics, created)
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	response, err := request.RequestWith(bounded(t, time.Minute), client)
	if err != nil {
		t.Fatal(err)
	}
	if code := response.Topics[0].ErrorCode; code != 0 {
		t.Fatalf("create %s: error code %d", topic, code)
	}
	k.WaitInSync(topic)
}

// leadersOf are the leaders that a producer knows of a topic.
func leadersOf(t *testing.T, p *omnibus.Producer, topic string) []int32 {
	t.Helper()
	infos, err := p.PartitionsFor(bounded(t, time.Minute), topic)
	if err != nil {
		t.Fatal(err)
	}
	var leaders []int32
	for _, info := range infos {
		leaders = append(leaders, info.Leader)
	}
	return leaders
}

// TestNothingGoesToAPartitionWithoutLeader stops the only node that has two of six partitions, under a producer that used
// them before, and for one that comes later.
func TestNothingGoesToAPartitionWithoutLeader(t *testing.T) {
	k := realKafka(t)
	noLeaks(t)
	createUnreplicated(t, k, "leaderless", 6)
	quick := func(c *omnibus.Config) { c.MetadataMaxAge = 500 * time.Millisecond }
	for _, partitioner := range []omnibus.Partitioner{nil, omnibus.RoundRobin(), omnibus.KeyedRoundRobin()} {
		for _, uniform := range []bool{false, true} {
			p := openOn(t, k.Brokers(), quick, func(c *omnibus.Config) { c.Partitioner, c.DisableAdaptive = partitioner, uniform })
			checkUsed(t, p, "leaderless", []int32{0, 1, 2, 3, 4, 5})
		}
	}
	early := openOn(t, k.Brokers(), quick)
	checkUsed(t, early, "leaderless", []int32{0, 1, 2, 3, 4, 5})
	k.Node(2).Stop()
	until(t, "the producer knows that partitions 1 and 4 have no leader", func() bool {
		return slices.Equal(leadersOf(t, early, "leaderless"), []int32{1, -1, 3, 1, -1, 3})
	})
	checkUsed(t, early, "leaderless", []int32{0, 2, 3, 5})
	for _, partitioner := range []omnibus.Partitioner{nil, omnibus.RoundRobin(), omnibus.KeyedRoundRobin()} {
		for _, uniform := range []bool{false, true} {
			p := openOn(t, k.Brokers(), quick, func(c *omnibus.Config) { c.Partitioner, c.DisableAdaptive = partitioner, uniform })
			checkUsed(t, p, "leaderless", []int32{0, 2, 3, 5})
		}
	}
	late := openOn(t, k.Brokers(), quick)
	late.PartitionsFor(bounded(t, time.Minute), "leaderless")
	if _, err := late.Send(bounded(t, time.Second), omnibus.Record{Topic: "leaderless", Partition: omnibus.At(1)}); err == nil ||
		!strings.Contains(err.Error(), "the partition has no leader: look at the brokers and at the topic's replicas") {
		t.Errorf("sending to a partition without a leader: %v", err)
	}
	// A record that belongs there waits for the leader to come back.
	waiting, err := early.Enqueue(t.Context(), omnibus.Record{Topic: "leaderless", Partition: omnibus.At(4), Value: []byte("waits")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = waiting.Wait(bounded(t, time.Second))
	var pending *omnibus.PendingError
	if !errors.As(err, &pending) || pending.Trouble == nil {
		t.Errorf("waiting for the partition without a leader: %v, want a PendingError that says what is the matter", err)
	}
	t.Log(err)
	k.Node(2).Start()
	if ack, err := waiting.Wait(bounded(t, time.Minute)); err != nil || ack.Partition != 4 {
		t.Errorf("record for the partition without a leader: %+v, %v", ack, err)
	}
	until(t, "the producer uses all partitions again", func() bool {
		return !slices.Contains(leadersOf(t, early, "leaderless"), -1)
	})
	checkUsed(t, early, "leaderless", []int32{0, 1, 2, 3, 4, 5})
}

// checkUsed sends records without a key and checks which partitions they go to.
func checkUsed(t *testing.T, p *omnibus.Producer, topic string, want []int32) {
	t.Helper()
	records := make([]omnibus.Record, 20_000)
	for i := range records {
		records[i] = omnibus.Record{Topic: topic, Value: make([]byte, 200)}
	}
	used := make(map[int32]int)
	for _, ack := range sendAll(t, p, records) {
		used[ack.Partition]++
	}
	if got := slices.Sorted(maps.Keys(used)); !slices.Equal(got, want) {
		t.Errorf("records went to partitions %v, want %v", used, want)
	}
}
