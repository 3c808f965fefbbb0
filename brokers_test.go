package omnibus_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
	"github.com/twmb/franz-go/pkg/kerr"
)

func TestADeliveryTimeoutFiresWhenNoBrokerIsThereToAsk(t *testing.T) {
	inBubble(t, 1, omnibus.Config{DeliveryTimeout: 20 * time.Second, RequestTimeout: 10 * time.Second}, func(r *rig) {
		r.send(record("before"))
		r.cluster.StopNode(1)
		synctest.Wait() // for the producer to notice
		r.began = time.Now()
		d := r.enqueue(record("a"))
		_, err := d.Wait(r.Context())
		e := r.failed(err, true)
		if !errors.Is(err, omnibus.ErrDeliveryTimeout) || e.Where != "queue" || e.Attempts != 0 {
			t.Errorf("%+v", e)
		}
		r.took(20 * time.Second)
		r.settles(1, 1, 0)
	})
}

func TestADeliveryTimeoutOfARecordInFlightIsUnknown(t *testing.T) {
	config := omnibus.Config{DeliveryTimeout: 20 * time.Second, RequestTimeout: 15 * time.Second, Linger: time.Millisecond}
	inBubble(t, 1, config, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{End: sim.AnswerSwallowed}))
		d := r.enqueue(record("a"))
		_, err := d.Wait(r.Context())
		e := r.failed(err, false)
		if !errors.Is(err, omnibus.ErrDeliveryTimeout) || e.Attempts != 2 || e.Waited < 20*time.Second {
			t.Errorf("%+v", e)
		}
		r.took(20 * time.Second)
		r.settles(0, 0, 1)
		r.holds(0, "a") // so "not written" would have been a lie
	})
}

func TestABatchWhoseTimeIsUpIsNotSentAgain(t *testing.T) {
	config := omnibus.Config{DeliveryTimeout: 20 * time.Second, RequestTimeout: 15 * time.Second}
	inBubble(t, 1, config, func(r *rig) {
		r.cluster.SetScript(sim.First(2, sim.Produce, sim.Fate{End: sim.RequestSwallowed}))
		_, err := r.enqueue(record("a")).Wait(r.Context())
		r.failed(err, false)
		r.enqueue(record("b"))
		r.flush()
		if n := len(r.cluster.Requests(sim.Produce)); n != 3 {
			t.Errorf("%d requests", n)
		}
		r.holds(0, "b")
		r.settles(1, 0, 1)
	})
}

func TestARequestTimeoutClosesTheConnectionAndTriesAgain(t *testing.T) {
	for _, end := range []sim.Ending{sim.RequestSwallowed, sim.AnswerSwallowed} {
		inBubble(t, 1, omnibus.Config{RequestTimeout: 5 * time.Second}, func(r *rig) {
			r.cluster.SetScript(sim.First(1, sim.Produce, sim.Fate{End: end}))
			if ack := r.send(record("a")); ack.Offset != 0 {
				t.Errorf("%+v", ack)
			}
			r.took(5 * time.Second)
			r.holds(0, "a")
			s := r.producer.Stats()
			if s.RequestsLost != 1 || s.Requests != 1 || s.RetriedBatches != 1 || s.Retries != 1 || s.ConnectionsClosed == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestACutConnectionNeitherLosesNorRepeatsRecords(t *testing.T) {
	for _, end := range []sim.Ending{sim.CutBefore, sim.CutAfter} {
		inBubble(t, 1, omnibus.Config{BatchBytes: 300, BatchBytesMax: 300}, func(r *rig) {
			r.cluster.SetScript(func(req sim.Request) sim.Fate {
				if req.API == sim.Produce && req.Number%4 == 0 {
					return sim.Fate{End: end}
				}
				return sim.Fate{Delay: time.Millisecond}
			})
			var want []string
			for i := range 200 {
				want = append(want, fmt.Sprint(i))
				r.enqueue(record(want[i]))
			}
			r.flush()
			r.holds(0, want...)
			r.settles(200, 0, 0)
			if r.producer.Stats().RetriedBatches == 0 {
				t.Error("nothing was tried again: the test shows nothing")
			}
		})
	}
}

func TestOneRequestInFlightKeepsTheOrderWithoutIdempotence(t *testing.T) {
	config := omnibus.Config{DisableIdempotence: true, MaxInFlight: 1, BatchBytes: 300, BatchBytesMax: 300}
	inBubble(t, 1, config, func(r *rig) {
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			if req.API == sim.Produce && req.Number%3 == 0 {
				return sim.Fate{End: sim.CutBefore}
			}
			return sim.Fate{}
		})
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprint(i))
			r.enqueue(record(want[i]))
		}
		r.flush()
		r.holds(0, want...)
		if b := r.cluster.Log("t", 0)[0]; b.ProducerID != -1 {
			t.Errorf("producer id %d", b.ProducerID)
		}
	})
}

func TestARetryGoesBackToTheHead(t *testing.T) {
	inBubble(t, 1, omnibus.Config{BatchBytes: omnibus.None}, func(r *rig) {
		r.send(record("0")) // so that the next may fly together
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			fate := sim.Fate{Delay: 10 * time.Millisecond}
			if req.API == sim.Produce && req.Number == 2 {
				fate.Refusal = &sim.Refusal{Code: kerr.NotEnoughReplicas.Code}
			}
			return fate
		})
		for i := 1; i < 8; i++ {
			r.enqueue(record(fmt.Sprint(i)))
		}
		r.flush()
		r.holds(0, "0", "1", "2", "3", "4", "5", "6", "7")
		r.settles(8, 0, 0)
	})
}

func TestErrorsThatPassAreTriedAgainUntilTheyHave(t *testing.T) {
	for _, code := range []int16{
		kerr.NotEnoughReplicas.Code, kerr.UnknownTopicOrPartition.Code, kerr.LeaderNotAvailable.Code, kerr.NotLeaderForPartition.Code,
		kerr.RequestTimedOut.Code, kerr.KafkaStorageError.Code, kerr.FencedLeaderEpoch.Code, kerr.UnknownServerError.Code,
		kerr.CorruptMessage.Code,
	} {
		inBubble(t, 1, omnibus.Config{}, func(r *rig) {
			r.cluster.SetScript(sim.First(1, sim.Produce, refuse(code)))
			if ack := r.send(record("a")); ack.Offset != 0 {
				t.Errorf("code %d: %+v", code, ack)
			}
			r.holds(0, "a")
			if took := time.Since(r.began); took > 500*time.Millisecond {
				t.Errorf("code %d: took %v", code, took)
			}
		})
	}
}

func TestAnAppendThatTheReplicasMissedIsNotWrittenTwice(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.First(2, sim.Produce, sim.Fate{Refusal: &sim.Refusal{Code: kerr.NotEnoughReplicasAfterAppend.Code, Append: true}}))
		if ack := r.send(record("a")); ack.Offset != 0 {
			t.Errorf("%+v", ack)
		}
		r.holds(0, "a")
	})
}

func TestErrorsThatDoNotPassEndTheRecord(t *testing.T) {
	for _, code := range []int16{kerr.TopicAuthorizationFailed.Code, kerr.InvalidRequiredAcks.Code, kerr.PolicyViolation.Code, kerr.InvalidTimestamp.Code} {
		inBubble(t, 1, omnibus.Config{}, func(r *rig) {
			r.cluster.SetScript(sim.First(1, sim.Produce, sim.Fate{Refusal: &sim.Refusal{Code: code, Message: "because I say so"}}))
			_, err := r.producer.Send(r.Context(), record("a"))
			e := r.failed(err, true, "because I say so")
			var refusal *omnibus.BrokerError
			if !errors.As(err, &refusal) || refusal.Code != code || e.Attempts != 1 || e.Where != "in flight" || !errors.Is(err, kerr.ErrorForCode(code)) {
				t.Errorf("%+v", e)
			}
			r.took(0)
			r.send(record("b")) // goes on by default
			r.holds(0, "b")
			r.settles(1, 1, 0)
		})
	}
}

func TestRetriesAreCounted(t *testing.T) {
	for retries, attempts := range map[int]int{omnibus.None: 1, 1: 2, 3: 4} {
		inBubble(t, 1, omnibus.Config{Retries: retries, MaxInFlight: 1}, func(r *rig) {
			r.cluster.SetScript(sim.Always(sim.Produce, refuse(kerr.NotEnoughReplicas.Code)))
			_, err := r.producer.Send(r.Context(), record("a"))
			if e := r.failed(err, true); e.Attempts != attempts || !errors.Is(err, kerr.NotEnoughReplicas) {
				t.Errorf("Retries %d: %+v", retries, e)
			}
			if n := len(r.cluster.Requests(sim.Produce)); n != attempts {
				t.Errorf("Retries %d: %d requests", retries, n)
			}
		})
	}
}

func TestRetriesBackOffExponentially(t *testing.T) {
	inBubble(t, 1, omnibus.Config{DeliveryTimeout: time.Minute}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, refuse(kerr.NotEnoughReplicas.Code)))
		_, err := r.producer.Send(r.Context(), record("a"))
		r.failed(err, true, "NOT_ENOUGH_REPLICAS")
		r.took(time.Minute)
		requests := r.cluster.Requests(sim.Produce)
		for i, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
			pause := requests[i+1].At.Sub(requests[i].At)
			if want *= time.Millisecond; pause < want*8/10 || pause > want*12/10 {
				t.Errorf("pause %d is %v, want %v give or take a fifth", i+1, pause, want)
			}
		}
	})
}

func TestARefusalThatMayHaveAppendedIsUnknownWhenRetriesEnd(t *testing.T) {
	inBubble(t, 1, omnibus.Config{Retries: 1}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Refusal: &sim.Refusal{Code: kerr.RequestTimedOut.Code, Append: true}}))
		_, err := r.producer.Send(r.Context(), record("a"))
		r.failed(err, false, "REQUEST_TIMED_OUT")
		r.settles(0, 0, 1)
	})
}

func TestABrokersThrottleIsObeyed(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.First(1, sim.Produce, sim.Fate{Throttle: 4 * time.Second}))
		r.send(record("a"))
		r.took(0)
		r.send(record("b"))
		r.took(4 * time.Second)
		if s := r.producer.Stats(); s.Throttled != 4*time.Second {
			t.Errorf("%v", s.Throttled)
		}
	})
}

func TestAnAbsurdThrottleIsCapped(t *testing.T) {
	inBubble(t, 1, omnibus.Config{DeliveryTimeout: time.Hour}, func(r *rig) {
		r.cluster.SetScript(sim.First(1, sim.Produce, sim.Fate{Throttle: 20 * 24 * time.Hour}))
		r.send(record("a"))
		r.send(record("b"))
		r.took(5 * time.Minute)
	})
}

func TestALeadersWordOfItsSuccessorIsFollowedAtOnce(t *testing.T) {
	onNodes(t, 2, 1, omnibus.Config{}, func(r *rig) {
		r.send(record("a"))
		asked := len(r.cluster.Requests(sim.Metadata))
		r.cluster.MoveLeader("t", 0, 2)
		r.send(record("b"))
		r.took(0)
		r.holds(0, "a", "b")
		if n := len(r.cluster.Requests(sim.Metadata)); n != asked {
			t.Errorf("%d more questions for metadata although the old leader named the new one", n-asked)
		}
		if s := r.producer.Stats(); s.LeaderChanges != 1 {
			t.Errorf("%d leader changes", s.LeaderChanges)
		}
	})
}

func TestAHintOfAnOldEpochIsNotFollowed(t *testing.T) {
	onNodes(t, 2, 1, omnibus.Config{}, func(r *rig) {
		r.send(record("a"))
		other := int32(2)
		r.cluster.SetScript(sim.First(1, sim.Produce, sim.Fate{Refusal: &sim.Refusal{
			Code: kerr.NotLeaderForPartition.Code, Leader: &other, LeaderEpoch: 0,
		}}))
		r.send(record("b"))
		for _, req := range r.cluster.Requests(sim.Produce) {
			if req.Node != 1 {
				t.Errorf("request %d went to node %d", req.Number, req.Node)
			}
		}
		r.holds(0, "a", "b")
	})
}

func TestALeaderChangeWithoutHintIsFoundInMetadata(t *testing.T) {
	onNodes(t, 2, 1, omnibus.Config{}, func(r *rig) {
		r.send(record("a"))
		r.cluster.MoveLeader("t", 0, 2)
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			if req.API == sim.Produce && req.Node == 1 {
				return refuse(kerr.NotLeaderForPartition.Code)
			}
			return sim.Fate{}
		})
		r.send(record("b"))
		r.holds(0, "a", "b")
		if took := time.Since(r.began); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestALostBrokersPartitionsGoOnElsewhere(t *testing.T) {
	onNodes(t, 3, 3, omnibus.Config{}, func(r *rig) {
		for n := range int32(3) {
			r.send(omnibus.Record{Topic: "t", Partition: omnibus.At(n), Value: []byte("before")})
		}
		r.cluster.StopNode(2)
		d := r.enqueue(omnibus.Record{Topic: "t", Partition: omnibus.At(1), Value: []byte("after")})
		r.send(omnibus.Record{Topic: "t", Partition: omnibus.At(0), Value: []byte("undisturbed")})
		r.took(0)
		time.AfterFunc(3*time.Second, func() { r.cluster.MoveLeader("t", 1, 3) })
		if ack, err := d.Wait(r.Context()); err != nil || ack.Offset != 1 {
			t.Error(ack, err)
		}
		if took := time.Since(r.began); took < 3*time.Second || took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		r.holds(1, "before", "after")
	})
}

func TestABrokerThatComesBackIsUsedAgain(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.send(record("a"))
		r.cluster.StopNode(1)
		d := r.enqueue(record("b"))
		time.AfterFunc(30*time.Second, func() {
			if err := r.cluster.StartNode(1); err != nil {
				t.Error(err)
			}
		})
		if _, err := d.Wait(r.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(r.began); took < 30*time.Second || took > 33*time.Second {
			t.Errorf("took %v", took)
		}
		r.holds(0, "a", "b")
	})
}

func TestAHungBrokerDoesNotHoldUpAnother(t *testing.T) {
	onNodes(t, 2, 2, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(func(req sim.Request) sim.Fate {
			if req.API == sim.Produce && req.Node == 1 {
				return sim.Fate{End: sim.RequestSwallowed}
			}
			return sim.Fate{}
		})
		hung := r.enqueue(omnibus.Record{Topic: "t", Partition: omnibus.At(0)})
		for range 100 {
			r.send(omnibus.Record{Topic: "t", Partition: omnibus.At(1)})
		}
		r.took(0)
		if hung.Done() {
			t.Error("the hung broker's record has an outcome")
		}
		r.cluster.SetScript(nil)
		if _, err := hung.Wait(r.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestKeysMoveToPartitionsThatAreAdded(t *testing.T) {
	log := new(logged)
	inBubble(t, 1, omnibus.Config{MetadataMaxAge: time.Minute, Logger: log.logger()}, func(r *rig) {
		r.send(omnibus.Record{Topic: "t", Key: []byte("key")})
		r.cluster.AddPartitions("t", 7)
		time.Sleep(time.Minute)
		synctest.Wait()
		for i := range 50 {
			key := fmt.Append(nil, "key", i)
			if ack := r.send(omnibus.Record{Topic: "t", Key: key}); ack.Partition != omnibus.JavaPartition(key, 7) {
				t.Errorf("%s went to %d, want %d", key, ack.Partition, omnibus.JavaPartition(key, 7))
			}
		}
		if s := r.producer.Stats(); s.PartitionsAdded != 6 {
			t.Errorf("%d partitions added", s.PartitionsAdded)
		}
	})
	if !strings.Contains(log.String(), "more partitions") {
		t.Errorf("the log does not say it: %s", log)
	}
}

func TestATopicMadeAnewStartsAtSequenceZero(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.send(record("a"))
		r.cluster.AddTopic("t", 1, sim.TopicOptions{})
		if ack := r.send(record("b")); ack.Offset != 0 {
			t.Errorf("%+v", ack)
		}
		r.holds(0, "b")
		if b := r.cluster.Log("t", 0)[0]; b.Sequence != 0 {
			t.Errorf("sequence %d", b.Sequence)
		}
	})
}

func TestTheFirstBatchOfAPartitionGoesAlone(t *testing.T) {
	inBubble(t, 1, omnibus.Config{BatchBytes: omnibus.None}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Second}))
		for i := range 4 {
			r.enqueue(record(fmt.Sprint(i)))
		}
		time.Sleep(500 * time.Millisecond)
		if n := r.producer.Stats().RequestsInFlight; n != 1 {
			t.Errorf("%d requests in flight before the first ack", n)
		}
		time.Sleep(time.Second)
		if n := r.producer.Stats().RequestsInFlight; n != 3 {
			t.Errorf("%d requests in flight after it", n)
		}
		r.flush()
		r.holds(0, "0", "1", "2", "3")
	})
}

// Brokers forget a producer by its records' timestamps: a day-old spool is sent as to a partition that knows nobody.
func TestBehindOldRecordsBatchesGoAlone(t *testing.T) {
	inBubble(t, 1, omnibus.Config{BatchBytes: omnibus.None}, func(r *rig) {
		old := func(value string) omnibus.Record {
			o := record(value)
			o.Timestamp = time.Now().Add(-25 * time.Hour)
			return o
		}
		r.send(record("warm"))
		r.send(old("0"))
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Second}))
		for i := 1; i < 4; i++ {
			r.enqueue(old(fmt.Sprint(i)))
		}
		for range 3 {
			time.Sleep(500 * time.Millisecond)
			if n := r.producer.Stats().RequestsInFlight; n != 1 {
				t.Errorf("%d requests in flight", n)
			}
			time.Sleep(500 * time.Millisecond)
		}
		r.flush()
		r.holds(0, "warm", "0", "1", "2", "3")
	})
}

func TestAnOutOfOrderAnswerAboutWhatWasNeverInDoubtCostsNoRecord(t *testing.T) {
	for _, mayAsk := range []bool{true, false} {
		inBubble(t, 1, omnibus.Config{}, func(r *rig) {
			r.send(record("a"))
			r.cluster.Model(func(_ time.Time, m *model.Cluster) { m.Deny("t", model.Read, !mayAsk) })
			r.cluster.SetScript(sim.First(1, sim.Produce, refuse(kerr.OutOfOrderSequenceNumber.Code)))
			r.send(record("b"))
			r.send(record("c"))
			r.holds(0, "a", "b", "c")
			// Who asked was told that the log ends before the batch: its number is right. Who must not ask takes a new epoch.
			epoch, sequence := int16(0), int32(1)
			if !mayAsk {
				epoch, sequence = 1, 0
			}
			if b := r.cluster.Log("t", 0)[1]; b.ProducerEpoch != epoch || b.Sequence != sequence {
				t.Errorf("may ask: %v: epoch %d, sequence %d, want %d, %d", mayAsk, b.ProducerEpoch, b.Sequence, epoch, sequence)
			}
			r.settles(3, 0, 0)
		})
	}
}

func TestAClusterThatGivesNoProducerIDFailsRecordsWithItsReason(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.First(1, sim.InitProducerID, refuse(kerr.ClusterAuthorizationFailed.Code)))
		_, err := r.producer.Send(r.Context(), record("a"))
		r.failed(err, true, "CLUSTER_AUTHORIZATION_FAILED", "User:ANONYMOUS lacks IdempotentWrite on the cluster", "--operation Write --topic TOPIC", "enable.idempotence=false")
		r.send(record("b")) // asked again
		r.holds(0, "b")
	})
}

func TestAProducerIDThatIsSlowToComeHoldsRecordsBackOnly(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.First(3, sim.InitProducerID, refuse(kerr.CoordinatorLoadInProgress.Code)))
		if ack := r.send(record("a")); ack.Offset != 0 {
			t.Errorf("%+v", ack)
		}
		if n := len(r.cluster.Requests(sim.InitProducerID)); n != 4 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestAfterAFailureLaterRecordsAreRefusedUnderHaltOnFailure(t *testing.T) {
	inBubble(t, 2, omnibus.Config{HaltOnFailure: true, BatchBytes: omnibus.None}, func(r *rig) {
		r.send(record("a"))
		r.cluster.SetScript(sim.First(1, sim.Produce, sim.Fate{Delay: time.Second, Refusal: &sim.Refusal{Code: kerr.PolicyViolation.Code}}))
		failing, waiting := r.enqueue(record("b")), r.enqueue(record("c"))
		_, err := failing.Wait(r.Context())
		r.failed(err, true, "POLICY_VIOLATION")
		if _, err = waiting.Wait(r.Context()); !errors.Is(err, omnibus.ErrHalted) {
			t.Errorf("a record that waited behind it: %v", err)
		}
		_, err = r.producer.Enqueue(r.Context(), record("d"))
		r.failed(err, true, "POLICY_VIOLATION")
		if !errors.Is(err, omnibus.ErrHalted) {
			t.Error(err)
		}
		r.send(omnibus.Record{Topic: "t", Partition: omnibus.At(1)}) // the others go on
		r.holds(0, "a")
	})
}

func TestABatchOfManyPartitionsTravelsInOneRequest(t *testing.T) {
	inBubble(t, 20, omnibus.Config{}, func(r *rig) {
		for n := range int32(20) {
			r.enqueue(omnibus.Record{Topic: "t", Partition: omnibus.At(n)})
		}
		r.flush()
		requests := r.cluster.Requests(sim.Produce)
		if len(requests) != 1 || len(requests[0].Batches) != 20 {
			t.Errorf("%d requests, the first with %d batches", len(requests), len(requests[0].Batches))
		}
	})
}

func TestARefusedPartitionLeavesTheOthersOfItsRequestAlone(t *testing.T) {
	inBubble(t, 4, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Refusal: &sim.Refusal{
			Code: kerr.PolicyViolation.Code, Only: func(_ string, partition int32) bool { return partition == 2 },
		}}))
		for n := range int32(4) {
			r.enqueue(omnibus.Record{Topic: "t", Partition: omnibus.At(n), Value: []byte("x")})
		}
		r.flush()
		if n := len(r.cluster.Requests(sim.Produce)); n != 1 {
			t.Errorf("%d requests", n)
		}
		r.holds(0, "x")
		r.holds(2)
		r.settles(3, 1, 0)
	})
}

func TestMaxInFlightBoundsTheRequestsOfAConnection(t *testing.T) {
	for _, limit := range []int{1, 2, 5} {
		inBubble(t, 1, omnibus.Config{MaxInFlight: limit, BatchBytes: omnibus.None}, func(r *rig) {
			r.send(record("first"))
			r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Second}))
			for range 20 {
				r.enqueue(record("x"))
			}
			time.Sleep(500 * time.Millisecond)
			if n := r.producer.Stats().RequestsInFlight; n != int64(limit) {
				t.Errorf("%d in flight, want %d", n, limit)
			}
			r.flush()
		})
	}
}

func TestKeysKeepToThePartitionsOfATopicMadeAnewWithFewer(t *testing.T) {
	inBubble(t, 8, omnibus.Config{}, func(r *rig) {
		key := func(i int) omnibus.Record { return omnibus.Record{Topic: "t", Key: fmt.Appendf(nil, "key %d", i)} }
		for i := range 20 {
			r.send(key(i))
		}
		r.cluster.AddTopic("t", 2, sim.TopicOptions{})
		time.Sleep(6 * time.Minute) // metadata.max.age.ms
		for i := range 20 {
			if ack := r.send(key(i)); ack.Partition != omnibus.JavaPartition(key(i).Key, 2) {
				r.Errorf("key %d went to partition %d", i, ack.Partition)
			}
		}
		_, err := r.producer.Enqueue(r.Context(), omnibus.Record{Topic: "t", Partition: omnibus.At(5)})
		r.failed(err, true, "partition 5", "does not exist")
	})
}

// TestAnAnswerThatProvesNothingIsUnknown: a leader whose disk fails while it waits for its replicas has handed the batch on,
// and a code that this client does not know may mean anything.
func TestAnAnswerThatProvesNothingIsUnknown(t *testing.T) {
	for _, code := range []int16{56, 6, 999, -7} {
		inBubble(t, 1, omnibus.Config{Retries: omnibus.None}, func(r *rig) {
			r.send(record("a"))
			r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Refusal: &sim.Refusal{Code: code, Append: true}}))
			_, err := r.producer.Send(r.Context(), record("b"))
			r.failed(err, false)
			r.holds(0, "a", "b")
		})
	}
}

func TestABrokerThatIsAwayIsNotDialedWithoutEnd(t *testing.T) {
	inBubble(t, 1, omnibus.Config{ReconnectBackoff: omnibus.None, RequestTimeout: time.Second, DeliveryTimeout: 2 * time.Second}, func(r *rig) {
		r.send(record("a"))
		r.cluster.StopNode(1)
		_, err := r.producer.Send(r.Context(), record("b")) // were there no pause at all, time would stand still
		r.failed(err, true, "delivery.timeout.ms")
	})
}
