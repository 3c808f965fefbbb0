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
