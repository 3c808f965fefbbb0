package kafkatest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/kafkatest"
)

var shared kafkatest.SharedKafka

func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }

func realKafka(t *testing.T) *kafkatest.Kafka {
	t.Helper()
	k := shared.Get(t, 3, kafkatest.BehindProxies())
	t.Logf("three nodes were ready in %v", k.ReadyIn())
	return k
}

func TestKafkaRoundTripByKafkasOwnTools(t *testing.T) {
	k := realKafka(t)
	k.CreateTopic("roundtrip", 2, map[string]string{"compression.type": "producer"})
	k.WaitInSync("roundtrip")
	cl := newClient(t, k.Brokers(), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	var records []*kgo.Record
	for i := range 1000 {
		records = append(records, &kgo.Record{Topic: "roundtrip", Partition: 1, Key: []byte("key"), Value: fmt.Appendf(nil, "value-%d", i)})
	}
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}

	path := kafkatest.ConsoleConsumer(t, k.DirectBrokers()[0], "roundtrip", "--max-messages", "1000",
		"--formatter-property", "print.key=true", "--formatter-property", "print.partition=true", "--formatter-property", "print.offset=true")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if want := "Partition:1\tOffset:999\tkey\tvalue-999"; len(lines) != 1000 || lines[999] != want {
		t.Errorf("Kafka's consumer printed %d lines, the last %q: want 1000 and %q", len(lines), lines[len(lines)-1], want)
	}

	read := kafkatest.ReadTopic(t, k.Brokers(), "roundtrip")
	if len(read) != 2 || len(read[0]) != 0 || len(read[1]) != 1000 || string(read[1][7].Value) != "value-7" {
		t.Errorf("ReadTopic got %d partitions with %d and %d records", len(read), len(read[0]), len(read[1]))
	}

	found := 0
	for _, b := range kafkatest.DumpLogSegments(t, k.Segments(k.Leader("roundtrip", 1), "roundtrip", 1)...) {
		found += b.Records
		if b.Codec != "zstd" || !b.Valid || b.Count != b.Records || b.ProducerEpoch != 0 || b.SizeBytes == 0 {
			t.Errorf("odd batch on disk: %+v", b)
		}
	}
	if found != 1000 {
		t.Errorf("DumpLogSegments found %d records, want 1000", found)
	}
	if k.Proxy(k.Leader("roundtrip", 1)).BytesUp() == 0 {
		t.Error("the client did not come through the proxy")
	}
}

func TestKafkaLosesNothingWhenALeaderIsKilled(t *testing.T) {
	k := realKafka(t)
	k.CreateTopic("killed", 1, nil)
	cl := newClient(t, k.Brokers())
	mustSend(t, cl, "killed", 0, "before")
	leader := k.Leader("killed", 0)
	k.Node(leader).Kill()
	if pid := k.Node(leader).Pid(); pid != 0 {
		t.Errorf("the killed node has the pid %d", pid)
	}
	mustSend(t, cl, "killed", 0, "during")
	if now := k.Leader("killed", 0); now == leader || now < 1 {
		t.Errorf("the leader is %d after node %d was killed", now, leader)
	}
	k.Node(leader).Start()
	k.WaitReady()
	k.WaitInSync("killed")
	mustSend(t, cl, "killed", 0, "after")
	wantValues(t, kafkatest.ReadTopic(t, k.Brokers(), "killed")[0], "before", "during", "after")
}

func TestAPausedLeaderIsReplacedAndComesBack(t *testing.T) {
	k := realKafka(t)
	k.CreateTopic("paused", 1, nil)
	cl := newClient(t, k.Brokers(), kgo.ProduceRequestTimeout(2*time.Second), kgo.RequestTimeoutOverhead(time.Second))
	mustSend(t, cl, "paused", 0, "before")
	leader := k.Leader("paused", 0)
	k.Node(leader).Pause()
	mustSend(t, cl, "paused", 0, "during")
	k.Node(leader).Resume()
	k.WaitInSync("paused")
	wantValues(t, kafkatest.ReadTopic(t, k.Brokers(), "paused")[0], "before", "during")
}

func TestARestartedNodeKeepsItsLog(t *testing.T) {
	k := realKafka(t)
	node := k.Node(2)
	before := node.Pid()
	node.Restart()
	k.WaitReady()
	if after := node.Pid(); after == before || after == 0 {
		t.Errorf("pid %d became %d", before, after)
	}
	if starts := strings.Count(node.Log(), "Kafka Server started"); starts < 2 {
		t.Errorf("the log tells of %d starts, want at least 2", starts)
	}
}

func TestTopicsGrowAndGo(t *testing.T) {
	k := realKafka(t)
	k.CreateTopic("grows", 1, nil)
	k.AddPartitions("grows", 2)
	mustSend(t, newClient(t, k.Brokers()), "grows", 2, "a")
	k.DeleteTopic("grows")
	k.CreateTopic("grows", 1, nil)
	if got := kafkatest.ReadTopic(t, k.Brokers(), "grows"); len(got) != 1 || len(got[0]) != 0 {
		t.Errorf("the new topic has %d partitions and old records: %v", len(got), got)
	}
}

func TestProxiesDisturbClientsAndNotReplication(t *testing.T) {
	k := realKafka(t)
	k.CreateTopic("proxied", 1, nil)
	cl := newClient(t, k.Brokers())
	mustSend(t, cl, "proxied", 0, "before")
	proxy := k.Proxy(k.Leader("proxied", 0))
	proxy.Refuse(true)
	proxy.CutAll()
	done := make(chan error)
	go func() { done <- send(cl, "proxied", 0, "during") }()
	k.WaitInSync("proxied") // by the listener without a proxy
	select {
	case err := <-done:
		t.Errorf("the record got through a refusing proxy: %v", err)
	case <-time.After(silence):
	}
	proxy.Refuse(false)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestJavaSourcesRunAgainstKafkasClasses(t *testing.T) {
	keys := []string{"a", "bb", "ключ", "orders-17"}
	out := kafkatest.RunJavaSource(t, "testdata/Partition.java", strings.NewReader(strings.Join(keys, "\n")), "12")
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	var want strings.Builder
	for _, key := range keys {
		fmt.Fprintln(&want, partitioner.Partition(&kgo.Record{Key: []byte(key)}, 12))
	}
	if string(out) != want.String() {
		t.Errorf("Kafka puts the keys into %q, franz-go into %q", out, want.String())
	}
}

func TestOneNodeIsEnoughForTopics(t *testing.T) {
	k := kafkatest.StartKafka(t, 1, kafkatest.Property("num.partitions", "7"))
	t.Logf("one node was ready in %v", k.ReadyIn())
	k.CreateTopic("single", -1, nil)
	if got := len(kafkatest.ReadTopic(t, k.Brokers(), "single")); got != 7 {
		t.Errorf("got %d partitions, want the 7 that Property asked for", got)
	}
	mustSend(t, newClient(t, k.Brokers()), "single", 6, "the only record")
	path := kafkatest.ConsoleConsumer(t, k.Brokers()[0], "single", "--timeout-ms", "5000")
	if text, err := os.ReadFile(path); err != nil || string(text) != "the only record\n" {
		t.Errorf("Kafka's consumer, ended by its timeout, printed %q (%v)", text, err)
	}
	topics := string(kafkatest.Java(t, "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", k.Brokers()[0], "--list"))
	if topics != "__consumer_offsets\nsingle\n" {
		t.Errorf("Kafka's own tool lists %q", topics)
	}
}
