package perftest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// The lines of Java's tool, as scripts read them.
const (
	window = `\d+ records sent, \d+\.\d records/sec \(\d+\.\d\d MB/sec\), \d+\.\d ms avg latency, \d+\.\d ms max latency\.\n`
	total  = ` records sent, \d+\.\d{6} records/sec \(\d+\.\d\d MB/sec\), \d+\.\d\d ms avg latency, \d+\.\d\d ms max latency, ` +
		`\d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99\.9th\.\n`
)

func perfTest(t *testing.T, c *kafkatest.Cluster, line string) clitest.Result {
	t.Helper()
	return clitest.Run(t, strings.Fields("perf-test --topic bench --bootstrap-server "+strings.Join(c.Brokers(), ",")+" "+line)...)
}

func start(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	return kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("bench", 1))
}

func TestPatternsFitTheLinesOfJavasTool(t *testing.T) {
	sample := "30 records sent, 20.161290 records/sec (0.00 MB/sec), 86.50 ms avg latency, 837.00 ms max latency, " +
		"68 ms 50th, 69 ms 95th, 837 ms 99th, 837 ms 99.9th.\n"
	if !regexp.MustCompile(`^30` + total + `$`).MatchString(sample) {
		t.Errorf("%q does not fit %s", sample, total)
	}
}

func TestLinesAreThoseOfJavasTool(t *testing.T) {
	for _, test := range []struct {
		name, flags, shape string
	}{
		{"total alone", "--num-records 100 --record-size 10 --throughput -1", `^100` + total + `$`},
		{"windows", "--num-records 600 --record-size 10 --throughput 1000 --reporting-interval 100", `^(` + window + `){4,}600` + total + `$`},
		{"warm-up", "--num-records 600 --warmup-records 250 --record-size 10 --throughput 1000 --reporting-interval 100",
			`^Warmup first 250 records\. Steady state results will print after the complete test summary\.\n` +
				`(` + window + `)+In steady state\.\n(` + window + `)+600` + total + `350 steady state` + total + `$`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := perfTest(t, start(t), test.flags)
			if r.Code != cli.ExitOK || !regexp.MustCompile(test.shape).MatchString(r.Out) {
				t.Errorf("exit code %d and %s\nwant 0 and %s\nstandard error: %s", r.Code, r.Out, test.shape, r.Err)
			}
		})
	}
}

func TestFiguresFitTheRate(t *testing.T) {
	r := perfTest(t, start(t), "--num-records 500 --record-size 104858 --throughput 500")
	m := regexp.MustCompile(`^500 records sent, (\S+) records/sec \((\S+) MB/sec\)`).FindStringSubmatch(r.Out)
	if m == nil {
		t.Fatalf("no figures in %q; standard error: %s", r.Out, r.Err)
	}
	records, _ := strconv.ParseFloat(m[1], 64)
	megabytes, _ := strconv.ParseFloat(m[2], 64)
	if records > 510 || megabytes < records/10*0.99 || megabytes > records/10*1.01 {
		t.Errorf("%v records and %v MB a second, want no more than 500, of a tenth of a MB each", records, megabytes)
	}
}

func TestLosingEveryRecordIsNoSuccess(t *testing.T) {
	const refused = 29 // TOPIC_AUTHORIZATION_FAILED
	c := start(t)
	c.Fail(kafkatest.Produce, refused, kafkatest.Always)
	r := perfTest(t, c, "--num-records 30 --record-size 10 --throughput -1")
	if r.Code != cli.ExitFatal || !strings.HasPrefix(r.Out, "0 records sent, 0.000000 records/sec") || strings.Contains(r.Out, "NaN") {
		t.Errorf("exit code %d and %q, want %d and no record sent", r.Code, r.Out, cli.ExitFatal)
	}
	if !strings.Contains(r.Err, "TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("standard error does not say why: %s", r.Err)
	}
}

func TestPayloadsAndPropertiesAreTakenAsJavasToolTakesThem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "payloads")
	if err := os.WriteFile(file, []byte("a;b;c"), 0o600); err != nil {
		t.Fatal(err)
	}
	for flags, want := range map[string]string{
		"--payload-monotonic":                               "0 1 2 3",
		"--payload-file " + file + " --payload-delimiter ;": "a b c a",
	} {
		c := start(t)
		r := perfTest(t, c, "--num-records 4 --throughput -1 "+flags+" --command-property acks=all linger.ms=1")
		var values []string
		for _, record := range c.Records("bench")[0] {
			values = append(values, string(record.Value))
		}
		if got := strings.Join(values, " "); r.Code != cli.ExitOK || got != want {
			t.Errorf("%s: exit code %d, %q read back, want %q; standard error: %s", flags, r.Code, got, want, r.Err)
		}
	}
}

func TestMistakesInFlagsAreErrorsOfUsage(t *testing.T) {
	c := start(t)
	const good = "--num-records 1 --throughput -1 --record-size 1 "
	for flags, want := range map[string]string{
		"--throughput -1 --record-size 1":                       "--num-records is missing",
		"--num-records 1 --record-size 1":                       "--throughput is missing",
		"--num-records 1 --throughput -1":                       "exactly one of --record-size, --payload-file and --payload-monotonic",
		good + "--payload-monotonic":                            "exactly one of",
		good + "acks=1":                                         "properties stand behind --command-property",
		good + "--command-property acks":                        "want name=value",
		good + "--command-property acks=7":                      "acks",
		good + "--command-property acks=1 --producer-props a=b": "two names of one flag",
		good + "--warmup-records 1":                             "--warmup-records is 1, want less",
		good + "--transactional-id x":                           "unknown flag: --transactional-id",
	} {
		if r := perfTest(t, c, flags); r.Code != cli.ExitUsage || !strings.Contains(r.Err, want) {
			t.Errorf("%s: exit code %d and %s, want %d and %q", flags, r.Code, r.Err, cli.ExitUsage, want)
		}
	}
}
