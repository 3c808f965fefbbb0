package omnibus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"

	"github.com/twmb/franz-go/pkg/kerr"
)

// startClusterThat is startCluster whose broker answers each Produce request in the given way.
func startClusterThat(fate sim.Fate) (brokers []string, stop func()) {
	cluster, err := sim.Start(sim.Options{Loopback: true, AutoCreate: 1})
	if err != nil {
		log.Fatal(err)
	}
	cluster.SetScript(sim.Always(sim.Produce, fate))
	return cluster.Brokers(), cluster.Close
}

// startSlowCluster is startCluster whose broker answers no Produce request before answer is called.
func startSlowCluster() (brokers []string, answer, stop func()) {
	cluster, err := sim.Start(sim.Options{Loopback: true, AutoCreate: 1})
	if err != nil {
		log.Fatal(err)
	}
	answered := make(chan struct{})
	cluster.SetScript(func(r sim.Request) sim.Fate {
		if r.API == sim.Produce {
			<-answered
		}
		return sim.Fate{}
	})
	return cluster.Brokers(), func() { close(answered) }, cluster.Close
}

// Every outcome that is no acknowledgement is one of two: the record is proven not to be in the log, or nobody can tell.
func ExampleNotWritten() {
	brokers, stop := startClusterThat(sim.Fate{Refusal: &sim.Refusal{Code: kerr.TopicAuthorizationFailed.Code}})
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	_, err = p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a book")})
	switch {
	case err == nil:
		fmt.Println("written")
	case omnibus.NotWritten(err):
		fmt.Println("not written: it may be sent again")
	case omnibus.Unknown(err):
		fmt.Println("nobody can tell: look before sending it again")
	}
	// Output: not written: it may be sent again
}

// The broker has the record, and its answer never comes: that is what "unknown" is for.
func ExampleUnknown() {
	brokers, stop := startClusterThat(sim.Fate{End: sim.AnswerSwallowed})
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{
		Brokers: brokers, Logger: slog.New(slog.DiscardHandler),
		Linger: omnibus.None, RequestTimeout: time.Second, DeliveryTimeout: time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	_, err = p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a book")})
	fmt.Println("unknown:", omnibus.Unknown(err))
	fmt.Println("because its time ran out:", errors.Is(err, omnibus.ErrDeliveryTimeout))
	// Output:
	// unknown: true
	// because its time ran out: true
}

// A broker's refusal keeps its code and its words. franz-go's errors have the names of the codes.
func ExampleBrokerError() {
	brokers, stop := startClusterThat(sim.Fate{Refusal: &sim.Refusal{Code: kerr.PolicyViolation.Code, Message: "orders are closed on Sundays"}})
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	_, err = p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a book")})
	var refusal *omnibus.BrokerError
	fmt.Println(errors.As(err, &refusal), errors.Is(err, kerr.PolicyViolation))
	fmt.Println(refusal.Code, refusal.Message)
	// Output:
	// true true
	// 44 orders are closed on Sundays
}

// While OnFailure runs, a failed record can be read, so that it can be kept elsewhere.
func ExampleRecordError_Record() {
	brokers, stop := startClusterThat(sim.Fate{Refusal: &sim.Refusal{Code: kerr.PolicyViolation.Code}})
	defer stop()
	keep := func(err *omnibus.RecordError) {
		if r, ok := err.Record(); ok {
			fmt.Printf("kept: %s = %s, may be in the log: %v\n", r.Key, r.Value, !err.NotWritten())
		}
	}
	p, err := omnibus.Open(context.Background(), omnibus.Config{
		Brokers: brokers, Logger: slog.New(slog.DiscardHandler), OnFailure: keep,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range []string{"a book", "a pen"} {
		r := omnibus.Record{Topic: "orders", Key: []byte("42"), Value: []byte(item)}
		if _, err := p.Enqueue(context.Background(), r); err != nil {
			log.Fatal(err)
		}
	}
	p.Close()
	// Output:
	// kept: 42 = a book, may be in the log: false
	// kept: 42 = a pen, may be in the log: false
}

// A context bounds the wait and not the record: when it ends first, the record goes on, and its delivery can be waited on
// again.
func ExamplePendingError() {
	brokers, answer, stop := startSlowCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	d, err := p.Enqueue(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a book")})
	if err != nil {
		log.Fatal(err)
	}
	_, err = d.Wait(short)
	var pending *omnibus.PendingError
	if errors.As(err, &pending) {
		answer()
		ack, err := pending.Delivery.Wait(context.Background())
		fmt.Println("in the end it is at offset", ack.Offset, err)
	}
	// Output: in the end it is at offset 0 <nil>
}

// TryEnqueue is for code that must not wait. What it cannot take at once it refuses, and says why.
func ExampleProducer_TryEnqueue() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{
		Brokers: brokers,
		Topics:  map[string]omnibus.TopicConfig{"clicks": {}}, // known from the start
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	if err := p.Ready(context.Background()); err != nil { // the cluster answered, and the topics are known
		log.Fatal(err)
	}

	_, err = p.TryEnqueue(context.Background(), omnibus.Record{Topic: "clicks", Value: []byte("click")})
	fmt.Println("a topic that is known:", err)
	_, err = p.TryEnqueue(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a book")})
	switch {
	case errors.Is(err, omnibus.ErrMetadataPending):
		fmt.Println("a topic that is not: its look-up has begun")
	case errors.Is(err, omnibus.ErrBufferFull):
		fmt.Println("no room: drop it, or slow down")
	}
	// Output:
	// a topic that is known: <nil>
	// a topic that is not: its look-up has begun
}

// HaltOnFailure keeps a record that failed from being overtaken: its partition takes nothing any more.
func ExampleErrHalted() {
	brokers, stop := startClusterThat(sim.Fate{Refusal: &sim.Refusal{Code: kerr.PolicyViolation.Code}})
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{
		Brokers: brokers, HaltOnFailure: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	_, err = p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("open the account")})
	fmt.Println(errors.Is(err, kerr.PolicyViolation), errors.Is(err, omnibus.ErrHalted))
	_, err = p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("take money from it")})
	fmt.Println(errors.Is(err, omnibus.ErrHalted))
	// Output:
	// true false
	// true
}
