package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/embedded"
)

// A broker in memory, for a test or a try. With Dir it keeps its records, over a kill -9 too.
func ExampleOpen() {
	broker, err := embedded.Open(embedded.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()

	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: []string{broker.Addr()}})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	ack, err := p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte("a book")})
	fmt.Println(ack.Topic, ack.Offset, err)
	// Output: orders 0 <nil>
}

// One process has a directory at a time. Another one is told where that one listens.
func ExampleInUseError() {
	dir, err := os.MkdirTemp("", "orders")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	first, err := embedded.Open(embedded.Config{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer first.Close()

	_, err = embedded.Open(embedded.Config{Dir: dir})
	var held *embedded.InUseError
	if errors.As(err, &held) {
		fmt.Println("connect to the one that is there:", held.Addr == first.Addr())
	}
	// Output: connect to the one that is there: true
}
