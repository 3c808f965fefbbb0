package omnibus_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
)

// byFunc is a partitioner made of a function.
type byFunc func(key []byte, p omnibus.Partitions) (int32, error)

func (f byFunc) Partition(_ string, key, _ []byte, p omnibus.Partitions) (int32, error) {
	return f(key, p)
}

// counts is the number of records in each partition of "t".
func (r *rig) counts() []int {
	counts := make([]int, r.cluster.Partitions("t"))
	for n := range counts {
		counts[n] = len(r.cluster.Records("t", int32(n)))
	}
	return counts
}

func TestKeysGoWhereJavaPutsThem(t *testing.T) {
	inBubble(t, 7, omnibus.Config{}, func(r *rig) {
		for i := range 200 {
			key := fmt.Append(nil, i)
			if ack := r.send(omnibus.Record{Topic: "t", Key: key}); ack.Partition != omnibus.JavaPartition(key, 7) {
				t.Errorf("%s went to %d", key, ack.Partition)
			}
		}
		if a, b := r.send(omnibus.Record{Topic: "t", Key: []byte{}}), r.send(omnibus.Record{Topic: "t", Key: []byte{}}); a.Partition != b.Partition {
			t.Error("an empty key is no key")
		}
	})
}

func TestRecordsWithoutAKeyStickAndMoveOn(t *testing.T) {
	inBubble(t, 4, omnibus.Config{BatchBytes: 1000}, func(r *rig) {
		const records = 4000
		for range records {
			r.enqueue(omnibus.Record{Topic: "t", Value: make([]byte, 90)})
		}
		r.flush()
		for n, count := range r.counts() {
			if count < records/8 || count > records/2 {
				t.Errorf("partition %d has %d of %d records", n, count, records)
			}
			if batches := len(r.cluster.Log("t", int32(n))); batches > count/5 {
				t.Errorf("partition %d has %d batches of %d records: they do not stick", n, batches, count)
			}
		}
	})
}

func TestRecordsWithoutAKeyAvoidPartitionsWithoutALeader(t *testing.T) {
	inBubble(t, 3, omnibus.Config{BatchBytes: 500}, func(r *rig) {
		r.cluster.MoveLeader("t", 1, -1)
		for range 500 {
			r.enqueue(omnibus.Record{Topic: "t", Value: make([]byte, 90)})
		}
		r.flush()
		if counts := r.counts(); counts[1] != 0 || counts[0] == 0 || counts[2] == 0 {
			t.Errorf("%v", counts)
		}
	})
}

func TestIgnoredKeysSpread(t *testing.T) {
	inBubble(t, 4, omnibus.Config{IgnoreKeys: true, BatchBytes: 500}, func(r *rig) {
		for range 1000 {
			r.enqueue(omnibus.Record{Topic: "t", Key: []byte("same"), Value: make([]byte, 90)})
		}
		r.flush()
		for n, count := range r.counts() {
			if count == 0 {
				t.Errorf("partition %d has nothing", n)
			}
		}
	})
}

func TestEveryBuiltInPartitionerWorksEndToEnd(t *testing.T) {
	keyed := func(i int) []byte { return fmt.Append(nil, "key", i) }
	none := func(int) []byte { return nil }
	for name, c := range map[string]struct {
		partitioner omnibus.Partitioner
		key         func(int) []byte
		want        func(counts []int) bool
	}{
		"round robin":             {omnibus.RoundRobin(), keyed, func(n []int) bool { return n[0] == 30 && n[1] == 30 && n[2] == 30 }},
		"keyed round robin":       {omnibus.KeyedRoundRobin(), none, func(n []int) bool { return n[0] == 30 && n[1] == 30 && n[2] == 30 }},
		"keyed round robin, keys": {omnibus.KeyedRoundRobin(), keyed, matchesJava},
		"sarama":                  {omnibus.SaramaHash(), keyed, allUsed},
		"sarama reference":        {omnibus.SaramaReferenceHash(), keyed, allUsed},
		"consistent":              {omnibus.LibrdkafkaConsistent(), keyed, allUsed},
		"consistent, no key":      {omnibus.LibrdkafkaConsistent(), none, func(n []int) bool { return n[0]+n[1]+n[2] == max(n[0], n[1], n[2]) }},
		"consistent random":       {omnibus.LibrdkafkaConsistentRandom(), keyed, allUsed},
	} {
		inBubble(t, 3, omnibus.Config{Partitioner: c.partitioner}, func(r *rig) {
			for i := range 90 {
				r.enqueue(omnibus.Record{Topic: "t", Key: c.key(i)})
			}
			r.flush()
			if counts := r.counts(); !c.want(counts) {
				t.Errorf("%s: %v", name, counts)
			}
		})
	}
}

func allUsed(n []int) bool { return n[0] > 0 && n[1] > 0 && n[2] > 0 }

func matchesJava(n []int) bool {
	want := make([]int, 3)
	for i := range 90 {
		want[omnibus.JavaPartition(fmt.Append(nil, "key", i), 3)]++
	}
	return n[0] == want[0] && n[1] == want[1] && n[2] == want[2]
}

func TestAnOwnPartitionerSeesTheTopicAndDecides(t *testing.T) {
	config := omnibus.Config{Partitioner: byFunc(func(key []byte, p omnibus.Partitions) (int32, error) {
		if p.Count() != 4 || len(p.Available()) != 3 || p.Available()[0] != 1 {
			return 0, fmt.Errorf("count %d, available %v", p.Count(), p.Available())
		}
		return int32(key[0] - '0'), nil
	})}
	inBubble(t, 4, config, func(r *rig) {
		r.cluster.MoveLeader("t", 0, -1)
		if ack := r.send(omnibus.Record{Topic: "t", Key: []byte("2")}); ack.Partition != 2 {
			t.Errorf("%+v", ack)
		}
		if ack := r.send(omnibus.Record{Topic: "t", Key: []byte("2"), Partition: omnibus.At(3)}); ack.Partition != 3 {
			t.Errorf("an explicit partition was overruled: %+v", ack)
		}
	})
}

func TestWhatIsWrongWithAPartitionerRefusesTheRecord(t *testing.T) {
	broken := errors.New("no idea")
	for name, c := range map[string]struct {
		choose byFunc
		is     error
		words  []string
	}{
		"error":    {func([]byte, omnibus.Partitions) (int32, error) { return 0, broken }, broken, nil},
		"panic":    {func([]byte, omnibus.Partitions) (int32, error) { panic("oh no") }, omnibus.ErrPanic, []string{"oh no"}},
		"too high": {func([]byte, omnibus.Partitions) (int32, error) { return 2, nil }, omnibus.ErrInvalidRecord, []string{"partition 2", "0 to 1"}},
		"negative": {func([]byte, omnibus.Partitions) (int32, error) { return -1, nil }, omnibus.ErrInvalidRecord, []string{"partition -1"}},
	} {
		inBubble(t, 2, omnibus.Config{Partitioner: c.choose}, func(r *rig) {
			_, err := r.producer.Send(r.Context(), omnibus.Record{Topic: "t"})
			if e := r.failed(err, true, c.words...); !errors.Is(err, c.is) || e.Where != "partitioner" {
				t.Errorf("%s: %+v", name, e)
			}
		})
	}
}

func TestUnkeyedRecordsGoToFasterBrokersMore(t *testing.T) {
	onNodes(t, 2, 2, omnibus.Config{BatchBytes: 1000, BatchBytesMax: 1000}, func(r *rig) {
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			return sim.Fate{Delay: time.Duration(req.Node*req.Node*req.Node) * 5 * time.Millisecond} // 5 and 40 ms
		})
		for i := range 3000 {
			r.enqueue(omnibus.Record{Topic: "t", Value: make([]byte, 90)})
			if i%3 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		r.flush()
		if counts := r.counts(); counts[0] < counts[1]*3/2 {
			t.Errorf("the fast broker got %d, the slow one %d", counts[0], counts[1])
		}
		synctest.Wait()
	})
}
