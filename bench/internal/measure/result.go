package measure

import (
	"runtime"

	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
)

// Result is what one run came to. Figures for each record are means over all records after the warm-up.
type Result struct {
	Client   string `json:"client"`
	Workload string `json:"workload"`
	Records  int    `json:"records"`
	// Round is the number of the run among those of this client and workload, from 0.
	Round int `json:"round"`

	// CPU time in nanoseconds for each record: the program's own, the kernel's on its behalf, and the sum.
	UserNanos   float64 `json:"user_ns_per_record"`
	SystemNanos float64 `json:"system_ns_per_record"`
	CPUNanos    float64 `json:"cpu_ns_per_record"`

	RecordsPerSecond float64 `json:"records_per_second"`
	// Mallocs and HeapBytes are heap objects and bytes allocated for each record, -1 where nobody counts them.
	Mallocs   float64 `json:"mallocs_per_record"`
	HeapBytes float64 `json:"heap_bytes_per_record"`
	// PeakRSSBytes is the process's; PayloadBytes of it are the payloads, which no client can do anything about.
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
	PayloadBytes int   `json:"payload_bytes"`

	// Wire is what the null-ack broker counted, all zero on real Kafka.
	Wire nullack.Counts `json:"wire"`
	// Latency is there for loads whose records are waited for or come at fixed moments.
	Latency *drive.Latency `json:"latency,omitempty"`
	// Go is the version of the toolchain.
	Go string `json:"go"`
}

// take fills in what the records cost.
func (r *Result) take(f drive.Figures) {
	n := float64(r.Records)
	r.UserNanos = float64(f.User) / n
	r.SystemNanos = float64(f.System) / n
	r.CPUNanos = r.UserNanos + r.SystemNanos
	r.RecordsPerSecond = n / f.Elapsed.Seconds()
	r.Mallocs, r.HeapBytes = -1, -1
	if f.Mallocs >= 0 {
		r.Mallocs = float64(f.Mallocs) / n
	}
	if f.HeapBytes >= 0 {
		r.HeapBytes = float64(f.HeapBytes) / n
	}
	r.PeakRSSBytes, r.Latency = f.PeakRSSBytes, f.Latency
	r.Go = runtime.Version()
}
