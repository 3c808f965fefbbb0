package produce_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/root"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

const testTimeout = 30 * time.Second

// row is a command line and all that must come of it.
type row struct {
	name string
	// line is the command line, split at blanks, and args more arguments, as they are. Without a command in front it is
	// "produce {t} -b {b}" and the line. {t} is a topic of the row's own, {b} the brokers, {d} a directory of the row's own.
	line string
	args []string
	in   string            // standard input
	file map[string]string // files in {d}
	env  map[string]string

	partitions int // of the topic; 0 for 1
	code       int
	want       []string // the records on the broker, as show writes them
	sum        string   // "read skipped acked not_written unknown", if they matter
	stdout     string   // all of it, but for a summary
	stderr     []string // parts of it; "!" in front for one that must not be there
}

// commands are those that a row's line may begin with.
var commands = []string{"produce", "replay", "help", "version", "exit-codes", "nonsense"}

// runTable runs the rows, each with a topic of its own on one broker.
func runTable(t *testing.T, rows []row) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.AutoCreate(1))
	t.Run("rows", func(t *testing.T) { // so that all have ended when the cluster is closed
		for i := range rows {
			t.Run(rows[i].name, func(t *testing.T) {
				t.Parallel()
				rows[i].run(t, cluster, fmt.Sprintf("row-%d", i))
			})
		}
	})
}

// run runs one row.
func (r *row) run(t *testing.T, cluster *kafkatest.Cluster, topic string) {
	if r.partitions > 0 {
		cluster.CreateTopic(topic, r.partitions, nil)
	}
	dir := t.TempDir()
	replace := strings.NewReplacer("{t}", topic, "{b}", strings.Join(cluster.Brokers(), ","), "{d}", dir)
	for name, text := range r.file {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(replace.Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := make(map[string]string)
	for name, value := range r.env {
		env[name] = replace.Replace(value)
	}
	result := execute(t.Context(), t, env, strings.NewReader(r.in), r.words(replace)...)
	r.check(t, &result, replace)
	if r.code != cli.ExitUsage && topicUsed(&result) {
		if got := topicRecords(t, cluster, topic, r.partitions > 0); !slices.Equal(got, r.want) {
			t.Errorf("on the broker are %d records\n\t%s\nwant %d\n\t%s",
				len(got), shortened(strings.Join(got, "\n\t")), len(r.want), shortened(strings.Join(r.want, "\n\t")))
		}
	}
}

// topicUsed reports whether a record was sent, so that there is a topic to look at.
func topicUsed(r *result) bool { return r.summary != nil && r.summary.Acked > 0 }

// words is the command line.
func (r *row) words(replace *strings.Replacer) []string {
	var words []string
	fields := strings.Fields(r.line)
	if len(fields) == 0 || !slices.Contains(commands, fields[0]) {
		fields = append(strings.Fields("produce {t} -b {b}"), fields...)
	}
	if (fields[0] == "produce" || fields[0] == "replay") && !slices.Contains(fields, "--summary") && !slices.Contains(fields, "--help") {
		fields = slices.Insert(fields, 1, "--summary", "json")
	}
	for _, word := range append(fields, r.args...) {
		words = append(words, replace.Replace(word))
	}
	return words
}

// check checks everything but the broker.
func (r *row) check(t *testing.T, got *result, replace *strings.Replacer) {
	t.Helper()
	if got.code != r.code {
		t.Errorf("exit code %d, want %d", got.code, r.code)
	}
	if want := replace.Replace(r.stdout); got.stdout != want {
		t.Errorf("standard output\n%s\nwant\n%s", shortened(got.stdout), shortened(want))
	}
	for _, part := range r.stderr {
		part = replace.Replace(part)
		unwanted, not := strings.CutPrefix(part, "!")
		if not && strings.Contains(got.stderr, unwanted) {
			t.Errorf("standard error says %q", unwanted)
		}
		if !not && !strings.Contains(got.stderr, part) {
			t.Errorf("standard error does not say %q", part)
		}
	}
	if s := got.summary; s == nil && r.sum != "" {
		t.Error("there is no summary")
	} else if s != nil && r.sum != "" {
		if sum := fmt.Sprint(s.Read, s.Skipped, s.Acked, s.NotWritten, s.Unknown); sum != r.sum {
			t.Errorf("read, skipped, acked, not written, unknown: %s, want %s", sum, r.sum)
		}
	}
	if t.Failed() {
		t.Logf("standard error:\n%s", shortened(got.stderr))
	}
}

// result is what came of a command line.
type result struct {
	code           int
	stdout, stderr string
	summary        *summary // nil if none was printed
}

// summary is what the tests look at of --summary json.
type summary struct {
	Read       uint64 `json:"read"`
	Skipped    uint64 `json:"skipped"`
	Accepted   uint64 `json:"accepted"`
	Acked      uint64 `json:"acked"`
	NotWritten uint64 `json:"not_written"`
	Unknown    uint64 `json:"unknown"`
	Retries    uint64 `json:"retries"`
	Bytes      uint64 `json:"bytes"`
	Partitions []struct {
		Partition   int32  `json:"partition"`
		Acked       uint64 `json:"acked"`
		FirstOffset int64  `json:"first_offset"`
		LastOffset  int64  `json:"last_offset"`
	} `json:"partitions"`
	Cluster string `json:"cluster"`
	Topic   string `json:"topic"`
}

// execute runs a command line inside the process, and checks the summary's invariants if there is one.
func execute(ctx context.Context, t *testing.T, env map[string]string, in interface{ Read([]byte) (int, error) }, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	f := &cli.Factory{
		IO:     &cli.IO{In: in, Out: &stdout, Err: cli.Serialized(&stderr)},
		Getenv: func(name string) string { return env[name] },
	}
	r := result{code: root.Execute(ctx, f, args)}
	r.stdout, r.stderr = stdout.String(), stderr.String()
	if begin := strings.LastIndex(r.stdout, `{"read":`); begin >= 0 {
		last := r.stdout[begin:]
		r.summary = &summary{}
		if err := json.Unmarshal([]byte(last), r.summary); err != nil {
			t.Fatalf("summary %q: %v", last, err)
		}
		r.stdout = r.stdout[:begin]
		s := r.summary
		if s.Read != s.Accepted+s.Skipped || s.Accepted != s.Acked+s.NotWritten+s.Unknown {
			t.Errorf("the summary does not add up: %s", last)
		}
		if !strings.Contains(r.stderr, fmt.Sprintf("%s on %s: ", s.Topic, s.Cluster)) {
			t.Errorf("standard error has no summary that names topic and cluster:\n%s", r.stderr)
		}
	}
	return r
}

// topicRecords is what stands on the broker.
func topicRecords(t *testing.T, cluster *kafkatest.Cluster, topic string, partitions bool) []string {
	t.Helper()
	var all []string
	for number, records := range kafkatest.ReadTopic(t, cluster.Brokers(), topic) {
		for _, r := range records {
			text := show(r)
			if partitions {
				text = fmt.Sprintf("%d: %s", number, text)
			}
			all = append(all, text)
		}
	}
	return all
}

// timeShown is the first moment that show shows: earlier ones are the tests' own, later ones are of the clock.
var timeShown = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// show is a record as the rows write it: key=value name=value… @timestamp, with - for null and the timestamp only if it
// is not the clock's.
func show(r *kgo.Record) string {
	var b strings.Builder
	b.WriteString(quoted(r.Key) + "=" + quoted(r.Value))
	for _, h := range r.Headers {
		b.WriteString(" " + h.Key + "=" + quoted(h.Value))
	}
	if r.Timestamp.Before(timeShown) {
		fmt.Fprintf(&b, " @%d", r.Timestamp.UnixMilli())
	}
	return b.String()
}

func quoted(b []byte) string {
	if b == nil {
		return "-"
	}
	return fmt.Sprintf("%q", b)
}

// shortened is what a person reads of a text.
func shortened(text string) string {
	if len(text) > 2000 {
		return text[:1000] + " … " + text[len(text)-1000:]
	}
	return text
}
