package consume_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/embedded"
)

// What consume writes, produce reads: the copy of a topic is the topic.
func TestACopyOverEnvelopesIsTheSame(t *testing.T) {
	count := 100_000
	if testing.Short() {
		count = 3000
	}
	broker, err := embedded.Open(embedded.Config{PartitionsDefault: 3, Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	random := rand.New(rand.NewPCG(4, 2))
	send(t, broker, func(yield func(omnibus.Record) bool) {
		for i := range count {
			if !yield(generated(random, i)) {
				return
			}
		}
	})
	first := envelopes(t, broker, "orders")
	if lines := strings.Count(first, "\n"); lines != count {
		t.Fatalf("%d envelopes of %d records", lines, count)
	}
	produced := clitest.Command{Stdin: first}.Run(t.Context(), t, "produce", "copy", "-b", broker.Addr(), "--format", "envelope", "--keep-partition")
	if produced.Code != cli.ExitOK {
		t.Fatalf("produce ended with %d: %s", produced.Code, produced.Err)
	}
	second := envelopes(t, broker, "copy")
	want := byPartition(strings.ReplaceAll(first, `"topic":"orders"`, `"topic":"copy"`))
	if got := byPartition(second); got != want {
		t.Error("the copy differs")
	}
}

// envelopes are a topic's records as consume writes them.
func envelopes(t *testing.T, broker *embedded.Broker, topic string) string {
	t.Helper()
	consumed := clitest.Run(t, "consume", topic, "-b", broker.Addr(), "--from-beginning", "-e", "--format", "envelope")
	if consumed.Code != cli.ExitOK {
		t.Fatalf("consume ended with %d: %s", consumed.Code, consumed.Err)
	}
	return consumed.Out
}

// byPartition sorts envelopes by partition and keeps their order in each, and their offsets.
func byPartition(envelopes string) string {
	var partitions [3]strings.Builder
	for line := range strings.Lines(envelopes) {
		for i := range partitions {
			if strings.Contains(line, fmt.Sprintf(`"partition":%d,"timestamp"`, i)) {
				partitions[i].WriteString(line)
			}
		}
	}
	return partitions[0].String() + partitions[1].String() + partitions[2].String()
}

// send writes records with the library.
func send(t *testing.T, broker *embedded.Broker, records func(func(omnibus.Record) bool)) {
	t.Helper()
	producer, err := omnibus.Open(t.Context(), omnibus.Config{Brokers: []string{broker.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	for record := range records {
		err := producer.EnqueueFunc(t.Context(), record, func(_ omnibus.Ack, err error) {
			if err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := producer.Close(); err != nil {
		t.Fatal(err)
	}
}

// generated is a record with every kind of key, value and header.
func generated(random *rand.Rand, i int) omnibus.Record {
	content := func() []byte {
		b := make([]byte, random.IntN(30))
		for i := range b {
			b[i] = byte(random.Uint32() >> random.IntN(2))
		}
		switch random.IntN(4) {
		case 0:
			return nil
		case 1:
			return []byte(fmt.Sprintf("text %d\n\"é\"", i))
		}
		return b
	}
	r := omnibus.Record{
		Topic: "orders", Partition: omnibus.At(int32(i % 3)), Key: content(), Value: content(), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)),
	}
	for range random.IntN(3) {
		r.Headers = append(r.Headers, omnibus.Header{Key: []string{"a", "trace", "é", ""}[random.IntN(4)], Value: content()})
	}
	return r
}
