package main

import (
	"testing"

	"github.com/omnibus-kafka/omnibus/bench/internal/clienttest"
)

func TestLibrdkafkaDelivers(t *testing.T) {
	c := contender()
	if c.Missing != "" {
		t.Skip(c.Missing)
	}
	clienttest.Test(t, c)
}
