package omnibus_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/omnibus-kafka/omnibus/serde"
)

func TestCloseSendsWhatWasAcceptedWithoutLingering(t *testing.T) {
	inBubble(t, 2, omnibus.Config{Linger: time.Minute}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Second}))
		var seen ledger
		r.enqueueFunc(tagged(0, 1), seen.note)
		d := r.enqueue(tagged(1, 2))
		if err := r.producer.Close(); err != nil {
			t.Error(err)
		}
		r.took(time.Second)
		if len(seen.all()) != 1 || !d.Done() {
			t.Errorf("%d callbacks ran, delivery done: %v", len(seen.all()), d.Done())
		}
		r.settles(2, 0, 0)
	})
}

func TestCloseWaitsForCallbacks(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		var seen ledger
		r.enqueueFunc(record("a"), func(ack omnibus.Ack, err error) {
			time.Sleep(10 * time.Second)
			seen.note(ack, err)
		})
		if err := r.producer.Close(); err != nil {
			t.Error(err)
		}
		r.took(10 * time.Second)
		if len(seen.all()) != 1 {
			t.Error("the callback had not run")
		}
	})
}

func TestCloseIsBoundedAndCountsWhatIsLost(t *testing.T) {
	config := omnibus.Config{CloseTimeout: 7 * time.Second, BatchBytes: omnibus.None}
	onNodes(t, 2, 2, config, func(r *rig) {
		r.send(tagged(0, 0))
		r.send(tagged(1, 0))
		r.cluster.StopNode(2)
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{End: sim.AnswerSwallowed}))
		synctest.Wait()
		var seen ledger
		r.enqueueFunc(tagged(0, 1), seen.note) // in flight at a broker that never answers
		for range 3 {
			r.enqueueFunc(tagged(1, 2), seen.note) // waiting for a broker that is away
		}
		r.began = time.Now()
		err := r.producer.Close()
		unsent, ok := err.(*omnibus.UnsentError)
		if !ok || unsent.NotWritten != 3 || unsent.Unknown != 1 || !errors.Is(err, context.DeadlineExceeded) ||
			!strings.Contains(err.Error(), "3 not written, 1 unknown") {
			t.Errorf("%T: %v", err, err)
		}
		r.took(7 * time.Second)
		synctest.Wait() // Close had no time left to wait for callbacks
		for _, told := range seen.all() {
			e := r.failed(told.err, told.err.(*omnibus.RecordError).Tag == 2)
			if !errors.Is(e, omnibus.ErrClosed) {
				t.Error(e)
			}
		}
		if len(seen.all()) != 4 {
			t.Errorf("%d callbacks", len(seen.all()))
		}
		r.settles(2, 3, 1)
	})
}

func TestShutdownIsBoundedByItsContext(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{End: sim.RequestSwallowed}))
		r.enqueue(record("a"))
		var unsent *omnibus.UnsentError
		if err := r.producer.Shutdown(r.within(2 * time.Second)); !errors.As(err, &unsent) || unsent.Unknown != 1 {
			t.Error(err)
		}
		r.took(2 * time.Second)
	})
}

func TestShutdownWithAnEndedContextGivesUpAtOnce(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Second}))
		d := r.enqueue(record("a"))
		ended, cancel := context.WithCancel(r.Context())
		cancel()
		var unsent *omnibus.UnsentError
		if err := r.producer.Shutdown(ended); !errors.As(err, &unsent) || unsent.NotWritten+unsent.Unknown != 1 {
			t.Error(err)
		}
		r.took(0)
		if _, err := d.Wait(r.Context()); !errors.Is(err, omnibus.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestAShutdownThatLosesNothingIsNoError(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		ended, cancel := context.WithCancel(r.Context())
		cancel()
		for range 20 {
			p := r.open(omnibus.Config{})
			if _, err := p.Send(r.Context(), record("a")); err != nil {
				t.Error(err)
			}
			if err := p.Shutdown(ended); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCloseTimeoutNoneWaitsForNothing(t *testing.T) {
	inBubble(t, 1, omnibus.Config{CloseTimeout: omnibus.None}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Second}))
		r.enqueue(record("a"))
		var unsent *omnibus.UnsentError
		if err := r.producer.Close(); !errors.As(err, &unsent) {
			t.Error(err)
		}
		r.took(0)
	})
}

func TestACallbackThatHangsDoesNotHangClose(t *testing.T) {
	inBubble(t, 1, omnibus.Config{CloseTimeout: 5 * time.Second}, func(r *rig) {
		release := make(chan struct{})
		r.enqueueFunc(record("a"), func(omnibus.Ack, error) { <-release })
		err := r.producer.Close()
		if err == nil || !strings.Contains(err.Error(), "callback") {
			t.Error(err)
		}
		r.took(5 * time.Second)
		close(release)
	})
}

func TestCloseAgainReturnsTheSame(t *testing.T) {
	inBubble(t, 1, omnibus.Config{CloseTimeout: time.Second}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{End: sim.RequestSwallowed}))
		r.enqueue(record("a"))
		first := r.producer.Close()
		if second := r.producer.Close(); first == nil || second != first {
			t.Errorf("%v, then %v", first, second)
		}
		if third := r.producer.Shutdown(r.Context()); third != first {
			t.Errorf("then %v", third)
		}
		r.took(time.Second)
	})
}

func TestCloseFromManyGoroutinesWaitsInEach(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: 3 * time.Second}))
		d := r.enqueue(record("a"))
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := r.producer.Close(); err != nil || !d.Done() {
					t.Errorf("closed: %v, outcome there: %v", err, d.Done())
				}
			})
		}
		all.Wait()
		r.took(3 * time.Second)
	})
}

func TestASecondShutdownIsBoundedByItsOwnContext(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: 3 * time.Second}))
		r.enqueue(record("a"))
		go r.producer.Close()
		synctest.Wait()
		if err := r.producer.Shutdown(r.within(time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		r.took(time.Second)
		if err := r.producer.Close(); err != nil {
			t.Error(err)
		}
		r.took(3 * time.Second)
	})
}

func TestAClosedProducerRefusesEverything(t *testing.T) {
	d := new(diary)
	config := omnibus.Config{Interceptors: []omnibus.Interceptor{&recorder{name: "a", diary: d}}}
	inBubble(t, 1, config, func(r *rig) {
		r.send(record("a"))
		if err := r.producer.Close(); err != nil {
			t.Error(err)
		}
		p, ctx := r.producer, r.Context()
		refusals := map[string]func() error{
			"Send":          func() error { _, err := p.Send(ctx, record("b")); return err },
			"Enqueue":       func() error { _, err := p.Enqueue(ctx, record("b")); return err },
			"EnqueueFunc":   func() error { return p.EnqueueFunc(ctx, record("b"), func(omnibus.Ack, error) { t.Error("called") }) },
			"TryEnqueue":    func() error { _, err := p.TryEnqueue(ctx, record("b")); return err },
			"SendAll":       func() error { return p.SendAll(ctx, []omnibus.Record{record("b")})[0].Err },
			"another topic": func() error { _, err := p.Send(ctx, omnibus.Record{Topic: "new"}); return err },
			"typed": func() error {
				_, err := omnibus.ForTopic(p, "t", serde.String, serde.String).Send(ctx, "k", "v")
				return err
			},
		}
		for name, call := range refusals {
			err := call()
			if r.failed(err, true); !errors.Is(err, omnibus.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := p.PartitionsFor(ctx, "new"); !errors.Is(err, omnibus.ErrClosed) {
			t.Errorf("PartitionsFor: %v", err)
		}
		if err := p.Ready(r.within(time.Second)); err == nil {
			t.Error("a closed producer is ready")
		}
		if err := p.Flush(ctx); err != nil {
			t.Errorf("Flush: %v", err)
		}
		r.took(0)
		if s := p.Stats(); s.Refused != int64(len(refusals)) || s.Accepted != 1 || s.BufferUsedBytes != 0 {
			t.Errorf("%d refused, %d accepted, %d bytes in use", s.Refused, s.Accepted, s.BufferUsedBytes)
		}
	})
}

func TestCloseEndsBlockedCallers(t *testing.T) {
	config := smallBuffer()
	config.CloseTimeout = time.Second
	inBubble(t, 1, config, func(r *rig) {
		r.fill()
		blocked := make(chan error, 2)
		go func() {
			_, err := r.producer.Enqueue(r.Context(), record(strings.Repeat("x", fillerBytes)))
			blocked <- err
		}()
		go func() {
			_, err := r.producer.Enqueue(r.Context(), omnibus.Record{Topic: "missing"})
			blocked <- err
		}()
		synctest.Wait()
		var unsent *omnibus.UnsentError
		if err := r.producer.Close(); !errors.As(err, &unsent) {
			t.Error(err)
		}
		for range 2 {
			err := <-blocked
			if r.failed(err, true); !errors.Is(err, omnibus.ErrClosed) {
				t.Error(err)
			}
		}
		r.took(time.Second)
	})
}

func TestCloseWithRecordsComingInLosesNone(t *testing.T) {
	inBubble(t, 4, omnibus.Config{BatchBytes: 500}, func(r *rig) {
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: time.Millisecond}))
		var seen ledger
		var all sync.WaitGroup
		accepted := make([]uint64, 16)
		for sender := range accepted {
			all.Go(func() {
				for {
					if err := r.producer.EnqueueFunc(r.Context(), tagged(int32(sender%4), uint64(sender)), seen.note); err != nil {
						if !errors.Is(err, omnibus.ErrClosed) {
							t.Error(err)
						}
						return
					}
					accepted[sender]++
					if accepted[sender]%50 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		time.Sleep(20 * time.Millisecond)
		if err := r.producer.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
		var total, logged uint64
		for _, n := range accepted {
			total += n
		}
		for n := range int32(4) {
			logged += uint64(len(r.cluster.Records("t", n)))
		}
		if told := uint64(len(seen.all())); told != total || logged != total || total == 0 {
			t.Errorf("%d accepted, %d told, %d in the log", total, told, logged)
		}
	})
}

func TestAProducerThatWasNeverUsedCloses(t *testing.T) {
	inBubble(t, 1, omnibus.Config{}, func(r *rig) {
		r.cluster.StopNode(1)
		away := r.open(omnibus.Config{})
		if err := away.Close(); err != nil {
			t.Error(err)
		}
		r.took(0)
	})
}

// lateChoice is a partitioner that thinks until it is told what to choose. Its channel is made within the bubble.
type lateChoice struct{ told chan int32 }

func (c *lateChoice) Partition(string, []byte, []byte, omnibus.Partitions) (int32, error) {
	return <-c.told, nil
}

// TestAPartitionThatAppearsDuringCloseTakesNoRecord: nobody would be left to send it, or to tell that it was not sent.
func TestAPartitionThatAppearsDuringCloseTakesNoRecord(t *testing.T) {
	choice := new(lateChoice)
	inBubble(t, 1, omnibus.Config{Partitioner: choice, MetadataMaxAge: time.Second}, func(r *rig) {
		choice.told = make(chan int32)
		r.send(record("first"))
		r.cluster.SetScript(sim.Always(sim.Produce, sim.Fate{Delay: 20 * time.Second}))
		r.enqueue(record("what Close waits for"))
		late := make(chan error)
		go func() {
			_, err := r.producer.Enqueue(r.Context(), omnibus.Record{Topic: "t"})
			late <- err
		}()
		synctest.Wait()
		r.cluster.AddPartitions("t", 4)
		if err := r.producer.Close(); err != nil {
			r.Error(err)
		}
		choice.told <- 3
		r.failed(<-late, true, "closed")
	})
}
