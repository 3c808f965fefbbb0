// Package sim is a small Kafka cluster inside one process, for tests: brokers that keep what they accept as decoded
// batches, so that a test reads back what a consumer would, and that fail in whatever way a script tells them to.
//
// Stage: none. It stands at the other end of the connections that internal/broker opens, and shares no code with the
// encoders it is there to check: requests, batches and records are read by kmsg.
//
//	Dial ──▶ pipe.go or loopback ──▶ server.go: frame, script, answer
//	                                   ├─ answer.go   ApiVersions, Metadata, InitProducerId, EndTxn
//	                                   ├─ read.go     DescribeProducers, ListOffsets, OffsetForLeaderEpoch, Fetch
//	                                   └─ produce.go  Produce ──▶ records.go: bytes ──▶ Batch
//	                                                            └▶ model: the rules
//
// What brokers accept and forget is the business of internal/sim/model, a pure state machine; this package is the wire
// before it, and the time. Tests do to the model what they like, by Cluster.Model.
//
// Invariants:
//
//  1. The model changes under Cluster.mu alone. An answer that waits for other brokers waits on a condition variable,
//     and a timer wakes it when its time is over.
//  2. A broker answers the requests of a connection one at a time and in order, as Kafka does: a request that is delayed
//     delays those behind it.
//  3. Connections in memory wait on condition variables and timers only, so that a cluster lives in a testing/synctest
//     bubble, where its delays cost nothing and a connection that is not closed is found.
//  4. No goroutine is left when Close has returned.
//
// Not modelled: authentication, quotas, fetch sessions; Fetch never waits for records.
package sim
