package job

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/input"
)

// nothing is a source without records.
type nothing struct{ Source }

func (nothing) Origin(tag uint64) input.Origin { return input.Origin{File: "here", Line: tag} }
func (nothing) Count() uint64                  { return 0 }

// idle is a job that nothing was given to do.
func idle(stderr io.Writer) *job {
	return &job{
		flags: &Flags{}, source: nothing{}, tally: &tally{},
		errors: &errorPrinter{out: stderr, origin: nothing{}.Origin},
	}
}

func TestTallyCountsEveryOutcomeOnce(t *testing.T) {
	j := idle(&bytes.Buffer{})
	counted := newTopicTally(j, "orders")
	for tag := range uint64(10_000) {
		var err error
		if tag%10 == 0 {
			err = &omnibus.RecordError{Tag: tag + 1, Err: errors.New("lost")}
		}
		counted.callback(omnibus.Ack{Partition: int32(tag % 4), Offset: int64(tag / 4), Tag: tag + 1}, err)
	}
	if told, acked := j.tally.told(); told != 10_000 || acked != 9000 || j.tally.unknown.Load() != 1000 || j.tally.notWritten.Load() != 0 {
		t.Errorf("told %d, acked %d, unknown %d, not written %d", told, acked, j.tally.unknown.Load(), j.tally.notWritten.Load())
	}
	var sum uint64
	list := j.tally.partitions()
	for _, p := range list {
		sum += p.Acked
		if p.LastOffset != 2499 || p.FirstOffset > 10 || p.Topic != "orders" {
			t.Errorf("partition %+v, want its offsets from about 0 to 2499", p)
		}
	}
	if len(list) != 4 || sum != 9000 {
		t.Errorf("%d partitions with %d acked, want 4 with 9000", len(list), sum)
	}
}

func TestOffsetsOfAPartitionThatOthersWriteToAsWell(t *testing.T) {
	for _, test := range []struct{ offsets, want []int64 }{
		{[]int64{0}, []int64{0, 0}},
		{[]int64{5, 6, 7}, []int64{5, 7}},
		{[]int64{5, 6, 9, 10, 20}, []int64{5, 20}},
		{[]int64{-1, -1, -1}, []int64{-1, -1}},
	} {
		p := &partitionTally{}
		for _, offset := range test.offsets {
			p.add(offset)
		}
		if first, last := p.offsets(); first != test.want[0] || last != test.want[1] || p.acked.Load() != uint64(len(test.offsets)) {
			t.Errorf("%v: %d to %d with %d acked, want %d to %d", test.offsets, first, last, p.acked.Load(), test.want[0], test.want[1])
		}
	}
}

func TestPartitionsAreListedByTopicAndNumber(t *testing.T) {
	j := idle(&bytes.Buffer{})
	for _, topic := range []string{"b", "a"} {
		counted := newTopicTally(j, topic)
		for _, partition := range []int32{7, 2} {
			counted.outcome(omnibus.Ack{Partition: partition, Offset: -1}, nil)
		}
	}
	want := []PartitionSummary{{"a", 2, 1, -1, -1}, {"a", 7, 1, -1, -1}, {"b", 2, 1, -1, -1}, {"b", 7, 1, -1, -1}}
	got := j.tally.partitions()
	if len(got) != len(want) {
		t.Fatalf("%+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("partition %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestAFailureThatAllRecordsWouldShareStopsTheReading(t *testing.T) {
	for _, test := range []struct {
		err   error
		topic string // of all records
		stop  bool
	}{
		{&omnibus.BrokerError{Code: 29}, "orders", true},
		{&omnibus.BrokerError{Code: 29}, "", false},
		{&omnibus.BrokerError{Code: 31}, "", true},
		{omnibus.ErrHalted, "", true},
		{omnibus.ErrDeliveryTimeout, "orders", false},
	} {
		j := idle(&bytes.Buffer{})
		j.topic = test.topic
		reading, giveUp := context.WithCancelCause(t.Context())
		defer giveUp(nil)
		j.giveUp = giveUp
		newTopicTally(j, "orders").callback(omnibus.Ack{}, &omnibus.RecordError{Err: test.err})
		if stopped := reading.Err() != nil; stopped != test.stop {
			t.Errorf("%v: stopped %v, want %v", test.err, stopped, test.stop)
		}
	}
}

func TestAwaitEndsWithTheLastOutcomeOrWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := idle(&bytes.Buffer{})
		counted := newTopicTally(j, "orders")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.AfterFunc(500*time.Millisecond, func() { counted.outcome(omnibus.Ack{}, nil) })
		if !j.tally.await(ctx, 1) || ctx.Err() != nil {
			t.Error("one outcome was not waited for, or for too long")
		}
		if j.tally.await(ctx, 2) || ctx.Err() == nil {
			t.Error("an outcome that nobody told was counted")
		}
	})
}

func ackAt(offset int64) omnibus.Ack { return omnibus.Ack{Topic: "orders", Offset: offset} }
