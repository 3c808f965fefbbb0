// Package embedded is a durable Kafka broker inside the calling process: the one behind `omnibus produce --embedded`,
// for a first try, for local development and for tests. It wraps kfake, the fake cluster of franz-go, in what kfake
// lacks to be left running.
//
// What it is not. It is one node in one process: nothing is replicated, so acks=all is one machine's fsync at best, and
// min.insync.replicas is accepted and never enforced. It has no exactly-once across a crash: the sequence numbers that
// recognize a repeated batch are kept only over a clean stop, so a producer that resends after a crash may write twice.
// It does not throttle, its work is done by one goroutine, and it has neither TLS nor SASL. After a crash it reads
// every segment into memory while it starts. Whoever outgrows it points the client at Apache Kafka; nothing else changes.
//
// A directory holds:
//
//	omnibus.lock   locked by the one process that has the directory open
//	holder.json    that process's id and the address it listens on
//	clean-stop     there only between a clean Close and the next Open
//	log/           kfake's own files
//
// Invariants, each with a test:
//
//  1. An acknowledged record survives kill -9 of the process. With NoSync unset it was also fsynced before the
//     acknowledgement; the directory entry of a new segment is not, so a power cut right after a segment began may take
//     that segment.
//
//  2. Once a batch could not be written, nothing more is acknowledged: the broker drops every connection and stops
//     (Broker.Done, Broker.Err). kfake alone would answer the client's retry of that batch with "duplicate, written".
//
//  3. What is not a Kafka request never reaches kfake: an unknown API key makes kfake panic, and it allocates whatever
//     size the first four bytes name (1.1 GiB for "GET "). The filter reads a frame's first eight bytes and streams the
//     rest.
//
//  4. One process per directory. A second one gets an *InUseError with the holder's process id and address.
//
//  5. After an unclean stop the sequence windows of the last clean one are stale: they would refuse a correct batch and
//     take a repeated one for new. They are deleted, with a warning; a duplicate is the lesser evil.
//
//  6. A topic created on first use is in the directory before its first record can be (topicCreator).
//
// Rejected: parsing whole requests before kfake does (a second copy of every byte to catch what a header shows), and
// kfake's own retention ticker (it starts only for topics with retention of their own, and never again after a restart).
package embedded
