package partitioner

import "slices"

// View is what a choice among a topic's partitions is made from. It is immutable once it was handed over: new metadata
// makes a new View.
type View struct {
	// Partitions is the number of the topic's partitions, whether or not they have leaders.
	Partitions int32
	// Available lists the partitions that have a leader.
	Available []int32
	// SameRack lists those of Available whose leader is in the client's rack (KIP-1123). Empty means that racks do not
	// matter or that no leader is near.
	SameRack []int32
	// Queued tells a partition's load: the batches that wait to be sent (not bytes, and not those in flight), and
	// whether its broker takes data; ready is false once it did not for longer than partitioner.availability.timeout.
	// It is called while the caller holds a partition's lock, so it must read atomics and never lock. nil means that
	// loads are unknown: every partition counts the same.
	Queued func(partition int32) (batches int, ready bool)
}

// admits reports whether unkeyed records may go to partition.
func (v *View) admits(partition int32) bool {
	if partition < 0 || partition >= v.Partitions {
		return false
	}
	return len(v.Available) == 0 || slices.Contains(v.Available, partition)
}

// near returns the partitions to choose from where loads do not matter; empty means all of the topic's.
func (v *View) near() []int32 {
	if len(v.SameRack) > 0 {
		return v.SameRack
	}
	return v.Available
}
