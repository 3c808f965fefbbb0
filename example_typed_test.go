package omnibus_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/serde"
)

// Order is what the examples sell.
type Order struct {
	Item  string
	Count int
}

// A typed topic takes keys and values of Go types. Delete writes a tombstone, which is null and not an empty value.
func ExampleForTopic() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	orders := omnibus.ForTopic(p, "orders", serde.String, serde.JSON[Order])
	ack, err := orders.Send(context.Background(), "42", Order{"book", 2})
	fmt.Println("written at", ack.Offset, err)
	ack, err = orders.Delete(context.Background(), "42")
	fmt.Println("deleted at", ack.Offset, err)
	// Output:
	// written at 0 <nil>
	// deleted at 1 <nil>
}

// A serializer is a function that appends. Its error refuses the record before anything is sent.
func ExampleForTopic_ownSerializer() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	asCSV := func(dst []byte, m serde.Meta, o Order) ([]byte, error) {
		if o.Count <= 0 {
			return nil, errors.New("nothing ordered")
		}
		m.Headers.Add("content-type", []byte("text/csv"))
		return fmt.Appendf(dst, "%q,%d", o.Item, o.Count), nil
	}
	orders := omnibus.ForTopic(p, "orders", serde.NoKey, asCSV)
	ack, err := orders.Send(context.Background(), struct{}{}, Order{"book", 2})
	fmt.Println(ack.Offset, err)
	_, err = orders.Send(context.Background(), struct{}{}, Order{"book", 0})
	fmt.Println(err)
	// Output:
	// 0 <nil>
	// record for topic "orders" was not written (value serializer): nothing ordered
}

// stamp adds a header to every record.
type stamp struct{ key, value string }

func (s stamp) Before(_ context.Context, r *omnibus.Outgoing) (any, error) {
	r.Headers = append(r.Headers, omnibus.Header{Key: s.key, Value: []byte(s.value)})
	return nil, nil
}

func (stamp) After(any, omnibus.Ack, error) {}

// audit follows each record from its acceptance to its outcome. What Before returns comes back in After.
type audit struct{}

func (audit) Before(_ context.Context, r *omnibus.Outgoing) (any, error) {
	return fmt.Sprintf("%s (%d headers)", r.Value, len(r.Headers)), nil
}

func (audit) After(state any, ack omnibus.Ack, err error) {
	fmt.Printf("%s: offset %d, error %v\n", state, ack.Offset, err)
}

// Interceptors form a chain: Before in their order, After in the reverse.
func ExampleInterceptor() {
	brokers, stop := startCluster()
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{
		Brokers:      brokers,
		Interceptors: []omnibus.Interceptor{stamp{"origin", "shop 7"}, audit{}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range []string{"a book", "a pen"} {
		if _, err := p.Send(context.Background(), omnibus.Record{Topic: "orders", Value: []byte(item)}); err != nil {
			log.Fatal(err)
		}
	}
	p.Close()
	// Output:
	// a book (1 headers): offset 0, error <nil>
	// a pen (1 headers): offset 1, error <nil>
}

// vip keeps partition 0 for one customer and puts the others where Java's client would among the rest.
type vip struct{ customer string }

func (v vip) Partition(_ string, key, _ []byte, p omnibus.Partitions) (int32, error) {
	if string(key) == v.customer || p.Count() == 1 {
		return 0, nil
	}
	return 1 + omnibus.JavaPartition(key, int32(p.Count()-1)), nil
}

// A partitioner of one's own decides for records that name no partition themselves.
func ExamplePartitioner() {
	brokers, stop := startClusterOf(4)
	defer stop()
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: brokers, Partitioner: vip{"acme"}})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	for _, customer := range []string{"acme", "zenith", "acme"} {
		ack, err := p.Send(context.Background(), omnibus.Record{Topic: "orders", Key: []byte(customer)})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(customer, "has partition 0:", ack.Partition == 0)
	}
	// Output:
	// acme has partition 0: true
	// zenith has partition 0: false
	// acme has partition 0: true
}
