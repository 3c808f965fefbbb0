package java

import (
	"os"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/clienttest"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

func TestJavaDelivers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a virtual machine for each load")
	}
	c := Contender(t.Context())
	if c.Missing != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(c.Missing)
		}
		t.Skip(c.Missing)
	}
	clienttest.Test(t, []drive.Contender{c}, "keyed, many goroutines", "many topics", "zstd", "synchronous", "paced", "TLS")
}

func TestFailureOfTheProgramIsExplained(t *testing.T) {
	c := Contender(t.Context())
	if testing.Short() || c.Missing != "" {
		t.Skip("needs Java")
	}
	w, err := workload.Find("A")
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Start(t.Context(), client.Target{Brokers: []string{"no port"}, Topics: []string{"t"}, Load: w, Data: workload.NewData(w, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Drive(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "no port") {
		t.Errorf("got %v", err)
	}
}

func TestVersionsAreRead(t *testing.T) {
	for printed, want := range map[string]int{
		`openjdk version "17.0.15" 2025-04-15`: 17, `java version "1.8.0_392"`: 1, "": 0,
	} {
		if got := majorOf([]byte(printed)); got != want {
			t.Errorf("%q is version %d, wanted %d", printed, got, want)
		}
	}
	if v := clientVersion(); !strings.HasPrefix(v, "4.") {
		t.Errorf("the client's version is %q", v)
	}
}

func TestBatchesLeaveRoomForAllPartitions(t *testing.T) {
	for _, w := range workload.All() {
		if n := batchBytes(w); n*2*w.Topics*w.Partitions > client.BufferBytes || n < batchBytesMin {
			t.Errorf("%s: batches of %d bytes for %d partitions", w.ID, n, w.Topics*w.Partitions)
		}
	}
}
