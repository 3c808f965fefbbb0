package sim

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// respond serves a request. nil means that no broker could answer it.
func (c *Cluster) respond(n *node, r *Request, fate Fate) kmsg.Response {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.options.Without, r.API) || !c.mu.model.Up(n.id) {
		return nil
	}
	defer c.steppedLocked()
	e := reply{Cluster: c, node: n.id, now: time.Now(), fate: fate}
	switch raw := r.raw.(type) {
	case *kmsg.ApiVersionsRequest:
		return e.apiVersions(raw)
	case *kmsg.MetadataRequest:
		return e.metadata(raw)
	case *kmsg.InitProducerIDRequest:
		return e.initProducerID(raw)
	case *kmsg.EndTxnRequest:
		return e.endTxn(raw)
	case *kmsg.ProduceRequest:
		return e.produce(r, raw)
	case *kmsg.DescribeProducersRequest:
		return e.describeProducers(raw)
	case *kmsg.ListOffsetsRequest:
		return e.listOffsets(raw)
	case *kmsg.OffsetForLeaderEpochRequest:
		return e.epochEnds(raw)
	case *kmsg.FetchRequest:
		return e.fetch(raw)
	}
	return nil
}

// reply is an answer in the making. Its methods run with Cluster.mu held.
type reply struct {
	*Cluster
	node int32
	now  time.Time
	fate Fate
}

// throttleMillis is what the answer says of throttling.
func (e *reply) throttleMillis() int32 {
	return max(int32(e.fate.Throttle.Milliseconds()), e.mu.model.Throttled(e.node))
}

// refused is the code that the script has for a partition, or for a topic or the whole (-1), or 0.
func (e *reply) refused(topic string, partition int32) int16 {
	if e.fate.Refusal.concerns(topic, partition) {
		return e.fate.Refusal.Code
	}
	return 0
}

func (e *reply) apiVersions(raw *kmsg.ApiVersionsRequest) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.ApiVersionsResponse)
	response.ErrorCode = e.refused("", -1)
	for _, served := range []struct{ key, least, most int16 }{
		{Produce, 3, e.options.ProduceVersionMax}, {Fetch, 4, 13}, {ListOffsets, 1, 7}, {Metadata, 0, 12}, {ApiVersions, 0, 4},
		{InitProducerID, 0, 5}, {OffsetForLeaderEpoch, 2, 4}, {EndTxn, 0, 5}, {DescribeProducers, 0, 0},
	} {
		if !slices.Contains(e.options.Without, served.key) {
			api := kmsg.NewApiVersionsResponseApiKey()
			api.ApiKey, api.MinVersion, api.MaxVersion = served.key, served.least, served.most
			response.ApiKeys = append(response.ApiKeys, api)
		}
	}
	return response
}

func (e *reply) initProducerID(raw *kmsg.InitProducerIDRequest) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.InitProducerIDResponse)
	response.ThrottleMillis = e.throttleMillis()
	if response.ErrorCode = e.refused("", -1); response.ErrorCode != 0 {
		response.ProducerID, response.ProducerEpoch = -1, -1
		return response
	}
	if raw.TransactionalID != nil {
		response.ProducerID, response.ProducerEpoch = e.mu.model.InitTransactions(e.now, *raw.TransactionalID)
		return response
	}
	response.ProducerID = e.mu.model.InitProducerID()
	return response
}

func (e *reply) endTxn(raw *kmsg.EndTxnRequest) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.EndTxnResponse)
	response.ThrottleMillis, response.ProducerID, response.ProducerEpoch = e.throttleMillis(), -1, -1
	if response.ErrorCode = e.refused("", -1); response.ErrorCode != 0 {
		return response
	}
	epoch, code := e.mu.model.EndTransaction(e.now, raw.TransactionalID, raw.ProducerID, raw.ProducerEpoch, raw.Commit)
	if response.ErrorCode = code; code == 0 {
		response.ProducerID, response.ProducerEpoch = raw.ProducerID, epoch
	}
	return response
}

func (e *reply) metadata(raw *kmsg.MetadataRequest) kmsg.Response {
	response := raw.ResponseKind().(*kmsg.MetadataResponse)
	response.ThrottleMillis = e.throttleMillis()
	response.ClusterID = kmsg.StringPtr("sim")
	for _, id := range e.mu.model.Brokers() {
		n := e.nodes[id-1]
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host, b.Port = n.id, n.host, n.port
		response.Brokers = append(response.Brokers, b)
		response.ControllerID = n.id
	}
	asked := raw.Topics
	if asked == nil { // all
		for _, name := range e.mu.model.Topics() {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = &name
			asked = append(asked, topic)
		}
	}
	for _, a := range asked {
		response.Topics = append(response.Topics, e.topic(a, raw.AllowAutoTopicCreation))
	}
	return response
}

// topic is what the broker says of a topic.
func (e *reply) topic(asked kmsg.MetadataRequestTopic, create bool) kmsg.MetadataResponseTopic {
	told := kmsg.NewMetadataResponseTopic()
	var state model.TopicState
	if asked.Topic == nil {
		state = e.mu.model.TopicWithID(e.now, e.node, asked.TopicID)
	} else {
		state = e.mu.model.TopicNamed(e.now, e.node, *asked.Topic)
		if state.Code == kerr.UnknownTopicOrPartition.Code && create && e.options.AutoCreate > 0 {
			e.mu.model.CreateTopic(e.now, *asked.Topic, e.options.AutoCreate, model.TopicOptions{})
			state = e.mu.model.TopicNamed(e.now, e.node, *asked.Topic)
		}
	}
	told.ErrorCode, told.TopicID = state.Code, state.ID
	if told.Topic = asked.Topic; state.Name != "" {
		told.Topic = &state.Name
	}
	if code := e.refused(state.Name, -1); code != 0 {
		told.ErrorCode, told.TopicID = code, model.ID{}
		return told
	}
	for i, p := range state.Partitions {
		part := kmsg.NewMetadataResponseTopicPartition()
		part.ErrorCode, part.Partition, part.Leader, part.LeaderEpoch = p.Code, int32(i), p.Leader, p.Epoch
		part.Replicas, part.ISR = p.Replicas, p.ISR
		told.Partitions = append(told.Partitions, part)
	}
	return told
}
