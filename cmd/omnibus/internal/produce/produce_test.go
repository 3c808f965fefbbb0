package produce

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/embedded"
)

const testTimeout = 30 * time.Second

// outcome is what a command line led to.
type outcome struct {
	code    int
	stderr  string
	summary Summary
}

// runProduce runs the command line with --summary json and checks the invariants of the summary, if it printed one.
func runProduce(ctx context.Context, t *testing.T, stdin io.Reader, args ...string) outcome {
	t.Helper()
	f, stdout, stderr := testFactory("")
	f.IO.In = stdin
	cmd := NewCmdProduce(f, nil)
	cmd.SetArgs(append(args, "--summary", "json"))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(ctx)
	out := outcome{code: cli.CodeOf(err), stderr: stderr.String()}
	if err != nil {
		out.stderr += err.Error()
	}
	if stdout.Len() == 0 {
		return out
	}
	if err := json.Unmarshal(stdout.Bytes(), &out.summary); err != nil {
		t.Fatalf("summary %q: %v", stdout, err)
	}
	s := out.summary
	if s.Read != s.Accepted+s.Skipped || s.Accepted != s.Acked+s.NotWritten+s.Unknown {
		t.Errorf("the summary does not add up: %s", stdout)
	}
	return out
}

func startBroker(t *testing.T, cfg embedded.Config) *embedded.Broker {
	t.Helper()
	broker, err := embedded.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Close() })
	return broker
}

// readAll returns the topic's records by partition.
func readAll(t *testing.T, addr, topic string, count int) map[int32][]*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	records := make(map[int32][]*kgo.Record)
	for seen := 0; seen < count; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read %d of %d records", seen, count)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			records[r.Partition] = append(records[r.Partition], r)
			seen++
		})
	}
	return records
}

func values(records map[int32][]*kgo.Record) []string {
	var all []string
	for _, partition := range records {
		for _, r := range partition {
			all = append(all, string(r.Value))
		}
	}
	slices.Sort(all)
	return all
}

func writeInput(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLinesArriveAsTheyAre(t *testing.T) {
	want := []string{"", "", "a", "b\r", "c\x00d", "\xff\xfe", strings.Repeat("long", 200_000)}
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd:1"} {
		t.Run(codec, func(t *testing.T) {
			broker := startBroker(t, embedded.Config{})
			out := runProduce(t.Context(), t, strings.NewReader(strings.Join(want, "\n")+"\n"),
				"lines", "--brokers", broker.Addr(), "--compression", codec)
			if out.code != cli.ExitOK || out.summary.Acked != uint64(len(want)) {
				t.Fatalf("code %d, %+v\n%s", out.code, out.summary, out.stderr)
			}
			records := readAll(t, broker.Addr(), "lines", len(want))
			if got := values(records); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
				t.Errorf("read %.100q, want %.100q", got, want)
			}
			for _, partition := range records {
				for _, r := range partition {
					if r.Key != nil {
						t.Errorf("value %.20q has the key %q, want none", r.Value, r.Key)
					}
					if r.Value == nil {
						t.Error("an empty line became a null value")
					}
				}
			}
		})
	}
}

func TestManyLinesWithTheirNumberAsKeyKeepTheirOrder(t *testing.T) {
	const count = 50_000
	var input strings.Builder
	for i := range count {
		fmt.Fprintf(&input, "%d:line %d\n", i, i)
	}
	broker := startBroker(t, embedded.Config{})
	out := runProduce(t.Context(), t, nil, "keyed", writeInput(t, input.String()), "-b", broker.Addr(), "-K", ":")
	if out.code != cli.ExitOK || out.summary.Acked != count || len(out.summary.Partitions) != 6 {
		t.Fatalf("code %d, %+v\n%s", out.code, out.summary, out.stderr)
	}
	for partition, records := range readAll(t, broker.Addr(), "keyed", count) {
		last := -1
		for _, r := range records {
			var key, line int
			fmt.Sscan(string(r.Key), &key)
			fmt.Sscanf(string(r.Value), "line %d", &line)
			if key != line || line <= last {
				t.Fatalf("partition %d: key %q with value %q after line %d", partition, r.Key, r.Value, last)
			}
			last = line
		}
	}
}

func TestKeySeparator(t *testing.T) {
	broker := startBroker(t, embedded.Config{PartitionsDefault: 1})
	out := runProduce(t.Context(), t, strings.NewReader("k1=>v1\n=>no key\nk3=>\nk4=>a=>b\n"), "keys", "-b", broker.Addr(), "-K", "=>")
	if out.code != cli.ExitOK {
		t.Fatalf("code %d: %s", out.code, out.stderr)
	}
	var got []string
	for _, r := range readAll(t, broker.Addr(), "keys", 4)[0] {
		got = append(got, fmt.Sprintf("%q:%q:%v", r.Key, r.Value, r.Key == nil || r.Value == nil))
	}
	want := []string{`"k1":"v1":false`, `"":"no key":false`, `"k3":"":false`, `"k4":"a=>b":false`}
	if !slices.Equal(got, want) {
		t.Errorf("read %v\nwant %v", got, want)
	}
}

func TestBadInputIsNamedByLineAndEndsWithExit4(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	for _, test := range []struct {
		name, input string
		args        []string
		acked, read uint64
		want        string
	}{
		{"no separator, stop", "a:1\nbad\nb:2\n", []string{"-K", ":"}, 1, 2, "standard input:2: bad input"},
		{"no separator, skip", "a:1\nbad\nb:2\n", []string{"-K", ":", "--on-bad-input", "skip"}, 2, 3, "standard input:2: bad input"},
		{"too long, stop", "a\n" + long + "\nb\n", nil, 1, 2, "standard input:2: bad input: the line is longer than 1048576 bytes"},
		{"too long, skip", "a\n" + long + "\nb\n", []string{"--on-bad-input", "skip"}, 2, 3, "standard input:2: "},
		{"all bad", "x\ny\n", []string{"-K", ":", "--on-bad-input", "skip"}, 0, 2, "standard input:1: "},
		{"as long as a request", "a\n" + long[:1<<20] + "\n", nil, 1, 2, "standard input:2: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			broker := startBroker(t, embedded.Config{})
			out := runProduce(t.Context(), t, strings.NewReader(test.input), append(test.args, "bad", "-b", broker.Addr())...)
			if out.code != cli.ExitBadInput || out.summary.Acked != test.acked || out.summary.Read != test.read {
				t.Errorf("code %d, acked %d, read %d; want %d, %d, %d", out.code, out.summary.Acked, out.summary.Read, cli.ExitBadInput, test.acked, test.read)
			}
			if !strings.Contains(out.stderr, test.want) {
				t.Errorf("standard error does not say %q:\n%s", test.want, out.stderr)
			}
		})
	}
}

func TestSeveralFilesAndStandardInput(t *testing.T) {
	broker := startBroker(t, embedded.Config{})
	out := runProduce(t.Context(), t, strings.NewReader("from stdin\n"),
		"files", writeInput(t, "one\ntwo"), "-", writeInput(t, "three\n"), "-b", broker.Addr())
	if out.code != cli.ExitOK {
		t.Fatalf("code %d: %s", out.code, out.stderr)
	}
	if got := values(readAll(t, broker.Addr(), "files", 4)); fmt.Sprint(got) != "[from stdin one three two]" {
		t.Errorf("read %q", got)
	}
}

func TestAMissingFileIsAUsageErrorBeforeAnythingIsSent(t *testing.T) {
	broker := startBroker(t, embedded.Config{})
	out := runProduce(t.Context(), t, nil, "topic", writeInput(t, "one\n"), "/no/such/file", t.TempDir(), "-b", broker.Addr())
	if out.code != cli.ExitUsage || out.summary.Read != 0 {
		t.Errorf("code %d, read %d; want %d and 0", out.code, out.summary.Read, cli.ExitUsage)
	}
	for _, want := range []string{"/no/such/file", "is a directory"} {
		if !strings.Contains(out.stderr, want) {
			t.Errorf("the error does not say %q: %s", want, out.stderr)
		}
	}
}

func TestAnEmptyInputIsNoFailure(t *testing.T) {
	broker := startBroker(t, embedded.Config{})
	out := runProduce(t.Context(), t, strings.NewReader(""), "empty", "-b", broker.Addr())
	if out.code != cli.ExitOK || out.summary.Read != 0 {
		t.Errorf("code %d, %+v", out.code, out.summary)
	}
}

func TestAnUnreachableClusterEndsWithExit3(t *testing.T) {
	out := runProduce(t.Context(), t, strings.NewReader("a\nb\n"), "topic", "-b", "127.0.0.1:1", "-X", "max.block.ms=300")
	if out.code != cli.ExitFatal || out.summary.Acked != 0 || out.summary.Read != 1 {
		t.Errorf("code %d, %+v; want code 3 after the first line", out.code, out.summary)
	}
	if !strings.Contains(out.stderr, "standard input:1: given up here") {
		t.Errorf("standard error does not name the line: %s", out.stderr)
	}
}

func TestAnInterruptEndsTheInputAndWhatWasReadArrives(t *testing.T) {
	broker := startBroker(t, embedded.Config{})
	ctx, interrupt := context.WithCancelCause(t.Context())
	idle, writer := io.Pipe()
	defer writer.Close()
	written := make(chan struct{})
	go func() {
		defer close(written)
		fmt.Fprint(writer, "one\ntwo\nthree is not finished")
		// The records are on the broker before the interrupt, so they have been read.
		readAll(t, broker.Addr(), "topic", 2)
		interrupt(cli.ErrInterrupted)
	}()
	out := runProduce(ctx, t, idle, "topic", "-b", broker.Addr())
	<-written
	if out.code != cli.ExitInterrupted || out.summary.Acked != 2 || out.summary.Read != 2 {
		t.Errorf("code %d, %+v; want code 130 with two acked", out.code, out.summary)
	}
}

func TestABrokerLostInTheMiddleIsToldForEachRecord(t *testing.T) {
	broker := startBroker(t, embedded.Config{})
	idle, writer := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer writer.Close()
		fmt.Fprint(writer, "one\ntwo\n")
		readAll(t, broker.Addr(), "topic", 2)
		broker.Close()
		fmt.Fprint(writer, "three\nfour\n")
	}()
	out := runProduce(t.Context(), t, idle, "topic", "-b", broker.Addr(),
		"-X", "delivery.timeout.ms=1000", "-X", "request.timeout.ms=500")
	<-written
	s := out.summary
	if s.Read != 4 || s.Acked != 2 || s.NotWritten+s.Unknown != 2 {
		t.Errorf("%+v; want two acked and two not", s)
	}
	if out.code != cli.ExitNotWritten && out.code != cli.ExitUnknown {
		t.Errorf("code %d, want 2 or 5", out.code)
	}
	if !strings.Contains(out.stderr, "standard input:3: ") {
		t.Errorf("standard error does not name the line:\n%s", out.stderr)
	}
}

func TestAcks0IsAcknowledgedWithoutOffsets(t *testing.T) {
	broker := startBroker(t, embedded.Config{PartitionsDefault: 1})
	out := runProduce(t.Context(), t, strings.NewReader("a\nb\n"), "topic", "-b", broker.Addr(), "--acks", "0")
	if out.code != cli.ExitOK || len(out.summary.Partitions) != 1 || out.summary.Partitions[0].LastOffset != -1 {
		t.Errorf("code %d, %+v", out.code, out.summary)
	}
}
