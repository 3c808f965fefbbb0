package kafkatest

import (
	"sync"
	"testing"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/realkafka"
)

// SharedKafka is a cluster that all tests of a package use, since starting one
// takes seconds. The zero value is ready; the first Get starts the cluster:
//
//	var shared kafkatest.SharedKafka
//
//	func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }
//
//	func TestSomething(t *testing.T) {
//		k := shared.Get(t, 3)
//
// Tests share its topics, so each should create its own. The cluster dies with
// the process even without Run or Close; only its files in the directory for
// temporary files are then left. It must not be copied.
type SharedKafka struct {
	mu struct {
		sync.Mutex
		ensemble *realkafka.Ensemble
	}
}

// Get returns the cluster for use in t. Nodes that an earlier test stopped or
// paused run again and their proxies do nothing. The number of nodes and the
// options count at the first call only; a later one that wants another number
// fails the test. Tests that use one cluster must not be parallel if any of them
// disturbs it.
func (s *SharedKafka) Get(t testing.TB, nodes int, opts ...KafkaOption) *Kafka {
	t.Helper()
	// Held for the whole start, on purpose: who comes second has to wait for it.
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.ensemble == nil {
		s.mu.ensemble = startEnsemble(t, nodes, opts)
	}
	e := s.mu.ensemble
	if have := len(e.Servers()); have != nodes {
		t.Fatalf("kafkatest: the shared Kafka has %d nodes, this test wants %d: use another SharedKafka", have, nodes)
	}
	if err := e.Heal(t.Context()); err != nil {
		t.Fatalf("kafkatest: mend the shared Kafka: %v\n%s", err, e.Tails())
	}
	return lend(e, t)
}

// Run runs the tests of m, closes the cluster and returns the exit code.
func (s *SharedKafka) Run(m *testing.M) int {
	defer s.Close()
	return m.Run()
}

// Close kills the cluster, if one was started. A later Get starts a new one.
func (s *SharedKafka) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.ensemble != nil {
		s.mu.ensemble.Close()
		s.mu.ensemble = nil
	}
}
