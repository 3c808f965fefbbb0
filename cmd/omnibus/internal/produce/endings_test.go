package produce_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/root"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

func TestWhatDidNotGetThroughIsKeptAsALetter(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.AutoCreate(1))
	long := strings.Repeat("x", 2<<20)
	for i, test := range []struct {
		name, flags, in string
		code            int
		sum             string
		letters         []string
	}{
		{"nothing to keep", "-K :", "k:v\n", 0, "1 0 1 0 0", nil},
		{"bad input is kept and gone on from", "-K : --on-bad-input dlq", "a:1\nbad\n\nb:2\n", 4, "4 2 2 0 0",
			[]string{`standard input:2 {t} -="bad" bad_input raw`, `standard input:3 {t} -="" bad_input raw`}},
		{"the one that ends the reading is kept", "-K :", "a:1\nbad\nb:2\n", 4, "2 1 1 0 0", []string{`standard input:2 {t} -="bad" bad_input raw`}},
		{"skipped ones are not kept", "-K : --on-bad-input skip", "a:1\nbad\nb:2\n", 4, "3 1 2 0 0", nil},
		{"too long to be held", "--on-bad-input dlq", "a\n" + long + "\nb\n", 4, "3 1 2 0 0", []string{`standard input:2 {t} -=- bad_input raw`}},
		{"too large with its key", "-k key --on-bad-input dlq", "a\n" + long[:1<<20] + "\n", 4, "2 1 1 0 0", []string{`standard input:2 {t} "key"=` + quoted([]byte(long[:1<<20])) + ` too_large`}},
		{"a broken envelope", "--format envelope --on-bad-input dlq", `{"value":"a"}` + "\n{\n", 4, "2 1 1 0 0", []string{`standard input:2 {t} -="{" bad_input raw`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			topic, file := fmt.Sprintf("letters-%d", i), filepath.Join(t.TempDir(), "dlq")
			r := onCluster(t, cluster, strings.NewReader(test.in), "produce "+topic+" --dlq "+file+" "+test.flags)
			expect(t, r, test.code, test.sum)
			for i := range test.letters {
				test.letters[i] = strings.ReplaceAll(test.letters[i], "{t}", topic)
			}
			expectLetters(t, file, test.letters...)
		})
	}
}

func TestAFullDiskForTheLettersIsToldAndChangesNothingElse(t *testing.T) {
	t.Parallel()
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	runTable(t, []row{
		{name: "nothing to keep", line: "--dlq " + full, in: "a\n", want: []string{`-="a"`}, stderr: []string{"!--dlq"}},
		{name: "bad input", line: "-K : --on-bad-input dlq --dlq " + full, in: "a:1\nbad\nb:2\n", code: 4, sum: "3 1 2 0 0",
			want: []string{`"a"="1"`, `"b"="2"`}, stderr: []string{"--dlq", "no space left", "0 kept in the dead-letter file, 1 lost"}},
	})
	if text := runFullDisk(t, full); strings.Count(text, "no space left") != 1 {
		t.Errorf("the full disk is not told once:\n%s", text)
	}
}

// runFullDisk runs with more letters than are gathered before they are written.
func runFullDisk(t *testing.T, full string) string {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.AutoCreate(1))
	bad := strings.Repeat("no separator in this line\n", 5000)
	r := onCluster(t, cluster, strings.NewReader(bad+"k:v\n"), "produce t -K : --on-bad-input dlq --dlq "+full)
	expect(t, r, cli.ExitBadInput, "5001 5000 1 0 0", "5,000 lost", "more errors like these were not shown")
	return r.stderr
}

func TestReplaySendsLettersButThoseInDoubt(t *testing.T) {
	t.Parallel()
	const doubt = `{"topic":"{t}","key":"d","value":"v","error":"late","class":"timeout","attempts":3,"in_doubt":true}` + "\n"
	const refused = `{"topic":"{t}","key":"k","value":"v","timestamp":1000,"headers":[{"key":"h","value":null}],"partition":1,"file":"f","line":3,"error":"no","class":"invalid_record","attempts":1,"in_doubt":false}` + "\n"
	const raw = `{"topic":"{t}","raw":"bad","file":"f","line":3,"error":"no separator","class":"bad_input","attempts":0,"in_doubt":false}` + "\n"
	letters := func(text string) map[string]string { return map[string]string{"f": text} }
	runTable(t, []row{
		{name: "as it was", line: "replay {d}/f -b {b}", file: letters(refused), want: []string{`"k"="v" h=- @1000`}, sum: "1 0 1 0 0"},
		{name: "its partition is chosen anew", line: "replay {d}/f -b {b}", partitions: 3, file: letters(strings.ReplaceAll(refused, `"k"`, `"b"`)), want: []string{`2: "b"="v" h=- @1000`}},
		{name: "its partition on demand", line: "replay {d}/f -b {b} --keep-partition", partitions: 3, file: letters(strings.ReplaceAll(refused, `"k"`, `"b"`)), want: []string{`1: "b"="v" h=- @1000`}},
		{name: "another topic", line: "replay {d}/f -b {b} -t {t}", file: letters(strings.ReplaceAll(refused, "{t}", "elsewhere")), want: []string{`"k"="v" h=- @1000`}},
		{name: "from standard input", line: "replay - -b {b} -t {t}", in: refused, want: []string{`"k"="v" h=- @1000`}},
		{name: "in doubt", line: "replay {d}/f -b {b}", file: letters(doubt + refused), code: 5, want: []string{`"k"="v" h=- @1000`}, sum: "2 1 1 0 0", stderr: []string{"--in-doubt"}},
		{name: "in doubt on demand", line: "replay {d}/f -b {b} --in-doubt", file: letters(doubt + refused), want: []string{`"d"="v"`, `"k"="v" h=- @1000`}},
		{name: "what never was a record", line: "replay {d}/f -b {b} --on-bad-input skip", file: letters(raw + refused), code: 4, want: []string{`"k"="v" h=- @1000`}, sum: "2 1 1 0 0", stderr: []string{"/f:1: ", "never was a record", "no separator"}},
		{name: "what is no letter", line: "replay {d}/f -b {b}", file: letters("letter\n" + refused), code: 4, sum: "1 1 0 0 0", stderr: []string{"/f:1: "}},
		{name: "no topic", line: "replay {d}/f -b {b}", file: letters(`{"value":"v"}`), code: 4, sum: "1 1 0 0 0", stderr: []string{"/f:1: ", "--topic"}},
		{name: "no topic but one of the command line", line: "replay {d}/f -b {b} -t {t}", file: letters(`{"value":"v"}`), want: []string{`-="v"`}},
		{name: "an empty file", line: "replay {d}/f -b {b}", file: letters(""), sum: "0 0 0 0 0"},
		{name: "lines of acknowledgements", line: "replay {d}/f -b {b} -o %t:%o:%n;", file: letters(refused + refused), want: []string{`"k"="v" h=- @1000`, `"k"="v" h=- @1000`}, stdout: "{t}:0:1;{t}:1:2;"},
	})
}

func TestReplaySendsEachLetterToItsOwnTopic(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.AutoCreate(1))
	in := `{"topic":"a","value":"1"}` + "\n" + `{"topic":"b","value":"2"}` + "\n" + `{"topic":"a","value":"3"}` + "\n"
	r := onCluster(t, cluster, strings.NewReader(in), "replay -")
	expect(t, r, cli.ExitOK, "3 0 3 0 0")
	if r.summary.Topic != "a,b" {
		t.Errorf("topic %q in the summary, want a,b", r.summary.Topic)
	}
	for topic, want := range map[string][]string{"a": {`-="1"`, `-="3"`}, "b": {`-="2"`}} {
		if got := topicRecords(t, cluster, topic, false); !slices.Equal(got, want) {
			t.Errorf("topic %s: %q, want %q", topic, got, want)
		}
	}
}

func TestWhatFailedIsWholeAfterItsReplay(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.AutoCreate(1))
	file := filepath.Join(t.TempDir(), "dlq")
	in := "\xff\x00:\xfe\nk:\n:\n"
	fault := cluster.Fail(kafkatest.Produce, 87, kafkatest.Always)
	r := onCluster(t, cluster, strings.NewReader(in), "produce t -K : -H a=1 -H a --dlq "+file)
	expect(t, r, cli.ExitFatal, "3 0 0 3 0")
	fault.Remove()
	r = onCluster(t, cluster, nil, "replay "+file)
	expect(t, r, cli.ExitOK, "3 0 3 0 0")
	want := []string{`"\xff\x00"="\xfe" a="1" a=-`, `"k"="" a="1" a=-`, `""="" a="1" a=-`}
	if got := topicRecords(t, cluster, "t", false); !slices.Equal(got, want) {
		t.Errorf("on the broker are %q, want %q", got, want)
	}
}

func TestAnInterruptEndsTheInputAndWhatWasReadArrives(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	ctx, interrupt := context.WithCancelCause(t.Context())
	in, feed := io.Pipe()
	defer feed.Close()
	go func() {
		fmt.Fprint(feed, "one\ntwo\nthree is not finished")
		awaitRecords(c, 2)
		interrupt(cli.ErrInterrupted)
	}()
	r := onClusterUntil(ctx, t, c, in, "produce t")
	expect(t, r, cli.ExitInterrupted, "2 0 2 0 0", "interrupt again to leave at once", "interrupted, the rest of the input was not read")
}

func TestAnInterruptOfAFastInputEndsItSoon(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	for _, args := range []string{"", "--rate 10/s", "--sync"} {
		ctx, interrupt := context.WithCancelCause(t.Context())
		began := time.Now()
		timer := time.AfterFunc(200*time.Millisecond, func() { interrupt(cli.ErrInterrupted) })
		r := onClusterUntil(ctx, t, c, &endless{stop: func(int) {}}, "produce t "+args)
		timer.Stop()
		if s := r.summary; r.code != cli.ExitInterrupted || s.Acked == 0 || s.NotWritten+s.Unknown != 0 || s.Skipped > 1 {
			t.Errorf("%q: code %d, %+v", args, r.code, r.summary)
		}
		if took := time.Since(began); took > testTimeout/3 {
			t.Errorf("%q: it took %v", args, took)
		}
	}
}

func TestAClosedStandardOutputLetsTheRecordsGoOn(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer writer.Close()
	var stderr bytes.Buffer
	f := &cli.Factory{
		IO:     &cli.IO{In: strings.NewReader(strings.Repeat("a\n", 1000)), Out: writer, Err: cli.Serialized(&stderr)},
		Getenv: func(string) string { return "" },
	}
	code := root.Execute(t.Context(), f, []string{"produce", "t", "-b", c.Brokers()[0], "-o", `%o\n`, "--summary", "json"})
	if code != cli.ExitOK || !strings.Contains(stderr.String(), "1,000 of 1,000 records acked") {
		t.Errorf("code %d\n%s", code, &stderr)
	}
	if text := stderr.String(); strings.Count(text, "standard output") != 1 || !strings.Contains(text, "write the summary") {
		t.Errorf("the closed standard output is not told once for each thing that it took:\n%s", text)
	}
}

// panicking is an input with a fault of its own.
type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("a fault in the program") }

func TestAPanicEndsWithExit3(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	r := onCluster(t, c, io.MultiReader(strings.NewReader("a\n"), panicking{}), "produce t")
	expect(t, r, cli.ExitFatal, "1 0 1 0 0", "a fault in the program", "internal error")
}

// failing is an input that breaks off.
type failing struct{ text io.Reader }

func (f failing) Read(p []byte) (int, error) {
	if n, err := f.text.Read(p); err == nil {
		return n, nil
	}
	return 0, errors.New("the disk is broken")
}

func TestAnInputThatCannotBeReadToItsEndIsToldAndWhatWasReadArrives(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	r := onCluster(t, c, failing{strings.NewReader("one\ntwo\nhalf")}, "produce t")
	expect(t, r, cli.ExitBadInput, "2 0 2 0 0", "standard input", "the disk is broken")
}

// line is one line of so many bytes.
type line struct{ left int }

func (l *line) Read(p []byte) (int, error) {
	switch {
	case l.left == 0:
		return 0, io.EOF
	case l.left == 1:
		l.left = 0
		return copy(p, "\n"), nil
	}
	n := min(len(p), l.left-1)
	for i := range p[:n] {
		p[i] = 'x'
	}
	l.left -= n
	return n, nil
}

func TestALineOfAGigabyteIsPassedOverInLittleMemory(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	in := io.MultiReader(strings.NewReader("a\n"), &line{left: 1 << 30}, strings.NewReader("b\n"))
	r := onCluster(t, c, in, "produce t --on-bad-input skip")
	runtime.ReadMemStats(&after)
	expect(t, r, cli.ExitBadInput, "3 1 2 0 0", "standard input:2: ", "longer than 1048576 bytes")
	if more := int64(after.HeapSys) - int64(before.HeapSys); more > 64<<20 {
		t.Errorf("the heap grew by %d MiB", more>>20)
	}
}

func TestProgressIsALineEachIntervalWhereThereIsNoTerminal(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	in := strings.NewReader(strings.Repeat("a\n", 60))
	began := time.Now()
	r := onCluster(t, c, in, "produce t --rate 100/s --progress-interval 100ms")
	expect(t, r, cli.ExitOK, "60 0 60 0 0")
	lines := 0
	for text := range strings.Lines(r.stderr) {
		if strings.HasPrefix(text, "omnibus: t: ") && strings.Contains(text, "/s, ") && strings.Contains(text, "buffer 0%, retries 0, dlq 0") {
			lines++
		}
	}
	if took := time.Since(began); lines < 2 || lines > int(took/(100*time.Millisecond)) {
		t.Errorf("%d lines of progress within %v:\n%s", lines, took, r.stderr)
	}
}

func TestProgressOnATerminalIsOneLineThatIsGoneInTheEnd(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, bytes.Repeat([]byte("a\n"), 60), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args  string
		shown bool
	}{{"--progress-interval 50ms", true}, {"--progress-interval 0", false}, {"--progress-interval 50ms -o %o", false}} {
		var stderr bytes.Buffer
		terminal := cli.NewTerminal(&stderr, func() int { return 400 })
		f := &cli.Factory{
			IO:     &cli.IO{In: strings.NewReader(""), Out: io.Discard, Err: terminal, Status: terminal.SetStatus, OutTerminal: true},
			Getenv: func(string) string { return "" },
		}
		code := root.Execute(t.Context(), f, strings.Fields("produce t "+file+" -b "+c.Brokers()[0]+" --rate 200/s "+test.args))
		if code != cli.ExitOK {
			t.Errorf("code %d\n%s", code, &stderr)
		}
		text := stderr.String()
		if shown := strings.Contains(text, "ETA 0:0") && strings.Contains(text, "in flight"); shown != test.shown {
			t.Errorf("%s: progress shown: %v, want %v\n%q", test.args, shown, test.shown, text)
		}
		last := text[strings.LastIndex(text, "\r")+1:]
		if strings.Count(text, "\n") != 1 || !strings.HasPrefix(last, "omnibus: t on ") {
			t.Errorf("%s: the last line is not the summary alone: %q", test.args, text)
		}
	}
}
