package floor_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/bench/internal/floor"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// outcomes are what the callbacks and the end of the connection told.
type outcomes struct {
	told, failed atomic.Int64
	broken       chan error
}

func open(t *testing.T, c *kafkatest.Cluster, change func(*floor.Config), topics ...string) (*floor.Producer, *outcomes) {
	t.Helper()
	o := &outcomes{broken: make(chan error, 2)}
	config := floor.Config{
		Broker: c.Brokers()[0], Topics: topics, Linger: 5 * time.Millisecond,
		BatchBytesMax: 1 << 20, RequestBytesMax: 1 << 20, BufferBytes: 4 << 20, InFlight: 5,
		Callback: func(err error) {
			if err != nil {
				o.failed.Add(1)
			}
			o.told.Add(1)
		},
		Broken: func(err error) { o.broken <- err },
	}
	if change != nil {
		change(&config)
	}
	p, err := floor.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, o
}

// await waits until so many outcomes were told.
func (o *outcomes) await(t *testing.T, n int64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); o.told.Load() < n; {
		select {
		case err := <-o.broken:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d outcomes were told", o.told.Load(), n)
		}
	}
	if o.told.Load() != n || o.failed.Load() != 0 {
		t.Fatalf("%d outcomes, %d of them failures, wanted %d without a failure", o.told.Load(), o.failed.Load(), n)
	}
}

func TestEveryRecordArrivesOnceInOrder(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("one", 3), kafkatest.Topic("two", 2))
	p, o := open(t, c, nil, "one", "two")
	const senders, each = 4, 5000
	for topic := range 2 { // one after the other, because this broker answers for the topics of a request in any order
		var sending sync.WaitGroup
		for s := range senders {
			sending.Go(func() {
				key := fmt.Appendf(nil, "sender-%d", s)
				for i := range each {
					if err := p.Enqueue(topic, key, fmt.Appendf(nil, "%06d", i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		sending.Wait()
		p.Flush()
		o.await(t, int64((topic+1)*senders*each))
	}
	for _, topic := range []string{"one", "two"} {
		last := make(map[string]string)
		n := 0
		read := kafkatest.ReadTopic(t, c.Brokers(), topic)
		java := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
		for partition, records := range read {
			for _, r := range records {
				if chosen := java.Partition(r, len(read)); chosen != partition {
					t.Fatalf("%s: key %s is in partition %d, Java would put it into %d", topic, r.Key, partition, chosen)
				}
				if last[string(r.Key)] >= string(r.Value) {
					t.Fatalf("%s: %s comes after %s", topic, r.Value, last[string(r.Key)])
				}
				if age := time.Since(r.Timestamp); age < 0 || age > time.Minute {
					t.Fatalf("%s: the timestamp is %v", topic, r.Timestamp)
				}
				last[string(r.Key)] = string(r.Value)
				n++
			}
		}
		if n != senders*each {
			t.Errorf("%s has %d records, wanted %d", topic, n, senders*each)
		}
	}
}

func TestRecordsWithoutKeyFillOnePartitionsBatchAfterTheOther(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 3))
	p, o := open(t, c, func(config *floor.Config) { config.BatchBytesMax = 4 << 10 }, "t")
	const n = 300
	for range n {
		if err := p.Enqueue(0, nil, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	p.Flush()
	o.await(t, n)
	for partition, records := range kafkatest.ReadTopic(t, c.Brokers(), "t") {
		if len(records) < n/4 || len(records) > n/2 {
			t.Errorf("partition %d has %d of %d records", partition, len(records), n)
		}
		for _, r := range records {
			if r.Key != nil {
				t.Fatalf("a record without a key has the key %q", r.Key)
			}
		}
	}
}

func TestLingerEndsByItself(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	p, o := open(t, c, nil, "t")
	if err := p.Enqueue(0, nil, []byte("alone")); err != nil {
		t.Fatal(err)
	}
	o.await(t, 1)
}

func TestFullBufferHoldsTheCallerUp(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	p, o := open(t, c, func(config *floor.Config) { config.BatchBytesMax, config.BufferBytes = 2<<10, 8<<10 }, "t")
	const n = 2000 // of a hundred times as much memory
	for range n {
		if err := p.Enqueue(0, nil, make([]byte, 400)); err != nil {
			t.Fatal(err)
		}
	}
	p.Flush()
	o.await(t, n)
}

func TestLostConnectionIsTold(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	_, o := open(t, c, nil, "t")
	c.DisconnectAll(0)
	select {
	case <-o.broken:
	case <-time.After(10 * time.Second):
		t.Error("nobody was told")
	}
}

func TestWhatCannotBeSentIsRefused(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("t", 1))
	p, _ := open(t, c, nil, "t")
	if err := p.Enqueue(0, nil, make([]byte, 1<<20)); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("a record of a whole batch: %v", err)
	}
	if _, err := floor.Open(floor.Config{Broker: c.Brokers()[0], Topics: []string{"u"}, BatchBytesMax: 1, InFlight: 1}); err == nil {
		t.Error("there is a producer for a topic that does not exist")
	}
}
