package test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

func TestSmoke(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Topic("orders", 3))
	p, err := omnibus.Open(context.Background(), omnibus.Config{Brokers: c.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ack, err := p.Send(ctx, omnibus.Record{Topic: "orders", Value: []byte("hello")})
	fmt.Println(ack, err)
	for i := range 100000 {
		if _, err := p.Enqueue(ctx, omnibus.Record{Topic: "orders", Key: []byte(fmt.Sprint(i)), Value: []byte("hello")}); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println(p.Close())
}
