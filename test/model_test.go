package test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/sim/scenario"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

var update = flag.Bool("update", false, "write what Kafka answers into the scripts of internal/sim/scenario")

// TestTheModelAnswersAsKafkaDid plays every script of internal/sim/scenario on real Kafka, which must answer as it did when
// the script was written. The simulated cluster must answer the same: the test of this name in internal/sim/scenario.
//
//	go test -run TestTheModelAnswersAsKafkaDid/one/window ./... [-update]
func TestTheModelAnswersAsKafkaDid(t *testing.T) {
	for folder, nodes := range map[string]int{"one": 1, "three": 3} {
		t.Run(folder, func(t *testing.T) {
			options := []kafkatest.KafkaOption{
				kafkatest.Property("auto.create.topics.enable", "false"),
				kafkatest.Property("auto.leader.rebalance.enable", "false"),
				kafkatest.Property("producer.id.expiration.check.interval.ms", "1000"),
			}
			if nodes == 1 { // everybody may do everything, until a script denies it; several nodes would not start
				options = append(options,
					kafkatest.Property("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
					kafkatest.Property("allow.everyone.if.no.acl.found", "true"))
			}
			k := kafkatest.StartKafka(t, nodes, options...)
			files, err := filepath.Glob(filepath.Join("..", "internal", "sim", "scenario", "testdata", folder, "*.txt"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no scripts in %s (%v)", folder, err)
			}
			for _, file := range files {
				name := strings.TrimSuffix(filepath.Base(file), ".txt")
				t.Run(name, func(t *testing.T) { playOnKafka(t, k, file, name+"-") })
			}
			if nodes == 1 {
				t.Run("at random", func(t *testing.T) { playRandomly(t, k) })
			}
		})
	}
}

func playOnKafka(t *testing.T, k *kafkatest.Kafka, file, prefix string) {
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got, err := scenario.Play(t.Context(), newKafkaTarget(t, k), prefix, string(want))
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	t.Logf("%s: %v", prefix, time.Since(began).Round(time.Millisecond))
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	wantLines, gotLines := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range min(len(wantLines), len(gotLines)) {
		if wantLines[i] != gotLines[i] {
			t.Errorf("line %d:\n got %s\nwant %s", i+1, gotLines[i], wantLines[i])
		}
	}
}

// kafkaTarget is real Kafka as scripts want it.
type kafkaTarget struct {
	k      *kafkatest.Kafka
	client *kgo.Client
}

func newKafkaTarget(t *testing.T, k *kafkatest.Kafka) *kafkaTarget {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &kafkaTarget{k, client}
}

func (k *kafkaTarget) Dial(ctx context.Context, node int32) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", k.k.Node(node).Addr())
}

func (k *kafkaTarget) CreateTopic(name string, partitions int, settings map[string]string) error {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	replicas := []int32{1}
	for setting, value := range settings {
		if setting == "replicas" {
			replicas = nil
			for id := range strings.SplitSeq(value, ",") {
				n, _ := strconv.Atoi(id)
				replicas = append(replicas, int32(n))
			}
			continue
		}
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = setting, &value
		topic.Configs = append(topic.Configs, config)
	}
	if _, set := settings["min.insync.replicas"]; !set {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = "min.insync.replicas", kmsg.StringPtr("1")
		topic.Configs = append(topic.Configs, config)
	}
	for number := range int32(partitions) {
		assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		assignment.Partition, assignment.Replicas = number, replicas
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, assignment)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 10_000
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(context.Background(), k.client)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(response.Topics[0].ErrorCode); err != nil {
		return err
	}
	k.k.WaitInSync(name)
	return nil
}

func (k *kafkaTarget) DeleteTopic(name string) error {
	k.k.DeleteTopic(name)
	return nil
}

func (k *kafkaTarget) Fault(kind string, node int32) error {
	n := k.k.Node(node)
	switch kind {
	case "kill":
		n.Kill()
	case "stop":
		n.Stop()
	case "start":
		n.Start()
		k.k.WaitReady()
	case "pause":
		n.Pause()
	case "resume":
		n.Resume()
	}
	return nil
}

func (k *kafkaTarget) Deny(topic, right string) error {
	operations := map[string]kmsg.ACLOperation{
		"read": kmsg.ACLOperationRead, "write": kmsg.ACLOperationWrite, "describe": kmsg.ACLOperationDescribe,
	}
	creation := kmsg.NewCreateACLsRequestCreation()
	creation.ResourceType, creation.ResourceName = kmsg.ACLResourceTypeTopic, topic
	creation.ResourcePatternType = kmsg.ACLResourcePatternTypeLiteral
	creation.Principal, creation.Host = "User:ANONYMOUS", "*"
	creation.Operation, creation.PermissionType = operations[right], kmsg.ACLPermissionTypeDeny
	all := creation // once a topic has a rule, what no rule allows is denied
	all.Operation, all.PermissionType = kmsg.ACLOperationAll, kmsg.ACLPermissionTypeAllow
	request := kmsg.NewPtrCreateACLsRequest()
	request.Creations = append(request.Creations, all, creation)
	response, err := request.RequestWith(context.Background(), k.client)
	if err != nil {
		return err
	}
	for _, result := range response.Results {
		if err := kerr.ErrorForCode(result.ErrorCode); err != nil {
			return fmt.Errorf("deny %s of %s: %w", right, topic, err)
		}
	}
	pause(time.Second) // until the broker has heard of it
	return nil
}

func (k *kafkaTarget) Trim(topic string, partition int32, before int64) error {
	part := kmsg.NewDeleteRecordsRequestTopicPartition()
	part.Partition, part.Offset = partition, before
	asked := kmsg.NewDeleteRecordsRequestTopic()
	asked.Topic, asked.Partitions = topic, append(asked.Partitions, part)
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = 10_000
	request.Topics = append(request.Topics, asked)
	response, err := request.RequestWith(context.Background(), k.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode)
}
