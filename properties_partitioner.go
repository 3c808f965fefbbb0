package omnibus

import (
	"errors"
	"fmt"
	"strings"
)

// setPartitioner understands the class names of Java's partitioners, the names that librdkafka and sarama have for
// theirs, and this package's own. What is Java's default is a nil Partitioner.
func setPartitioner(c *Config, value string) (note string, err error) {
	name := strings.TrimPrefix(value, "org.apache.kafka.clients.producer.")
	name = strings.TrimPrefix(name, "internals.")
	switch strings.ToLower(name) {
	case "", "null", "default", "murmur2_random":
		c.Partitioner = nil
	case "defaultpartitioner":
		c.Partitioner = nil
		return "Kafka 4.0 removed this class; the default partitioner does what it did, with better spread batches", nil
	case "uniformstickypartitioner":
		c.Partitioner, c.IgnoreKeys = nil, true
		return "Kafka 4.0 removed this class; the default partitioner with partitioner.ignore.keys=true does what it did", nil
	case "murmur2":
		c.Partitioner = nil
		return "records without a key are spread, where librdkafka's murmur2 sends them all to one partition", nil
	case "random":
		c.Partitioner, c.IgnoreKeys = nil, true
		return "read as the default partitioner with partitioner.ignore.keys=true, which changes the partition with every batch and not with every record", nil
	case "fnv1a":
		c.Partitioner = SaramaHash()
		return "records without a key are spread, where librdkafka's fnv1a sends them all to one partition", nil
	default:
		return "", setNamedPartitioner(c, name)
	}
	return "", nil
}

func setNamedPartitioner(c *Config, name string) error {
	switch strings.ToLower(name) {
	case "roundrobinpartitioner", "round-robin", "roundrobin":
		c.Partitioner = RoundRobin()
	case "keyed-round-robin":
		c.Partitioner = KeyedRoundRobin()
	case "sarama-hash", "fnv1a_random":
		c.Partitioner = SaramaHash()
	case "sarama-reference-hash":
		c.Partitioner = SaramaReferenceHash()
	case "consistent", "librdkafka-consistent":
		c.Partitioner = LibrdkafkaConsistent()
	case "consistent_random", "librdkafka-consistent-random":
		c.Partitioner = LibrdkafkaConsistentRandom()
	default:
		return errors.New("default, round-robin, keyed-round-robin, sarama-hash, sarama-reference-hash, consistent, consistent_random, or the class name of one of Kafka's own partitioners; one of your own goes into Config.Partitioner, in Go")
	}
	return nil
}

// partitionerName is a name that setPartitioner understands, for the partitioners that have one.
func partitionerName(s *settings) string {
	switch p := s.Partitioner.(type) {
	case nil:
		return "null"
	case fmt.Stringer:
		return p.String()
	default:
		return fmt.Sprintf("%T", p)
	}
}
