// Package workload says what is sent: the table of workloads, and their payloads, which are the same bytes in every run
// and for every client.
package workload

import (
	"fmt"
	"strings"
)

// Topic is the name of the one topic that every workload writes to.
const Topic = "bench"

// Workload is a kind of load.
type Workload struct {
	// ID is the letter that the tables and the flags use.
	ID string
	// Title says what is special about it.
	Title string
	// ValueBytes is the size of a record's value, Keyed whether it has a key, of KeyBytes.
	ValueBytes int
	Keyed      bool
	// JSON makes the values documents of text instead of random bytes, for codecs to work on.
	JSON bool
	// Codec is none, lz4 or zstd, at the level that every client has as its default.
	Codec string
	// Partitions is the number of the topic's partitions, Goroutines that of the senders.
	Partitions int
	Goroutines int
	// Records is how many a run sends unless told otherwise: enough for a second or two of CPU time.
	Records int
}

// All is the table, in the order of the letters.
func All() []Workload {
	return []Workload{
		{ID: "A", Title: "100 B", ValueBytes: 100, Codec: "none", Partitions: 6, Goroutines: 1, Records: 3_000_000},
		{ID: "B", Title: "100 B keyed", ValueBytes: 100, Keyed: true, Codec: "none", Partitions: 6, Goroutines: 1, Records: 2_000_000},
		{ID: "C", Title: "1 KiB JSON keyed, lz4", ValueBytes: 1 << 10, Keyed: true, JSON: true, Codec: "lz4", Partitions: 6, Goroutines: 1, Records: 300_000},
		{ID: "D", Title: "1 KiB JSON keyed, zstd", ValueBytes: 1 << 10, Keyed: true, JSON: true, Codec: "zstd", Partitions: 6, Goroutines: 1, Records: 200_000},
		{ID: "E", Title: "100 B keyed, 1,000 partitions", ValueBytes: 100, Keyed: true, Codec: "none", Partitions: 1000, Goroutines: 1, Records: 2_000_000},
		{ID: "F", Title: "100 B, 8 goroutines", ValueBytes: 100, Codec: "none", Partitions: 6, Goroutines: 8, Records: 3_000_000},
		{ID: "G", Title: "16 B", ValueBytes: 16, Codec: "none", Partitions: 6, Goroutines: 1, Records: 4_000_000},
		{ID: "H", Title: "10 KiB", ValueBytes: 10 << 10, Codec: "none", Partitions: 6, Goroutines: 1, Records: 200_000},
	}
}

// Find returns the workload with the letter.
func Find(id string) (Workload, error) {
	var known []string
	for _, w := range All() {
		if strings.EqualFold(w.ID, id) {
			return w, nil
		}
		known = append(known, w.ID)
	}
	return Workload{}, fmt.Errorf("workload %q: wanted one of %s", id, strings.Join(known, ", "))
}
