// Package bench holds no code of its own: it is the module in which the library is measured against other producers,
// which the library itself must not depend on. "make bench" builds the commands and writes BENCHMARKS.md; guard_test.go is
// what must always hold.
//
//	internal/workload   what is sent, how, and where to: the table of workloads, their payloads
//	internal/client     who sends it: one file for each producer, all with the same settings
//	internal/floor      the ruler: about the least that a program can do for the same bytes
//	internal/java       Kafka's own producer, in a process of its own
//	rivals              sarama and kafka-go: a module and a command of their own
//	rivals/librdkafka   librdkafka by way of confluent-kafka-go, with cgo: likewise
//	internal/nullack    who takes it: a broker that answers at once, in a process of its own
//	internal/cluster    or real Kafka, which cmd/kafka runs
//	internal/drive      how a load is run, and what it cost the process
//	internal/measure    one run
//	internal/compare    many runs, interleaved: minima, medians, ratios, pairs
//	internal/report     the page and the chart
//
// The commands are cmd/bench, and beside it those with clients of their own, which share its code and which it runs. What
// is measured is always a process that has one client in it and the fewest others.
//
// Another client is another client.Maker: in internal/client if it brings no dependencies, else in a command beside.
// internal/clienttest is the test for it.
package bench
