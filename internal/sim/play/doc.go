// Package play runs the sender's core against the model of the brokers: one goroutine, no clock, no socket, everything
// drawn from a seed. A schedule is a configuration (draw.Setup), a plan of faults (fault.Plan) and a few seconds of invented
// time in which a producer writes, the plan happens, and then nothing fails any more; after that every record must have
// had its one outcome, and package check compares what was told with the logs.
//
//	seed ─▶ draw ─▶ Setup, Plan ─▶ Play ─▶ Result: trace, counts, violations ─▶ fault.Shrink
//
//	workload ─▶ accumulator ─▶ core.Core ─▶ Effects ─▶ link: frames, in order ─▶ model.Cluster
//	 (client.go)                  ▲                       (link.go, serve.go)         ▲
//	                              ├── Done, Connected …  ◀───────┘                    ├─ faults.go
//	                              ├── Leaders, Brokers   ◀── metadata.go ─────────────┤
//	                              └── Inquired           ◀── inquire.go ──────────────┘
//
// Stage: none. What is real here: the core, settling with its questions and its reading of the log, the numbering, the
// accumulator, the pool (poisoned), the batches and their bytes, the codecs. What is played: the network, the metadata
// manager, the brokers. Batches are read from the bytes, by kmsg, at the moment at which a connection would write them.
//
// Invariants:
//
//  1. The same seed and plan make the same trace, to the bit: nothing depends on the order of a map, on a clock or on
//     another schedule. Code that waits for answers (settling.Inquire) is a coroutine, resumed by an event.
//  2. A connection delivers its requests in order, or a beginning of them. What was written before it ended may be read
//     up to two seconds later, unless the schedule has records so old that brokers forget their producer: then nothing
//     can tell a late request from a new one, and no producer can help it.
//  3. Faults are ones that a producer must survive. One that would make a promise impossible to keep (an unclean
//     election, acks=1) loosens that promise for its topic, and no other.
//
// Rejected: drawing the faults as the schedule goes, which cannot be shrunk; driving the core through its unexported
// state, as the tests of its own package could: a promise is what can be seen from outside.
package play
