// Package batch is stage 6 of the pipeline: fed by the accumulator, which lets records board; drained by the sender,
// which seals and resolves; owned by whoever holds the partition's lock while it is building, and by the send loop
// from then on.
//
// # The bus
//
// A Batch is one Kafka record batch (magic 2) for one partition. Records are written in their final form when they
// board, so the caller's bytes are copied exactly once and nothing of the caller's is kept:
//
//	header [61]byte                    a chain of slabs from the buffer pool
//	+-----------------------------+    +----------------+   +----------------+   +------
//	| offset  length  crc  attrs  |    | rec rec rec re |-->| c rec rec rec  |-->| rec
//	| timestamps  producer id     |    +----------------+   +----------------+   +------
//	| epoch  sequence  count      |     a record may lie across the border of two slabs
//	+-----------------------------+
//
// The header lives beside the slabs, not in them. It is all that changes when a batch is numbered or numbered anew, so
// a retry re-encodes nothing: the slabs (compressed or not) stay as they are and at most one CRC pass is made.
//
// # Life
//
//	building --Close--> closed --Stamp--> numbered --Compress, Seal--> encoded --written--> in flight --Resolve--> done
//	                                          ^                                                 |
//	                                          +------------------- retry: nothing moves --------+
//
// 1. Only a building batch changes its records; Close fixes the count for ever. A retry never re-cuts: a broker
// recognizes a repeated batch by its exact boundaries (ProducerStateEntry.batchWithSequenceRange).
//
// 2. The slabs go back to the pool when the last reference is dropped: one is held until the outcome is told (until
// the callbacks ran, where they may read the failed record), one for each request in flight. A slab is therefore never
// refilled while a socket may still read it (KAFKA-19012, CVE-2026-35554).
//
// 3. Every record gets its outcome through the Seat it boarded with (a callback), or through the one Result of the
// batch (a Delivery), or both. Both are filled once.
//
// # Rejected
//
// One future for each record, as most clients have: at 100 bytes a record the future costs more than the record. A
// promise kept in the caller's record, as franz-go does: it keeps the caller's bytes until the ack and makes the
// garbage collector read them all.
package batch
