package embedded

import (
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"math"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/embedded/internal/logdir"
)

// Where a batch of records has what belongs to its producer (KIP-98).
const (
	lengthAt        = 8 // counts what is behind it
	lengthBytes     = 12
	checksumAt      = 17
	attributesAt    = 21 // the checksum begins to count here
	producerIDAt    = 43
	magicAt         = 16
	magicV2         = 2
	isTransactional = 1 << 4
)

// producerSeparator gives each idempotent producer another id in each partition, and takes it back where ids are shown.
//
// kfake keeps one epoch for each producer id. A broker keeps one for each producer id and partition, and producers make use
// of that: after a batch whose fate is unknown they go on with the next epoch in that partition alone. kfake then refuses
// all their other partitions (INVALID_PRODUCER_EPOCH, 47). With an id for each partition its epoch is the partition's, and
// an old epoch is still refused there. The id is combined with a number made of topic and partition, so nothing has to be
// remembered, and doing it twice brings the id back.
//
// Batches of transactions stay as they are: theirs is one epoch.
type producerSeparator struct {
	cluster *kfake.Cluster
	topics  *topicNames
	dir     string // kfake's directory, empty in memory
}

func (s *producerSeparator) install() {
	hookRequests(s.cluster, keyProduce, s.beforeProduce)
	hookRequests(s.cluster, keyFetch, s.beforeFetch)
	hookRequests(s.cluster, keyDescribeProducers, s.beforeDescribeProducers)
}

// beforeProduce changes the ids in the request's batches.
func (s *producerSeparator) beforeProduce(request kmsg.Request) kmsg.Response {
	produce, ok := request.(*kmsg.ProduceRequest)
	if !ok {
		return nil
	}
	for i := range produce.Topics {
		topic := &produce.Topics[i]
		name := topic.Topic
		if topic.TopicID != ([16]byte{}) {
			name = s.topics.learn(s.cluster, topic.TopicID)
		}
		for j := range topic.Partitions {
			partition := &topic.Partitions[j]
			separate(partition.Records, producerSalt(name, partition.Partition))
		}
	}
	return nil
}

// beforeFetch learns the names of the topics that the answer will call by their ids.
func (s *producerSeparator) beforeFetch(request kmsg.Request) kmsg.Response {
	fetch, ok := request.(*kmsg.FetchRequest)
	if !ok {
		return nil
	}
	for i := range fetch.Topics {
		if id := fetch.Topics[i].TopicID; id != ([16]byte{}) {
			s.topics.learn(s.cluster, id)
		}
	}
	return nil
}

// rejoin gives the batches in the answer to a Fetch, which begins behind its correlation id, their producers' own ids back:
// who reads back what it wrote looks for its id.
func (n *topicNames) rejoin(version int16, answer []byte) {
	response := kmsg.NewPtrFetchResponse()
	response.SetVersion(version)
	if response.IsFlexible() && len(answer) > 0 {
		answer = answer[1:] // no tagged fields
	}
	if response.ReadFrom(answer) != nil {
		return
	}
	for i := range response.Topics {
		topic := &response.Topics[i]
		name := topic.Topic
		if topic.TopicID != ([16]byte{}) {
			name = n.name(topic.TopicID)
		}
		for j := range topic.Partitions {
			partition := &topic.Partitions[j]
			separateAll(partition.RecordBatches, producerSalt(name, partition.Partition))
		}
	}
}

// separateAll changes the producer ids of batches that follow each other. The last may be cut off; it stays as it is.
func separateAll(batches []byte, salt int64) {
	for len(batches) >= logdir.HeaderBytes {
		size := lengthBytes + int(int32(binary.BigEndian.Uint32(batches[lengthAt:])))
		if size < logdir.HeaderBytes || size > len(batches) {
			return
		}
		separate(batches[:size], salt)
		batches = batches[size:]
	}
}

// producerSalt is the number that a producer's id is combined with in a partition: 63 bits, so that the id stays positive.
func producerSalt(topic string, partition int32) int64 {
	hash := fnv.New64a()
	hash.Write([]byte(topic))
	hash.Write(binary.BigEndian.AppendUint32(nil, uint32(partition)))
	return int64(hash.Sum64() & math.MaxInt64)
}

// separate changes the producer id of a batch. One that kfake will refuse stays as it is.
func separate(batch []byte, salt int64) {
	if len(batch) < logdir.HeaderBytes || batch[magicAt] != magicV2 {
		return
	}
	id := int64(binary.BigEndian.Uint64(batch[producerIDAt:]))
	transactional := binary.BigEndian.Uint16(batch[attributesAt:])&isTransactional != 0
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Checksum(batch[attributesAt:], castagnoli)
	if id < 0 || transactional || sum != binary.BigEndian.Uint32(batch[checksumAt:]) {
		return
	}
	binary.BigEndian.PutUint64(batch[producerIDAt:], uint64(id^salt))
	binary.BigEndian.PutUint32(batch[checksumAt:], crc32.Checksum(batch[attributesAt:], castagnoli))
}
