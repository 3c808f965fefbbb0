// Package clienttest tests clients of the bench: that they send what a workload says, with its settings, and know what
// became of it.
package clienttest

import (
	"slices"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

const (
	warmUp  = 10 * time.Millisecond
	records = 3000
)

// Test has the clients send a little of loads of every kind, or only of those that are named, to a null-ack broker in this
// process; with -short only of a few.
func Test(t *testing.T, contenders []drive.Contender, only ...string) {
	payloads := make(map[shape]*workload.Data)
	for _, change := range []struct {
		name  string
		make  func(*workload.Workload)
		short bool
	}{
		{"plain", func(*workload.Workload) {}, true},
		{"keyed, many goroutines", func(w *workload.Workload) { w.Keyed, w.Goroutines = true, 4 }, false},
		{"many topics", func(w *workload.Workload) { w.Keyed, w.Topics = true, 5 }, false},
		{"lz4", func(w *workload.Workload) { w.JSON, w.ValueBytes, w.Codec = true, 1<<10, "lz4" }, false},
		{"zstd", func(w *workload.Workload) { w.JSON, w.ValueBytes, w.Codec = true, 1<<10, "zstd" }, false},
		{"synchronous", func(w *workload.Workload) { w.Drive, w.Goroutines, w.Linger = workload.Synchronous, 8, 0 }, true},
		{"one at a time", func(w *workload.Workload) { w.Drive, w.Linger = workload.Synchronous, 0 }, false},
		{"paced", func(w *workload.Workload) { w.Drive, w.Rate = workload.Paced, 20_000 }, true},
		{"TLS", func(w *workload.Workload) { w.TLS = true }, false},
		{"defaults", func(w *workload.Workload) { w.Defaults = true }, false},
	} {
		if len(only) > 0 && !slices.Contains(only, change.name) || testing.Short() && !change.short {
			continue
		}
		w, err := workload.Find("A")
		if err != nil {
			t.Fatal(err)
		}
		change.make(&w)
		shape := shape{w.ValueBytes, w.Keyed, w.JSON}
		if payloads[shape] == nil {
			payloads[shape] = workload.NewData(w, 1)
		}
		for _, contender := range contenders {
			t.Run(contender.Name+", "+change.name, func(t *testing.T) {
				if why := contender.Declined(w); why != "" {
					t.Skip(why)
				}
				deliver(t, contender, w, payloads[shape])
			})
		}
	}
}

// shape is what decides about payloads, which take a while to make.
type shape struct {
	valueBytes  int
	keyed, json bool
}

// deliver drives a load and compares with what the broker counted.
func deliver(t *testing.T, contender drive.Contender, w workload.Workload, data *workload.Data) {
	topics := w.AllTopics("clienttest")
	config := nullack.Config{TLS: w.TLS}
	for _, name := range topics {
		config.Topics = append(config.Topics, nullack.Topic{Name: name, Partitions: w.Partitions})
	}
	broker, err := nullack.Listen(config)
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	driver, err := contender.Start(t.Context(), client.Target{
		Brokers: broker.Addresses(), Certificate: broker.Certificate(), Topics: topics, Load: w, Data: data,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close()
	if _, err := driver.WarmUp(t.Context(), warmUp); err != nil {
		t.Fatal(err)
	}
	look := func() (nullack.Counts, error) { return broker.Counts(), nil }
	before, err := nullack.Settled(look)
	if err != nil {
		t.Fatal(err)
	}
	figures, err := driver.Drive(t.Context(), records)
	if err != nil {
		t.Fatal(err)
	}
	after, err := nullack.Settled(look)
	if err != nil {
		t.Fatal(err)
	}
	counts := after.Less(before)
	if counts.Records != records {
		t.Errorf("the broker counted %d of %d records", counts.Records, records)
	}
	if timed := figures.Latency != nil; timed != (w.Drive != workload.Throughput) {
		t.Errorf("latencies: %+v", figures.Latency)
	}
	if raw := int64(records * w.ValueBytes); w.Codec != "none" && counts.Bytes > raw*2/3 {
		t.Errorf("%d bytes came, of %d before compression", counts.Bytes, raw)
	}
}
