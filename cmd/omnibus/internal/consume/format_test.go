package consume

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/embedded"
)

// startRecords runs a broker whose topic "orders" has one partition with these records, at offset and timestamp 0, 1, ….
func startRecords(t *testing.T, records ...*kgo.Record) *embedded.Broker {
	t.Helper()
	broker, err := embedded.Open(embedded.Config{PartitionsDefault: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Close() })
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i, record := range records {
		record.Topic, record.Timestamp = "orders", time.UnixMilli(int64(i))
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return broker
}

// consumed runs the command line over the topic and returns its standard output.
func consumed(t *testing.T, broker *embedded.Broker, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	args = append([]string{"orders", "-b", broker.Addr()}, args...)
	if code, message := runConsume(t.Context(), t, &out, args...); code != cli.ExitOK {
		t.Fatalf("%q: code %d: %s", args, code, message)
	}
	return out.String()
}

func TestWhatIsPrinted(t *testing.T) {
	broker := startRecords(t,
		&kgo.Record{Key: []byte("k"), Value: []byte("v")},
		&kgo.Record{Value: []byte{}},
		&kgo.Record{Key: []byte{}, Value: nil, Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "", Value: []byte{}}}},
		&kgo.Record{Key: []byte{0xff}, Value: []byte("a\nb")},
	)
	for args, want := range map[string]string{
		"":                       "v\n\n\na\nb\n",
		"-K :":                   "k:v\n:\n:\n\xff:a\nb\n",
		`-K \t`:                  "k\tv\n\t\n\t\n\xff\ta\nb\n",
		"--null-marker (null)":   "v\n\n(null)\na\nb\n",
		"-Z -K =":                "k=v\nNULL=\n=NULL\n\xff=a\nb\n",
		`-D \0`:                  "v\x00\x00\x00a\nb\x00",
		`-D -- -K :`:             "k:v--:--:--\xff:a\nb--",
		"--format envelope -o 3": `{"key64":"/w==","value":"a\nb","partition":0,"timestamp":3,"topic":"orders","offset":3}` + "\n",
		"--format envelope -c 1": `{"key":"k","value":"v","partition":0,"timestamp":0,"topic":"orders","offset":0}` + "\n",
		"--format envelope -o -2 -c 1": `{"key":"","value":null,"partition":0,"timestamp":2,` +
			`"headers":[{"key":"a","value":"1"},{"key":"a","value":null},{"key":"","value":""}],"topic":"orders","offset":2}` + "\n",
	} {
		fields := append(strings.Fields(args), "-e")
		if !strings.Contains(args, "-o") {
			fields = append(fields, "--from-beginning")
		}
		if got := consumed(t, broker, fields...); got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", args, got, want)
		}
	}
}

func TestWhereItStarts(t *testing.T) {
	var records []*kgo.Record
	for i := range 10 {
		records = append(records, &kgo.Record{Value: fmt.Append(nil, i)})
	}
	broker := startRecords(t, records...)
	for offset, want := range map[string]string{
		"beginning": "0123456789", "end": "", "0": "0123456789", "7": "789", "10": "", "-3": "789", "-30": "0123456789", "-0": "",
		"s@8": "89", "s@0": "0123456789", "s@11": "", "s@1970-01-01T00:00:00.007Z": "789",
	} {
		got := consumed(t, broker, "-o", offset, "-e")
		if got := strings.ReplaceAll(got, "\n", ""); got != want {
			t.Errorf("-o %s: printed %q, want %q", offset, got, want)
		}
	}
}

func TestOnlyThePartitionsThatWereAskedForAreRead(t *testing.T) {
	broker := startTopic(t, 30)
	total := 0
	for _, partitions := range []string{"0", "1,2"} {
		for line := range strings.Lines(consumed(t, broker, "--from-beginning", "-e", "-p", partitions, "--format", "envelope")) {
			total++
			if partition := strings.Split(partitions, ","); !strings.Contains(line, `"partition":`+partition[0]) && !strings.Contains(line, `"partition":`+partition[len(partition)-1]) {
				t.Errorf("-p %s: %s", partitions, line)
			}
		}
	}
	if total != 30 {
		t.Errorf("%d records in all partitions, want 30", total)
	}
}

func TestWrongFlagsAreUsage(t *testing.T) {
	broker := startTopic(t, 3)
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"", cli.ExitUsage, "no topic"},
		{"-t", cli.ExitUsage, "flag needs an argument"},
		{"orders -t orders", cli.ExitUsage, "name one"},
		{"orders more", cli.ExitUsage, "arg"},
		{"orders --from-beginning -o 1", cli.ExitUsage, "exclude each other"},
		{"orders -o middle", cli.ExitUsage, `--offset is "middle", want beginning, end`},
		{"orders -o stored", cli.ExitUsage, `--offset is "stored"`},
		{"orders -o s@noon", cli.ExitUsage, `want behind s@ milliseconds`},
		{"orders -o s@-1", cli.ExitUsage, `want behind s@ milliseconds`},
		{"orders --format json", cli.ExitUsage, "want lines or envelope"},
		{"orders -Z --null-marker x", cli.ExitUsage, "exclude each other"},
		{"orders --format envelope -K :", cli.ExitUsage, "mean nothing with --format envelope"},
		{"orders --format envelope -Z", cli.ExitUsage, "mean nothing with --format envelope"},
		{"orders -p one", cli.ExitUsage, "-p"},
		{`orders -D \q`, cli.ExitUsage, "backslash"},
		{"orders -e -p 3", cli.ExitFatal, "there is no partition 3: the topic has 3, from 0 to 2"},
		{"orders -e -p 0 -o 4", cli.ExitFatal, "--offset is 4, and partition 0 has offsets from 0 to before"},
	} {
		args := append(strings.Fields(test.args), "-b", broker.Addr())
		if test.args == "-t" {
			args = []string{"-t"}
		}
		code, message := runConsume(t.Context(), t, io.Discard, args...)
		if code != test.code || !strings.Contains(message, test.want) {
			t.Errorf("%s: code %d: %s; want code %d and %q", test.args, code, message, test.code, test.want)
		}
	}
}

func TestTheTopicMayBeAFlagAsKcatHasIt(t *testing.T) {
	broker := startRecords(t, &kgo.Record{Value: []byte("v")})
	var out bytes.Buffer
	if code, message := runConsume(t.Context(), t, &out, "-b", broker.Addr(), "-t", "orders", "-o", "beginning", "-e"); code != cli.ExitOK || out.String() != "v\n" {
		t.Errorf("code %d: %s; printed %q", code, message, &out)
	}
}

// transact writes a value in a transaction of its own, which ends as it should; nil leaves it open.
func transact(t *testing.T, broker *embedded.Broker, id, value string, end *kgo.TransactionEndTry) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.TransactionalID(id))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if end == nil {
		return
	}
	if err := client.EndTransaction(t.Context(), *end); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyCommittedRecordsArePrinted(t *testing.T) {
	broker := startRecords(t, &kgo.Record{Value: []byte("plain")})
	commit, abort := kgo.TryCommit, kgo.TryAbort
	transact(t, broker, "a", "committed", &commit)
	transact(t, broker, "b", "aborted", &abort)
	if got := consumed(t, broker, "--from-beginning", "-e"); got != "plain\ncommitted\n" {
		t.Errorf("printed %q, want what is committed", got)
	}
	transact(t, broker, "c", "open", nil)
	if got := consumed(t, broker, "--from-beginning", "-e"); got != "plain\ncommitted\n" {
		t.Errorf("behind an open transaction: printed %q, want what is committed", got)
	}
}

func TestABrokenStandardOutputIsFatal(t *testing.T) {
	broker := startRecords(t, &kgo.Record{Value: []byte("v")})
	code, message := runConsume(t.Context(), t, full{}, "orders", "-b", broker.Addr(), "--from-beginning", "-e")
	if code != cli.ExitFatal || !strings.Contains(message, "no space") {
		t.Errorf("code %d: %s; want %d", code, message, cli.ExitFatal)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
