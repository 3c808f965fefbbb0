package test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// lostAnswers is how many batches are in the log without the producer's knowing: as many as a running broker recognizes,
// four more than one that was restarted.
const lostAnswers = 5

// lostAnswersScenario lets five batches of each entrant be appended and their answers lost, while somebody else writes to the
// same partitions; then it does to the brokers what the test says.
type lostAnswersScenario struct {
	k        *kafkatest.Kafka
	leader   int32 // of all partitions
	by       *bystander
	entrants []entrant
}

// entrant is a contender and the topic that it writes to, with one partition.
type entrant struct {
	*contender
	topic string
	ours  *ours // nil for the others
	// allow, if set, says that nobody may read the topic until it is called.
	allow func()
}

// run plays the scenario and compares what the logs have with what they should have.
func (s *lostAnswersScenario) run(t *testing.T, fault func()) {
	t.Helper()
	for _, e := range s.entrants {
		e.send(line{topic: e.topic, value: "w0"})
		e.mustFlush(t)
	}
	s.k.Proxy(s.leader).SwallowResponses(true)
	want := []string{"w0"}
	for i := 1; i <= lostAnswers; i++ {
		value, other := fmt.Sprint("r", i), fmt.Sprint("x", i)
		for _, e := range s.entrants {
			e.send(line{topic: e.topic, value: value})
		}
		for _, e := range s.entrants {
			s.by.waitEnd(e.topic, 0, int64(2*i))
			s.by.write(line{topic: e.topic, value: other})
		}
		want = append(want, value, other)
	}
	for _, e := range s.entrants {
		e.isInDoubt(t, s.by, want)
	}
	fault()
	s.k.Proxy(s.leader).CutAll()
	s.k.Proxy(s.leader).SwallowResponses(false)
	for _, e := range s.entrants {
		e.mustFlush(t)
	}
	for _, e := range s.entrants {
		e.judge(t, s.by, want)
	}
}

// mustFlush waits until the entrant's records have their outcomes.
func (e *entrant) mustFlush(t *testing.T) {
	t.Helper()
	if failed := e.flush(); len(failed) > 0 {
		if t.Logf("%s: %v", e.name, failed); e.ours != nil {
			t.Errorf("%s: %d records failed", e.name, len(failed))
		}
	}
}

// isInDoubt makes sure that the scenario is what it should be: all batches are in the log, and no answer was heard.
func (e *entrant) isInDoubt(t *testing.T, by *bystander, want []string) {
	t.Helper()
	if e.allow == nil { // else the log's end has shown it
		if got := by.values(e.topic)[0]; !slices.Equal(got, want) {
			t.Fatalf("%s: before the fault the log has %v", e.name, got)
		}
	}
	if e.ours != nil && e.ours.Stats().RequestsInFlight != lostAnswers {
		t.Fatalf("%s: %d requests in flight, want %d", e.name, e.ours.Stats().RequestsInFlight, lostAnswers)
	}
}

// judge compares a log with what it should have, and what was told with it. Of the clients that stand beside only the result
// is printed.
func (e *entrant) judge(t *testing.T, by *bystander, want []string) {
	t.Helper()
	if e.allow != nil {
		e.allow()
	}
	got := by.values(e.topic)[0]
	t.Logf("%-19s %d of %d records twice: %v", e.name, twice(got), lostAnswers, got)
	if e.ours == nil {
		return
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the log has\n%v, want\n%v", e.name, got, want)
	}
	for value, result := range e.ours.outcomes {
		offset := result.Ack.Offset
		if result.Err == nil && offset >= 0 && (offset >= int64(len(got)) || got[offset] != value) {
			t.Errorf("%s: %s is said to be at offset %d", e.name, value, offset)
		}
		// Who may not read is told the offset of the batch that the broker recognized, and of those before it only that
		// they are in.
		if known := e.allow == nil || value == "w0" || value == "r5"; known != (offset >= 0) {
			t.Errorf("%s: %s is said to be at offset %d", e.name, value, offset)
		}
	}
	s := e.ours.Stats()
	if s.DataLosses > 0 {
		t.Errorf("%s: %d false alarms of lost data", e.name, s.DataLosses)
	}
	t.Logf("%-19s %+v", e.name, s.RequestStats)
}

// createLed makes a topic with three replicas whose partitions have the leaders that are named.
func (b *bystander) createLed(topic string, leaders ...int32) {
	b.t.Helper()
	b.k.CreateTopic(topic, len(leaders), nil)
	for partition, leader := range leaders {
		preferLeader(b.t, b.client, topic, int32(partition), leader)
		eventually(b.t, 20*time.Second, fmt.Sprintf("broker %d leads partition %d of %s", leader, partition, topic), func() bool {
			return b.k.Leader(topic, int32(partition)) == leader
		})
	}
	b.k.WaitInSync(topic)
}
