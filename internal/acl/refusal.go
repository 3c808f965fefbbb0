package acl

import "github.com/twmb/franz-go/pkg/kerr"

// Refusal is what an error code of a Produce answer says about the client's rights; empty if it says nothing. A broker from
// 2.8 on is content with Write where one before wants IdempotentWrite too.
func (c Client) Refusal(code int16, topic string) string {
	switch code {
	case kerr.TopicAuthorizationFailed.Code:
		return c.Lacks(Topic(Write, topic))
	case kerr.ClusterAuthorizationFailed.Code:
		return c.Lacks(Cluster(IdempotentWrite)) + "; or turn idempotence off (enable.idempotence=false), at the price of duplicates " +
			"and disorder after retries"
	case kerr.TransactionalIDAuthorizationFailed.Code:
		return c.Lacks(Right{Write, "transactional-id", "ID"})
	}
	return ""
}

// NoTopic is why Metadata refuses to show the topic. Write implies Describe, which is what Metadata looks for.
func (c Client) NoTopic(topic string) string {
	return c.Lacks(Topic(Write, topic)) + " (and --operation " + Create + ", if writing to it shall create it)"
}

// NoID is why InitProducerId gives no producer id. A topic's name is not known there.
func (c Client) NoID() string {
	return c.Lacks(Cluster(IdempotentWrite)) + "; brokers from 2.8 on are content with " + Write + " on any topic: " +
		c.Grant(Topic(Write, "TOPIC")) + "; or turn idempotence off (enable.idempotence=false), at the price of duplicates and " +
		"disorder after retries"
}
