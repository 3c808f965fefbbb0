// Package check compares what a producer told with what a cluster has. It takes one pass over the log and one over each
// history, and trusts nothing of the producer's but the outcomes that it told: no counter, no statistic.
//
//	writer ──▶ History: Add, Stamp, Refuse        what was handed over
//	callbacks ─▶ History: Tell                    what was told
//	log ──▶ Checker: Read, in the order of offsets of each partition
//	                 Left                         what is held that should be free
//	                 Finish ──▶ Report            what does not fit
//
// Stage: none. The records can come from real Kafka, from internal/sim or from a simulation of the sender's core: the
// checker sees topic, partition, offset, key and value.
//
// Each record says in its value who wrote it and as which: the run, the writer (one goroutine, so that "before" has a
// meaning), the sequence within that writer, and a checksum over all of this, the topic, the key and the payload.
//
//	value:  run 8 | writer 4 | sequence 4 | checksum 4 | payload
//
// A history takes 16 bytes a record, a check under way 2 bits. Runs that are longer than that allows are checked in
// pieces: flush, Finish, and go on with new writers; the next piece's check reads from where this one's ended, so that a
// record of this piece that comes late is nobody's there.
//
// Invariants:
//
//  1. An outcome belongs to one entry, which nobody else writes: the producer promises one outcome for each record. With
//     -race a broken promise shows; without, it is counted.
//  2. Time and memory are linear in the records, whatever the violations are.
//
// Rejected: comparing with the producer's statistics, which would share its mistakes; a linearizability checker, which one
// writer for each sequence does not need.
package check
