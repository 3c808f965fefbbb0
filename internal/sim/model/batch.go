package model

import (
	"math"
	"time"
)

// noProducer is the producer id of a batch that was sent without idempotence.
const noProducer = -1

// Batch is a record batch as a log holds it. Once it was appended nothing changes it, and replicas share it.
type Batch struct {
	// Offset is the first record's and LeaderEpoch the epoch of the append: the leader sets both in its copy.
	Offset      int64
	LeaderEpoch int32
	// ProducerID is -1 without idempotence, and so are ProducerEpoch and Sequence, the first record's.
	ProducerID    int64
	ProducerEpoch int16
	Sequence      int32
	// Count is the number of records, at least 1.
	Count int32
	// MaxTimestamp is the latest of the records', in milliseconds since 1970, or the time of the append where the topic
	// has LogAppendTime.
	MaxTimestamp int64
	// Bytes is the size as it was sent.
	Bytes int
	// Transactional marks a batch of a transaction, Control the marker that ends one, which may be Committed.
	Transactional, Control, Committed bool
	// Payload is the caller's: tags, a digest or the records. The model does not look at it.
	Payload any
}

// LastOffset is the last record's offset.
func (b *Batch) LastOffset() int64 { return b.Offset + int64(b.Count) - 1 }

// LastSequence is the last record's sequence; behind 2147483647 comes 0. -1 without idempotence.
func (b *Batch) LastSequence() int32 {
	if b.Sequence < 0 {
		return -1
	}
	return int32((int64(b.Sequence) + int64(b.Count) - 1) & math.MaxInt32)
}

// Head is what a broker checks of a record.
type Head struct {
	// Timestamp is in milliseconds since 1970.
	Timestamp int64
	// Keyless tells that the key is null.
	Keyless bool
}

// Fault is what is wrong with the bytes of a batch, found by whoever reads them.
type Fault struct {
	// Code is CORRUPT_MESSAGE (2) or INVALID_RECORD (87).
	Code int16
	// Request tells that a broker finds the fault before it asks whether it leads the partition.
	Request bool
}

// ID is the id of a topic. The zero ID is none.
type ID [16]byte

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Options say what kind of cluster New makes. The zero value is one broker with Kafka's defaults.
type Options struct {
	// Nodes is the number of brokers, with ids from 1. Default 1.
	Nodes int
	// ProducerExpiry is producer.id.expiration.ms. Default 24 hours.
	ProducerExpiry time.Duration
	// ProducerCheck is producer.id.expiration.check.interval.ms. Default 10 minutes.
	ProducerCheck time.Duration
	// ReplicaLagMax is replica.lag.time.max.ms: how long a follower may be behind and stay in sync. Default 30 seconds.
	ReplicaLagMax time.Duration
	// Stepwise lets followers copy only when Replicate says so. Default: they are never behind while they can reach
	// the leader.
	Stepwise bool
	// Election lets the controller name a new leader by itself. Default: a partition that loses its leader waits for it
	// to come back, or for Elect.
	Election bool
	// UnknownProducerID makes the brokers answer UNKNOWN_PRODUCER_ID (59) to a producer that they know nothing of, if its
	// batch is not its first, as Kafka before 2.5 does.
	UnknownProducerID bool
}

func (o Options) withDefaults() Options {
	o.Nodes = max(o.Nodes, 1)
	defaultTo(&o.ProducerExpiry, 24*time.Hour)
	defaultTo(&o.ProducerCheck, 10*time.Minute)
	defaultTo(&o.ReplicaLagMax, 30*time.Second)
	return o
}

func defaultTo[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// TopicOptions are the settings of a topic. The zero value is Kafka's default, but for Replicas.
type TopicOptions struct {
	// Replicas are the brokers of each partition. Default: all, partition n beginning with the nth.
	Replicas []int32
	// MinInSync is min.insync.replicas. Default 1.
	MinInSync int
	// BatchBytesMax is max.message.bytes. Default 1048588.
	BatchBytesMax int
	// LogAppendTime is message.timestamp.type=LogAppendTime.
	LogAppendTime bool
	// Unclean is unclean.leader.election.enable: automatic elections may take a broker that is not in sync.
	Unclean bool
	// Compacted is cleanup.policy=compact: each record needs a key.
	Compacted bool
	// TimestampAheadMax is message.timestamp.after.max.ms: how far a record's timestamp may be in the future. Default
	// 1 hour.
	TimestampAheadMax time.Duration
}

func (o TopicOptions) withDefaults() TopicOptions {
	defaultTo(&o.MinInSync, 1)
	defaultTo(&o.BatchBytesMax, 1048588)
	defaultTo(&o.TimestampAheadMax, time.Hour)
	return o
}
