package test

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/kafkatest"
)

const (
	// textPartitions is how many partitions the topics have that text is sent to.
	textPartitions = 6
	// textLinesMin is what every Go distribution that can build this module has.
	textLinesMin = 2_500_000
	// textRequestBytes is more than the longest line of the distribution, the 1.4 MB of time/tzdata, and than the default of
	// max.request.size and of the broker's max.message.bytes.
	textRequestBytes = "2097152"
	// keySeparator stands between a line's number, which becomes the key, and the line.
	keySeparator = "\t"
)

// TestEveryLineOfGoArrivesUnchanged sends all Go source text of the Go distribution through the command, once with each
// codec. Kafka's own consumer must read back the same lines, and Kafka's own tool find every batch on disk valid. Once
// more it sends the text with the line numbers as keys: then every partition must have its lines in their order.
func TestEveryLineOfGoArrivesUnchanged(t *testing.T) {
	k := realKafka(t)
	command := buildCommand(t)
	text := goText(t)
	want := linesOf(t, text.path)
	if want.count != text.lines {
		t.Fatalf("the text has %d lines, and %d were written", want.count, text.lines)
	}
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			topic := createTextTopic(t, k, codec)
			produceText(t, command, k, text.lines, topic, text.path, "--compression", codec)
			t.Run("read", func(t *testing.T) {
				t.Parallel() // with dump: each is one Java process of one busy thread
				got := linesOf(t, kafkatest.ConsoleConsumer(t, k.Brokers()[0], topic, "--max-messages", strconv.Itoa(text.lines)))
				if got != want {
					t.Errorf("the consumer read %d lines with digest %x, want %d with %x", got.count, got.digest, want.count, want.digest)
				}
			})
			dumpText(t, k, topic, codec, text.lines)
		})
	}
	t.Run("with the line number as key", func(t *testing.T) {
		topic := createTextTopic(t, k, "keyed")
		produceText(t, command, k, text.lines, topic, text.keyedPath, "--compression", "zstd", "--key-separator", keySeparator)
		t.Run("read", func(t *testing.T) {
			t.Parallel()
			path := kafkatest.ConsoleConsumer(t, k.Brokers()[0], topic, "--max-messages", strconv.Itoa(text.lines),
				"--formatter-property", "print.partition=true", "--formatter-property", "print.key=true")
			checkKeyed(t, path, text.keyedPath, text.lines)
		})
		dumpText(t, k, topic, "zstd", text.lines)
	})
}

// createTextTopic creates a topic for one sending of the text, which goes when the test ends.
func createTextTopic(t *testing.T, k *kafkatest.Kafka, name string) string {
	topic := "text-" + name
	k.CreateTopic(topic, textPartitions, map[string]string{"max.message.bytes": textRequestBytes})
	t.Cleanup(func() { k.DeleteTopic(topic) })
	return topic
}

// buildCommand builds cmd/omnibus and returns the path of the program.
func buildCommand(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "omnibus")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/omnibus-kafka/omnibus/cmd/omnibus")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	return program
}

// goSources is the text of a Go distribution in one file, and once more with the line number before each line.
type goSources struct {
	path, keyedPath string
	lines           int
}

// goText gathers every line of every .go file of the Go distribution.
func goText(t *testing.T) goSources {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := goSources{path: filepath.Join(dir, "text"), keyedPath: filepath.Join(dir, "keyed")}
	var number []byte
	plain, keyed := createText(t, text.path), createText(t, text.keyedPath)
	sources := filepath.Join(strings.TrimSpace(string(root)), "src")
	err = filepath.WalkDir(sources, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || filepath.Ext(path) != ".go" {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(source) {
			text.lines++
			number = append(strconv.AppendInt(number[:0], int64(text.lines), 10), keySeparator...)
			keyed.Write(number)
			for _, w := range []*bufio.Writer{plain, keyed} { // whose Flush tells of any error
				w.Write(bytes.TrimSuffix(line, []byte("\n")))
				w.WriteByte('\n')
			}
		}
		return nil
	})
	if err := errors.Join(err, plain.Flush(), keyed.Flush()); err != nil {
		t.Fatal(err)
	}
	if text.lines < textLinesMin {
		t.Fatalf("%s has %d lines of Go, want at least %d", sources, text.lines, textLinesMin)
	}
	return text
}

func createText(t *testing.T, path string) *bufio.Writer {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return bufio.NewWriterSize(file, 1<<20)
}

// produceText runs the command, whose summary must say that every line was acknowledged.
func produceText(t *testing.T, command string, k *kafkatest.Kafka, lines int, topic, path string, flags ...string) {
	t.Helper()
	args := append([]string{"produce", topic, path, "--brokers", strings.Join(k.Brokers(), ","), "--acks", "all",
		"-X", "max.request.size=" + textRequestBytes, "--summary", "json"}, flags...)
	run := exec.CommandContext(t.Context(), command, args...)
	var said strings.Builder
	run.Stderr = &said
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", run, err, said.String())
	}
	var summary struct {
		Read, Acked, Unknown, Retries int
		NotWritten                    int `json:"not_written"`
		Seconds                       float64
	}
	if err := json.Unmarshal(out, &summary); err != nil {
		t.Fatalf("the summary %q: %v", out, err)
	}
	if summary.Read != lines || summary.Acked != lines || summary.NotWritten != 0 || summary.Unknown != 0 {
		t.Fatalf("of %d lines: %s", lines, out)
	}
	t.Logf("%d lines in %.1f s, %d records sent again", summary.Acked, summary.Seconds, summary.Retries)
}

// dumpText has Kafka judge the batches on one replica's disk, in a parallel subtest.
func dumpText(t *testing.T, k *kafkatest.Kafka, topic, codec string, lines int) {
	t.Helper()
	k.WaitInSync(topic)
	var segments []string
	for partition := range int32(textPartitions) {
		segments = append(segments, k.Segments(1, topic, partition)...)
	}
	t.Run("dump", func(t *testing.T) {
		t.Parallel()
		judgeBatches(t, kafkatest.DumpLogSegments(t, segments...), codec, lines)
	})
}

// judgeBatches wants all batches valid, compressed and, taken together, complete.
func judgeBatches(t *testing.T, batches []kafkatest.Batch, codec string, lines int) {
	t.Helper()
	records, compressed := 0, 0
	for _, b := range batches {
		if !b.Valid || b.Magic != 2 || b.Count != b.Records || b.ProducerID < 0 {
			t.Errorf("a batch is not as it should be: %+v", b)
		}
		records += b.Count
		if b.Codec == codec {
			compressed++
		} else if b.Codec != "none" {
			t.Errorf("a batch is compressed with another codec: %+v", b)
		}
	}
	if records != lines {
		t.Errorf("the log has %d records, want %d", records, lines)
	}
	if compressed < len(batches)*9/10 { // a small batch that compression would enlarge is sent as it is
		t.Errorf("%d of %d batches are compressed with %s", compressed, len(batches), codec)
	}
	t.Logf("%d batches, %d of them %s", len(batches), compressed, codec)
}

// lineSet is the multiset of a file's lines: how many, and the SHA-256 over the sorted SHA-256 of each.
type lineSet struct {
	count  int
	digest [sha256.Size]byte
}

// lineDigest is the SHA-256 of a line, in words that compare quickly.
type lineDigest [4]uint64

func (d lineDigest) compare(other lineDigest) int {
	if d[0] != other[0] {
		return cmp.Compare(d[0], other[0])
	}
	return slices.Compare(d[1:], other[1:])
}

func linesOf(t *testing.T, path string) lineSet {
	t.Helper()
	digests := make([]lineDigest, 0, 1<<22)
	eachLine(t, path, func(line []byte) {
		sum := sha256.Sum256(line)
		var d lineDigest
		for i := range d {
			d[i] = binary.BigEndian.Uint64(sum[8*i:])
		}
		digests = append(digests, d)
	})
	slices.SortFunc(digests, lineDigest.compare)
	all := sha256.New()
	var space [sha256.Size]byte
	for _, d := range digests {
		for i := range d {
			binary.BigEndian.PutUint64(space[8*i:], d[i])
		}
		all.Write(space[:])
	}
	return lineSet{count: len(digests), digest: [sha256.Size]byte(all.Sum(nil))}
}

// eachLine calls fn with every line of a file, without its newline.
func eachLine(t *testing.T, path string, fn func(line []byte)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		fn(bytes.TrimSuffix(line, []byte("\n")))
	}
}

// checkKeyed holds what the consumer printed, "Partition:3\tkey\tvalue", against the input, "key\tvalue": every line must be
// there once, and the numbers of each partition ascend.
func checkKeyed(t *testing.T, path, inputPath string, lines int) {
	t.Helper()
	input := make([][]byte, 0, lines)
	eachLine(t, inputPath, func(line []byte) { input = append(input, line) })
	seen := make([]bool, lines)
	var last [textPartitions]int
	read, wrong := 0, 0
	fail := func(format string, args ...any) {
		if wrong++; wrong <= 10 {
			t.Errorf(format, args...)
		}
	}
	eachLine(t, path, func(line []byte) {
		read++
		place, record, _ := bytes.Cut(line, []byte(keySeparator))
		partition, err := strconv.Atoi(strings.TrimPrefix(string(place), "Partition:"))
		key, _, _ := bytes.Cut(record, []byte(keySeparator))
		number, err2 := strconv.Atoi(string(key))
		if err != nil || err2 != nil || partition < 0 || partition >= textPartitions || number < 1 || number > lines {
			fail("the consumer printed %q", line)
			return
		}
		if !bytes.Equal(record, input[number-1]) {
			fail("line %d is %q, want %q", number, record, input[number-1])
		}
		if seen[number-1] {
			fail("line %d came twice", number)
		}
		if number <= last[partition] {
			fail("partition %d has line %d behind line %d", partition, number, last[partition])
		}
		seen[number-1], last[partition] = true, number
	})
	if read != lines {
		t.Errorf("the consumer read %d lines, want %d", read, lines)
	}
	if n := slices.Index(seen, false); n >= 0 {
		t.Errorf("line %d is missing: %q", n+1, input[n])
	}
	if wrong > 0 {
		t.Errorf("%d lines are wrong", wrong)
	}
}
