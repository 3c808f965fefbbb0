package metadata

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/metadata/control"
)

func TestReadyWaitsForTheFirstAnswer(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setDown(true, boot)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.manager.Ready(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), boot+" (tcp: connection refused)") {
			t.Fatalf("error %v, want the deadline and what was tried", err)
		}
		if age := s.manager.Stats().Age; age != -1 {
			t.Fatalf("age %v before the first answer, want -1", age)
		}
		s.setDown(false, boot)
		if err := s.manager.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := s.manager.Cluster()
		want := map[int32]Broker{1: NewBroker(1, "b1", 9092, ""), 2: NewBroker(2, "b2", 9092, "")}
		if c.ClusterID != "test" || !reflect.DeepEqual(c.Brokers, want) {
			t.Fatalf("picture %+v, want both brokers", c)
		}
	})
}

func TestNewTopicsAreLookedUpAtOnceAndAlone(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("old", 1, 0, 1)
		s.setTopic("new", 2, 0, 1, 2)
		s.mustWait("old")
		s.manager.Refresh("old")
		before := time.Now()
		topic := s.mustWait("new")
		if took := time.Since(before); took > 2*time.Millisecond {
			t.Errorf("the look-up of a new topic took %v, want one round trip", took)
		}
		if len(topic.Partitions) != 2 || topic.Partitions[1].Leader != 2 || topic.ID != [16]byte{2} {
			t.Errorf("topic %+v, want two partitions", topic)
		}
		requests := s.requests()
		if last := requests[len(requests)-1]; !reflect.DeepEqual(last.topics, []string{"new"}) {
			t.Errorf("asked for %v, want the new topic alone", last.topics)
		}
	})
}

func TestKnownTopicIsReturnedEvenWithoutTime(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.mustWait("t")
		n := len(s.requests())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.manager.Wait(ctx, "t", 0); err != nil {
			t.Fatal(err)
		}
		if len(s.requests()) != n {
			t.Fatal("a known topic cost a request")
		}
	})
}

func TestManyWaitersCostOneLookUp(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.manager.Ready(t.Context())
		n := len(s.requests())
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { s.mustWait("t") })
		}
		group.Wait()
		s.pass(5 * time.Second)
		if got := len(s.requests()) - n; got != 1 {
			t.Fatalf("%d requests for one topic, want 1", got)
		}
	})
}

func TestTopicThatAppearsLateIsFoundWithBackoff(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.manager.Ready(t.Context())
		n := len(s.requests())
		time.AfterFunc(10*time.Second, func() { s.setTopicCode("late", 5) })
		time.AfterFunc(12*time.Second, func() { s.setTopic("late", 1, 0, 1) })
		start := time.Now()
		s.mustWait("late")
		if took := time.Since(start); took < 12*time.Second || took > 13100*time.Millisecond {
			t.Errorf("found after %v, want between 12s and 13s", took)
		}
		requests := s.requests()[n:]
		for i := 1; i < len(requests); i++ {
			nominal := min(100*time.Millisecond<<(i-1), time.Second)
			gap := requests[i].at - requests[i-1].at
			if gap < nominal*8/10 || gap > min(nominal*12/10, time.Second)+5*time.Millisecond {
				t.Errorf("look-up %d came %v after the one before, want about %v", i, gap, nominal)
			}
		}
	})
}

func TestMissingTopicsErrorTellsTheLastAnswer(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		_, err := s.wait("ghost", -1)
		var failed *TopicError
		if !errors.As(err, &failed) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, kerr.UnknownTopicOrPartition) {
			t.Fatalf("error %v, want a TopicError with the deadline and the code", err)
		}
		for _, want := range []string{`topic "ghost" not present in metadata after 1m0s`, "UNKNOWN_TOPIC_OR_PARTITION from b",
			"auto.create.topics.enable"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q lacks %q", err, want)
			}
		}
		if refused(failed.Code) {
			t.Error("a missing topic is not permanent: it may be made")
		}
	})
}

func TestUnreachableClustersErrorTellsWhatWasTried(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setDown(true, boot)
		_, err := s.wait("t", -1)
		var unreachable *control.UnreachableError
		if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "tried "+boot+" (tcp: connection refused)") {
			t.Fatalf("error %v, want what was tried", err)
		}
	})
}

func TestPartitionOutOfRangeWaitsForGrowth(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1, 1, 1)
		s.mustWait("t")
		_, err := s.wait("t", 9)
		if err == nil || !strings.Contains(err.Error(), `partition 9 of topic "t" does not exist: it has 3 (0 to 2), and got no more within 1m0s`) {
			t.Fatalf("error %v, want the partition count", err)
		}
		time.AfterFunc(10*time.Second, func() { s.setTopic("t", 1, 0, 1, 1, 1, 2) })
		topic, err := s.wait("t", 3)
		if err != nil || len(topic.Partitions) != 4 {
			t.Fatalf("got %+v, %v, want four partitions", topic, err)
		}
		if added := s.manager.Stats().PartitionsAdded; added != 1 {
			t.Fatalf("%d partitions added, want 1", added)
		}
	})
}

func TestRefusedTopicsFailAtOnceAndAreAskedForAgainLater(t *testing.T) {
	for code, want := range map[int16]string{17: "INVALID_TOPIC_EXCEPTION", 29: "TOPIC_AUTHORIZATION_FAILED"} {
		t.Run(want, func(t *testing.T) {
			run(t, func(t *testing.T, s *scripted) {
				s.setTopicCode("t", code)
				s.manager.Ready(t.Context())
				start, n := time.Now(), len(s.requests())
				_, err := s.wait("t", -1)
				var failed *TopicError
				if !errors.As(err, &failed) || !refused(failed.Code) || !strings.Contains(err.Error(), want) {
					t.Fatalf("error %v, want a permanent %s", err, want)
				}
				for range 10 {
					s.wait("t", -1)
				}
				if took := time.Since(start); took > 2*time.Millisecond || len(s.requests()) != n+1 {
					t.Fatalf("refused after %v and %d requests, want one round trip", took, len(s.requests())-n)
				}
				s.pass(2 * time.Second)
				s.setTopic("t", 1, 0, 1)
				s.mustWait("t")
			})
		})
	}
}

func TestRefreshIsCoalescedAndBacksOffWhileNothingChanges(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.mustWait("t")
		s.pass(10 * time.Second)
		n := len(s.requests())
		for range 1000 { // a failing partition, every 10 ms for 10 s
			s.manager.Refresh("t", "t")
			s.pass(10 * time.Millisecond)
		}
		if got := len(s.requests()) - n; got < 11 || got > 17 {
			t.Fatalf("%d requests in 10s of errors, want about 13: pauses of 100, 200, 400, 800, 1000 ms", got)
		}
		if first := s.requests()[n].at - 10*time.Second; first > 20*time.Millisecond {
			t.Errorf("the first refresh came %v late, want at once", first)
		}
	})
}

// hammer refreshes a topic every 10 ms for a while and returns the requests that it cost.
func (s *scripted) hammer(topic string, d time.Duration) []asked {
	n := len(s.requests())
	for end := time.Now().Add(d); time.Now().Before(end); s.pass(10 * time.Millisecond) {
		s.manager.Refresh(topic)
	}
	return s.requests()[n:]
}

func TestNewsMakesThePauseStartAnew(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.mustWait("t")
		s.hammer("t", 10*time.Second)
		s.setTopic("t", 1, 1, 2)
		requests := s.hammer("t", 3*time.Second)
		if pause := requests[1].at - requests[0].at; pause > 140*time.Millisecond {
			t.Fatalf("the pause after the news was %v, want about 100ms", pause)
		}
	})
}

func TestQuietMakesThePauseStartAnew(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.mustWait("t")
		s.hammer("t", 10*time.Second)
		s.pass(10 * time.Second)
		if got := len(s.hammer("t", 400*time.Millisecond)); got < 2 {
			t.Errorf("%d refreshes of a topic in the first 400ms after a quiet time, want 2 or 3", got)
		}
		for range 100 {
			s.manager.RefreshNow("test")
			s.pass(100 * time.Millisecond)
		}
		s.pass(10 * time.Second)
		n := len(s.requests())
		for range 4 {
			s.manager.RefreshNow("test")
			s.pass(100 * time.Millisecond)
		}
		if got := len(s.requests()) - n; got < 2 {
			t.Errorf("%d refreshes of everything in the first 400ms after a quiet time, want 2 or 3", got)
		}
	})
}

func TestFailedLookUpIsRepeatedWithoutWaiters(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.manager.Ready(t.Context())
		s.setDown(true, boot, b1, b2)
		s.manager.Want("t")
		s.pass(time.Second)
		s.setDown(false, b1)
		s.pass(3 * time.Second)
		if topic := s.manager.Cluster().Topics["t"]; topic == nil || !topic.Usable() {
			t.Fatalf("topic %+v, want it found", topic)
		}
	})
}

func TestTopicThatIsWaitedForIsNotForgotten(t *testing.T) {
	atOnce := func(c *Config, _ *control.Config) { c.MaxIdle = 0 }
	run(t, func(t *testing.T, s *scripted) {
		time.AfterFunc(10*time.Second, func() { s.manager.RefreshNow("test") })
		time.AfterFunc(20*time.Second, func() { s.setTopicCode("t", 29) })
		start := time.Now()
		_, err := s.wait("t", -1)
		if took := time.Since(start); !errors.Is(err, kerr.TopicAuthorizationFailed) || took > 22*time.Second {
			t.Fatalf("error %v after %v, want the refusal after about 20s", err, took)
		}
	}, atOnce)
}

func TestAnswerToAnOlderRequestDoesNotSettleAnError(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.mustWait("t")
		s.script(func() { s.mu.delay = time.Second })
		s.pass(10 * time.Second)
		s.manager.Refresh("t")
		s.pass(500 * time.Millisecond)
		s.setTopic("t", 1, 1, 2)
		s.manager.Refresh("t") // while the first is under way, which saw the old leader
		s.pass(3 * time.Second)
		if b, ok := s.manager.Cluster().Leader("t", 0); !ok || b.ID != 2 {
			t.Fatalf("leader %+v %v, want broker 2", b, ok)
		}
	})
}

func TestAtMostOneRequestIsInFlight(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.manager.Ready(t.Context())
		s.script(func() { s.mu.delay = time.Second })
		n := len(s.requests())
		for _, topic := range []string{"a", "b", "c", "d"} {
			s.setTopic(topic, topic[0], 0, 1)
			s.manager.Want(topic)
			synctest.Wait()
		}
		s.pass(5 * time.Second)
		requests := s.requests()[n:]
		if len(requests) != 2 || !reflect.DeepEqual(requests[1].topics, []string{"b", "c", "d"}) {
			t.Fatalf("requests %+v, want the first topic alone and the rest together", requests)
		}
	})
}

func TestRefreshNowAsksForEverything(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("a", 1, 0, 1)
		s.setTopic("b", 2, 0, 1)
		s.mustWait("a")
		s.mustWait("b")
		s.pass(10 * time.Second)
		n := len(s.requests())
		for range 100 {
			s.manager.RefreshNow("connection lost")
			s.pass(10 * time.Millisecond)
		}
		requests := s.requests()[n:]
		if len(requests) < 3 || len(requests) > 5 || !reflect.DeepEqual(requests[0].topics, []string{"a", "b"}) {
			t.Fatalf("requests %+v in a second, want about 4 of everything", requests)
		}
	})
}

func TestEverythingIsRefreshedByAge(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.mustWait("t")
		n := len(s.requests())
		for range 60 {
			s.pass(time.Minute)
			s.manager.Used("t")
		}
		if got := len(s.requests()) - n; got < 12 || got > 15 {
			t.Fatalf("%d refreshes in an hour, want one every 4 to 5 minutes", got)
		}
		if age := s.manager.Stats().Age; age > 5*time.Minute {
			t.Fatalf("age %v, want at most 5 minutes", age)
		}
	})
}

func TestIdleTopicsAreForgottenAndUsedOnesAreNot(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("idle", 1, 0, 1)
		s.setTopic("used", 2, 0, 1)
		s.mustWait("idle")
		s.mustWait("used")
		for range 11 {
			s.pass(time.Minute)
			s.manager.Used("used")
		}
		topics := s.manager.Cluster().Topics
		if topics["idle"] != nil || topics["used"] == nil {
			t.Fatalf("known topics %v, want only the used one", topics)
		}
		last := s.updates[len(s.updates)-1]
		if !reflect.DeepEqual(last.changed, []string{"idle"}) || last.previous.Topics["idle"] == nil {
			t.Fatalf("last update told of %v, want the forgotten topic", last.changed)
		}
		s.mustWait("idle")
	})
}

func TestFailingRequestsBackOffAndRecover(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.setTopic("t", 1, 0, 1)
		s.mustWait("t")
		s.setDown(true, boot, b1, b2)
		s.script(func() { s.mu.dials = 0 })
		s.manager.RefreshNow("test")
		s.pass(time.Minute)
		var dials int
		s.script(func() { dials = s.mu.dials })
		if dials < 60 || dials > 3*80 {
			t.Errorf("%d dials of 3 addresses in a minute, want about one a second for each", dials)
		}
		stats := s.manager.Stats()
		if stats.Failures < 20 || s.manager.Cluster().Topics["t"] == nil || len(s.manager.Cluster().Brokers) != 2 {
			t.Errorf("after %d failures the picture is %+v, want the last one kept", stats.Failures, s.manager.Cluster())
		}
		s.setTopic("t", 1, 1, 2)
		s.setDown(false, b2)
		s.pass(3 * time.Second)
		if b, _ := s.manager.Cluster().Leader("t", 0); b.ID != 2 {
			t.Errorf("leader %v after recovery, want 2", b.ID)
		}
	})
}

func TestRunEndsAllWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := control.NewClient(control.Config{Reconnect: backoff.Exponential{Min: time.Second, Max: time.Second}})
		m := NewManager(client, Config{Retry: backoff.Exponential{Min: time.Second, Max: time.Second}})
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { m.Run(ctx) })
		group.Go(func() {
			if _, err := m.Wait(t.Context(), "t", -1); !errors.Is(err, ErrClosed) {
				t.Errorf("Wait: %v, want ErrClosed", err)
			}
		})
		group.Go(func() {
			if err := m.Ready(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("Ready: %v, want ErrClosed", err)
			}
		})
		synctest.Wait()
		cancel()
		group.Wait()
	})
}

func TestRunReturnsWhileARequestHangs(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.manager.Ready(t.Context())
		s.script(func() { s.mu.delay, s.mu.unwinding = time.Hour, time.Second })
		s.manager.Want("t")
		synctest.Wait()
		// run cancels now, waits for Run, which a hang would make a deadlock of the bubble, and looks for stray requests.
	})
}

func TestWaitsThatEndBeforeAnythingFailedSayWhatTheyWaitedFor(t *testing.T) {
	run(t, func(t *testing.T, s *scripted) {
		s.script(func() { s.mu.delay = time.Hour })
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		const want = "boot:9092 (connected, but no answer for 3s"
		_, err := s.manager.Wait(ctx, "t", -1)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "(context deadline exceeded)") {
			t.Errorf("Wait: %v, want the silent broker and the context", err)
		}
		if err := s.manager.Ready(ctx); !strings.Contains(err.Error(), want) {
			t.Errorf("Ready: %v, want the silent broker", err)
		}
	})
}
