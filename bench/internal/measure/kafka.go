package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// topicTimeout bounds what is asked of the cluster about topics.
const topicTimeout = 30 * time.Second

// onKafka makes topics of the run's own, so that every run finds empty ones; they are deleted at its end.
func onKafka(ctx context.Context, brokers []string, w workload.Workload) (otherEnd, error) {
	ctx, cancel := context.WithTimeout(ctx, topicTimeout)
	defer cancel()
	admin, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return otherEnd{}, err
	}
	defer admin.Close()
	topics := w.AllTopics(fmt.Sprintf("bench-%s-%d", w.ID, time.Now().UnixNano()))
	if err := createTopics(ctx, admin, topics, w.Partitions); err != nil {
		return otherEnd{}, err
	}
	if err := awaitLeaders(ctx, admin, topics, w.Partitions); err != nil {
		return otherEnd{}, err
	}
	return otherEnd{
		brokers: brokers, topics: topics,
		counts: func() (nullack.Counts, error) { return nullack.Counts{}, nil },
		end:    func() error { return deleteTopics(brokers, topics) },
	}, nil
}

func createTopics(ctx context.Context, admin *kgo.Client, topics []string, partitions int) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	for _, name := range topics {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, int32(partitions), -1
		request.Topics = append(request.Topics, topic)
	}
	response, err := request.RequestWith(ctx, admin)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	var errs []error
	for _, topic := range response.Topics {
		errs = append(errs, kerr.ErrorForCode(topic.ErrorCode))
	}
	return errors.Join(errs...)
}

// awaitLeaders waits until the cluster tells of every partition's leader.
func awaitLeaders(ctx context.Context, admin *kgo.Client, topics []string, partitions int) error {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		request.Topics = append(request.Topics, topic)
	}
	for {
		response, err := request.RequestWith(ctx, admin)
		if err != nil {
			return fmt.Errorf("wait for leaders: %w", err)
		}
		led := 0
		for _, topic := range response.Topics {
			for _, partition := range topic.Partitions {
				if partition.ErrorCode == 0 && partition.Leader >= 0 {
					led++
				}
			}
		}
		if led == len(topics)*partitions {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d partitions have a leader: %w", led, len(topics)*partitions, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// deleteTopics has a context of its own, because the run's may have ended.
func deleteTopics(brokers, topics []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), topicTimeout)
	defer cancel()
	admin, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	defer admin.Close()
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TopicNames = topics // up to version 5
	for _, name := range topics {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = &name
		request.Topics = append(request.Topics, topic)
	}
	if _, err := request.RequestWith(ctx, admin); err != nil {
		return fmt.Errorf("delete topics: %w", err)
	}
	return nil
}
