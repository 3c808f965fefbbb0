package main

import (
	"testing"

	"github.com/omnibus-kafka/omnibus/bench/internal/clienttest"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
)

func TestRivalsDeliver(t *testing.T) {
	if testing.Short() {
		t.Skip("other people's code")
	}
	clienttest.Test(t, []drive.Contender{drive.InProcess(saramaMaker()), drive.InProcess(kafkaGoMaker())})
}
