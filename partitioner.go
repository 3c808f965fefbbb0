package omnibus

import (
	"math/rand/v2"
	"sync"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
)

// Partitioner chooses the partition of a record that names none (Record.Partition). It is called on the goroutine that
// enqueues, by several at once, after serialization and before anything of the record is kept. A panic in it refuses
// the record with ErrPanic.
type Partitioner interface {
	// Partition returns a number from 0 to p.Count()-1; anything else, or an error, refuses the record. key and value
	// are the serialized bytes, nil for null, and must not be changed or kept.
	Partition(topic string, key, value []byte, p Partitions) (int32, error)
}

// Partitions is what a Partitioner chooses from.
type Partitions struct{ topic *accumulator.Topic }

// Count is the number of the topic's partitions, with and without leader.
func (p Partitions) Count() int { return len(p.topic.Current()) }

// Available lists the partitions that have a leader now, ascending. It must not be changed.
func (p Partitions) Available() []int32 { return p.topic.Available() }

// Queued is the number of batches that wait to be sent to the partition.
func (p Partitions) Queued(partition int32) int { return p.topic.Partitions()[partition].Queued() }

// JavaPartition is the partition, of count, that Kafka's own clients give a record with this key: murmur2, made
// positive, modulo count. It is what the default partitioner does. An empty key is a key; nil has no partition and
// gives 0.
func JavaPartition(key []byte, count int32) int32 {
	if key == nil || count <= 0 {
		return 0
	}
	return partitioner.Java(key, count)
}

// RoundRobin takes the partitions with a leader in turn, all of them if none has one, and ignores keys, as Java's
// RoundRobinPartitioner does. Records of one key lose their order.
func RoundRobin() Partitioner { return &rotation{name: "round-robin"} }

// KeyedRoundRobin is the classic: murmur2 of the key over all partitions; without a key, the partitions with a leader in
// turn, all of them if none has one.
func KeyedRoundRobin() Partitioner { return &rotation{name: "keyed-round-robin", keyed: true} }

// SaramaHash puts keyed records where sarama's NewHashPartitioner does (FNV-1a), to take over its topics. Records
// without a key are spread as by default.
func SaramaHash() Partitioner { return scheme{"sarama-hash", partitioner.SchemeSarama} }

// SaramaReferenceHash puts keyed records where sarama's NewReferenceHashPartitioner does.
func SaramaReferenceHash() Partitioner {
	return scheme{"sarama-reference-hash", partitioner.SchemeSaramaReference}
}

// LibrdkafkaConsistent puts records where librdkafka's "consistent" does (CRC32 of the key); all those without a key go
// to one partition.
func LibrdkafkaConsistent() Partitioner { return scheme{"consistent", partitioner.SchemeConsistent} }

// LibrdkafkaConsistentRandom puts records where librdkafka's default, "consistent_random", does: CRC32 of the key;
// records with a null or an empty key are spread as by default.
func LibrdkafkaConsistentRandom() Partitioner {
	return scheme{"consistent_random", partitioner.SchemeConsistentRandom}
}

// scheme is a hash of the key that another client uses. The producer itself spreads the records that it does not hash;
// Partition draws for whoever else calls it.
type scheme struct {
	name string
	hash partitioner.Scheme
}

func (s scheme) String() string { return s.name }

func (s scheme) Partition(_ string, key, _ []byte, p Partitions) (int32, error) {
	n, keyed := s.hash.Partition(key, int32(p.Count()))
	if !keyed {
		n = rand.Int32N(int32(p.Count()))
	}
	return n, nil
}

// rotation is a round robin with a place of its own in each topic.
type rotation struct {
	name   string
	keyed  bool
	topics sync.Map // topic name -> *partitioner.RoundRobin
}

func (r *rotation) String() string { return r.name }

func (r *rotation) Partition(topic string, key, _ []byte, p Partitions) (int32, error) {
	if r.keyed && key != nil {
		return partitioner.Java(key, int32(p.Count())), nil
	}
	turn, ok := r.topics.Load(topic)
	if !ok {
		turn, _ = r.topics.LoadOrStore(topic, partitioner.NewRoundRobin(rand.Uint32()))
	}
	return turn.(*partitioner.RoundRobin).Next(p.topic.View()), nil
}
