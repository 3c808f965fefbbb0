// Package embedded is a durable Kafka broker inside the calling process: the one behind `omnibus serve` and
// `omnibus produce --embedded`, for a first try, for local development and for tests. It wraps kfake, the fake cluster of
// franz-go, in what kfake lacks to be left running.
//
// What it is not. It is one node in one process: nothing is replicated, so acks=all is one machine's fsync at best, and
// min.insync.replicas is accepted and never enforced. It does not throttle, most of its work is done by one goroutine, and it
// has neither TLS nor SASL: the filter keeps accidents out, not somebody who means harm. After a crash it reads every
// segment into memory while it starts. Whoever outgrows it points the client at Apache Kafka; nothing else changes.
//
// A directory holds:
//
//	omnibus.lock    locked by the one process that has the directory open
//	holder.json     that process's id and the address it listens on
//	clean-stop      there only between a clean Close and the next Open
//	settings.json   what it was last opened with: retention, partitions of a new topic
//	log/            kfake's own files (internal/logdir says which)
//	lost/           bytes that were no whole batch when a log was mended
//
// Invariants, each with a test:
//
//  1. An acknowledged record survives kill -9 of the process. With NoSync unset it was also fsynced before the
//     acknowledgement, and so was the directory entry of its segment (entrySyncer).
//
//  2. Once a batch could not be written, nothing more is acknowledged: the broker drops every connection and stops
//     (Broker.Done, Broker.Err). kfake alone would answer the client's retry of that batch with "duplicate, written".
//
//  3. What is not a Kafka request never reaches kfake: an unknown API key makes kfake panic, and it allocates whatever
//     size the first four bytes name (1.1 GiB for "GET "). The filter reads a frame's first twelve bytes and streams the
//     rest. A frame that has begun must come within its time, and what all frames that are coming in claim is bounded
//     (memory).
//
//  4. One process per directory. A second one gets an *InUseError with the holder's process id and address.
//
//  5. Idempotent producers write nothing twice, over a crash too: what each wrote last is read from the log at every start.
//     Their epochs are kept for each partition, as on a real broker (producerSeparator).
//
//  6. A topic created on first use is in the directory before its first record can be; names and numbers that Kafka
//     refuses are refused (topicGuard).
//
//  7. Retention drops no partition's last batch, so offsets never begin again, and nothing of a compacted topic.
//
// Where it still differs from a broker: the numbers of an idempotent producer begin again one earlier than they should,
// after 2,147,483,647 records to one partition; the producer is then refused (OUT_OF_ORDER_SEQUENCE_NUMBER). Producer ids that
// consumers see are other ones than the producers have. With acks=0 an error is swallowed, where Kafka closes the connection.
// kfake takes no notice of an fsync that fails. On disk nothing is compacted. Offsets that DeleteRecords took away may be
// back after a crash. In memory DescribeProducers is refused, and compacted topics have a retention.
//
// Rejected: parsing whole requests before kfake does (a second copy of every byte to catch what a header shows); kfake's
// own retention and compaction (see dropOld); keeping an own state of producers beside kfake's, which would have to
// foresee every verdict of kfake's to be right.
package embedded
