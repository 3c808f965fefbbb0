package sim

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// respond serves a request. nil means that no broker could answer it.
func (c *Cluster) respond(n *node, r *Request, fate Fate) kmsg.Response {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch raw := r.raw.(type) {
	case *kmsg.ApiVersionsRequest:
		return c.apiVersions(raw, fate)
	case *kmsg.MetadataRequest:
		return c.metadataLocked(raw, fate)
	case *kmsg.InitProducerIDRequest:
		return c.initProducerIDLocked(raw, fate)
	case *kmsg.ProduceRequest:
		return c.produceLocked(n, r, raw, fate)
	}
	return nil
}

func (c *Cluster) apiVersions(raw *kmsg.ApiVersionsRequest, fate Fate) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.ApiVersionsResponse)
	if fate.Refusal != nil {
		response.ErrorCode = fate.Refusal.Code
	}
	add := func(key, least, most int16) {
		api := kmsg.NewApiVersionsResponseApiKey()
		api.ApiKey, api.MinVersion, api.MaxVersion = key, least, most
		response.ApiKeys = append(response.ApiKeys, api)
	}
	add(Produce, 3, c.options.ProduceVersionMax)
	add(Metadata, 0, 12)
	add(ApiVersions, 0, 4)
	add(InitProducerID, 0, 5)
	return response
}

func (c *Cluster) initProducerIDLocked(raw *kmsg.InitProducerIDRequest, fate Fate) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.InitProducerIDResponse)
	response.ThrottleMillis = int32(fate.Throttle.Milliseconds())
	if fate.Refusal != nil {
		response.ErrorCode, response.ProducerID, response.ProducerEpoch = fate.Refusal.Code, -1, -1
		return response
	}
	c.mu.producerID++
	response.ProducerID = c.mu.producerID
	return response
}

func (c *Cluster) metadataLocked(raw *kmsg.MetadataRequest, fate Fate) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.MetadataResponse)
	response.ThrottleMillis = int32(fate.Throttle.Milliseconds())
	response.ClusterID = kmsg.StringPtr("sim")
	for _, n := range c.nodes {
		if n.up {
			b := kmsg.NewMetadataResponseBroker()
			b.NodeID, b.Host, b.Port = n.id, n.host, n.port
			response.Brokers = append(response.Brokers, b)
			response.ControllerID = n.id
		}
	}
	for _, asked := range raw.Topics {
		if asked.Topic == nil {
			continue
		}
		told := kmsg.NewMetadataResponseTopic()
		told.Topic = asked.Topic
		if fate.Refusal.concerns(*asked.Topic, -1) {
			told.ErrorCode = fate.Refusal.Code
		} else {
			c.describeLocked(&told, raw.AllowAutoTopicCreation)
		}
		response.Topics = append(response.Topics, told)
	}
	return response
}

// describeLocked fills in what the cluster knows of a topic.
func (c *Cluster) describeLocked(told *kmsg.MetadataResponseTopic, create bool) {
	t := c.mu.topics[*told.Topic]
	if t == nil && create && c.options.AutoCreate > 0 {
		t = c.addTopicLocked(*told.Topic, c.options.AutoCreate, TopicOptions{})
	}
	if t == nil {
		told.ErrorCode = kerr.UnknownTopicOrPartition.Code
		return
	}
	told.TopicID = t.id
	for i, p := range t.partitions {
		part := kmsg.NewMetadataResponseTopicPartition()
		part.Partition, part.Leader, part.LeaderEpoch = int32(i), p.leader, p.epoch
		if n := c.node(p.leader); n == nil || !n.up {
			part.Leader, part.ErrorCode = -1, kerr.LeaderNotAvailable.Code
		}
		part.Replicas = []int32{p.leader}
		part.ISR = part.Replicas
		told.Partitions = append(told.Partitions, part)
	}
}

// node returns the broker with the id, or nil.
func (c *Cluster) node(id int32) *node {
	if id < 1 || int(id) > len(c.nodes) {
		return nil
	}
	return c.nodes[id-1]
}
