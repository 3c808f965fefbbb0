package report

import (
	"strings"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// method says how it was measured, and on what.
func (p *page) method() {
	p.line("## How it was measured\n")
	p.line("- **Machine**: %s, %d cores, %s of memory, %s, %s.", p.Machine.CPU, p.Machine.Cores, p.Machine.Memory, p.Machine.System, p.Machine.Go)
	var versions []string
	for _, c := range p.Candidates {
		if c.Name != client.FloorName && c.Missing == "" {
			versions = append(versions, c.Name+" "+c.Version)
		}
	}
	p.line("- **Clients**: %s.", strings.Join(versions, ", "))
	p.line("- **Settings**: acks=all, idempotence, linger 5 ms, batches and requests up to %d KiB, %d requests in flight, %d MiB of records waiting; lz4's fast",
		client.BatchBytes>>10, client.InFlight, client.BufferBytes>>20)
	p.line("  compressor, zstd's level 3; keyed records go where Java's murmur2 sends them. What is left is set as its maker advises for throughput.")
	p.line("  The code is in bench/internal/client, bench/internal/java and bench/rivals, a file for each client.")
	p.line("- **Load**: payloads are the same bytes in every run, at least %d MiB of distinct ones and %s distinct keys; random, or JSON where the title", workload.ValuesBytesMin>>20, nanos(workload.Keys))
	p.line("  says so. One goroutine sends, unless the title says more; every record's callback runs and is counted. The records that the broker")
	p.line("  counted must be those that were acknowledged.")
	p.line("- **Broker**: another process, which acknowledges every batch at once and never looks at records (bench/internal/nullack). So the figures are those of")
	p.line("  the client alone, at the speed that the client sets.")
	p.line("- **Runs**: each in a process of its own, after a warm-up (of Java: five times as long, for its compiler). Clients take turns, and every round turns")
	p.line("  the order around. What else happens on a machine can only add CPU time, so the minimum is compared. Latencies on Kafka are compared in pairs.")
	p.line("- **CPU time** is the kernel's account of the whole process between the first record and the last outcome: garbage collectors, compilers, all threads.\n")
}
