package kafkatest

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/realkafka"
)

// topicTimeout is how long a broker may wait for the controller on our behalf.
const topicTimeout = 4 * time.Second

func (k *Kafka) wait(what string, fn func(context.Context) error) {
	k.t.Helper()
	if err := realkafka.Poll(context.Background(), fn); err != nil {
		k.t.Fatalf("kafkatest: %s: %v", what, err)
	}
}

// WaitReady blocks until all nodes that are neither stopped nor paused answer and
// know each other, and fails the test after 90 seconds or when one of them has
// ended by itself.
func (k *Kafka) WaitReady() {
	k.t.Helper()
	k.wait("wait for the cluster to be ready", k.ensemble.Ready)
}

// WaitInSync blocks until every running node shows each partition of the topic
// with a leader and with all replicas in sync, and fails the test after 90
// seconds. All nodes with replicas must run.
func (k *Kafka) WaitInSync(topic string) {
	k.t.Helper()
	k.wait("wait for full ISRs", func(ctx context.Context) error {
		return k.ensemble.Placed(ctx, topic, 1, true)
	})
}

// CreateTopic creates a topic with the cluster's default replication factor and
// waits until every running node shows its leaders. configs may be nil.
func (k *Kafka) CreateTopic(name string, partitions int, configs map[string]string) {
	k.t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, int32(partitions), -1
	for key, value := range configs {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = key, &value
		topic.Configs = append(topic.Configs, c)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(topicTimeout.Milliseconds())
	req.Topics = append(req.Topics, topic)
	k.change("create topic "+name, req, func(resp kmsg.Response) (int16, *string) {
		t := resp.(*kmsg.CreateTopicsResponse).Topics[0]
		return t.ErrorCode, t.ErrorMessage
	})
	k.wait("wait for the leaders of topic "+name, func(ctx context.Context) error {
		return k.ensemble.Placed(ctx, name, partitions, false)
	})
}

// DeleteTopic deletes a topic and returns when no running node shows it any more.
func (k *Kafka) DeleteTopic(name string) {
	k.t.Helper()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &name
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = int32(topicTimeout.Milliseconds())
	req.TopicNames = []string{name} // up to version 5
	req.Topics = append(req.Topics, topic)
	k.change("delete topic "+name, req, func(resp kmsg.Response) (int16, *string) {
		t := resp.(*kmsg.DeleteTopicsResponse).Topics[0]
		return t.ErrorCode, t.ErrorMessage
	})
	k.wait("wait for the end of topic "+name, func(ctx context.Context) error {
		err := k.ensemble.Placed(ctx, name, 0, false)
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			return nil
		}
		return errors.Join(errors.New("still there"), err)
	})
}

// AddPartitions gives the topic n more partitions and waits until every running
// node shows them with leaders.
func (k *Kafka) AddPartitions(topic string, n int) {
	k.t.Helper()
	total := len(k.describe(topic).Partitions) + n
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = topic, int32(total)
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = int32(topicTimeout.Milliseconds())
	req.Topics = append(req.Topics, t)
	k.change("add partitions to topic "+topic, req, func(resp kmsg.Response) (int16, *string) {
		t := resp.(*kmsg.CreatePartitionsResponse).Topics[0]
		return t.ErrorCode, t.ErrorMessage
	})
	k.wait("wait for the new partitions of topic "+topic, func(ctx context.Context) error {
		return k.ensemble.Placed(ctx, topic, total, false)
	})
}

func (k *Kafka) change(what string, req kmsg.Request, result func(kmsg.Response) (int16, *string)) {
	k.t.Helper()
	if err := k.ensemble.Change(context.Background(), req, result); err != nil {
		k.t.Fatalf("kafkatest: %s: %v", what, err)
	}
}

// Leader returns the id of the partition's leader as the first running node sees
// it, -1 if there is none. The test fails if the partition does not exist.
func (k *Kafka) Leader(topic string, partition int32) int32 {
	k.t.Helper()
	for _, p := range k.describe(topic).Partitions {
		if p.Partition == partition {
			return p.Leader
		}
	}
	k.t.Fatalf("kafkatest: topic %q has no partition %d", topic, partition)
	return -1
}

func (k *Kafka) describe(topic string) (found kmsg.MetadataResponseTopic) {
	k.t.Helper()
	k.wait("describe topic "+topic, func(ctx context.Context) (err error) {
		found, err = k.ensemble.Describe(ctx, topic)
		return err
	})
	return found
}
