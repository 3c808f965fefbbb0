package kafkatest

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// readIdleMax is how long ReadTopic waits for a cluster that sends nothing.
const readIdleMax = 30 * time.Second

// ReadTopic returns every record between each partition's start and the high
// watermark that it has when ReadTopic is called, in the order of offsets; the
// result's index is the partition. It reads with franz-go, so that what a
// producer wrote is judged by code that is not the producer's. Control records
// are left out. opts go to kgo (dialer, TLS, SASL, isolation level: by default
// uncommitted records are read too). The test fails when a partition cannot be
// read to its end, or nothing arrives for 30 seconds.
func ReadTopic(t testing.TB, brokers []string, topic string, opts ...kgo.Opt) [][]*kgo.Record {
	t.Helper()
	opts = append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.KeepControlRecords(), kgo.FetchMaxWait(100 * time.Millisecond),
	}, opts...)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatalf("kafkatest: read topic %q: %v", topic, err)
	}
	defer cl.Close()
	left, n := readBounds(t, cl, topic)
	out := make([][]*kgo.Record, n)
	from := make(map[int32]kgo.Offset, len(left))
	for p, b := range left {
		from[p] = kgo.NewOffset().At(b.start)
	}
	cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: from})
	for len(left) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), readIdleMax)
		fetches := cl.PollFetches(ctx)
		cancel()
		if err := fetches.Err0(); err != nil {
			t.Fatalf("kafkatest: read topic %q: %d partitions still short of their end: %v", topic, len(left), err)
		}
		fetches.EachError(func(_ string, p int32, err error) {
			t.Fatalf("kafkatest: read topic %q partition %d: %v", topic, p, err)
		})
		fetches.EachRecord(func(r *kgo.Record) { keep(out, left, r) })
	}
	return out
}

// bounds are the offsets of one partition to be read: [start, end).
type bounds struct{ start, end int64 }

// keep files the record if it is one of those asked for, and strikes its
// partition off when that was the last.
func keep(out [][]*kgo.Record, left map[int32]bounds, r *kgo.Record) {
	b, wanted := left[r.Partition]
	if !wanted || r.Offset >= b.end {
		return
	}
	if !r.Attrs.IsControl() {
		out[r.Partition] = append(out[r.Partition], r)
	}
	if r.Offset+1 >= b.end {
		delete(left, r.Partition)
	}
}

// readBounds returns the partitions that have records, and how many partitions
// there are.
func readBounds(t testing.TB, cl *kgo.Client, topic string) (map[int32]bounds, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readIdleMax)
	defer cancel()
	adm := kadm.NewClient(cl)
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		t.Fatalf("kafkatest: list start offsets of topic %q: %v", topic, err)
	}
	ends, err := adm.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatalf("kafkatest: list end offsets of topic %q: %v", topic, err)
	}
	left := make(map[int32]bounds)
	for p, end := range ends[topic] {
		start := starts[topic][p].Offset
		if start < end.Offset {
			left[p] = bounds{start: start, end: end.Offset}
		}
	}
	return left, len(ends[topic])
}
