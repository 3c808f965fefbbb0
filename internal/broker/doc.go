// Package broker is one connection to one broker: dial, handshake, write, read, close.
//
// Stage 8: fed by the sender (Produce) and by whoever asks the cluster something (Do), drained by the broker; each
// connection is owned by its write loop and its read loop, the only two goroutines it has.
//
//	                    head       written        begun          tail
//	                     |            |             |              |
//	calls  . . . . . . . | unanswered | being laid  | waiting for  |
//	                     |            | out, sent   | the socket   |
//	                     ^ read loop                ^ write loop
//
// Every request, Produce or control, is a call in one queue that only ever moves forward; four counters say where
// each call stands. What holds:
//
//  1. A call leaves the queue once, from the head: outcomes are told in the order of Produce, one at a time.
//  2. No outcome is told before the write loop has let go of the request's bytes: an answer waits until its write has
//     returned, and after a failure the calls that are left are told by whichever loop ends last. So a buffer handed
//     back is never still read by a writev, which is how the Java client sent one topic's records to another
//     (KAFKA-19012, CVE-2026-35554).
//  3. An answer is matched by its correlation id and nothing else. Kafka answers a connection's requests in order, so
//     any id but the oldest unanswered request's closes the connection, and so do bytes nobody asked for, a frame
//     above the limit of its request's kind, and an answer that does not parse.
//  4. Once the connection began to close, nothing is accepted. Closed comes after the last outcome.
//  5. A request ends at its deadline even when the broker is silent or takes no more bytes: the connection is then
//     closed, because an answer that comes later could not be told from the next one's.
//  6. The buffer for a response grows with the bytes that arrive, not with the length that the peer claims; and what the
//     buffers of all connections take beyond the ordinary has one bound, so that many hostile brokers take no more than one.
//  7. A control answer is decoded only after package shape has found it well-formed and affordable; what a Produce answer
//     names was asked about, and is named once. All else is a protocol violation.
//
// The write loop sends what is queued, one request a writev, and sleeps when the queue is empty: there is no flush
// timer, for a busy socket batches by itself. Timeouts need no goroutine: the socket's read deadline is kept at or before
// the earliest deadline in the queue, and the read loop, woken by it, looks whether a request is really over time or
// the deadline must only be moved.
//
// Rejected: matching answers through a map of ids (tolerates what invariant 3 must not), a goroutine per request for
// its timeout (a broker's worth of timers that mostly do not fire), and bufio on both sides (a second copy of every
// batch).
package broker
