// Package partitioner chooses a partition for a record.
//
// Stage 3: fed by Enqueue with a record's serialized key, drained by the accumulator (stage 5), owned by no goroutine:
// everything here is either a pure function or state shared by all callers through atomics.
//
//	record.Partition set ─────────────────────────────────────────► that partition
//	key ──► Scheme.Partition ──► hash of the key mod ALL partitions ► fixed for ever
//	             │ keyed = false (null key)
//	             └──► Sticky.Current ──► one partition for a quantum of bytes, then another
//
// Invariants:
//
//  1. A hash is taken modulo all partitions, also those without a leader: the same key has the same partition whatever
//     the state of the cluster (as Java's BuiltInPartitioner.partitionForKey). Only unkeyed records avoid partitions
//     without a leader.
//  2. An empty key is a key and is hashed; only a nil key is Kafka's null. ConsistentRandom, as in librdkafka, is the
//     one exception.
//  3. A partition without a leader is never chosen for an unkeyed record while another one has a leader.
//  4. The cost of a sticky choice is paid per switch, never per record, and no scan runs while nothing is produced.
//
// # How Sticky stays correct without a lock per record
//
// Two words are shared: current (which partition) and produced (bytes since the switch). A caller loads current, takes
// the lock of that partition, loads current again (another caller may have switched meanwhile; then it starts over),
// appends, and calls Produced before it lets the lock go. All additions of one turn therefore happen under one
// partition's lock, and the caller whose addition completes the quantum is the one that switches.
//
//	holder of P's lock             holder of Q's lock
//	produced.Add(n) >= quantum
//	produced.Store(0)
//	current.Store(Q)        ─────► current.Load() == Q, so the zero above is visible
//	                               produced.Add(m)
//
// Go's atomics are sequentially consistent and a load that observes a store is synchronized after it; because current
// is stored last, nobody can count for Q before the counter was cleared. Reset is the exception: it moves current
// without holding P's lock, so that a holder of P's lock may add its last records to Q's turn. The counter is atomic
// for that reason: nothing is torn, and all that is lost is some records' worth of evenness. The words lie on different
// cache lines, so that reading current does not miss because somebody else counted.
//
// # Rejected
//
//   - Java's load statistics, rebuilt in every pass of the sender over every partition of every topic: the loads are
//     probed at the switch instead, when somebody needs them, and a large topic's table is kept for a few milliseconds.
//   - Java's check of a broker's health only where a queue is not empty, which leaves the idle partitions of a dead
//     broker with the highest weight of all: a partition that is not ready is left out whatever its queue.
//   - A packed word of partition and bytes with compare-and-swap: exact even across Reset, but every addition would
//     take the cache line from all the readers of current.
package partitioner
