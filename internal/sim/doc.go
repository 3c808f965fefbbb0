// Package sim is a small Kafka cluster inside one process, for tests: brokers that keep what they accept as decoded
// batches, so that a test reads back what a consumer would, and that fail in whatever way a script tells them to.
//
// Stage: none. It stands at the other end of the connections that internal/broker opens, and shares no code with the
// encoders it is there to check: requests, batches and records are read by kmsg.
//
//	Dial ──▶ pipe.go or loopback ──▶ server.go: frame, script, answer
//	                                   ├─ answer.go   ApiVersions, Metadata, InitProducerId
//	                                   └─ produce.go  Produce ──▶ records.go: bytes ──▶ Batch
//	                                                            └▶ partition.go: the append rules, a pure state machine
//
// Invariants:
//
//  1. A partition changes in partition.go alone, which has no clock, no lock and no I/O.
//  2. A broker answers the requests of a connection one at a time and in order, as Kafka does: a request that is delayed
//     delays those behind it.
//  3. Connections in memory wait on condition variables and timers only, so that a cluster lives in a testing/synctest
//     bubble, where its delays cost nothing and a connection that is not closed is found.
//  4. No goroutine is left when Close has returned.
//
// Not modelled: replicas (an append is committed at once), transactions, authentication, quotas, fetching.
package sim
