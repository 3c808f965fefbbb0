package embedded

import (
	"log/slog"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// creatorRenewal is after how many metadata requests the hook is registered anew: kfake remembers each connection that
// a hook has seen for as long as the hook stays registered.
const creatorRenewal = 1024

// topicCreator creates topics on first use, in place of kfake's own way, which neither checks the name nor saves the
// topic before the next clean stop: after a kill -9 the records were on disk and their topic was unknown.
type topicCreator struct {
	cluster *kfake.Cluster
	logger  *slog.Logger
	// seen counts requests since the last renewal. kfake runs hooks one after the other.
	seen int
}

// install registers the hook.
func (c *topicCreator) install() { c.cluster.ControlKey(int16(kmsg.Metadata), c.beforeMetadata) }

// beforeMetadata creates the topics that the request names, wants created and does not find, then lets kfake answer.
func (c *topicCreator) beforeMetadata(request kmsg.Request) (kmsg.Response, error, bool) {
	if c.seen++; c.seen >= creatorRenewal {
		c.seen = 0
		c.cluster.DropControl()
		c.install()
	}
	metadata, ok := request.(*kmsg.MetadataRequest)
	if !ok || !metadata.AllowAutoTopicCreation {
		return nil, nil, false
	}
	for _, topic := range metadata.Topics {
		if topic.Topic == nil || topic.TopicID != [16]byte{} || !validTopic(*topic.Topic) || c.cluster.TopicInfo(*topic.Topic) != nil {
			continue
		}
		if err := c.cluster.CreateTopic(*topic.Topic, 0, nil); err != nil {
			c.logger.Warn("embedded broker: cannot create the topic", "topic", *topic.Topic, "error", err)
		}
	}
	return nil, nil, false
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
