package metadata

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/metadata/control"
)

// leader is the leader and epoch that the picture shows for a partition.
func (s *scripted) leader(topic string, partition int32) (int32, int32) {
	p := s.manager.Cluster().Topics[topic].Partitions[partition]
	return p.Leader, p.LeaderEpoch
}

// refresh asks for a topic and waits for the answer.
func (s *scripted) refresh(topic string) {
	s.pass(2 * time.Second)
	s.manager.Refresh(topic)
	s.pass(100 * time.Millisecond)
}

func TestLeaderOfAnOlderEpochIsIgnored(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 5, 1)
		s.mustWait("t")
		s.setTopic("t", 1, 4, 2)
		s.refresh("t")
		if leader, epoch := s.leader("t", 0); leader != 1 || epoch != 5 {
			t.Fatalf("leader %d in epoch %d, want 1 in 5", leader, epoch)
		}
		if n := s.manager.Stats().StaleAnswers; n != 1 {
			t.Fatalf("%d stale answers, want 1", n)
		}
		s.setTopic("t", 1, 6, 2)
		s.refresh("t")
		if leader, epoch := s.leader("t", 0); leader != 2 || epoch != 6 {
			t.Fatalf("leader %d in epoch %d, want 2 in 6", leader, epoch)
		}
		if n := s.manager.Stats().LeaderChanges; n != 1 {
			t.Fatalf("%d leader changes, want 1", n)
		}
	})
}

func TestLeaderOfTheSameEpochIsBelieved(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.mustWait("t")
		s.setTopic("t", 1, 0, 2)
		s.refresh("t")
		if leader, _ := s.leader("t", 0); leader != 2 {
			t.Fatalf("leader %d, want 2: some services never move the epoch", leader)
		}
	})
}

func TestRecreatedTopicIsTakenWithItsOlderEpochs(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 9, 1, 1, 1)
		s.mustWait("t")
		s.setTopic("t", 2, 0, 2)
		s.refresh("t")
		topic := s.manager.Cluster().Topics["t"]
		if topic.ID != [16]byte{2} || len(topic.Partitions) != 1 || topic.Partitions[0].LeaderEpoch != 0 {
			t.Fatalf("topic %+v, want the new one", topic)
		}
		last := s.updates[len(s.updates)-1]
		if !reflect.DeepEqual(last.changed, []string{"t"}) || last.previous.Topics["t"].ID == last.next.Topics["t"].ID {
			t.Fatalf("update %+v does not show the new id", last)
		}
	})
}

func TestRecreatedTopicWithoutIDIsBelievedInTheEnd(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 0, 9, 1)
		s.mustWait("t")
		s.setTopic("t", 0, 0, 2)
		for range staleMax - 1 {
			s.refresh("t")
		}
		if leader, _ := s.leader("t", 0); leader != 1 {
			t.Fatalf("leader %d, want 1: so few older answers are merely late", leader)
		}
		s.refresh("t")
		if leader, epoch := s.leader("t", 0); leader != 2 || epoch != 0 {
			t.Fatalf("leader %d in epoch %d, want 2 in 0: the topic was made anew", leader, epoch)
		}
	})
}

func TestAnEpochThatNothingConfirmsIsGivenUp(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, math.MaxInt32, 2, 2) // a liar's
		s.mustWait("t")
		s.setTopic("t", 1, 7, 1, 1)
		for range staleMax - 1 {
			s.refresh("t")
		}
		if leader, _ := s.leader("t", 1); leader != 2 {
			t.Fatalf("leader %d, want 2: so few older answers are merely late", leader)
		}
		s.refresh("t")
		if leader, epoch := s.leader("t", 1); leader != 1 || epoch != 7 {
			t.Fatalf("leader %d in epoch %d, want 1 in 7: everybody says so", leader, epoch)
		}
		s.setTopic("t", 1, 6, 2, 2)
		for range 2 * staleMax {
			s.refresh("t")
		}
		if leader, epoch := s.leader("t", 1); leader != 1 || epoch != 7 {
			t.Fatalf("leader %d in epoch %d, want 1 in 7: brokers can be a little behind for long", leader, epoch)
		}
	})
}

func TestShrunkenTopicOfTheSameIDKeepsItsPartitions(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1, 1, 2)
		s.mustWait("t")
		s.setTopic("t", 1, 0, 1, 1)
		s.refresh("t")
		if n := len(s.manager.Cluster().Topics["t"].Partitions); n != 3 {
			t.Fatalf("%d partitions, want 3: Kafka never takes any away", n)
		}
	})
}

func TestKnownTopicSurvivesAnswersThatDoNotKnowIt(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 3, 1)
		known := s.mustWait("t")
		s.setTopicCode("t", 3)
		s.pass(2 * time.Second)
		s.manager.Refresh("t")
		s.pass(50 * time.Millisecond)
		topic := s.manager.Cluster().Topics["t"]
		if !topic.Usable() || topic.Code != 3 || topic.ID != known.ID {
			t.Fatalf("after one such answer the topic is %+v, want it usable", topic)
		}
		// No one asks again, yet the doubt is cleared up.
		s.pass(2 * time.Second)
		if topic := s.manager.Cluster().Topics["t"]; topic.Usable() || topic.Code != 3 || len(topic.Available) != 0 {
			t.Fatalf("after %d such answers the topic is %+v, want it gone", goneAfter, topic)
		}
		n := len(s.requests())
		s.pass(time.Minute)
		if got := len(s.requests()) - n; got != 0 {
			t.Fatalf("%d requests for a topic that is gone and that nobody wants, want none", got)
		}
	})
}

func TestTopicJustMadeIsAskedForAgainWithoutWaiters(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopicCode("t", 5)
		s.manager.Want("t")
		s.pass(time.Second)
		s.setTopic("t", 1, 0, 1)
		s.pass(1100 * time.Millisecond)
		if topic := s.manager.Cluster().Topics["t"]; topic == nil || !topic.Usable() {
			t.Fatalf("topic %+v, want it found without anybody waiting", topic)
		}
	})
}

func TestLeaderlessPartitionsAreNotAvailable(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1, -1, 2, 7) // broker 7 is in nobody's list
		topic := s.mustWait("t")
		if !reflect.DeepEqual(topic.Available, []int32{0, 2}) || topic.Partitions[3].Leader != -1 {
			t.Fatalf("topic %+v, want partitions 0 and 2 available", topic)
		}
		if _, ok := s.manager.Cluster().Leader("t", 3); ok {
			t.Fatal("a partition is led by a broker that nobody knows")
		}
		s.setTopic("t", 1, 0, 1, 1, 2, 2)
		s.refresh("t")
		if topic := s.manager.Cluster().Topics["t"]; len(topic.Available) != 4 {
			t.Fatalf("topic %+v, want all available", topic)
		}
	})
}

func TestUnchangedAnswerPublishesNothing(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.mustWait("t")
		before, updates := s.manager.Cluster(), len(s.updates)
		s.refresh("t")
		if s.manager.Cluster() != before || len(s.updates) != updates {
			t.Fatal("an answer without news was published")
		}
	})
}

func TestPublishedPicturesNeverChange(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1, 1)
		topic := s.mustWait("t")
		before := s.manager.Cluster()
		s.manager.Hint(Hint{Topic: "t", Partition: 0, Leader: 2, LeaderEpoch: 8})
		s.pass(time.Millisecond)
		s.setTopic("t", 1, 9, 2, 2, 2)
		s.refresh("t")
		want := []Partition{{Leader: 1}, {Leader: 1}}
		if before.Topics["t"] != topic || !reflect.DeepEqual(topic.Partitions, want) || !reflect.DeepEqual(topic.Available, []int32{0, 1}) {
			t.Fatalf("the old picture became %+v", topic)
		}
	})
}

func TestHintMovesALeaderAtOnce(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 5, 1, 1)
		s.mustWait("t")
		n := len(s.requests())
		s.manager.Hint(Hint{Topic: "t", TopicID: [16]byte{1}, Partition: 1, Leader: 2, LeaderEpoch: 6})
		s.manager.Hint(Hint{Topic: "t", Partition: 0, Leader: 9, LeaderEpoch: 6, Nodes: []Broker{NewBroker(9, "b9", 9092, "r")}})
		s.pass(time.Millisecond)
		if b, ok := s.manager.Cluster().Leader("t", 1); !ok || b.ID != 2 {
			t.Errorf("leader of partition 1 is %+v, want broker 2", b)
		}
		if b, ok := s.manager.Cluster().Leader("t", 0); !ok || b.Address != "b9:9092" {
			t.Errorf("leader of partition 0 is %+v, want the hinted endpoint", b)
		}
		if len(s.requests()) != n {
			t.Error("a hint cost a request")
		}
		if last := s.updates[len(s.updates)-1]; !reflect.DeepEqual(last.changed, []string{"t"}) {
			t.Errorf("update told of %v, want the topic", last.changed)
		}
	})
}

func TestHintIsAppliedWhileARequestHangs(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 5, 1)
		s.mustWait("t")
		s.script(func() { s.mu.delay = time.Hour })
		s.manager.Want("other")
		s.pass(time.Millisecond)
		s.manager.Hint(Hint{Topic: "t", Partition: 0, Leader: 2, LeaderEpoch: 6})
		s.pass(time.Millisecond)
		if leader, _ := s.leader("t", 0); leader != 2 {
			t.Fatalf("leader %d, want 2", leader)
		}
	})
}

func TestUselessHintsAreIgnored(t *testing.T) {
	for name, hint := range map[string]Hint{
		"same epoch":         {Topic: "t", Leader: 2, LeaderEpoch: 5},
		"older epoch":        {Topic: "t", Leader: 2, LeaderEpoch: 4},
		"unknown leader":     {Topic: "t", Leader: 9, LeaderEpoch: 6},
		"no leader":          {Topic: "t", Leader: -1, LeaderEpoch: 6},
		"another topic id":   {Topic: "t", TopicID: [16]byte{2}, Leader: 2, LeaderEpoch: 6},
		"unknown topic":      {Topic: "u", Leader: 2, LeaderEpoch: 6},
		"unknown partition":  {Topic: "t", Partition: 1, Leader: 2, LeaderEpoch: 6},
		"negative partition": {Topic: "t", Partition: -1, Leader: 2, LeaderEpoch: 6},
		"bad endpoint":       {Topic: "t", Leader: 9, LeaderEpoch: 6, Nodes: []Broker{NewBroker(9, "b9", 0, "")}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, s *scripted) {
				s.setTopic("t", 1, 5, 1)
				s.mustWait("t")
				before := s.manager.Cluster()
				s.manager.Hint(hint)
				s.pass(time.Millisecond)
				if s.manager.Cluster() != before {
					t.Fatalf("the picture became %+v", s.manager.Cluster().Topics["t"])
				}
			})
		})
	}
}

func TestRebootstrapFindsTheClusterAtItsNewAddresses(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 9, 1)
		s.mustWait("t")
		s.setBrokers(11, 12) // all brokers replaced, and with them the epochs
		s.setTopic("t", 1, 2, 11)
		s.setDown(true, b1, b2)
		s.manager.RefreshNow("connection lost")
		s.pass(2 * time.Second)
		if b, ok := s.manager.Cluster().Leader("t", 0); !ok || b.ID != 11 {
			t.Fatalf("leader %+v, want broker 11: epochs do not count after a rebootstrap", b)
		}
		if n := s.manager.Stats().Rebootstraps; n != 1 {
			t.Fatalf("%d rebootstraps, want 1", n)
		}
	})
}

func TestRebootstrapRequiredIsObeyedAtOnce(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.mustWait("t")
		s.pass(10 * time.Second)
		n := len(s.requests())
		s.script(func() { s.mu.code = 129 })
		s.manager.RefreshNow("test")
		s.pass(0)
		s.script(func() { s.mu.code = 0 })
		s.pass(5 * time.Millisecond)
		requests := s.requests()[n:]
		if len(requests) != 2 || requests[0].from == boot || requests[1].from != boot {
			t.Fatalf("requests %+v, want a broker and then boot, at once", requests)
		}
		if n := s.manager.Stats().Rebootstraps; n != 1 {
			t.Fatalf("%d rebootstraps, want 1", n)
		}
		if s.manager.Cluster().Topics["t"] == nil {
			t.Fatal("the picture was emptied")
		}
	})
}

func TestLongTroubleWithConnectedBrokersTriggersRebootstrap(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.manager.Ready(t.Context())
		s.setDown(true, boot)
		s.manager.RefreshNow("test")
		s.pass(time.Second)
		s.script(func() { s.mu.code = -1 }) // connected, but of no use
		s.manager.RefreshNow("test")
		s.pass(4 * time.Minute)
		if n := s.manager.Stats().Rebootstraps; n != 0 {
			t.Fatalf("%d rebootstraps after 4 minutes, want none yet", n)
		}
		s.pass(2 * time.Minute)
		if n := s.manager.Stats().Rebootstraps; n != 1 {
			t.Fatalf("%d rebootstraps after 6 minutes, want 1", n)
		}
	})
}

func TestKeepBrokersStaysWithThem(t *testing.T) {
	keep := func(_ *Config, c *control.Config) { c.KeepBrokers = true }
	run(t, func(t *testing.T, s *scripted) {
		s.manager.Ready(t.Context())
		s.setDown(true, b1, b2)
		s.manager.RefreshNow("test")
		s.pass(20 * time.Minute)
		if n := s.manager.Stats().Rebootstraps; n != 0 {
			t.Fatalf("%d rebootstraps, want none", n)
		}
		s.setDown(false, b1)
		s.pass(3 * time.Second)
		if age := s.manager.Stats().Age; age > 3*time.Second {
			t.Fatalf("age %v, want the broker that came back to be asked", age)
		}
	}, keep)
}

// Leader is the broker that leads a partition. It reports false if the topic, the partition or its leader is not known.
func (c *Cluster) Leader(topic string, partition int32) (Broker, bool) {
	t := c.Topics[topic]
	if t == nil || partition < 0 || int(partition) >= len(t.Partitions) {
		return Broker{}, false
	}
	b, ok := c.Brokers[t.Partitions[partition].Leader]
	return b, ok
}
