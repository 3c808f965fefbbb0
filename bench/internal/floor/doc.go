// Package floor is a ruler, not a producer: about the least that a Go program can do to get records to a Kafka broker in
// the bytes that the producers under test send. What a producer costs beyond it is the price of being one.
//
//	Enqueue --> lane of the partition: encode once, at the end of its batch
//	              | full, or older than the linger
//	            ready --> sender: sequence number, one CRC pass, one writev of every ready partition
//	                        | at most 5 requests in flight
//	                      reader: error codes, one callback a record, the batch's memory to the next one
//
// What it does, because no producer can do without:
//
//  1. The caller's bytes are copied, once, into their final form; they are the caller's again when Enqueue returns.
//  2. Many goroutines may call Enqueue: a lane has a lock. Records without a key stay with a partition for one batch.
//     Those with a key go where Java sends them (murmur2).
//  3. Records carry the time of a coarse clock; batches carry producer id, sequence and CRC, as idempotence wants.
//  4. Memory is bounded: there is a fixed number of batches, and who finds none waits.
//  5. A batch leaves when it is full or the linger is over. A request takes every batch that is ready, one of each
//     partition, up to the size of a request; while others are in flight it waits for that size, until the linger is over.
//  6. Every record's callback runs, after its batch was acknowledged, and is told the error code.
//
// What it does not do, and a producer must: try again; time out; follow a leader or know a second broker; survive a lost
// connection; wait for a topic's metadata or refresh it; count bytes instead of batches; adapt to slow partitions; wake
// somebody who waits for one record; say at which offset a record came to lie; headers, compression, versions of the
// protocol other than the newest; statistics, interceptors, errors that say what happened. It also relies on answers that
// name partitions in the order of the request, as the null-ack broker's do and others' need not.
//
// Every rule above can be argued to be too cheap or too dear. The doubtful ones, and how they were decided:
//
//   - The size of a batch is free (BatchBytesMax is only its limit), and was chosen by measurement: larger ones save
//     system calls, smaller ones stay in the processor's caches. The one that came out cheapest is used.
//   - A full batch waits for company while requests are in flight. Leaving at once, as producers mostly do, came out up to a
//     tenth dearer.
//   - Batches are not zeroed, checked or counted beyond what the protocol asks for.
//   - One callback function serves all records. A function for each record would be a word more for each.
package floor
