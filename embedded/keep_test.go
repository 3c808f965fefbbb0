package embedded

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/embedded/internal/logdir"
)

// write sends one record with the value and waits for it.
func write(t *testing.T, broker *Broker, topic string, records ...*kgo.Record) {
	t.Helper()
	client := newClient(t, broker.Addr(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer client.Close()
	for _, r := range records {
		r.Topic = topic
		if err := client.ProduceSync(testContext(t), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func createTopic(t *testing.T, broker *Broker, name string, configs map[string]*string) {
	t.Helper()
	answer, err := kadm.NewClient(newClient(t, broker.Addr())).CreateTopic(testContext(t), 1, 1, configs, name)
	if err != nil || answer.Err != nil {
		t.Fatal(err, answer.Err)
	}
}

func startOf(broker *Broker, topic string) int64 {
	return broker.cluster.PartitionInfo(topic, 0).LogStartOffset
}

func TestRetentionDropsWhatIsOldAndKeepsTheNewestBatch(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	old := func(age time.Duration) *kgo.Record { return &kgo.Record{Value: []byte("v"), Timestamp: now.Add(-age)} }
	str := func(s string) *string { return &s }
	for round := range 2 {
		broker, err := Open(Config{Dir: dir, PartitionsDefault: 1, Retention: 48 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			createTopic(t, broker, "default", nil)
			createTopic(t, broker, "own", map[string]*string{"retention.ms": str("3600000")})
			createTopic(t, broker, "bytes", map[string]*string{"retention.bytes": str("150")})
			createTopic(t, broker, "forever", map[string]*string{"retention.ms": str("-1")})
			createTopic(t, broker, "compacted", map[string]*string{"cleanup.policy": str("compact")})
			for _, topic := range []string{"default", "own", "bytes", "forever", "compacted"} {
				write(t, broker, topic, old(72*time.Hour), old(50*time.Hour), old(2*time.Hour), old(time.Hour/2))
			}
			write(t, broker, "idle", old(72*time.Hour), old(71*time.Hour))
			broker.dropOld(now)
		}
		for topic, want := range map[string]int64{"default": 2, "own": 3, "bytes": 2, "forever": 0, "compacted": 0, "idle": 1} {
			if got := startOf(broker, topic); got != want {
				t.Errorf("round %d: %s begins at %d, want %d", round, topic, got, want)
			}
		}
		if end := broker.cluster.PartitionInfo("idle", 0).HighWatermark; end != 2 {
			t.Errorf("round %d: the idle topic goes on at offset %d, want 2", round, end)
		}
		if err := broker.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRetentionRunsWhenTheBrokerStarts(t *testing.T) {
	dir := t.TempDir()
	broker, err := Open(Config{Dir: dir, PartitionsDefault: 1, Retention: None})
	if err != nil {
		t.Fatal(err)
	}
	write(t, broker, "orders", &kgo.Record{Timestamp: time.Now().Add(-time.Hour)}, &kgo.Record{})
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	again := openBroker(t, Config{Dir: dir, Retention: time.Minute})
	for began := time.Now(); startOf(again, "orders") != 1; {
		if time.Since(began) > testTimeout {
			t.Fatal("the old record is still there")
		}
	}
}

func TestADirectoryKeepsWhatItWasOpenedWith(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []struct{ open, want Config }{
		{Config{}, Config{PartitionsDefault: 6, Retention: defaultRetention, RetentionBytes: None}},
		{Config{Retention: None, PartitionsDefault: 2}, Config{PartitionsDefault: 2, Retention: None, RetentionBytes: None}},
		{Config{RetentionBytes: 1 << 30}, Config{PartitionsDefault: 2, Retention: None, RetentionBytes: 1 << 30}},
		{Config{RetentionBytes: None, Retention: time.Hour}, Config{PartitionsDefault: 2, Retention: time.Hour, RetentionBytes: None}},
		{Config{}, Config{PartitionsDefault: 2, Retention: time.Hour, RetentionBytes: None}},
	} {
		step.open.Dir = dir
		broker, err := Open(step.open)
		if err != nil {
			t.Fatal(err)
		}
		got := broker.Config()
		if got.PartitionsDefault != step.want.PartitionsDefault || got.Retention != step.want.Retention || got.RetentionBytes != step.want.RetentionBytes {
			t.Errorf("opened with %+v it runs with %+v, want %+v", step.open, got, step.want)
		}
		if err := broker.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, settingsName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	broker := openBroker(t, Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if broker.Config().Retention != defaultRetention || !strings.Contains(log.String(), settingsName) {
		t.Errorf("with settings that cannot be read: %+v, log %q", broker.Config(), log.String())
	}
}

// A segment rolls at 200 bytes here. Whoever sees an acknowledgement must find the entry of its segment synced.
func TestEntriesOfNewSegmentsAreSyncedBeforeTheAcknowledgement(t *testing.T) {
	broker := openBroker(t, Config{Dir: t.TempDir(), PartitionsDefault: 1})
	size := "200"
	createTopic(t, broker, "orders", map[string]*string{"segment.bytes": &size})
	partition := logdir.PartitionDir(broker.directory.logPath(), "orders", 0)
	newest := int64(-1)
	for i := range 10 {
		write(t, broker, "orders", &kgo.Record{Value: make([]byte, 100)})
		synced, seen := broker.server.durable.done(partitionKey{"orders", 0})
		var err error
		if newest, err = logdir.NewestBase(partition); err != nil {
			t.Fatal(err)
		}
		if !seen || synced != newest {
			t.Errorf("record %d: synced up to segment %d (%v), the newest is %d", i, synced, seen, newest)
		}
	}
	if newest == 0 {
		t.Error("no segment rolled")
	}
	if _, err := kadm.NewClient(newClient(t, broker.Addr())).DeleteTopics(testContext(t), "orders"); err != nil {
		t.Fatal(err)
	}
	write(t, broker, "orders", &kgo.Record{})
	if synced, seen := broker.server.durable.done(partitionKey{"orders", 0}); !seen || synced != 0 {
		t.Errorf("after the topic came again: synced up to segment %d (%v), want 0", synced, seen)
	}
}

func TestTopicsThatKafkaRefusesAreRefused(t *testing.T) {
	broker := openBroker(t, Config{Dir: t.TempDir()})
	admin := kadm.NewClient(newClient(t, broker.Addr()))
	for _, test := range []struct {
		name       string
		partitions int32
		want       error
	}{
		{"fine", 2, nil},
		{strings.Repeat("a", topicNameMax), 1, nil},
		{strings.Repeat("a", topicNameMax+1), 1, kerr.InvalidTopicException},
		{"no/such name", 1, kerr.InvalidTopicException},
		{"many", partitionsMax + 1, kerr.InvalidPartitions},
	} {
		answer, err := admin.CreateTopic(testContext(t), test.partitions, 1, nil, test.name)
		if err != nil && answer.Err == nil {
			t.Fatal(err)
		}
		if answer.Err != test.want {
			t.Errorf("%.20s, %d partitions: %v, want %v", test.name, test.partitions, answer.Err, test.want)
		}
	}
	both, err := admin.CreateTopics(testContext(t), 1, 1, nil, "good", "not good")
	if err != nil {
		t.Fatal(err)
	}
	if both["good"].Err != nil || both["not good"].Err != kerr.InvalidTopicException || broker.cluster.TopicInfo("good") == nil {
		t.Errorf("one good, one bad: %v, %v", both["good"].Err, both["not good"].Err)
	}
	for _, test := range []struct {
		name  string
		topic kmsg.CreateTopicsRequestTopic
		want  *kerr.Error
	}{
		{"again", kmsg.CreateTopicsRequestTopic{Topic: "fine", NumPartitions: 1, ReplicationFactor: 1}, kerr.TopicAlreadyExists},
		{"as many as by default", kmsg.CreateTopicsRequestTopic{Topic: "default", NumPartitions: -1, ReplicationFactor: -1}, nil},
		{"no partition", kmsg.CreateTopicsRequestTopic{Topic: "new", NumPartitions: 0, ReplicationFactor: 1}, kerr.InvalidPartitions},
		{"two replicas", kmsg.CreateTopicsRequestTopic{Topic: "new", NumPartitions: 1, ReplicationFactor: 2}, kerr.InvalidReplicationFactor},
		{"differs by a dot", kmsg.CreateTopicsRequestTopic{Topic: "a.b", NumPartitions: 1, ReplicationFactor: 1}, nil},
		{"from an underscore", kmsg.CreateTopicsRequestTopic{Topic: "a_b", NumPartitions: 1, ReplicationFactor: 1}, kerr.InvalidTopicException},
		{"assigned", kmsg.CreateTopicsRequestTopic{Topic: "assigned", NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: []kmsg.CreateTopicsRequestTopicReplicaAssignment{
			{Partition: 0, Replicas: []int32{0}}, {Partition: 1, Replicas: []int32{0}},
		}}, nil},
		{"assigned to a broker that is not there", kmsg.CreateTopicsRequestTopic{Topic: "new", NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: []kmsg.CreateTopicsRequestTopicReplicaAssignment{
			{Partition: 0, Replicas: []int32{7}},
		}}, kerr.InvalidReplicaAssignment},
	} {
		request := kmsg.NewPtrCreateTopicsRequest()
		request.Topics = append(request.Topics, test.topic)
		answer, err := request.RequestWith(testContext(t), newClient(t, broker.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		if got := kerr.ErrorForCode(answer.Topics[0].ErrorCode); (test.want == nil) != (got == nil) || test.want != nil && got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	for count, want := range map[int]error{partitionsMax + 1: kerr.InvalidPartitions, 3: nil} {
		grown, err := admin.UpdatePartitions(testContext(t), count, "fine")
		if err != nil || grown["fine"].Err != want {
			t.Errorf("%d partitions: %v, %v, want %v", count, err, grown["fine"].Err, want)
		}
	}
	write(t, broker, strings.Repeat("a", topicNameMax), &kgo.Record{}) // its directory has the longest name there can be
}
