package clienttest_test

import (
	"testing"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/clienttest"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
)

func TestClientsDeliver(t *testing.T) {
	for _, maker := range client.Makers() {
		t.Run(maker.Name, func(t *testing.T) { clienttest.Test(t, drive.InProcess(maker)) })
	}
}
