package main

import (
	"testing"

	"github.com/omnibus-kafka/omnibus/bench/internal/clienttest"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
)

func TestLibrdkafkaDelivers(t *testing.T) {
	if testing.Short() {
		t.Skip("other people's code")
	}
	c := contender()
	if c.Missing != "" {
		t.Skip(c.Missing)
	}
	clienttest.Test(t, []drive.Contender{c})
}
