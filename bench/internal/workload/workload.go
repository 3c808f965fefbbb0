// Package workload says what is sent, how, and where to: the table of workloads, and their payloads, which are the same
// bytes in every run and for every client.
package workload

import (
	"fmt"
	"strings"
	"time"
)

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
	// Codec is none, lz4 or zstd: lz4's fast compressor, zstd's level 3.
	Codec string

	// Topics is how many topics the records take turns in, Partitions how many each of them has.
	Topics     int
	Partitions int

	// Drive is how the records come.
	Drive Drive
	// Goroutines is the number of those that send.
	Goroutines int
	// Rate is how many records a second are meant to come, of a Paced load.
	Rate int
	// Records is the most that a run sends unless told otherwise: enough for a second or two of CPU time.
	Records int

	// Linger is every client's linger.
	Linger time.Duration
	// Defaults leaves each client all its own defaults instead of the settings that are the same for all.
	Defaults bool
	// Kafka is whether the load goes to a real cluster of three nodes instead of the null-ack broker.
	Kafka bool
	// TLS is whether connections are encrypted.
	TLS bool
}

// Drive is how the records of a load come.
type Drive int

const (
	// Throughput is as fast as the client takes them.
	Throughput Drive = iota
	// Synchronous is goroutines that each wait for a record's outcome before they send the next one.
	Synchronous
	// Paced is at fixed moments, whatever became of the records before.
	Paced
)

// String is the name that a load's way has in files.
func (d Drive) String() string {
	switch d {
	case Synchronous:
		return "synchronous"
	case Paced:
		return "paced"
	}
	return "throughput"
}

// AllTopics are the names of the topics, given the name that they begin with.
func (w *Workload) AllTopics(name string) []string {
	if w.Topics == 1 {
		return []string{name}
	}
	names := make([]string, w.Topics)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%03d", name, i)
	}
	return names
}

// linger is Java's default, and that of the workloads that say nothing else. Where every record is waited for it is what
// serves most clients best, so that nobody is measured on a pause that its user would have turned off: none for one
// goroutine; with 256, of 0, 1 and 5 ms, 1 ms.
const linger = 5 * time.Millisecond

// All is the table, in the order of the letters.
func All() []Workload {
	all := []Workload{
		{ID: "A", Title: "100 B", ValueBytes: 100, Records: 4_000_000},
		{ID: "B", Title: "100 B keyed", ValueBytes: 100, Keyed: true, Records: 3_000_000},
		{ID: "C", Title: "1 KiB JSON keyed, lz4", ValueBytes: 1 << 10, Keyed: true, JSON: true, Codec: "lz4", Records: 300_000},
		{ID: "D", Title: "1 KiB JSON keyed, zstd", ValueBytes: 1 << 10, Keyed: true, JSON: true, Codec: "zstd", Records: 200_000},
		{ID: "E", Title: "100 B keyed, 1,000 partitions", ValueBytes: 100, Keyed: true, Partitions: 1000, Records: 2_000_000},
		{ID: "F", Title: "100 B, 8 goroutines", ValueBytes: 100, Goroutines: 8, Records: 4_000_000},
		{ID: "G", Title: "16 B", ValueBytes: 16, Records: 5_000_000},
		{ID: "H", Title: "10 KiB", ValueBytes: 10 << 10, Records: 200_000},
		{ID: "I", Title: "100 B keyed, 10,000 partitions in 100 topics", ValueBytes: 100, Keyed: true, Topics: 100, Partitions: 100, Records: 1_000_000},
		{ID: "J", Title: "1 KiB JSON keyed, everyone's defaults", ValueBytes: 1 << 10, Keyed: true, JSON: true, Defaults: true, Records: 500_000},

		{ID: "K", Title: "1 KiB JSON keyed", ValueBytes: 1 << 10, Keyed: true, JSON: true, Kafka: true, Records: 200_000},
		{ID: "L", Title: "100 B, one record at a time", ValueBytes: 100, Drive: Synchronous, Linger: -1, Kafka: true, Records: 10_000},
		{ID: "M", Title: "100 B, 5,000 records/s", ValueBytes: 100, Drive: Paced, Rate: 5000, Kafka: true, Records: 50_000},
		{ID: "N", Title: "100 B, 256 goroutines that wait", ValueBytes: 100, Drive: Synchronous, Goroutines: 256, Linger: time.Millisecond, Kafka: true, Records: 200_000},
		{ID: "O", Title: "100 B over TLS", ValueBytes: 100, TLS: true, Records: 2_000_000},
	}
	for i := range all {
		all[i].fill()
	}
	return all
}

// fill gives a workload what it did not say.
func (w *Workload) fill() {
	w.Topics, w.Goroutines = max(w.Topics, 1), max(w.Goroutines, 1)
	if w.Partitions == 0 {
		w.Partitions = 6
	}
	if w.Codec == "" {
		w.Codec = "none"
	}
	if w.Linger == 0 {
		w.Linger = linger
	}
	w.Linger = max(w.Linger, 0)
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
