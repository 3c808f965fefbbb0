package report

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/compare"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// sample is a report in which one ratio is won, one lost, one client missing and one failed.
func sample() Report {
	null := func(client, letter string, cpu float64, wire int64) measure.Result {
		return measure.Result{Client: client, Workload: letter, Records: 10, CPUNanos: cpu, Mallocs: -1, Wire: nullack.Counts{Bytes: wire, Requests: 2}}
	}
	kafka := func(client string, round int, p99 time.Duration) measure.Result {
		return measure.Result{Client: client, Workload: "L", Round: round, Records: 10, CPUNanos: 1000, RecordsPerSecond: 900,
			Latency: &drive.Latency{P50: time.Millisecond, P99: p99}}
	}
	return Report{
		Day: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), Took: time.Minute, Machine: Machine{CPU: "a processor"}, Kafka: "4.3.1",
		Candidates: []compare.Candidate{
			{Name: "omnibus", Version: "1"}, {Name: client.FloorName, Declined: map[string]string{"C": "no codecs", "D": "no codecs"}},
			{Name: "franz-go", Version: "2", Differences: []client.Difference{{Setting: "zstd", Why: "a small window"}}},
			{Name: "librdkafka", Missing: "no C compiler"},
		},
		Workloads: workload.All(),
		Results: []measure.Result{
			null("omnibus", "A", 100, 500), null(client.FloorName, "A", 50, 500), null("franz-go", "A", 250, 400),
			null("omnibus", "H", 1234, 500), null("franz-go", "H", 1000, 500),
			kafka("omnibus", 0, 30*time.Millisecond), kafka("franz-go", 0, 20*time.Millisecond),
			kafka("omnibus", 1, 10*time.Millisecond), kafka("franz-go", 1, 20*time.Millisecond),
		},
		Failures: []error{errors.New("franz-go, workload B: broke\nwith more to say")},
	}
}

func TestPageSaysWhatIsWonLostAndMissing(t *testing.T) {
	var page strings.Builder
	if err := sample().WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| A | 100 B | 100 | franz-go | 250 | **0.40** |  | 1.25 | 50 | 2.00 |",
		"| H | 10 KiB | 1,234 | franz-go | 1,000 | **1.23** | lost | 1.00 | - | - |",
		"| L | franz-go | 2 | 1.00 | 1.00 | 1 of 2 | 1.00 | 1.00 |",
		"| franz-go | zstd | a small window |",
		"- librdkafka, in all workloads: no C compiler",
		"- floor, in C, D: no codecs",
		"- failed: franz-go, workload B: broke\n",
		"a processor", "omnibus 1, franz-go 2.", "4 March 2026",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(page.String())
	}
}

func TestChartIsXMLWithAMarkForEachRatio(t *testing.T) {
	var chart strings.Builder
	if err := sample().WriteChart(&chart); err != nil {
		t.Fatal(err)
	}
	circles := 0
	for decoder := xml.NewDecoder(strings.NewReader(chart.String())); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 5 { // a mark for each of two clients in the legend, three ratios
		t.Errorf("%d circles, wanted 5", circles)
	}
	for _, want := range []string{"100 B<", "10 KiB<", "prefers-color-scheme:dark", ">4×<", ">0.5×<"} {
		if !strings.Contains(chart.String(), want) {
			t.Errorf("the chart lacks %q", want)
		}
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 999.4: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := nanos(n); got != want {
			t.Errorf("%v is written %s, wanted %s", n, got, want)
		}
	}
}
