package main

import (
	"testing"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/clienttest"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
)

func TestRivalsDeliver(t *testing.T) {
	if testing.Short() {
		t.Skip("other people's code")
	}
	for _, maker := range []client.Maker{saramaMaker(), kafkaGoMaker()} {
		t.Run(maker.Name, func(t *testing.T) { clienttest.Test(t, drive.InProcess(maker)) })
	}
}
