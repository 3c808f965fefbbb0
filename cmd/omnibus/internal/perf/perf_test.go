package perf_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// impatient are settings under which a run against a cluster that does not answer ends soon.
const impatient = " -X delivery.timeout.ms=1000 -X request.timeout.ms=400 -X max.block.ms=1000 -X retry.backoff.ms=20"

// perf runs `omnibus perf bench` with the flags in line.
func perf(t *testing.T, c *kafkatest.Cluster, line string) clitest.Result {
	t.Helper()
	return clitest.Run(t, append(strings.Fields("perf bench "+line), "-b", strings.Join(c.Brokers(), ","))...)
}

func start(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	return kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("bench", 3))
}

// summary is what a script may rely on.
type summary struct {
	Records, Accepted, Acked, Unknown uint64
	NotWritten                        uint64             `json:"not_written"`
	Seconds                           float64            `json:"seconds"`
	Rate                              float64            `json:"records_per_second"`
	Latency                           map[string]float64 `json:"latency_ms"`
}

func summaryOf(t *testing.T, r clitest.Result) (s summary) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Out), &s); err != nil {
		t.Fatalf("%v in %q; standard error: %s", err, r.Out, r.Err)
	}
	return s
}

func TestCountsAndLatenciesAreSummedUp(t *testing.T) {
	c := start(t)
	r := perf(t, c, "--records 2200 --size 100 --throughput 2000 --keys 10 --goroutines 2 --summary json")
	s := summaryOf(t, r)
	if r.Code != cli.ExitOK || s.Records != 2200 || s.Accepted != 2200 || s.Acked != 2200 || s.Unknown+s.NotWritten != 0 {
		t.Fatalf("exit code %d and %+v, want 0 and 2200 records acked; standard error: %s", r.Code, s, r.Err)
	}
	if s.Rate > 2050 || s.Seconds < 1.05 {
		t.Errorf("%v records/s in %v s, want no more than the 2000 asked for", s.Rate, s.Seconds)
	}
	last := 0.0
	for _, name := range []string{"p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max"} {
		if s.Latency[name] <= 0 || s.Latency[name] < last {
			t.Errorf("%s is %v ms, want more than 0 and no less than the percentile before it", name, s.Latency[name])
		}
		last = s.Latency[name]
	}
	if !regexp.MustCompile(`(?m)^ +1 s: \d+ records/s acked, p50 `).MatchString(r.Err) {
		t.Errorf("no line for the first second in %s", r.Err)
	}
	n := 0
	for _, partition := range c.Records("bench") {
		for _, record := range partition {
			if len(record.Value) == 100 && len(record.Key) == 1 {
				n++
			}
		}
	}
	if n != 2200 {
		t.Errorf("%d records with a key of one digit and 100 bytes read back, want 2200", n)
	}
}

func TestTimeToFindTheClusterIsNoLatency(t *testing.T) {
	c := start(t)
	c.Delay(700*time.Millisecond, kafkatest.Metadata, 1)
	s := summaryOf(t, perf(t, c, "--records 10 --summary json"))
	if s.Acked != 10 || s.Latency["max"] >= 600 {
		t.Errorf("%+v, want 10 records acked, all of them faster than metadata", s)
	}
}

func TestTableEndsWithAHistogram(t *testing.T) {
	r := perf(t, start(t), "--records 100 --size 10")
	shape := regexp.MustCompile(`(?s)^bench on .+: 100 of 100 records acked, 0 not written, 0 unknown in \S+ s\n` +
		`\S+ records/s, \S+ MiB/s\n\nlatency from the attempt to send, ms\n    mean +\S+\n     p50 +\S+\n.*  p99.99 +\S+\n     max +\S+\n\n` +
		`      less than\n( +\S+ ms \|#* +\| +\S+ % \(\d+\)\n)*.*#{40}`)
	if r.Code != cli.ExitOK || !shape.MatchString(r.Out) {
		t.Errorf("exit code %d and\n%s", r.Code, r.Out)
	}
}

func TestExitCodeTellsWhatBecameOfTheRecords(t *testing.T) {
	const refused = 29 // TOPIC_AUTHORIZATION_FAILED
	for _, test := range []struct {
		name  string
		flags string
		fault func(*kafkatest.Cluster)
		code  int
	}{
		{"nothing delivered", "", func(c *kafkatest.Cluster) { c.Fail(kafkatest.Produce, refused, kafkatest.Always) }, cli.ExitFatal},
		{"some not written", " --throughput 200", func(c *kafkatest.Cluster) { c.Fail(kafkatest.Produce, refused, 1) }, cli.ExitNotWritten},
		{"nobody answers", "", func(c *kafkatest.Cluster) { c.Swallow(kafkatest.Any, kafkatest.Always) }, cli.ExitFatal},
		{"no such file", " --payload-file no/such/file", func(*kafkatest.Cluster) {}, cli.ExitUsage},
		{"too large", " --size 2000000", func(*kafkatest.Cluster) {}, cli.ExitFatal},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			test.fault(c)
			r := perf(t, c, "--records 50 --summary json"+impatient+test.flags)
			if r.Code != test.code {
				t.Errorf("exit code %d, want %d; standard error: %s", r.Code, test.code, r.Err)
			}
			if r.Code == cli.ExitUsage {
				return
			}
			if s := summaryOf(t, r); s.Accepted != s.Acked+s.NotWritten+s.Unknown {
				t.Errorf("%+v does not add up", s)
			}
		})
	}
}

func TestMistakesInFlagsAreToldTogether(t *testing.T) {
	r := clitest.Run(t, strings.Fields("perf bench --records 0 --size -1 --throughput 0 --goroutines 0 --summary xml")...)
	for _, flag := range []string{"--records", "--size", "--throughput", "--goroutines", "--summary"} {
		if !strings.Contains(r.Err, flag+" is ") {
			t.Errorf("nothing of %s in %s", flag, r.Err)
		}
	}
	if r.Code != cli.ExitUsage {
		t.Errorf("exit code %d, want %d", r.Code, cli.ExitUsage)
	}
}

func TestHDRFileHasEveryLatency(t *testing.T) {
	c := start(t)
	name := filepath.Join(t.TempDir(), "latency.hlog")
	if r := perf(t, c, "--records 1500 --throughput 1000 --hdr "+name); r.Code != cli.ExitOK {
		t.Fatalf("exit code %d: %s", r.Code, r.Err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader := hdrhistogram.NewHistogramLogReader(file)
	var records, intervals int64
	for {
		histogram, err := reader.NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		if histogram == nil {
			break
		}
		intervals++
		records += histogram.TotalCount()
	}
	if records != 1500 || intervals < 2 {
		t.Errorf("%d records in %d intervals, want 1500 in 2 or more", records, intervals)
	}
}

func TestHDRFileOfPercentilesEndsWithTheCount(t *testing.T) {
	name := filepath.Join(t.TempDir(), "latency.hgrm")
	if r := perf(t, start(t), "--records 100 --hdr "+name); r.Code != cli.ExitOK {
		t.Fatalf("exit code %d: %s", r.Code, r.Err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`Total count +=  +100\]`).Match(text) {
		t.Errorf("no count of 100 in %s", text)
	}
}
