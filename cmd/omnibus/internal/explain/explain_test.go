package explain_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

const notAuthorized = 29

// explanation is what the tests read of the command's JSON.
type explanation struct {
	RecordBytes int `json:"record_bytes"`
	BatchBytes  int `json:"batch_bytes"`
	Fields      []struct{ Name, Hex, Means string }
	Partition   *int32
	Rule        string
	Steps       []string
	Leader      *struct {
		ID      int32
		Address string
	}
	Limits []struct {
		Name string
		Says string
	}
	Notes, Problems []string
}

// explain runs the command line with -o json.
func explain(t *testing.T, cluster *kafkatest.Cluster, stdin string, args ...string) (explanation, clitest.Result) {
	t.Helper()
	args = append([]string{"explain", "orders", "-b", strings.Join(cluster.Brokers(), ","), "-o", "json"}, args...)
	result := clitest.Command{Stdin: stdin}.Run(t.Context(), t, args...)
	var e explanation
	if result.Out != "" {
		if err := json.Unmarshal([]byte(result.Out), &e); err != nil {
			t.Fatalf("%q: %v", result.Out, err)
		}
	}
	return e, result
}

func TestTheRecordIsWhatTheFlagsSay(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("orders", 6))
	for _, test := range []struct {
		name  string
		args  []string
		stdin string
		bytes string // the whole record, in hex
	}{
		{"value", []string{"--line", "hi"}, "", "10 00 00 00 01 04 68 69 00"},
		{"value from standard input", nil, "hi\nthere\n", "10 00 00 00 01 04 68 69 00"},
		{"an empty line", nil, "\n", "0c 00 00 00 01 00 00"},
		{"key", []string{"-k", "k", "--line", "hi"}, "", "12 00 00 00 02 6b 04 68 69 00"},
		{"an empty key is no null", []string{"-k", "", "--line", "hi"}, "", "10 00 00 00 00 04 68 69 00"},
		{"key separator", []string{"-K", "::"}, "k::hi", "12 00 00 00 02 6b 04 68 69 00"},
		{"tombstone", []string{"-k", "k", "-Z"}, "\n", "0e 00 00 00 02 6b 01 00"},
		{"headers in their order, twice the same", []string{"--line", "", "-H", "b=1", "-H", "a=", "-H", "b=1"}, "", "22 00 00 00 01 00 06 02 62 02 31 02 61 00 02 62 02 31"},
		{"a header without a value", []string{"--line", "", "-H", "a"}, "", "12 00 00 00 01 00 02 02 61 01"},
		{"an envelope", []string{"--format", "envelope"}, `{"key":"k","value":"hi"}`, "12 00 00 00 02 6b 04 68 69 00"},
		{"bytes beyond UTF-8", nil, "\xff\x00", "10 00 00 00 01 04 ff 00 00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, result := explain(t, cluster, test.stdin, test.args...)
			if result.Code != cli.ExitOK {
				t.Fatalf("code %d: %s", result.Code, result.Err)
			}
			var all []string
			for _, f := range e.Fields {
				all = append(all, f.Hex)
			}
			if got := strings.Join(all, " "); got != test.bytes {
				t.Errorf("the record is %s, want %s", got, test.bytes)
			}
			raw, err := hex.DecodeString(strings.ReplaceAll(test.bytes, " ", ""))
			if err != nil || e.RecordBytes != len(raw) || e.BatchBytes != 61+len(raw) {
				t.Errorf("%d and %d bytes, want %d and 61 more (%v)", e.RecordBytes, e.BatchBytes, len(raw), err)
			}
		})
	}
}

func TestThePartitionIsTheOneThatTheProducerChooses(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic("orders", 7))
	for _, partitioner := range []string{"null", "keyed-round-robin", "sarama-hash", "sarama-reference-hash", "consistent", "consistent_random"} {
		config := omnibus.Config{Brokers: cluster.Brokers()}
		if _, err := config.Set("partitioner.class", partitioner); err != nil {
			t.Fatal(err)
		}
		producer, err := omnibus.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "alice", "customer-4711"} {
			ack, err := producer.Send(t.Context(), omnibus.Record{Topic: "orders", Key: []byte(key)})
			if err != nil {
				t.Fatal(err)
			}
			e, _ := explain(t, cluster, "", "-k", key, "--line", "", "-X", "partitioner.class="+partitioner)
			if e.Partition == nil || *e.Partition != ack.Partition || len(e.Steps) == 0 {
				t.Errorf("%s: %q is said to go to %v by %q, and went to %d", partitioner, key, e.Partition, e.Steps, ack.Partition)
			}
			leader := cluster.Leader("orders", ack.Partition)
			if e.Leader == nil || e.Leader.ID != leader || e.Leader.Address != cluster.Brokers()[leader] {
				t.Errorf("leader %+v, want broker %d", e.Leader, leader)
			}
		}
		producer.Close()
	}
}

func TestRecordsWithoutAHashSayWhy(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("orders", 6))
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "no key to hash: one partition after another"},
		{[]string{"-k", "k", "-X", "partitioner.ignore.keys=true"}, "partitioner.ignore.keys=true"},
		{[]string{"-k", "k", "-X", "partitioner.class=round-robin"}, "in turn, whatever the key"},
		{[]string{"-X", "partitioner.class=keyed-round-robin"}, "no key: the partitions with a leader are taken in turn"},
		{[]string{"-k", "", "-X", "partitioner.class=consistent_random"}, "no key to hash"},
	} {
		e, result := explain(t, cluster, "", append(test.args, "--line", "v")...)
		if result.Code != cli.ExitOK || e.Partition != nil || e.Leader != nil || !strings.Contains(e.Rule, test.want) {
			t.Errorf("%q: code %d, partition %v, rule %q; want no partition and %q", test.args, result.Code, e.Partition, e.Rule, test.want)
		}
	}
	e, _ := explain(t, cluster, "", "-p", "5", "-k", "k", "--line", "v")
	if e.Partition == nil || *e.Partition != 5 || e.Rule != "the record names it" {
		t.Errorf("with -p 5: partition %v, rule %q", e.Partition, e.Rule)
	}
}

func TestTheSizeIsRefusedWhereTheProducerRefusesIt(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("orders", 1))
	config := omnibus.Config{Brokers: cluster.Brokers(), MaxRequestBytes: 1000}
	producer, err := omnibus.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	seen := make(map[bool]int)
	for size := 880; size < 960; size++ {
		value := strings.Repeat("x", size)
		_, err := producer.Send(t.Context(), omnibus.Record{Topic: "orders", Key: []byte("k"), Value: []byte(value)})
		refused := errors.Is(err, omnibus.ErrRecordTooLarge)
		e, result := explain(t, cluster, "", "-k", "k", "--line", value, "-X", "max.request.size=1000")
		if said := result.Code == cli.ExitBadInput; said != refused || (len(e.Problems) > 0) != refused {
			t.Fatalf("%d bytes: exit code %d, problems %q; the producer says %v", size, result.Code, e.Problems, err)
		}
		seen[refused]++
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("the sizes did not reach across the limit: %v", seen)
	}
}

func TestWhatWouldBeRefusedIsExit4(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1))
	cluster.CreateTopic("orders", 2, map[string]string{"max.message.bytes": "200", "cleanup.policy": "compact"})
	big := strings.Repeat("x", 200)
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"fits", []string{"-k", "k", "--line", "v"}, cli.ExitOK, ""},
		{"too large for the topic", []string{"-k", "k", "--line", big}, cli.ExitBadInput, "the topic takes 200 (max.message.bytes)"},
		{"perhaps not when compressed", []string{"-k", "k", "--line", big, "-X", "compression.type=zstd"}, cli.ExitOK, ""},
		{"no key in a compacted topic", []string{"--line", "v"}, cli.ExitBadInput, "cleanup.policy=compact"},
		{"no such partition", []string{"-k", "k", "-p", "2", "--line", "v"}, cli.ExitBadInput, "partition 2 of topic \"orders\" does not exist: it has 2 (0 to 1)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, result := explain(t, cluster, "", test.args...)
			if result.Code != test.code || !strings.Contains(result.Err, test.want) || (len(e.Problems) > 0) != (test.code != cli.ExitOK) {
				t.Errorf("code %d, problems %q, standard error %q; want code %d and %q", result.Code, e.Problems, result.Err, test.code, test.want)
			}
		})
	}
}

func TestNothingIsSentAndNothingCreated(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.AutoCreate(3), kafkatest.Topic("orders", 3))
	sent := cluster.Observe(kafkatest.Any, kafkatest.When(isWrite))
	if _, result := explain(t, cluster, "", "-k", "k", "--line", "v"); result.Code != cli.ExitOK {
		t.Fatal(result.Err)
	}
	result := clitest.Run(t, "explain", "missing", "-b", cluster.Brokers()[0], "--line", "v")
	if result.Code != cli.ExitFatal || !strings.Contains(result.Err, "topic missing: UNKNOWN_TOPIC_OR_PARTITION: it does not exist") {
		t.Errorf("code %d: %s", result.Code, result.Err)
	}
	if sent.Hits() > 0 || cluster.Kfake().TopicInfo("missing") != nil {
		t.Errorf("%d requests changed something", sent.Hits())
	}
}

func TestSettingsThatMayNotBeReadAreANote(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("orders", 1))
	cluster.Fail(kmsg.DescribeConfigs, notAuthorized, kafkatest.Always)
	e, result := explain(t, cluster, "", "--line", "v")
	if result.Code != cli.ExitOK || len(e.Notes) != 1 || !strings.Contains(e.Notes[0], "TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("code %d, notes %q: %s", result.Code, e.Notes, result.Err)
	}
}

func TestTheTextSaysWhatTheJSONSays(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("orders", 6))
	result := clitest.Run(t, "explain", "orders", "-b", cluster.Brokers()[0], "-k", "abc", "--line", "v", "-H", "n=w")
	for _, want := range []string{
		"record: 15 bytes", `"abc"`, "header 1 name", "batch: 76 bytes", "partition: 3, of 6", "murmur2 = 0x1c94221b = 479470107",
		"leader: broker 0 at " + cluster.Brokers()[0], "max.request.size", "1048576", "max.message.bytes", "Nothing was sent.",
	} {
		if !strings.Contains(result.Out, want) {
			t.Errorf("the text does not say %q:\n%s", want, result.Out)
		}
	}
}

func TestMistakesAreUsageAndBadInputIsNone(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "arg"},
		{[]string{"a b", "--line", "v"}, "is no topic's name"},
		{[]string{"orders", "--line", "v"}, "--brokers"},
		{[]string{"orders", "-b", "x:1"}, "no record: give one as a line"},
		{[]string{"orders", "no-such-file", "-b", "x:1"}, "no-such-file"},
		{[]string{"orders", "file", "--line", "v", "-b", "x:1"}, "exclude each other"},
		{[]string{"orders", "--line", "v", "-K", ""}, "--key-separator"},
		{[]string{"orders", "--line", "v", "-p", "-1"}, "partition"},
		{[]string{"orders", "--line", "v", "-o", "yaml"}, "--output"},
	} {
		got := clitest.Run(t, append([]string{"explain"}, test.args...)...)
		if got.Code != cli.ExitUsage || !strings.Contains(got.Err, test.want) {
			t.Errorf("%q: code %d, standard error %q; want %q", test.args, got.Code, got.Err, test.want)
		}
	}
	bad := clitest.Run(t, "explain", "orders", "-b", "x:1", "--line", "no separator", "-K", ":")
	if bad.Code != cli.ExitBadInput || !strings.Contains(bad.Err, "key separator") {
		t.Errorf("bad input: code %d: %s", bad.Code, bad.Err)
	}
	if got := fmt.Sprint(clitest.Run(t, "explain", "orders", "-b", "127.0.0.1:1", "--line", "v")); !strings.Contains(got, "omnibus doctor") {
		t.Errorf("no hint at doctor in %s", got)
	}
}

// isWrite tells the requests that would change the cluster.
func isWrite(request kmsg.Request) bool {
	writes := []kmsg.Key{kmsg.Produce, kmsg.InitProducerID, kmsg.CreateTopics, kmsg.CreatePartitions, kmsg.AlterConfigs, kmsg.IncrementalAlterConfigs}
	return slices.Contains(writes, kmsg.Key(request.Key()))
}
