package nullack

import (
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The versions of Produce that are served.
const (
	produceVersionMin = 7
	produceVersionMax = 13
)

// codeUnknownTopic is UNKNOWN_TOPIC_OR_PARTITION.
const codeUnknownTopic = 3

// control returns the answer to a request other than Produce, or nil if there is none.
func (b *Broker) control(request kmsg.Request) kmsg.Response {
	switch request := request.(type) {
	case *kmsg.ApiVersionsRequest:
		return apiVersions()
	case *kmsg.MetadataRequest:
		return b.metadata(request)
	case *kmsg.InitProducerIDRequest:
		response := kmsg.NewPtrInitProducerIDResponse()
		response.ProducerID, response.ProducerEpoch = b.producerIDs.Add(1), 0
		return response
	}
	return nil
}

// apiVersions promises more than is kept. librdkafka takes brokers for too old to understand its batches if they do not
// have Produce 0, for which Kafka 4 too pretends to have it; Fetch 4 for records as they are since Kafka 0.11, Fetch 10
// for zstd, and FindCoordinator for lz4.
func apiVersions() kmsg.Response {
	response := kmsg.NewPtrApiVersionsResponse()
	for _, api := range []struct{ key, min, max int16 }{
		{kmsg.Produce.Int16(), 0, produceVersionMax},
		{kmsg.Fetch.Int16(), 4, 11},
		{kmsg.FindCoordinator.Int16(), 0, 2},
		{kmsg.Metadata.Int16(), 4, 12},
		{kmsg.ApiVersions.Int16(), 0, 4},
		{kmsg.InitProducerID.Int16(), 0, 4},
	} {
		key := kmsg.NewApiVersionsResponseApiKey()
		key.ApiKey, key.MinVersion, key.MaxVersion = api.key, api.min, api.max
		response.ApiKeys = append(response.ApiKeys, key)
	}
	return response
}

// metadata tells of all nodes and of the topics that were asked for: all of them if the request names none at all.
func (b *Broker) metadata(request *kmsg.MetadataRequest) kmsg.Response {
	response := kmsg.NewPtrMetadataResponse()
	cluster := "null-ack"
	response.ClusterID, response.ControllerID = &cluster, 0
	for i, listener := range b.nodes {
		node := kmsg.NewMetadataResponseBroker()
		address := listener.Addr().(*net.TCPAddr)
		node.NodeID, node.Host, node.Port = int32(i), address.IP.String(), int32(address.Port)
		response.Brokers = append(response.Brokers, node)
	}
	if request.Topics == nil {
		for _, t := range b.topics {
			response.Topics = append(response.Topics, b.describe(t))
		}
	}
	for _, asked := range request.Topics {
		t := b.byID[asked.TopicID]
		if asked.Topic != nil {
			t = b.byName[*asked.Topic]
		}
		if t != nil {
			response.Topics = append(response.Topics, b.describe(t))
			continue
		}
		unknown := kmsg.NewMetadataResponseTopic()
		unknown.Topic, unknown.TopicID, unknown.ErrorCode = asked.Topic, asked.TopicID, codeUnknownTopic
		response.Topics = append(response.Topics, unknown)
	}
	return response
}

// describe is a topic's part of a metadata answer.
func (b *Broker) describe(t *topic) kmsg.MetadataResponseTopic {
	told := kmsg.NewMetadataResponseTopic()
	told.Topic, told.TopicID = kmsg.StringPtr(t.name), t.id
	for i := range t.next {
		leader := int32(i % len(b.nodes))
		partition := kmsg.NewMetadataResponseTopicPartition()
		partition.Partition, partition.Leader, partition.LeaderEpoch = int32(i), leader, 0
		partition.Replicas, partition.ISR = []int32{leader}, []int32{leader}
		told.Partitions = append(told.Partitions, partition)
	}
	return told
}
