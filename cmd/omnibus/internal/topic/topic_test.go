package topic_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// Codes of errors as the protocol numbers them.
const (
	unknownTopic    = 3
	notAuthorized   = 29
	policyViolation = 44
)

func run(t *testing.T, cluster *kafkatest.Cluster, args ...string) clitest.Result {
	t.Helper()
	return clitest.Run(t, append(append([]string{"topic"}, args...), "-b", strings.Join(cluster.Brokers(), ","))...)
}

func TestTopicsComeAndGo(t *testing.T) {
	cluster := kafkatest.Start(t)
	file := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(file, []byte("client.id=me\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args []string
		code int
		out  string
		err  string
	}{
		{[]string{"list"}, cli.ExitOK, "", ""},
		{[]string{"create", "orders", "--partitions", "4", "--replication-factor", "2"}, cli.ExitOK, "orders: created, 4 partitions, replication factor 2\n", ""},
		{[]string{"create", "b", "a", "b"}, cli.ExitOK, "a: created, 10 partitions, replication factor 3\nb: created, 10 partitions, replication factor 3\n", ""},
		{[]string{"create", "single", "--partitions", "1", "--config", file, "--config", "retention.ms=1000", "--config", "cleanup.policy=compact"}, cli.ExitOK,
			"single: created, 1 partition, replication factor 3\n", ""},
		{[]string{"list"}, cli.ExitOK, "a\nb\norders\nsingle\n", ""},
		{[]string{"create", "c", "orders", "d"}, cli.ExitFatal, "c: created, 10 partitions, replication factor 3\nd: created, 10 partitions, replication factor 3\n",
			"topic orders: TOPIC_ALREADY_EXISTS: it exists already"},
		{[]string{"create", "orders", "--if-not-exists"}, cli.ExitOK, "orders: exists already\n", ""},
		{[]string{"create", "wide", "--replication-factor", "4"}, cli.ExitFatal, "", "topic wide: INVALID_REPLICATION_FACTOR: want at least 1, and no more than the cluster has brokers"},
		{[]string{"create", "or.ders"}, cli.ExitOK, "or.ders: created, 10 partitions, replication factor 3\n", ""},
		{[]string{"create", "or_ders"}, cli.ExitFatal, "", "differs from an existing topic's in '.' and '_' alone"},
		{[]string{"delete", "a", "nope", "b"}, cli.ExitFatal, "a: deleted\nb: deleted\n", "topic nope: UNKNOWN_TOPIC_OR_PARTITION: it does not exist"},
		{[]string{"delete", "a", "c", "--if-exists"}, cli.ExitOK, "a: did not exist\nc: deleted\n", ""},
		{[]string{"list"}, cli.ExitOK, "d\nor.ders\norders\nsingle\n", ""},
		{[]string{"describe", "nope"}, cli.ExitFatal, "", "topic nope: UNKNOWN_TOPIC_OR_PARTITION"},
	} {
		got := run(t, cluster, step.args...)
		if got.Code != step.code || got.Out != step.out {
			t.Errorf("%q: code %d, output %q; want code %d, %q\n%s", step.args, got.Code, got.Out, step.code, step.out, got.Err)
		}
		if !strings.Contains(got.Err, step.err) || step.err == "" && got.Err != "" {
			t.Errorf("%q: standard error %q, want %q", step.args, got.Err, step.err)
		}
	}
}

func TestDescribeShowsPartitionsAndSettings(t *testing.T) {
	cluster := kafkatest.Start(t)
	cluster.CreateTopic("orders", 2, map[string]string{"min.insync.replicas": "2"})
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Partition: 1, Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	leader := [2]int32{cluster.Leader("orders", 0), cluster.Leader("orders", 1)}

	text := run(t, cluster, "describe", "orders")
	lines := strings.Split(text.Out, "\n")
	if text.Code != cli.ExitOK || len(lines) != 6 || !strings.HasPrefix(lines[0], "orders: 2 partitions, replication factor 3, id ") ||
		lines[1] != "  min.insync.replicas=2" || strings.Join(strings.Fields(lines[2]), " ") != "PARTITION LEADER REPLICAS IN SYNC OFFSETS" {
		t.Errorf("code %d:\n%s%s", text.Code, text.Out, text.Err)
	}
	if got, want := strings.Fields(lines[4])[:2], fmt.Sprint([]string{"1", fmt.Sprint(leader[1])}); fmt.Sprint(got) != want || !strings.HasSuffix(lines[4], "0 to 1") {
		t.Errorf("line of partition 1: %q, want %s and offsets 0 to 1", lines[4], want)
	}

	var topic struct {
		Topic             string
		ReplicationFactor int `json:"replication_factor"`
		Partitions        []struct {
			Leader    int32
			Replicas  []int32
			InSync    []int32 `json:"in_sync"`
			EndOffset int64   `json:"end_offset"`
		}
		Configs []struct{ Name, Value, Source string }
	}
	object := run(t, cluster, "describe", "orders", "-o", "json")
	if err := json.Unmarshal([]byte(object.Out), &topic); err != nil {
		t.Fatalf("%q: %v", object.Out, err)
	}
	for i, p := range topic.Partitions {
		if p.Leader != leader[i] || len(p.Replicas) != 3 || len(p.InSync) != 3 || p.EndOffset != int64(i) {
			t.Errorf("partition %d is %+v", i, p)
		}
	}
	settings := make(map[string]string)
	for _, c := range topic.Configs {
		settings[c.Name] = c.Value + " " + c.Source
	}
	if settings["min.insync.replicas"] != "2 DYNAMIC_TOPIC_CONFIG" || settings["retention.ms"] == "" {
		t.Errorf("settings %v", settings)
	}
}

func TestDescribeShowsWhatItCanHave(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic("orders", 1))
	cluster.Fail(kmsg.DescribeConfigs, notAuthorized, kafkatest.Always)
	got := run(t, cluster, "describe", "orders")
	if got.Code != cli.ExitFatal || !strings.Contains(got.Out, "0 to 0") || !strings.Contains(got.Err, "TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("code %d:\n%s%s", got.Code, got.Out, got.Err)
	}
}

func TestJSONIsALineForEachTopic(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1))
	for _, args := range [][]string{
		{"create", "a", "b", "--partitions", "2"}, {"list"}, {"describe", "a", "b"}, {"delete", "a", "b"},
	} {
		got := run(t, cluster, append(args, "-o", "json")...)
		lines := strings.Split(strings.TrimSuffix(got.Out, "\n"), "\n")
		if got.Code != cli.ExitOK || len(lines) != 2 {
			t.Errorf("%q: code %d, output %q %s", args, got.Code, got.Out, got.Err)
			continue
		}
		for i, line := range lines {
			var object struct{ Topic, ID string }
			if err := json.Unmarshal([]byte(line), &object); err != nil || object.Topic != string("ab"[i]) || object.ID == "" {
				t.Errorf("%q: line %q: %v", args, line, err)
			}
		}
	}
}

func TestBrokersRefusalsSayWhatToDo(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("orders", 1))
	for _, test := range []struct {
		key  kmsg.Key
		code int16
		args []string
		want []string
	}{
		{kmsg.CreateTopics, notAuthorized, []string{"create", "x"}, []string{"TOPIC_AUTHORIZATION_FAILED", "kafka-acls.sh", "--operation Create --topic x"}},
		{kmsg.CreateTopics, policyViolation, []string{"create", "x"}, []string{"topic x", "POLICY_VIOLATION", "configured policy"}},
		{kmsg.DeleteTopics, notAuthorized, []string{"delete", "orders"}, []string{"AUTHORIZATION_FAILED", "User:ANONYMOUS lacks Delete", "--operation Delete --topic orders"}},
		{kmsg.Metadata, notAuthorized, []string{"describe", "orders"}, []string{"AUTHORIZATION_FAILED", "kafka-acls.sh --add --operation Describe"}},
		{kmsg.DeleteTopics, unknownTopic, []string{"delete", "orders"}, []string{"topic orders", "does not exist"}},
	} {
		fault := cluster.Fail(test.key, test.code, kafkatest.Always)
		got := run(t, cluster, test.args...)
		fault.Remove()
		if got.Code != cli.ExitFatal || got.Out != "" {
			t.Errorf("%q: code %d, output %q", test.args, got.Code, got.Out)
		}
		for _, want := range test.want {
			if !strings.Contains(got.Err, want) {
				t.Errorf("%q: standard error does not say %q: %s", test.args, want, got.Err)
			}
		}
	}
}

func TestMistakesAreUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"create"}, "arg"},
		{[]string{"list", "orders"}, "orders"},
		{[]string{"list"}, "--brokers"},
		{[]string{"create", "a b", "-b", "x:1"}, `"a b" is no topic's name`},
		{[]string{"delete", "..", "-b", "x:1"}, `".." is no topic's name`},
		{[]string{"describe", strings.Repeat("x", 250), "-b", "x:1"}, "is no topic's name"},
		{[]string{"create", "x", "-b", "x:1", "--partitions", "0"}, "--partitions is 0, want 1"},
		{[]string{"create", "x", "-b", "x:1", "--replication-factor", "70000"}, "--replication-factor is 70000"},
		{[]string{"create", "x", "-b", "x:1", "--config", "a/b=c"}, "a/b=c: no such file"},
		{[]string{"create", "x", "-b", "x:1", "--config", "one", "--config", "two"}, "two files, one and two"},
		{[]string{"list", "-b", "x:1", "-o", "xml"}, `--output is "xml"`},
		{[]string{"nonsense"}, "nonsense"},
		{nil, "omnibus topic does nothing by itself, want one of: create, delete, describe, list"},
	} {
		got := clitest.Run(t, append([]string{"topic"}, test.args...)...)
		if got.Code != cli.ExitUsage || got.Out != "" || !strings.Contains(got.Err, test.want) {
			t.Errorf("%q: code %d, output %q, standard error %q; want %q", test.args, got.Code, got.Out, got.Err, test.want)
		}
	}
}

func TestAClusterThatIsNotThereIsToldSoon(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Nodes(1))
	cluster.StopBroker(0)
	began := time.Now()
	got := run(t, cluster, "list")
	if got.Code != cli.ExitFatal || !strings.Contains(got.Err, "connection refused") || !strings.Contains(got.Err, "omnibus doctor") {
		t.Errorf("code %d: %s", got.Code, got.Err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestTheEmbeddedBrokerKeepsTopics(t *testing.T) {
	dir := t.TempDir()
	if got := clitest.Run(t, "topic", "create", "orders", "--embedded", "--data", dir, "--partitions", "3"); got.Code != cli.ExitOK {
		t.Fatal(got.Err)
	}
	got := clitest.Run(t, "topic", "list", "--embedded", "--data", dir, "-o", "json")
	if got.Code != cli.ExitOK || !strings.Contains(got.Out, `"topic":"orders"`) || !strings.Contains(got.Out, `"partitions":3`) {
		t.Errorf("code %d: %s%s", got.Code, got.Out, got.Err)
	}
}
