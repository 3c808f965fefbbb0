package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicGuard stands before kfake's way of making topics. It creates them on first use in place of kfake, which neither
// checks the name nor saves the topic before the next clean stop: after a kill -9 the records were on disk and their topic
// was unknown. And it refuses names and numbers that Kafka refuses and kfake would fall over later: a name that is too long
// for a directory stops the broker at its first record, as a failed disk does.
type topicGuard struct {
	cluster           *kfake.Cluster
	partitionsDefault int
	logger            *slog.Logger
}

// install puts the guard before the requests that make topics.
func (g *topicGuard) install() {
	hookRequests(g.cluster, keyMetadata, g.beforeMetadata)
	hookRequests(g.cluster, keyCreateTopics, g.beforeCreateTopics)
	hookRequests(g.cluster, keyCreatePartitions, g.beforeCreatePartitions)
}

// beforeMetadata creates the topics that the request names, wants created and does not find, then lets kfake answer.
func (g *topicGuard) beforeMetadata(request kmsg.Request) kmsg.Response {
	metadata, ok := request.(*kmsg.MetadataRequest)
	if !ok || !metadata.AllowAutoTopicCreation {
		return nil
	}
	for _, topic := range metadata.Topics {
		if topic.Topic == nil || topic.TopicID != [16]byte{} || !validTopic(*topic.Topic) || g.cluster.TopicInfo(*topic.Topic) != nil {
			continue
		}
		if err := g.cluster.CreateTopic(*topic.Topic, 0, nil); err != nil {
			g.logger.Warn("embedded broker: cannot create the topic", "topic", *topic.Topic, "error", err)
		}
	}
	return nil
}

// beforeCreateTopics answers in place of kfake, whose answer Kafka's own AdminClient cannot read: it has no configuration
// where none was asked for, and the configuration that it has is from no source.
func (g *topicGuard) beforeCreateTopics(request kmsg.Request) kmsg.Response {
	create, ok := request.(*kmsg.CreateTopicsRequest)
	if !ok {
		return nil
	}
	response := create.ResponseKind().(*kmsg.CreateTopicsResponse)
	for i := range create.Topics {
		answer := kmsg.NewCreateTopicsResponseTopic()
		answer.Topic, answer.Configs = create.Topics[i].Topic, []kmsg.CreateTopicsResponseTopicConfig{}
		if refusal, text := g.create(&create.Topics[i], create.ValidateOnly, &answer); refusal != nil {
			answer.ErrorCode, answer.ErrorMessage = refusal.Code, &text
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}

// create creates a topic, or only looks whether it could, and fills in what the answer says of it.
func (g *topicGuard) create(topic *kmsg.CreateTopicsRequestTopic, validateOnly bool, answer *kmsg.CreateTopicsResponseTopic) (refusal *kerr.Error, text string) {
	if refusal, text = refusalOf(topic); refusal != nil {
		return refusal, text
	}
	if g.cluster.TopicInfo(topic.Topic) != nil {
		return kerr.TopicAlreadyExists, fmt.Sprintf("topic %q is there already", topic.Topic)
	}
	partitions := max(topic.NumPartitions, int32(len(topic.ReplicaAssignment)))
	if partitions < 1 {
		partitions = int32(g.partitionsDefault)
	}
	answer.NumPartitions, answer.ReplicationFactor = partitions, 1
	configs := make(map[string]string)
	for _, config := range topic.Configs {
		if config.Value != nil {
			configs[config.Name] = *config.Value
		}
		told := kmsg.NewCreateTopicsResponseTopicConfig()
		told.Name, told.Value, told.Source = config.Name, config.Value, int8(kmsg.ConfigSourceDynamicTopicConfig)
		answer.Configs = append(answer.Configs, told)
	}
	if validateOnly {
		return nil, ""
	}
	if err := g.cluster.CreateTopic(topic.Topic, partitions, configs); err != nil {
		refusal, ok := errors.AsType[*kerr.Error](err)
		if !ok {
			refusal = kerr.UnknownServerError
		}
		return refusal, err.Error()
	}
	if info := g.cluster.TopicInfo(topic.Topic); info != nil {
		answer.TopicID = info.TopicID
	}
	return nil, ""
}

// refusalOf says what is wrong with a topic that somebody wants to create, nil if nothing is.
func refusalOf(topic *kmsg.CreateTopicsRequestTopic) (refusal *kerr.Error, text string) {
	if !validTopic(topic.Topic) {
		return kerr.InvalidTopicException, fmt.Sprintf("%q is no name for a topic, want 1 to %d of a-z A-Z 0-9 . _ -", topic.Topic, topicNameMax)
	}
	if n := max(int(topic.NumPartitions), len(topic.ReplicaAssignment)); topic.NumPartitions == 0 || n > partitionsMax {
		return kerr.InvalidPartitions, fmt.Sprintf("%d partitions, want 1 to %d, or -1 for the default", n, partitionsMax)
	}
	if topic.ReplicationFactor > 1 || topic.ReplicationFactor == 0 {
		return kerr.InvalidReplicationFactor, fmt.Sprintf("replication factor %d, and there is 1 broker", topic.ReplicationFactor)
	}
	for i, assignment := range topic.ReplicaAssignment {
		if assignment.Partition != int32(i) || !slices.Equal(assignment.Replicas, []int32{0}) {
			return kerr.InvalidReplicaAssignment, "want partitions in order from 0, each on broker 0, the only one"
		}
	}
	return nil, ""
}

// beforeCreatePartitions answers a request for too many partitions. Nothing of it is done then.
func (g *topicGuard) beforeCreatePartitions(request kmsg.Request) kmsg.Response {
	grow, ok := request.(*kmsg.CreatePartitionsRequest)
	if !ok {
		return nil
	}
	response := grow.ResponseKind().(*kmsg.CreatePartitionsResponse)
	wrong := false
	for i := range grow.Topics {
		answer := kmsg.NewCreatePartitionsResponseTopic()
		answer.Topic = grow.Topics[i].Topic
		text := fmt.Sprintf("at most %d partitions, here or for another topic of the request", partitionsMax)
		answer.ErrorCode, answer.ErrorMessage = kerr.InvalidPartitions.Code, &text
		response.Topics = append(response.Topics, answer)
		wrong = wrong || grow.Topics[i].Count > partitionsMax
	}
	if !wrong {
		return nil
	}
	return response
}

// topicNameMax is the longest name of a topic that Kafka takes, in bytes.
const topicNameMax = 249

// validTopic is Kafka's rule for names of topics (org.apache.kafka.common.internals.Topic), which kfake does not check.
func validTopic(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > topicNameMax {
		return false
	}
	for _, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		digit := '0' <= c && c <= '9'
		if !letter && !digit && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// topicNames knows the names of topics that have been written to or read by their id (Produce and Fetch from version 13 on).
type topicNames struct {
	mu struct {
		sync.Mutex
		byID map[[16]byte]string
	}
}

func newTopicNames() *topicNames {
	n := new(topicNames)
	n.mu.byID = make(map[[16]byte]string)
	return n
}

// name is the topic's name, empty if nobody has written to it, or read it, by its id.
func (n *topicNames) name(id [16]byte) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.byID[id]
}

// learn finds the name out and remembers it. It may be called only from a hook, while the cluster waits.
func (n *topicNames) learn(cluster *kfake.Cluster, id [16]byte) string {
	if name := n.name(id); name != "" {
		return name
	}
	info := cluster.TopicIDInfo(id)
	if info == nil {
		return ""
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.byID[id] = info.Topic
	return info.Topic
}
