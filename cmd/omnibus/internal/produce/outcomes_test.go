package produce_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/envelope"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// impatient are settings under which a run against a cluster that does not answer ends soon.
var impatient = strings.Fields("-X delivery.timeout.ms=1000 -X request.timeout.ms=400 -X max.block.ms=1000 -X retry.backoff.ms=20")

// onCluster runs a command line on the cluster, with --summary json.
func onCluster(t *testing.T, c *kafkatest.Cluster, in io.Reader, line string, args ...string) result {
	t.Helper()
	return onClusterUntil(t.Context(), t, c, in, line, args...)
}

// onClusterUntil is onCluster with a context that interrupts it.
func onClusterUntil(ctx context.Context, t *testing.T, c *kafkatest.Cluster, in io.Reader, line string, args ...string) result {
	t.Helper()
	words := append(strings.Fields(line), "-b", strings.Join(c.Brokers(), ","), "--summary", "json")
	return execute(ctx, t, nil, in, append(words, args...)...)
}

// expect fails the test unless the result has the code and the counts "read skipped acked not_written unknown", and says
// all the parts on standard error.
func expect(t *testing.T, r result, code int, sum string, parts ...string) {
	t.Helper()
	row := row{code: code, sum: sum, stderr: parts, stdout: r.stdout}
	row.check(t, &r, strings.NewReplacer())
}

// letters reads a dead-letter file: a line for each letter.
func letters(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range bytes.Lines(text) {
		var d envelope.Decoder
		l, err := d.DecodeFailure(bytes.TrimSuffix(line, []byte{'\n'}))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if l.Error == "" {
			t.Errorf("%q has no error", line)
		}
		text := fmt.Sprintf("%s:%d %s %s=%s %s", filepath.Base(l.File), l.Line, l.Record.Topic, quoted(l.Record.Key), quoted(l.Record.Value), l.Class)
		if l.Raw {
			text += " raw"
		}
		if l.InDoubt {
			text += " in doubt"
		}
		all = append(all, text)
	}
	return all
}

// expectLetters fails the test unless the dead-letter file has these letters, in any order.
func expectLetters(t *testing.T, path string, want ...string) {
	t.Helper()
	got := letters(t, path)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("letters\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestAnUnreachableClusterEndsWithExit3AndSaysWhy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dlq")
	r := execute(t.Context(), t, nil, strings.NewReader("a\nb\n"), append([]string{"produce", "t", "-b", "127.0.0.1:1", "--summary", "json", "--dlq", file}, impatient...)...)
	expect(t, r, cli.ExitFatal, "1 1 0 0 0", "standard input:1: given up here", "refused", "0 of 1 records acked", "the rest of the input was not read")
	expectLetters(t, file, `standard input:1 t -="a" metadata`)
}

func TestATopicThatThereIsNotEndsWithExit3(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1))
	r := onCluster(t, c, strings.NewReader("a\n"), "produce nowhere", impatient...)
	expect(t, r, cli.ExitFatal, "1 1 0 0 0", "nowhere", "UNKNOWN_TOPIC_OR_PARTITION")
}

func TestRecordsThatTheBrokerRefusesAreNotWrittenAndTheOthersAre(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 3))
	c.Fail(kafkatest.Produce, kerr.InvalidRecord.Code, kafkatest.Always, kafkatest.OnTopic("t"), kafkatest.OnPartition(1))
	file := filepath.Join(t.TempDir(), "dlq")
	r := onCluster(t, c, strings.NewReader("a:1\nb:2\nc:3\n"), "produce t -K : --batch-size 1 --dlq "+file) // a and c go to partition 1
	expect(t, r, cli.ExitNotWritten, "3 0 1 2 0", "standard input:1: ", "standard input:3: ", "INVALID_RECORD", "2 kept in the dead-letter file")
	expectLetters(t, file, `standard input:1 t "a"="1" invalid_record`, `standard input:3 t "c"="3" invalid_record`)
	if got := topicRecords(t, c, "t", true); !slices.Equal(got, []string{`2: "b"="2"`}) {
		t.Errorf("on the broker are %q", got)
	}
}

func TestNoneWrittenEndsWithExit3(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	c.Fail(kafkatest.Produce, kerr.InvalidRecord.Code, kafkatest.Always)
	r := onCluster(t, c, strings.NewReader("a\nb\n"), "produce t")
	expect(t, r, cli.ExitFatal, "2 0 0 2 0", "0 of 2 records acked, 2 not written, 0 unknown")
}

func TestARefusalThatWouldMeetEveryRecordEndsTheReading(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	c.Fail(kafkatest.Produce, kerr.TopicAuthorizationFailed.Code, kafkatest.Always)
	in, feed := io.Pipe()
	defer feed.Close()
	go fmt.Fprint(feed, "a\n")
	go func() { // lines that come for as long as they are read
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for range ticker.C {
			if _, err := fmt.Fprint(feed, "b\n"); err != nil {
				return
			}
		}
	}()
	r := onCluster(t, c, in, "produce t")
	if s := r.summary; r.code != cli.ExitFatal || s == nil || s.Acked != 0 || s.Read > 1000 || !strings.Contains(r.stderr, "TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("code %d, %+v\n%s", r.code, s, r.stderr)
	}
}

// unanswered makes the cluster carry out what producers send and answer neither that nor any question about it.
func unanswered(c *kafkatest.Cluster) (restore func()) {
	answers := c.SwallowAnswer(kafkatest.Produce, kafkatest.Always)
	questions := c.Swallow(kafkatest.DescribeProducers, kafkatest.Always)
	return func() {
		answers.Remove()
		questions.Remove()
	}
}

func TestRecordsInDoubtAreUnknownAndAreReplayedOnlyOnDemand(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	restore := unanswered(c)
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	r := onCluster(t, c, strings.NewReader("k:v\n"), "produce t -K : -H h=1 --dlq "+first, impatient...)
	expect(t, r, cli.ExitUnknown, "1 0 0 0 1", "standard input:1: ", "may or may not have been written", "0 not written, 1 unknown")
	expectLetters(t, first, `standard input:1 t "k"="v" timeout in doubt`)
	restore()

	r = onCluster(t, c, nil, "replay "+first+" --dlq "+second)
	expect(t, r, cli.ExitUnknown, "1 1 0 0 0", "1 skipped because they may have been written already", "--in-doubt")
	expectLetters(t, second, `standard input:1 t "k"="v" timeout in doubt`)

	r = onCluster(t, c, nil, "replay --in-doubt "+second)
	expect(t, r, cli.ExitOK, "1 0 1 0 0")
	want := []string{`"k"="v" h="1"`, `"k"="v" h="1"`} // carried out and not answered, and then sent again as the user wished
	if got := topicRecords(t, c, "t", false); !slices.Equal(got, want) {
		t.Errorf("on the broker are %q, want %q", got, want)
	}
}

func TestTheGravestOfSeveralTroublesIsTheExitCode(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 3))
	c.Fail(kafkatest.Produce, kerr.InvalidRecord.Code, kafkatest.Always, kafkatest.OnTopic("t"), kafkatest.OnPartition(1))
	r := onCluster(t, c, strings.NewReader("bad\nb:2\na:1\n"), "produce t -K : --batch-size 1 --on-bad-input skip")
	expect(t, r, cli.ExitNotWritten, "3 1 1 1 0")
	unanswered(c)
	r = onCluster(t, c, strings.NewReader("bad\nb:2\na:1\n"), "produce t -K : --batch-size 1 --on-bad-input skip", impatient...)
	if s := r.summary; r.code != cli.ExitUnknown || s.Unknown == 0 || s.Skipped != 1 {
		t.Errorf("code %d, %+v, want 5", r.code, s)
	}
}

func TestABrokerLostInTheMiddleEndsInBoundedTimeWithATrueSummary(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	in, feed := io.Pipe()
	go func() {
		defer feed.Close()
		fmt.Fprint(feed, "one\ntwo\n")
		awaitRecords(c, 2)
		c.StopBroker(0)
		fmt.Fprint(feed, "three\nfour\n")
	}()
	began := time.Now()
	r := onCluster(t, c, in, "produce t", impatient...)
	if s := r.summary; s.Read != 4 || s.Acked != 2 || s.NotWritten+s.Unknown != 2 {
		t.Errorf("%+v; want two acked and two not", s)
	}
	if want := map[bool]int{true: cli.ExitUnknown, false: cli.ExitNotWritten}[r.summary.Unknown > 0]; r.code != want {
		t.Errorf("code %d, want %d", r.code, want)
	}
	if !strings.Contains(r.stderr, "standard input:3: ") {
		t.Errorf("standard error does not name the line:\n%s", r.stderr)
	}
	if took := time.Since(began); took > testTimeout/3 {
		t.Errorf("it took %v", took)
	}
}

// awaitRecords returns when the broker has answered so many records, of any topic.
func awaitRecords(c *kafkatest.Cluster, records int64) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C {
		if c.Kfake().PartitionInfo("t", 0).HighWatermark >= records {
			return
		}
	}
}

func TestAnEndlessInputAndALostBrokerEndInBoundedTime(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	file := filepath.Join(t.TempDir(), "dlq")
	began := time.Now()
	r := onCluster(t, c, &endless{stop: func(lines int) {
		if lines == 20_000 {
			c.StopBroker(0)
		}
	}}, "produce t --dlq "+file, append(impatient, "-X", "buffer.memory=1000000", "-X", "batch.size=1000")...)
	s := r.summary
	if r.code != cli.ExitFatal || s == nil || s.NotWritten+s.Unknown == 0 || !strings.Contains(r.stderr, "given up: no record was acknowledged for 1s") {
		t.Fatalf("code %d, %+v\n%s", r.code, s, r.stderr)
	}
	if got := uint64(len(letters(t, file))); got != s.Read-s.Acked {
		t.Errorf("%d letters, want one for each of the %d records that were read and not acked", got, s.Read-s.Acked)
	}
	c.StartBroker(0)
	if got := uint64(len(topicRecords(t, c, "t", false))); got < s.Acked || got > s.Acked+s.Unknown {
		t.Errorf("%d records on the broker, %d acked and %d unknown", got, s.Acked, s.Unknown)
	}
	if took := time.Since(began); took > testTimeout {
		t.Errorf("it took %v", took)
	}
}

// endless is an input without end. It calls stop for each line it made.
type endless struct {
	lines int
	text  bytes.Buffer
	stop  func(lines int)
}

func (e *endless) Read(p []byte) (int, error) {
	for e.text.Len() < 4000 {
		fmt.Fprintf(&e.text, "line %d\n", e.lines)
		e.lines++
		e.stop(e.lines)
	}
	return e.text.Read(p)
}

func TestRecordsGoOutTogetherWithAllAcksUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	const count = 5000
	in := strings.Repeat("a line\n", count)
	for _, test := range []struct {
		args     string
		acks     int16
		requests func(int) bool
		lines    int
	}{
		{"", -1, func(n int) bool { return n < count/20 }, count},
		{"--acks 1", 1, func(n int) bool { return n < count/20 }, count},
		{"--sync", -1, func(n int) bool { return n == 50 }, 50},
	} {
		t.Run(test.args, func(t *testing.T) {
			c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
			acks := make(chan int16, count)
			seen := c.Observe(kafkatest.Produce, kafkatest.When(func(r kmsg.Request) bool {
				acks <- r.(*kmsg.ProduceRequest).Acks
				return true
			}))
			r := onCluster(t, c, strings.NewReader(in[:len("a line\n")*test.lines]), "produce t "+test.args)
			expect(t, r, cli.ExitOK, fmt.Sprintf("%d 0 %[1]d 0 0", test.lines))
			if n := seen.Hits(); !test.requests(n) {
				t.Errorf("%d requests for %d records", n, test.lines)
			}
			if got := <-acks; got != test.acks {
				t.Errorf("acks=%d on the wire, want %d", got, test.acks)
			}
		})
	}
}

func TestRecordsWithoutAKeyHaveNoneAndGoToAllPartitions(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 3))
	r := onCluster(t, c, strings.NewReader(strings.Repeat(strings.Repeat("x", 99)+"\n", 20_000)), "produce t")
	expect(t, r, cli.ExitOK, "20000 0 20000 0 0")
	if len(r.summary.Partitions) != 3 {
		t.Errorf("%d partitions were written to, want 3", len(r.summary.Partitions))
	}
	for _, text := range topicRecords(t, c, "t", false) {
		if !strings.HasPrefix(text, "-=") {
			t.Fatalf("a record has a key: %.20s", text)
		}
	}
}

func TestTheSummaryTellsThePartitionsAndTheirOffsets(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 3))
	onCluster(t, c, strings.NewReader("before\n"), "produce t -p 2")
	r := onCluster(t, c, strings.NewReader("a:1\nb:22\nc:333\n"), "produce t -K :")
	got := fmt.Sprint(r.summary.Partitions, r.summary.Bytes)
	if want := "[{1 2 0 1} {2 1 1 1}] 9"; got != want {
		t.Errorf("partition, acked, first and last offset, and bytes: %s, want %s", got, want)
	}
}

func TestSyncSendsNothingBehindARecordThatFailed(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 3))
	c.Fail(kafkatest.Produce, kerr.InvalidRecord.Code, kafkatest.Always, kafkatest.OnTopic("t"), kafkatest.OnPartition(1))
	r := onCluster(t, c, strings.NewReader("b:1\na:2\nb:3\n"), "produce t -K : --sync")
	expect(t, r, cli.ExitNotWritten, "2 0 1 1 0", "stopped here", "--sync")
}

func TestRateHoldsBack(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	began := time.Now()
	r := onCluster(t, c, strings.NewReader(strings.Repeat("a\n", 101)), "produce t --rate 200/s")
	expect(t, r, cli.ExitOK, "101 0 101 0 0")
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("101 records at 200/s took %v, want half a second", took)
	}
}
