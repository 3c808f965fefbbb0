package clienttest_test

import (
	"testing"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/clienttest"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
)

func TestClientsDeliver(t *testing.T) {
	var all []drive.Contender
	for _, maker := range client.Makers() {
		all = append(all, drive.InProcess(maker))
	}
	clienttest.Test(t, all)
}
