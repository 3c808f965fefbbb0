package measure

import (
	"runtime"

	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
)

// Result is what one run came to. Figures for each record are means over all records after the warm-up.
type Result struct {
	Client   string `json:"client"`
	Workload string `json:"workload"`
	Records  int    `json:"records"`

	// CPU time in nanoseconds for each record: the program's own, the kernel's on its behalf, and the sum.
	UserNanos   float64 `json:"user_ns_per_record"`
	SystemNanos float64 `json:"system_ns_per_record"`
	CPUNanos    float64 `json:"cpu_ns_per_record"`

	RecordsPerSecond float64 `json:"records_per_second"`
	// Mallocs and HeapBytes are heap objects and bytes allocated for each record.
	Mallocs   float64 `json:"mallocs_per_record"`
	HeapBytes float64 `json:"heap_bytes_per_record"`
	// PeakRSSBytes is the process's; PayloadBytes of it are the payloads, which no client can do anything about.
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
	PayloadBytes int   `json:"payload_bytes"`

	// Wire is what the broker counted.
	Wire nullack.Counts `json:"wire"`
	// Go is the version of the toolchain.
	Go string `json:"go"`
}

// since fills in the figures of the records between two looks.
func (r *Result) since(before, after usage) {
	n := float64(r.Records)
	r.UserNanos = float64(after.user-before.user) / n
	r.SystemNanos = float64(after.system-before.system) / n
	r.CPUNanos = r.UserNanos + r.SystemNanos
	r.RecordsPerSecond = n / after.at.Sub(before.at).Seconds()
	r.Mallocs = float64(after.mallocs-before.mallocs) / n
	r.HeapBytes = float64(after.heapBytes-before.heapBytes) / n
	r.PeakRSSBytes = peakRSS()
	r.Go = runtime.Version()
}
