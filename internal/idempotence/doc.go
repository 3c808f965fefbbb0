// Package idempotence gives the producer its id and each partition its numbers, by which brokers recognize a batch that
// they already have. It stands beside the pipeline: the id comes from the cluster ([Fetch]), the numbers are handed out when
// a batch departs, and everything in a [Table] is owned by the one goroutine of the sender. It does no I/O but Fetch's
// and has no clock: times are arguments.
//
// A broker remembers, for each producer id and partition, the epoch and the last five batches by their first and last
// sequence. What it makes of the next batch was tried on real Kafka 4.3.1 [K]:
//
//	the same first and last sequence again     accepted, answered with the old offset; the bytes are not compared [K]
//	the next sequence                          appended
//	a gap, or the same with other boundaries   OUT_OF_ORDER_SEQUENCE_NUMBER (45) [K]
//	epoch + 1 with sequence 0                  appended, without any request for a new id or epoch [K]
//	an older epoch                             INVALID_PRODUCER_EPOCH (47), even for a batch that it has [K]
//	any sequence, partition never written      appended (KAFKA-15591), and what should have come before it is lost [K]
//
// Invariants, each answering a row above:
//
//  1. A number is never used for other bytes: the broker would acknowledge them with the old offset and drop them. So
//     numbers live as long as the producer, in a Table that no eviction of idle topics touches. A vanished and recreated
//     topic has another id, hence other numbers; the old ones stay, in case it was only hidden.
//  2. Epochs are the client's own, and each partition has its own. One epoch for the whole producer, as Java and librdkafka
//     have it, must wait for every partition before it can move, or renumbers batches whose fate is not known (librdkafka
//     issue 4953: duplicates).
//  3. A partition's epoch moves only when none of its batches can still be learned of: the new epoch makes the broker refuse
//     whatever of the old one is still under way. That also makes it a fence: a batch known to be absent stays absent.
//  4. The first batch goes alone ([Numbering.Fresh]) whenever the leader may have forgotten the partition's numbers, so that
//     no second batch can be taken for a first one.
//
// Epochs end at 32767. Such a partition goes on under a new producer id, while others keep theirs: a batch carries both, so
// nothing ties the partitions of one producer to one id.
//
// Rejected: asking the broker for a new epoch (InitProducerId with the current id, KIP-360). Without a transactional id
// every broker answers with a new id and forgets nothing, so that it costs a round trip and fences nobody.
package idempotence
