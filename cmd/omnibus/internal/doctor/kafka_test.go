package doctor_test

import (
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/clitest"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/doctor"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// Real brokers answer some questions otherwise than the cluster inside the process does, and do what it does not: one that
// dies leaves the in-sync replicas.
func TestOnRealKafkaAHealthyClusterPassesAndADeadReplicaFails(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts three brokers")
	}
	kafka := kafkatest.StartKafka(t, 3, kafkatest.Property("auto.create.topics.enable", "false"))
	brokers := strings.Join(kafka.Brokers(), ",")
	made := clitest.Run(t, "topic", "create", "orders", "-b", brokers, "--partitions", "3", "--replication-factor", "3", "--config", "min.insync.replicas=3")
	if want := "orders: created, 3 partitions, replication factor 3\n"; made.Code != cli.ExitOK || made.Out != want {
		t.Fatalf("code %d: %s%s", made.Code, made.Out, made.Err)
	}
	kafka.WaitInSync("orders")

	findings, result := examine(t, "orders", "-b", brokers)
	for _, f := range findings {
		if f.Status != doctor.Pass {
			t.Errorf("a healthy cluster: %+v", f)
		}
	}
	if result.Code != cli.ExitOK || !strings.Contains(result.Out, "as Kafka 4.") {
		t.Errorf("code %d: %s%s", result.Code, result.Out, result.Err)
	}

	findings, _ = examine(t, "missing", "-b", brokers)
	if bad := failed(findings); len(bad) != 1 || bad[0].Check != "topic" || !strings.Contains(bad[0].Text, "auto.create.topics.enable=false") {
		t.Errorf("a missing topic: %+v", bad)
	}

	kafka.Nodes()[2].Stop()
	findings, result = examine(t, "orders", "-b", brokers)
	if bad := failed(findings); len(bad) != 1 || bad[0].Check != "in-sync" || !strings.Contains(bad[0].Fix, "bring back the brokers whose replicas are behind: 3") {
		t.Errorf("a broker that went away: %s%s", result.Out, result.Err)
	}
}
