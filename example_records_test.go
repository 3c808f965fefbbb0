package omnibus_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/serde"
)

// Headers stand beside key and value; their order is kept and names may repeat. A nil value is a tombstone.
func ExampleRecord() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	paidAt := time.Date(2026, 3, 2, 6, 0, 40, 0, time.UTC)
	ack, err := p.Send(context.Background(), omnibus.Record{
		Topic: "orders", Key: []byte("42"), Value: []byte("paid"), Timestamp: paidAt,
		Headers: []omnibus.Header{{Key: "source", Value: []byte("shop 7")}, {Key: "trace", Value: nil}},
	})
	fmt.Println(ack.Offset, ack.Timestamp.UTC(), err)
	ack, err = p.Send(context.Background(), omnibus.Record{Topic: "orders", Key: []byte("42")}) // deletes 42 from a compacted topic
	fmt.Println(ack.Offset, err)
	// Output:
	// 0 2026-03-02 06:00:40 +0000 UTC <nil>
	// 1 <nil>
}

// A record may name its partition, whatever the partitioner says.
func ExampleAt() {
	brokers, stop := startClusterOf(4)
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	ack, err := p.Send(context.Background(), omnibus.Record{Topic: "orders", Partition: omnibus.At(3), Value: []byte("a book")})
	fmt.Println(ack.Partition, err)
	// Output: 3 <nil>
}

// JavaPartition tells where Kafka's own clients, and this one, put a key.
func ExampleJavaPartition() {
	for _, key := range []string{"42", "alice", ""} {
		fmt.Printf("%q: %d of 12\n", key, omnibus.JavaPartition([]byte(key), 12))
	}
	// Output:
	// "42": 4 of 12
	// "alice": 9 of 12
	// "": 9 of 12
}

// A topic that sarama filled keeps its keys in their partitions.
func ExampleSaramaHash() {
	brokers, stop := startClusterOf(12)
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers, Partitioner: omnibus.SaramaHash()})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	ack, err := p.Send(context.Background(), omnibus.Record{Topic: "orders", Key: []byte("42")})
	fmt.Println("sarama's:", ack.Partition, err)
	fmt.Println("Java's:", omnibus.JavaPartition([]byte("42"), 12))
	// Output:
	// sarama's: 5 <nil>
	// Java's: 4
}

// PartitionsFor tells what the cluster says of a topic.
func ExampleProducer_PartitionsFor() {
	brokers, stop := startClusterOf(2)
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	partitions, err := p.PartitionsFor(context.Background(), "orders")
	if err != nil {
		log.Fatal(err)
	}
	for _, partition := range partitions {
		fmt.Printf("partition %d is led by broker %d\n", partition.Partition, partition.Leader)
	}
	// Output:
	// partition 0 is led by broker 1
	// partition 1 is led by broker 1
}

// Flush waits until everything that was enqueued before it has its outcome. It tells nothing about them: Stats does, or
// their deliveries.
func ExampleProducer_Flush() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers, Linger: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	for i := range 1000 {
		if _, err := p.Enqueue(context.Background(), omnibus.Record{Topic: "clicks", Value: fmt.Append(nil, i)}); err != nil {
			log.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.Flush(ctx); err != nil { // does not wait for the minute
		log.Fatal(err)
	}
	fmt.Println(p.Stats().Acked, "acknowledged,", p.Stats().Pending, "pending")
	// Output: 1000 acknowledged, 0 pending
}

// Stats counts what becomes of records, and why batches left.
func ExampleProducer_Stats() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		if _, err := p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a book")}); err != nil {
			log.Fatal(err)
		}
	}
	p.Close()
	s := p.Stats()
	fmt.Println("accepted", s.Accepted, "acked", s.Acked, "not written", s.NotWritten, "unknown", s.Unknown)
	fmt.Println("batches that left because somebody waited:", s.Batches["waiter"])
	fmt.Println("measured:", s.AckLatency.Count() > 0, s.AckLatency.Quantile(0.99) > 0)
	// Output:
	// accepted 3 acked 3 not written 0 unknown 0
	// batches that left because somebody waited: 3
	// measured: true true
}

// Trace watches batches on their way, never once a record.
func ExampleTrace() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{
		Brokers: brokers,
		Trace: &omnibus.Trace{
			BatchLeaves: func(b omnibus.BatchLeave) {
				fmt.Println("a batch of", b.Records, "leaves", b.Topic, "because:", b.Reason)
			},
			BatchDone: func(b omnibus.BatchOutcome) {
				fmt.Println("its first record is at", b.Offset, "after", b.Attempts, "attempt")
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a book")}); err != nil {
		log.Fatal(err)
	}
	p.Close()
	// Output:
	// a batch of 1 leaves orders because: waiter
	// its first record is at 0 after 1 attempt
}

// SendRecord is for what a key and a value do not say: headers, a timestamp, a partition, a tag.
func ExampleTopicProducer_SendRecord() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	orders := omnibus.ForTopic(p, "orders", serde.Int64, serde.JSON[Order])
	ack, err := orders.SendRecord(context.Background(), omnibus.TopicRecord[int64, Order]{
		Key: 42, Value: Order{"book", 2}, Tag: 7,
		Headers: []omnibus.Header{{Key: "source", Value: []byte("shop 7")}},
	})
	fmt.Println(ack.Offset, ack.Tag, err)
	// Output: 0 7 <nil>
}
