package test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

const (
	// loadPartitions is how many partitions the topics under load have.
	loadPartitions = 6
	// frozenFor is how long the leader stands still: long enough for the others to elect another, and for it to wake up
	// with requests in its sockets that it is no longer to carry out.
	frozenFor = 20 * time.Second
)

// TestNothingIsLostWhileBrokersDieAndFreeze puts three loads on one cluster and has every broker killed once and the
// leader paused once, each fault only when all replicas are in sync again and requests are on their way to the victim.
// Afterwards the checker compares what each producer told with what Kafka has.
//
//	faults-idempotent   the defaults: acks=all, 5 in flight, each record exactly once and in order
//	faults-plain        no idempotence, 1 in flight: nothing lost, in order, doubles counted
//	faults-shared       four producers in two processes, each one's order
func TestNothingIsLostWhileBrokersDieAndFreeze(t *testing.T) {
	kafkatest.RequireKafka(t)
	noLeaks(t)
	k := kafkatest.StartKafka(t, 3)
	topics := []string{"faults-idempotent", "faults-plain", "faults-shared"}
	for _, topic := range topics {
		k.CreateTopic(topic, loadPartitions, nil)
	}
	run := rand.Uint64()
	began := time.Now()
	idempotent, bursts := startIdempotent(t, k, topics[0], run)
	plain := startPlain(t, k, topics[1], run)
	shared := startShared(t, k, topics[2], run)

	script := &faultScript{k: k, topics: topics, load: idempotent, bursts: bursts}
	for _, node := range []int32{1, 2, 3} {
		script.kill(t, node)
	}
	script.freeze(t, k.Leader(topics[0], 0))
	script.inSync(t)
	t.Logf("the faults took %v", time.Since(began).Round(time.Second))
	mustFinish(t, idempotent)
	mustFinish(t, plain)
	processes := shared.finish(t)

	t.Run("idempotent", func(t *testing.T) {
		r := checked(kafkatest.ReadTopic(t, k.Brokers(), topics[0]), check.Rules{}, idempotent.histories())
		mustBeInnocent(t, r)
		if r.Acked < 1_000_000 {
			t.Errorf("only %d records were acked, want at least 1,000,000", r.Acked)
		}
	})
	t.Run("without idempotence, one in flight", func(t *testing.T) {
		mustBeInnocent(t, checked(kafkatest.ReadTopic(t, k.Brokers(), topics[1]), check.Rules{Duplicates: true}, plain.histories()))
	})
	t.Run("four producers in two processes", func(t *testing.T) {
		mustBeInnocent(t, checked(kafkatest.ReadTopic(t, k.Brokers(), topics[2]), check.Rules{}, processes))
	})
}

// startIdempotent starts the main load: 1,000,000 records by writers of every kind, and one more writer for the bursts
// around the faults.
func startIdempotent(t *testing.T, k *kafkatest.Kafka, topic string, run uint64) (l *load, bursts *writer) {
	keyed := newWriter(topic, run, 1, wayKeyed, 400_000)
	sticky := newWriter(topic, run, 2, waySticky, 350_000)
	explicit := newWriter(topic, run, 3, wayExplicit, 250_000)
	waiting := newWriter(topic, run, 4, waySend, 0)
	keyed.rate, sticky.rate, explicit.rate, waiting.rate = 9000, 8000, 6000, 50
	l = startLoad(t, omnibus.Config{Brokers: k.Brokers()}, topic, keyed, sticky, explicit, waiting)
	bursts = newWriter(topic, run, 5, wayExplicit, 1_000_000)
	l.writers = append(l.writers, bursts)
	return l, bursts
}

// startPlain starts the load without idempotence. Its requests time out before the paused leader wakes up, so that the
// leader then finds requests which were sent again elsewhere.
func startPlain(t *testing.T, k *kafkatest.Kafka, topic string, run uint64) *load {
	keyed := newWriter(topic, run, 1, wayKeyed, 60_000)
	sticky := newWriter(topic, run, 2, waySticky, 60_000)
	keyed.rate, sticky.rate = 800, 800
	return startLoad(t, omnibus.Config{
		Brokers: k.Brokers(), DisableIdempotence: true, MaxInFlight: 1, RequestTimeout: 8 * time.Second,
	}, topic, keyed, sticky)
}

// mustFinish ends a load whose records must all have arrived.
func mustFinish(t *testing.T, l *load) {
	t.Helper()
	began, before := time.Now(), l.producer.Stats()
	if err := l.finish(); err != nil {
		t.Errorf("%s: the producer did not end well: %v", l.topic, err)
	}
	after := l.producer.Stats()
	if after.BufferUsedBytes != 0 {
		t.Errorf("%s: %d bytes of buffer.memory were not given back", l.topic, after.BufferUsedBytes)
	}
	if after.DataLosses > 0 {
		t.Errorf("%s: %d false alarms of lost data", l.topic, after.DataLosses)
	}
	t.Logf("%s: %d records before it was to end, %d more in %v; %d batches sent again, %d requests lost",
		l.topic, before.Accepted, after.Accepted-before.Accepted, time.Since(began).Round(time.Millisecond),
		after.RetriedBatches, after.RequestsLost)
}

// mustBeInnocent fails the test for every violation, and for records without a certain outcome: all faults here are shorter than
// the delivery timeout.
func mustBeInnocent(t *testing.T, r *check.Report) {
	t.Helper()
	t.Log(r)
	if len(r.Violations) > 0 {
		t.Errorf("the contract was broken: see above")
	}
	if r.Acked == 0 || r.Acked != r.Records {
		t.Errorf("%d of %d records were acked, want all", r.Acked, r.Records)
	}
}

// faultScript disturbs a cluster under load.
type faultScript struct {
	k      *kafkatest.Kafka
	topics []string
	load   *load
	bursts *writer
}

// inSync waits until every replica of the topics is in sync, so that a fault cannot lose what Kafka has acked.
func (s *faultScript) inSync(t *testing.T) {
	t.Helper()
	for _, topic := range s.topics {
		s.k.WaitInSync(topic)
	}
}

// kill kills a broker under load and starts it again.
func (s *faultScript) kill(t *testing.T, victim int32) {
	t.Helper()
	began := time.Now()
	hit := s.strike(t, victim, s.k.Node(victim).Kill, func() {
		s.k.Node(victim).Start()
		s.inSync(t)
	})
	t.Logf("broker %d was killed with %d batches in flight, and was in sync again after %v",
		victim, hit, time.Since(began).Round(100*time.Millisecond))
}

// freeze pauses a broker under load.
func (s *faultScript) freeze(t *testing.T, victim int32) {
	t.Helper()
	hit := s.strike(t, victim, s.k.Node(victim).Pause, func() {
		pause(frozenFor)
		s.k.Node(victim).Resume()
		s.inSync(t)
	})
	t.Logf("broker %d was paused for %v with %d batches in flight, and is in sync again", victim, frozenFor, hit)
}

// strike has a fault happen to a broker at a moment at which requests are in flight to it, and then mends it. It returns
// how many batches the fault hit: those that its partitions had to send again, because neither a dead broker nor a
// deposed leader acknowledges anything.
func (s *faultScript) strike(t *testing.T, victim int32, fault, mend func()) (hit int) {
	t.Helper()
	s.inSync(t)
	var led []int32
	for partition := range int32(loadPartitions) {
		if s.k.Leader(s.load.topic, partition) == victim {
			led = append(led, partition)
		}
	}
	if len(led) == 0 {
		t.Fatalf("broker %d leads no partition of %s", victim, s.load.topic)
	}
	traffic := s.load.traffic
	before, _ := traffic.of(victim)
	stop := s.load.burst(s.bursts, led)
	eventually(t, 30*time.Second, "the burst reaches its broker", func() bool {
		answered, _ := traffic.of(victim)
		return answered >= before+5 && s.load.producer.Stats().RequestsInFlight > 0
	})
	retried := traffic.retried(led)
	fault()
	stop()
	mend()
	eventually(t, 40*time.Second, "batches that were in flight at the fault are sent again", func() bool {
		hit = traffic.retried(led) - retried
		return hit > 0
	})
	return hit
}
