// Package kafkatest starts Kafka clusters for tests: one inside the test process in
// milliseconds, or real Apache Kafka in seconds. It also has a TCP proxy that
// disturbs connections, and judges that are not the code under test.
//
//	Start(t)             kfake, in this process          0.1 ms     faults by request; testing/synctest
//	StartKafka(t, 3)     Apache Kafka 4.3.1, Java        about 5 s  the judge; signals, proxies, disks
//
// # Which of the two
//
// Start is for what a client does: what it sends, how it retries, what it tells its
// caller, at which time. Requests can be failed with any error code, swallowed,
// delayed, cut off before or after they are carried out; leaders move, brokers
// vanish; with InMemory the clock is testing/synctest's and hours pass in
// milliseconds. It needs nothing but Go.
//
// StartKafka is for whether Kafka agrees: that bytes are accepted and read back by
// Kafka's own consumer, that the log on disk is what it should be, that nothing is
// lost or doubled when a broker is killed, frozen or cut off. It needs Java 17 and,
// once, Maven: see RequireKafka. What kfake accepts proves little: a test
// whose subject is the broker's verdict belongs here.
//
// # What the in-process cluster does not model
//
//   - Replication: min.insync.replicas is stored and never enforced, acks=1 and
//     acks=all are the same, no ISR shrinks, a stopped leader loses nothing.
//   - acks=0: errors are swallowed, where a real broker closes the connection.
//   - Time limits and quotas: a request's timeout is ignored, the throttle time is
//     always 0.
//   - Record checks: batches are validated as a whole. KIP-467's per-record errors
//     are never sent, timestamps are not checked.
//   - Sequence numbers wrap at 2^31-1 instead of 2^31: a correct client is refused
//     there. Producer epochs belong to the producer id: a batch with the epoch of
//     one partition raised above another's is answered with
//     INVALID_PRODUCER_EPOCH (47), which a real broker takes.
//   - Producer state: a batch whose append fails is remembered as written, and its
//     repetition is answered as a success.
//   - Transactions: CONCURRENT_TRANSACTIONS never occurs.
//   - Retention: the default of 7 days never runs; what a test writes stays in
//     memory.
//   - Speed: one goroutine does the work of all brokers.
//   - Produce before version 3 (Kafka 0.11).
//
// # Invariants
//
//  1. Nothing outlives the test process: not after a panic, not after SIGKILL.
//     Brokers are children that the kernel (elsewhere than on Linux: a shell
//     that waits for the end of a pipe) kills with it.
//  2. Everything listens on 127.0.0.1 alone.
//  3. Two test processes may fetch Kafka, and start it, at the same time: the jars
//     come into the cache by a rename under a lock, ports taken meanwhile by
//     another are given up for new ones.
//  4. What a test has a *Kafka or *Cluster do is done when the method returns, unless
//     its comment says otherwise; no test needs to sleep.
//
// Rejected: containers, for they need a daemon and its rights, and a paused
// container is no frozen process with open sockets; a mock of the protocol,
// for it answers what its author believes.
package kafkatest
