package kafkatest

import (
	"os"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/realkafka"
)

// KafkaVersion is the Apache Kafka that StartKafka runs: the newest whose
// command-line tools are all on Maven Central.
const KafkaVersion = realkafka.Version

// Kafka is a cluster of real Apache Kafka brokers, one Java process each, in
// KRaft mode with every node broker and controller. A Kafka belongs to one test
// and fails it when something cannot be done; its methods are for the test's own
// goroutine.
type Kafka struct {
	t        testing.TB
	ensemble *realkafka.Ensemble
}

// KafkaOption changes the cluster that StartKafka starts.
type KafkaOption func(*realkafka.Settings)

// Property sets one line of every node's server.properties, over what this
// package sets. It may be given many times.
func Property(name, value string) KafkaOption {
	return func(s *realkafka.Settings) { s.Properties = append(s.Properties, [2]string{name, value}) }
}

// JVMFlags adds flags to every broker's JVM, after this package's own
// (-Xms128m -Xmx512m), which they override.
func JVMFlags(flags ...string) KafkaOption {
	return func(s *realkafka.Settings) { s.JVMFlags = append(s.JVMFlags, flags...) }
}

// FullSpeed leaves out the flags that make a JVM start fast and run slowly
// (-XX:TieredStopAtLevel=1 -XX:+UseSerialGC): for measurements.
func FullSpeed() KafkaOption { return func(s *realkafka.Settings) { s.FullSpeed = true } }

// BehindProxies puts a Proxy before each node and advertises its address, so that
// clients always come through it: see Kafka.Proxy. The brokers' replication among
// themselves, and this package's own requests, do not.
func BehindProxies() KafkaOption { return func(s *realkafka.Settings) { s.Proxies = true } }

// StartKafka starts a cluster with that many nodes (at least 1; their ids count
// from 1), waits until it is ready, and kills it when the test ends. A failed
// test logs the last lines of each node's log. Where Java or Maven is missing
// RequireKafka ends the test.
//
// With three nodes or more, topics have replication factor 3 and
// min.insync.replicas 2, and unclean leader election is off; with fewer the
// factors are 1. So that tests are quick, a node that is silent for 3 seconds
// (Kafka's own default: 9) loses its leaderships, and the internal topics have 3
// partitions instead of 50. Property can set all of it otherwise.
func StartKafka(t testing.TB, nodes int, opts ...KafkaOption) *Kafka {
	t.Helper()
	e := startEnsemble(t, nodes, opts)
	t.Cleanup(e.Close)
	return lend(e, t)
}

// lend makes the ensemble serve one test.
func lend(e *realkafka.Ensemble, t testing.TB) *Kafka {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(e.Tails())
		}
	})
	return &Kafka{t: t, ensemble: e}
}

func startEnsemble(t testing.TB, nodes int, opts []KafkaOption) *realkafka.Ensemble {
	t.Helper()
	if nodes < 1 {
		t.Fatalf("kafkatest: a Kafka with %d nodes: want at least 1", nodes)
	}
	settings := realkafka.Settings{Nodes: nodes}
	for _, opt := range opts {
		opt(&settings)
	}
	e, err := realkafka.Start(t.Context(), install(t), settings)
	if err != nil {
		t.Fatalf("kafkatest: start Kafka %s: %v", KafkaVersion, err)
	}
	return e
}

// Brokers returns the addresses for clients, in the order of node ids: those of
// the proxies with BehindProxies.
func (k *Kafka) Brokers() []string {
	var addrs []string
	for _, s := range k.ensemble.Servers() {
		addrs = append(addrs, s.Addr())
	}
	return addrs
}

// DirectBrokers returns addresses that no proxy stands before, now nor after the
// metadata was read: for judges that should see the cluster while the tested
// client's network is disturbed.
func (k *Kafka) DirectBrokers() []string {
	var addrs []string
	for _, s := range k.ensemble.Servers() {
		addrs = append(addrs, s.InternalAddr())
	}
	return addrs
}

// ReadyIn returns how long the cluster took from nothing to its first answers.
func (k *Kafka) ReadyIn() time.Duration { return k.ensemble.ReadyIn() }

// Nodes returns every node, in the order of ids.
func (k *Kafka) Nodes() []*Node {
	var nodes []*Node
	for _, s := range k.ensemble.Servers() {
		nodes = append(nodes, &Node{t: k.t, server: s})
	}
	return nodes
}

// Node returns the node with that id; ids count from 1, as Leader gives them.
func (k *Kafka) Node(id int32) *Node {
	k.t.Helper()
	nodes := k.Nodes()
	if id < 1 || int(id) > len(nodes) {
		k.t.Fatalf("kafkatest: no node %d: the cluster has 1 to %d", id, len(nodes))
	}
	return nodes[id-1]
}

// Proxy returns the proxy before a node. The cluster must have been started with
// BehindProxies.
func (k *Kafka) Proxy(id int32) *Proxy {
	k.t.Helper()
	core := k.Node(id).server.Proxy()
	if core == nil {
		k.t.Fatal("kafkatest: the cluster has no proxies: start it with BehindProxies")
	}
	return &Proxy{t: k.t, core: core}
}

// DataDir returns the log.dirs of a node: partition 3 of topic t is in its
// subdirectory "t-3".
func (k *Kafka) DataDir(id int32) string {
	k.t.Helper()
	return k.Node(id).server.DataDir()
}

// RequireKafka makes sure that real Kafka can be run here: Java 17 or newer (from
// JAVA_HOME or PATH) and, unless its jars are already in the cache, Maven. If
// something is missing it skips the test, or fails it when the environment
// has CI=true. With -short it skips always. StartKafka and the Java tools call
// it by themselves.
//
// The cache is omnibus-kafkatest in the user's cache directory, or the directory that
// OMNIBUS_KAFKA_CACHE names.
func RequireKafka(t testing.TB) {
	t.Helper()
	requireKafka(t)
}

// requireKafka returns the java to use, or does not return.
func requireKafka(t testing.TB) (java string) {
	t.Helper()
	if testing.Short() {
		t.Skip("kafkatest: real Kafka is not started with -short")
	}
	java, missing := realkafka.Look(t.Context())
	if missing == nil {
		return java
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("kafkatest: this test needs real Kafka, and CI=true forbids to skip it: %v", missing)
	}
	t.Skipf("kafkatest: skipped, as this test needs real Kafka: %v", missing)
	return ""
}

func install(t testing.TB) realkafka.Installation {
	t.Helper()
	inst, err := realkafka.Install(t.Context(), requireKafka(t))
	if err != nil {
		t.Fatalf("kafkatest: fetch Kafka %s: %v", KafkaVersion, err)
	}
	return inst
}
