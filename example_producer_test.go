package omnibus_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
)

// startCluster stands in for a Kafka cluster: one broker on a free port of this machine, with one partition a topic.
func startCluster() (brokers []string, stop func()) { return startClusterOf(1) }

// startClusterOf is startCluster with so many partitions a topic.
func startClusterOf(partitions int) (brokers []string, stop func()) {
	cluster, err := sim.Start(sim.Options{Loopback: true, AutoCreate: partitions})
	if err != nil {
		log.Fatal(err)
	}
	return cluster.Brokers(), cluster.Close
}

// Send waits for the broker. One call, one record, one answer.
func ExampleProducer_Send() {
	brokers, stop := startCluster()
	defer stop()

	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ack, err := p.Send(ctx, omnibus.Record{Topic: "orders", Key: []byte("42"), Value: []byte("two books")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, partition %d, offset %d\n", ack.Topic, ack.Partition, ack.Offset)
	// Output: orders, partition 0, offset 0
}

// Enqueue waits for room only. Its Delivery is the record's future: many records travel together while their deliveries
// are waited for later.
func ExampleProducer_Enqueue() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	ctx := context.Background()
	var deliveries []omnibus.Delivery
	for _, text := range []string{"a book", "a pen", "a lamp"} {
		d, err := p.Enqueue(ctx, omnibus.Record{Topic: "orders", Value: []byte(text)})
		if err != nil {
			log.Fatal(err)
		}
		deliveries = append(deliveries, d)
	}
	for _, d := range deliveries {
		ack, err := d.Wait(ctx)
		fmt.Println(ack.Offset, err)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 2 <nil>
}

// One-way: nobody waits for the outcome. Config.OnFailure, the log and Stats see what fails nevertheless.
func ExampleProducer_Enqueue_oneWay() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{
		Brokers:   brokers,
		OnFailure: func(err *omnibus.RecordError) { log.Print("lost a click: ", err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	for range 1000 {
		if _, err := p.Enqueue(context.Background(), omnibus.Record{Topic: "clicks", Value: []byte("click")}); err != nil {
			log.Print(err) // never accepted: OnFailure does not hear of it
		}
	}
	if err := p.Close(); err != nil { // sends what is still on its way
		log.Fatal(err)
	}
	fmt.Println(p.Stats().Acked, "clicks")
	// Output: 1000 clicks
}

// EnqueueFunc tells the outcome to a callback. One callback serves all records: Tag says which one it is told about.
func ExampleProducer_EnqueueFunc() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}

	orders := []string{"a book", "a pen", "a lamp"}
	done := func(ack omnibus.Ack, err error) {
		if err != nil {
			fmt.Printf("%s: lost: %v\n", orders[ack.Tag], err)
			return
		}
		fmt.Printf("%s: offset %d\n", orders[ack.Tag], ack.Offset)
	}
	for i, text := range orders {
		err := p.EnqueueFunc(context.Background(), omnibus.Record{Topic: "orders", Value: []byte(text), Tag: uint64(i)}, done)
		if err != nil {
			log.Fatal(err) // never accepted: done is not called
		}
	}
	p.Close() // waits for callbacks, too
	// Output:
	// a book: offset 0
	// a pen: offset 1
	// a lamp: offset 2
}

// SendAll attempts every record and returns the outcomes in the order of the records.
func ExampleProducer_SendAll() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	results := p.SendAll(context.Background(), []omnibus.Record{
		{Topic: "orders", Value: []byte("a book")},
		{Topic: "no such name!", Value: []byte("a pen")},
		{Topic: "orders", Value: []byte("a lamp")},
	})
	for i, result := range results {
		if result.Err != nil {
			fmt.Printf("%d: refused, safe to send again: %v\n", i, omnibus.NotWritten(result.Err))
			continue
		}
		fmt.Printf("%d: offset %d\n", i, result.Ack.Offset)
	}
	// Output:
	// 0: offset 0
	// 1: refused, safe to send again: true
	// 2: offset 1
}

// Shutdown sends what was accepted, for as long as its context allows, and counts what was lost.
func ExampleProducer_Shutdown() {
	brokers, stop := startCluster()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a book")}); err != nil {
		log.Fatal(err)
	}

	stop() // the cluster goes away
	if _, err := p.Enqueue(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a pen")}); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	var unsent *omnibus.UnsentError
	if err := p.Shutdown(ctx); errors.As(err, &unsent) {
		fmt.Println("lost:", unsent.NotWritten+unsent.Unknown)
	}
	// Output: lost: 1
}

// Close is Shutdown within Config.CloseTimeout, 30 seconds by default. As io.Closer it fits a defer, but its error is worth
// a look.
func ExampleProducer_Close() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	var told atomic.Int64
	for range 10 {
		err := p.EnqueueFunc(context.Background(), omnibus.Record{Topic: "orders"}, func(omnibus.Ack, error) { told.Add(1) })
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(p.Close())
	fmt.Println(told.Load(), "callbacks have run")
	_, err = p.Send(context.Background(), omnibus.Record{Topic: "orders"})
	fmt.Println(errors.Is(err, omnibus.ErrClosed))
	// Output:
	// <nil>
	// 10 callbacks have run
	// true
}

// A file that Java's tools read configures this producer, too.
func ExampleParseProperties_open() {
	brokers, stop := startCluster()
	defer stop()

	file := `
compression.type = zstd
linger.ms        = 20
acks             = all
`
	config, notes, err := omnibus.ParseProperties(strings.NewReader(file))
	if err != nil {
		log.Fatal(err) // names every mistake, with its line
	}
	config.Brokers = brokers
	p, err := omnibus.Open(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	ack, err := p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a book")})
	fmt.Println(len(notes), "notes,", "offset", ack.Offset, err)
	// Output: 0 notes, offset 0 <nil>
}
