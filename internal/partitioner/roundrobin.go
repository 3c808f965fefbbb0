package partitioner

import "sync/atomic"

// RoundRobin is Java's RoundRobinPartitioner for one topic: it ignores keys and takes the partitions that have a
// leader in turn, or all of them if none has. Its zero value begins with the first one.
type RoundRobin struct {
	next atomic.Uint32
}

// NewRoundRobin returns a RoundRobin that begins at position start, so that many producers need not all begin with the
// same partition.
func NewRoundRobin(start uint32) *RoundRobin {
	r := new(RoundRobin)
	r.next.Store(start)
	return r
}

// Next returns the partition of the next record, or -1 if the topic has no partitions.
func (r *RoundRobin) Next(v *View) int32 {
	turn := toPositive(int32(r.next.Add(1) - 1))
	if n := len(v.Available); n > 0 {
		return v.Available[int(turn)%n]
	}
	if v.Partitions < 1 {
		return -1
	}
	return turn % v.Partitions
}

// KeyedRoundRobin is the classic partitioner of Java clients before 2.4 for one topic: murmur2 of the key over all
// partitions, and records without a key in turn over those that have a leader. Its zero value begins with the first
// one; the classic began anywhere, which NewKeyedRoundRobin allows.
type KeyedRoundRobin struct {
	unkeyed RoundRobin
}

// NewKeyedRoundRobin returns a KeyedRoundRobin whose records without a key begin at position start.
func NewKeyedRoundRobin(start uint32) *KeyedRoundRobin {
	k := new(KeyedRoundRobin)
	k.unkeyed.next.Store(start)
	return k
}

// Partition returns the partition of a record with key, or -1 if the topic has no partitions. A nil key is Kafka's
// null; an empty one is hashed.
func (k *KeyedRoundRobin) Partition(key []byte, v *View) int32 {
	if key == nil {
		return k.unkeyed.Next(v)
	}
	if v.Partitions < 1 {
		return -1
	}
	return Java(key, v.Partitions)
}
