// Package bench holds no code of its own: it is the module in which the library is measured against other producers,
// which the library itself must not depend on. The command is cmd/bench; guard_test.go is what must always hold.
//
//	internal/workload   what is sent: the table of workloads, their payloads
//	internal/client     who sends it: one file for each producer, all with the same settings
//	internal/nullack    who takes it: a broker that answers at once, in a process of its own
//	internal/measure    one run: what it cost
//	internal/compare    many runs, interleaved: minima, medians, ratios
//
// Another client is another file in internal/client and a line in its table.
package bench
