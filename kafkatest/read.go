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
	var out [][]*kgo.Record
	n := EachRecord(t, brokers, topic, func(r *kgo.Record) {
		for int(r.Partition) >= len(out) {
			out = append(out, nil)
		}
		out[r.Partition] = append(out[r.Partition], r)
	}, opts...)
	return append(out, make([][]*kgo.Record, n-len(out))...)
}

// EachRecord is ReadTopic for topics that do not fit into memory: it calls fn with
// one record after the other, those of a partition in the order of offsets, and
// returns the number of partitions.
func EachRecord(t testing.TB, brokers []string, topic string, fn func(*kgo.Record), opts ...kgo.Opt) (partitions int) {
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
		fetches.EachRecord(func(r *kgo.Record) {
			if wanted(left, r) {
				fn(r)
			}
		})
	}
	return n
}

// bounds are the offsets of one partition to be read: [start, end).
type bounds struct{ start, end int64 }

// wanted reports whether the record is one of those asked for, and strikes its
// partition off when it was the last.
func wanted(left map[int32]bounds, r *kgo.Record) bool {
	b, open := left[r.Partition]
	if !open || r.Offset >= b.end {
		return false
	}
	if r.Offset+1 >= b.end {
		delete(left, r.Partition)
	}
	return !r.Attrs.IsControl()
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
