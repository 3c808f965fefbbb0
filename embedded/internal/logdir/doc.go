// Package logdir reads, and after a crash mends, the files in which kfake keeps its records, so that the broker around it
// can do what kfake leaves undone. kfake owns the files while it runs; then this package only reads what was appended.
//
//	partitions/orders-0/0.dat     segment: record batches as they came over the wire, one after the other
//	partitions/orders-0/0.idx     15 bytes a batch: version, checksum, leader epoch (4), timestamp (8), in a transaction
//	groups.log  pids.log          entries: length (4), CRC-32C (4), version (2), JSON; the length counts version and JSON
//	seq_windows.json              what the last five batches of each producer and partition were
//
// Batches are big-endian, as Kafka's are; everything else is little-endian.
//
// Invariants:
//
//  1. Mend takes away nothing but bytes that are no whole batch with a right checksum, and puts those aside first. kfake
//     alone cuts a segment off at the first byte that is wrong, and with it every batch behind.
//
//  2. After Mend there is one index entry for each batch. kfake alone goes on appending to an index that lacks the entry of
//     the last batch before the crash, and takes each entry for that of the batch before.
//
//  3. A file is replaced by renaming a synced one over it, so a crash while mending leaves the old or the new.
//
//  4. The state of producers comes from the batches, as on a real broker, not from what the last clean stop wrote down: a
//     batch that was written, and whose answer was lost in a crash, is recognized when it is sent again.
//
// Rejected: an own log format. kfake reads these files and no others.
package logdir
