// Package whole plays the whole producer, from omnibus.Open to Shutdown, against the model of the brokers, over a network of
// its own, everything drawn from a seed. A schedule is what package draw makes for package play, with more records, several
// goroutines that write, and a network that tears, delays, swallows and cuts what it carries; after the plan's last fault
// nothing fails any more, and at the end package check compares what was told with the logs.
//
//	writers (load.go) ─▶ omnibus.Producer ─▶ socket ─▶ link.go ─▶ sim.Begin: kmsg ─▶ model.Cluster
//	     │ callbacks           ▲ dial                │ chunks, one at a time ▲              ▲
//	     ▼                     └── network.go ───────┘                       └─ faults.go, topic.go
//	check.History ──▶ judge.go ◀── logs
//
// Stage: none. It runs in a bubble of testing/synctest, so that its tests are its command:
//
//	go test ./internal/sim/whole -run Schedules -v -args -seeds 1000       # seeds 1 to 1,000
//	go test ./internal/sim/whole -run Schedules -v -args -seed 17          # that one, with its trace
//	go test ./internal/sim/whole -run Schedules -v -args -seed 17 -shrink  # made as small as it still fails
//	go test ./internal/sim/whole -run Schedules -v -args -seed 17 -plan p  # with the plan of a file
//
// A producer that panics on a goroutine of its own ends the process; the trace names the bubble, and the nth bubble has the
// nth seed.
//
// Invariants:
//
//  1. The bubble's main goroutine is the network, the brokers and the time. It lets one thing happen (a chunk arrives, a
//     fault begins, a writer gets a burst), waits until all goroutines of the producer have come to rest
//     (synctest.Wait), and takes what they did in the order of connections. Only what happens within one such instant
//     depends on the scheduler of Go: most seeds have the same trace twice with GOMAXPROCS=1, not all.
//  2. What the producer draws is drawn from the seed too (package chance).
//  3. Bytes are copied when the producer writes them, and nothing changes them on the way: a batch that arrives and cannot
//     be read is the producer's fault. A connection takes no more than a window, so that writes block, and break off.
//  4. Faults are ones that a producer must survive; what loosens a promise loosens it for its topic (see package play).
//
// Rejected: goroutines for brokers and connections as package sim has them, whose order nothing repeats; net.Pipe, which
// has no window and hands over in the sizes in which it is read.
package whole
