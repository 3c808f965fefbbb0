package test

import (
	"os"
	"testing"

	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// shared is the three-node Kafka of all tests here that only write topics of their own. A test that needs other options
// (proxies, properties) starts a cluster itself, and no test is parallel to one that stops nodes of this one.
var shared kafkatest.SharedKafka

func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }

// realKafka returns the shared cluster: three nodes, replication factor 3, min.insync.replicas 2, and topics are not
// created by being named.
func realKafka(t testing.TB) *kafkatest.Kafka {
	t.Helper()
	kafkatest.RequireKafka(t)
	return shared.Get(t, 3, kafkatest.Property("auto.create.topics.enable", "false"))
}
