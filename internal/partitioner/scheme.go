package partitioner

// Scheme is a rule by which a client maps keys to partitions. Its zero value is Java's. The others exist so that a
// topic whose keys were placed by another client keeps its placement.
type Scheme uint8

// The schemes. "Unkeyed" means that Scheme.Partition leaves the choice to the caller, which is a Sticky.
const (
	// SchemeJava hashes with murmur2; a null key is unkeyed, an empty one is hashed. It is the rule of the Java client,
	// of franz-go's default, and of librdkafka's murmur2_random.
	SchemeJava Scheme = iota
	// SchemeMurmur2 is librdkafka's murmur2: as SchemeJava, but a null key is hashed as an empty one.
	SchemeMurmur2
	// SchemeSarama is sarama's NewHashPartitioner and librdkafka's fnv1a_random: a null key is unkeyed.
	SchemeSarama
	// SchemeFNV1a is librdkafka's fnv1a: as SchemeSarama, but a null key is hashed as an empty one.
	SchemeFNV1a
	// SchemeSaramaReference is sarama's NewReferenceHashPartitioner: a null key is unkeyed.
	SchemeSaramaReference
	// SchemeConsistent is librdkafka's consistent: null and empty keys all go to partition 0.
	SchemeConsistent
	// SchemeConsistentRandom is librdkafka's default, consistent_random: a null key and an empty one are unkeyed.
	SchemeConsistentRandom
)

// Partition returns the partition of key among n partitions. keyed is false where the scheme has no opinion, because
// the key is null (or, under SchemeConsistentRandom, empty); p is then meaningless, and so it is if n < 1.
func (s Scheme) Partition(key []byte, n int32) (p int32, keyed bool) {
	if n < 1 || !s.Hashes(key) {
		return 0, false
	}
	switch s {
	case SchemeSarama, SchemeFNV1a:
		return SaramaHash(key, n), true
	case SchemeSaramaReference:
		return SaramaReference(key, n), true
	case SchemeConsistent, SchemeConsistentRandom:
		return Consistent(key, n), true
	default:
		return Java(key, n), true
	}
}

// Hashes reports whether the scheme derives a partition from key at all.
func (s Scheme) Hashes(key []byte) bool {
	switch s {
	case SchemeMurmur2, SchemeFNV1a, SchemeConsistent:
		return true
	case SchemeConsistentRandom:
		return len(key) > 0
	default:
		return key != nil
	}
}

// String returns the scheme's name.
func (s Scheme) String() string {
	switch s {
	case SchemeJava:
		return "java"
	case SchemeMurmur2:
		return "murmur2"
	case SchemeSarama:
		return "sarama"
	case SchemeFNV1a:
		return "fnv1a"
	case SchemeSaramaReference:
		return "sarama_reference"
	case SchemeConsistent:
		return "consistent"
	case SchemeConsistentRandom:
		return "consistent_random"
	default:
		return "unknown"
	}
}
