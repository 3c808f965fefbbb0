package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// testTimeout bounds every wait in these tests.
const testTimeout = 20 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func openBroker(t *testing.T, cfg Config) *Broker {
	t.Helper()
	broker, err := Open(cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return broker
}

func newClient(t *testing.T, addr string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation()}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// produce writes count records, values "first", "first+1" and so on, and fails unless each is acknowledged.
func produce(t *testing.T, addr, topic string, first, count int) {
	t.Helper()
	client := newClient(t, addr)
	defer client.Close() // now, because it waits for a broker that the test may end first
	records := make([]*kgo.Record, count)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Value: fmt.Append(nil, first+i)}
	}
	if err := client.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatalf("produce: %v", err)
	}
}

// consume reads until it has seen count records and returns how often it saw each value.
func consume(t *testing.T, addr, topic string, count int) map[string]int {
	t.Helper()
	client := newClient(t, addr, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	ctx := testContext(t)
	seen := make(map[string]int)
	for total := 0; total < count; {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			t.Fatalf("read %d of %d records: %v", total, count, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			seen[string(r.Value)]++
			total++
		})
	}
	return seen
}

func TestRecordsComeBackAsTheyWereWritten(t *testing.T) {
	for name, cfg := range map[string]Config{
		"in memory": {},
		"on disk":   {Dir: t.TempDir()},
		"unsynced":  {Dir: t.TempDir(), NoSync: true},
	} {
		t.Run(name, func(t *testing.T) {
			broker := openBroker(t, cfg)
			produce(t, broker.Addr(), "orders", 0, 100)
			if seen := consume(t, broker.Addr(), "orders", 100); len(seen) != 100 {
				t.Errorf("read %d different values, want 100", len(seen))
			}
		})
	}
}

func TestACleanStopKeepsRecordsAndLeavesItsMark(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		broker, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, markerName)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the mark of a clean stop is there while the broker runs (%v)", err)
		}
		produce(t, broker.Addr(), "orders", round*10, 10)
		if seen := consume(t, broker.Addr(), "orders", (round+1)*10); len(seen) != (round+1)*10 {
			t.Errorf("round %d: read %d different values", round, len(seen))
		}
		if err := broker.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, markerName)); err != nil {
			t.Errorf("no mark after a clean stop: %v", err)
		}
	}
}

func TestPartitionsDefaultIsTheNumberOfPartitionsOfANewTopic(t *testing.T) {
	broker := openBroker(t, Config{PartitionsDefault: 3})
	client := newClient(t, broker.Addr(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for partition, wantOK := range map[int32]bool{2: true, 3: false} {
		record := &kgo.Record{Topic: "three", Partition: partition, Value: []byte("v")}
		err := client.ProduceSync(testContext(t), record).FirstErr()
		if (err == nil) != wantOK {
			t.Errorf("partition %d: %v, want written %v", partition, err, wantOK)
		}
	}
}

// makeOlder makes a file look as if it had not been changed for so long.
func makeOlder(t *testing.T, path string, age time.Duration) {
	t.Helper()
	then := time.Now().Add(-age)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func TestRetentionBytesDropsOldRecords(t *testing.T) {
	broker := openBroker(t, Config{PartitionsDefault: 1, RetentionBytes: 1})
	produce(t, broker.Addr(), "orders", 0, 1)
	produce(t, broker.Addr(), "orders", 1, 1)
	broker.cluster.Compact()
	info := broker.cluster.PartitionInfo("orders", 0)
	if info == nil || info.LogStartOffset == 0 {
		t.Errorf("after retention the log still begins at its first record: %+v", info)
	}
}

func TestOpenNamesEveryMistake(t *testing.T) {
	_, err := Open(Config{Listen: "0.0.0.0:0", PartitionsDefault: -1, Retention: -5, RetentionBytes: -9})
	if err == nil {
		t.Fatal("Open accepted four mistakes")
	}
	for _, want := range []string{"PartitionsDefault", "Retention is", "RetentionBytes", "UnsafeListen"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
}

func TestOnlyLoopbackUnlessToldOtherwise(t *testing.T) {
	for _, test := range []struct {
		cfg  Config
		want string // part of the error, or empty for success
	}{
		{Config{Listen: "0.0.0.0:0"}, "UnsafeListen"},
		{Config{Listen: ":0"}, "UnsafeListen"},
		{Config{Listen: ":0", UnsafeListen: true}, "Advertise"},
		{Config{Listen: "nonsense"}, "host:port"},
		{Config{Listen: "127.0.0.1:0", Advertise: "nonsense"}, "Advertise"},
		{Config{Listen: "localhost:0"}, ""},
		{Config{Listen: "0.0.0.0:0", UnsafeListen: true, Advertise: "127.0.0.1:9092"}, ""},
	} {
		broker, err := Open(test.cfg)
		if err == nil {
			broker.Close()
		}
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("Open(%q, advertise %q): %v, want %q", test.cfg.Listen, test.cfg.Advertise, err, test.want)
		}
	}
}

// A partition directory that cannot be made stands for a full disk. kfake alone answers the retry of the batch with
// "duplicate, written"; the client must never see that.
func TestNothingIsAcknowledgedOnceTheDiskFailed(t *testing.T) {
	dir := t.TempDir()
	broker, err := Open(Config{Dir: dir, PartitionsDefault: 1})
	if err != nil {
		t.Fatal(err)
	}
	partitions := filepath.Join(dir, logName, "partitions")
	if err := os.MkdirAll(partitions, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(partitions, "orders-0"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, broker.Addr())
	outcome := make(chan error, 1)
	client.Produce(testContext(t), &kgo.Record{Topic: "orders", Value: []byte("lost")}, func(_ *kgo.Record, err error) {
		outcome <- err
	})
	select {
	case <-broker.Done():
	case <-time.After(testTimeout):
		t.Fatal("the broker still serves after its disk failed")
	}
	client.Close() // it would resend the batch for ever
	if err := <-outcome; err == nil {
		t.Error("a record that is not on disk was acknowledged")
	}
	if broker.Err() == nil {
		t.Error("Err is nil after the disk failed")
	}
	if err := broker.Close(); err == nil {
		t.Error("Close reported a clean stop after the disk failed")
	}
	if _, err := os.Stat(filepath.Join(dir, markerName)); err == nil {
		t.Error("the mark of a clean stop is there after the disk failed")
	}
}

func TestCloseTwiceReturnsTheSame(t *testing.T) {
	broker := openBroker(t, Config{})
	if first, second := broker.Close(), broker.Close(); first != nil || second != nil {
		t.Errorf("Close: %v, then %v", first, second)
	}
	select {
	case <-broker.Done():
	default:
		t.Error("Done is open after Close")
	}
}

func TestAnInvalidTopicNameIsNotCreated(t *testing.T) {
	broker := openBroker(t, Config{})
	client := newClient(t, broker.Addr(), kgo.UnknownTopicRetries(1))
	if err := client.ProduceSync(testContext(t), &kgo.Record{Topic: "no/such name"}).FirstErr(); err == nil {
		t.Error("a record for an invalid topic name was acknowledged")
	}
	if broker.cluster.TopicInfo("no/such name") != nil {
		t.Error("a topic with an invalid name was created")
	}
}

func TestTopicsAreStillCreatedAfterManyMetadataRequests(t *testing.T) {
	broker := openBroker(t, Config{})
	client := newClient(t, broker.Addr())
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	for range 2 * hookRenewal {
		if _, err := request.RequestWith(testContext(t), client); err != nil {
			t.Fatal(err)
		}
	}
	produce(t, broker.Addr(), "late", 0, 1)
}
