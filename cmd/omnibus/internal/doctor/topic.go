package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/internal/acl"
)

// partitionsNamed bounds how many partitions a finding names.
const partitionsNamed = 8

// examineTopic looks at the topic: whether it is there, may be written to, has leaders, and enough replicas.
func (e *examination) examineTopic(ctx context.Context) []Finding {
	if e.topic == "" || e.cluster == nil || len(e.cluster.Topics) != 1 {
		return nil
	}
	subject := "topic " + e.topic
	topic := &e.cluster.Topics[0]
	if topic.ErrorCode != 0 {
		return []Finding{e.missing(subject, topic.ErrorCode)}
	}
	slices.SortFunc(topic.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return int(a.Partition - b.Partition) })
	e.found = topic
	findings := []Finding{pass("topic", subject, "%s", plural(len(topic.Partitions), "partition"))}
	findings = append(findings, e.examineRights(subject)...)
	findings = append(findings, e.examineTopicSettings(ctx, subject)...)
	findings = append(findings, e.examineLeaders(subject))
	findings = append(findings, e.examineReplication(subject)...)
	return append(findings, e.examineInSync(subject)...)
}

// missing is a topic that Metadata has an error for.
func (e *examination) missing(subject string, code int16) Finding {
	create := fmt.Sprintf("create it: omnibus topic create %s --partitions 6", e.topic)
	switch code {
	case kerr.UnknownTopicOrPartition.Code:
		switch e.brokerSettings["auto.create.topics.enable"] {
		case "true":
			partitions := ""
			if n, ok := number(e.brokerSettings, "num.partitions"); ok {
				partitions = ", with " + plural(int(n), "partition")
			}
			return fault{"it does not exist; the brokers create it when it is first written to" + partitions, create + ", unless that is what you want"}.warns("topic", subject)
		case "false":
			return fault{"it does not exist, and the brokers create none by themselves (auto.create.topics.enable=false)", create}.fails("topic", subject)
		}
		return fault{"it does not exist", create}.fails("topic", subject)
	case kerr.TopicAuthorizationFailed.Code:
		return fault{
			e.who() + " may not see it (TOPIC_AUTHORIZATION_FAILED)",
			"have its operator grant Write, which implies Describe: " + e.client.Grant(acl.Topic(acl.Write, e.topic)),
		}.fails("topic", subject)
	case kerr.LeaderNotAvailable.Code:
		return fault{"it has no leaders yet (LEADER_NOT_AVAILABLE): it was just created, or the brokers that hold it are away", "wait a moment; then start those brokers"}.fails("topic", subject)
	case kerr.InvalidTopicException.Code:
		return fault{"the brokers do not take the name (INVALID_TOPIC_EXCEPTION)", "choose another one, that differs from every other topic's in more than '.' and '_'"}.fails("topic", subject)
	}
	return fault{"the brokers answer " + kerr.TypedErrorForCode(code).Error(), "look at the brokers' logs"}.fails("topic", subject)
}

// examineTopicSettings reads the topic's settings, and looks at those that refuse records.
func (e *examination) examineTopicSettings(ctx context.Context, subject string) []Finding {
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType = kmsg.ConfigResourceTypeTopic
	resource.ResourceName = e.topic
	var refused int16
	if e.topicSettings, refused = e.readSettings(ctx, "", resource); e.topicSettings == nil {
		text := "its settings could not be read, so that its limits are not known here"
		if refused != 0 {
			text += " (" + kerr.TypedErrorForCode(refused).Message + ")"
		}
		return []Finding{fault{text, "have DescribeConfigs on the topic granted (" + e.client.Grant(acl.Topic(acl.DescribeConfigs, e.topic)) + "), or compare max.message.bytes and min.insync.replicas by hand"}.warns("topic", subject)}
	}
	if slices.Contains(strings.Split(e.topicSettings["cleanup.policy"], ","), "compact") {
		return []Finding{fault{
			"it is compacted (cleanup.policy=" + e.topicSettings["cleanup.policy"] + "): records without a key are refused",
			"give every record a key",
		}.warns("topic", subject)}
	}
	return nil
}

// examineLeaders looks for partitions that nobody takes records for.
func (e *examination) examineLeaders(subject string) Finding {
	var leaderless, replicas []int32
	for _, p := range e.found.Partitions {
		if !slices.ContainsFunc(e.cluster.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == p.Leader }) {
			leaderless = append(leaderless, p.Partition)
			replicas = append(replicas, p.Replicas...)
		}
	}
	if len(leaderless) == 0 {
		return pass("leaders", subject, "every partition has one")
	}
	slices.Sort(replicas)
	return fault{
		fmt.Sprintf("no broker leads %s: their records wait, and fail after delivery.timeout.ms", partitions(leaderless)),
		"start the brokers that hold them: " + admin.IDs(slices.Compact(replicas)),
	}.fails("leaders", subject)
}

// examineReplication looks at how many copies there are to be.
func (e *examination) examineReplication(subject string) []Finding {
	var single []int32
	for _, p := range e.found.Partitions {
		if len(p.Replicas) == 1 {
			single = append(single, p.Partition)
		}
	}
	if len(single) == 0 {
		return nil
	}
	return []Finding{fault{
		fmt.Sprintf("%s on one broker only: while it is away nothing can be written there, and with its disk the records are gone", are(single)),
		"give topics that matter three replicas (omnibus topic create --replication-factor 3), on a cluster of three brokers or more",
	}.warns("replication", subject)}
}

// partitions names some partitions.
func partitions(numbers []int32) string {
	shown := numbers[:min(len(numbers), partitionsNamed)]
	text := "partition " + admin.IDs(shown)
	if len(numbers) > 1 {
		text = "partitions " + strings.ReplaceAll(admin.IDs(shown), ",", ", ")
	}
	if more := len(numbers) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func are(numbers []int32) string {
	if len(numbers) == 1 {
		return partitions(numbers) + " is"
	}
	return partitions(numbers) + " are"
}

func have(numbers []int32) string {
	if len(numbers) == 1 {
		return partitions(numbers) + " has"
	}
	return partitions(numbers) + " have"
}
