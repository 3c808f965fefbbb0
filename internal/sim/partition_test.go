package sim

import (
	"math"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

// step is one append and what the partition must say to it.
type step struct {
	epoch    int16
	sequence int32
	count    int
	code     int16
	offset   int64
}

func run(t *testing.T, p *partition, steps []step) {
	t.Helper()
	for i, s := range steps {
		b := &Batch{ProducerID: 7, ProducerEpoch: s.epoch, Sequence: s.sequence, Records: make([]Record, s.count)}
		got, code := p.append(b)
		if code != s.code {
			t.Fatalf("step %d (%+v): code %d", i, s, code)
		}
		if code == 0 && got.Offset != s.offset {
			t.Fatalf("step %d (%+v): offset %d", i, s, got.Offset)
		}
	}
}

const (
	outOfOrder = 45
	oldEpoch   = 47
)

func TestARepeatedBatchIsAnsweredWithItsFirstOffset(t *testing.T) {
	p := newPartition(1)
	run(t, p, []step{{0, 0, 3, 0, 0}, {0, 3, 2, 0, 3}, {0, 0, 3, 0, 0}, {0, 3, 2, 0, 3}, {0, 5, 1, 0, 5}})
	if len(p.log) != 3 || p.end != 6 {
		t.Errorf("%d batches up to offset %d", len(p.log), p.end)
	}
}

func TestOnlyTheLastFiveBatchesAreRecognized(t *testing.T) {
	p := newPartition(1)
	for i := range int32(6) {
		run(t, p, []step{{0, i, 1, 0, int64(i)}})
	}
	run(t, p, []step{{0, 1, 1, 0, 1}, {0, 0, 1, outOfOrder, 0}})
}

func TestABatchWithOtherBordersIsNoRepetition(t *testing.T) {
	run(t, newPartition(1), []step{{0, 0, 2, 0, 0}, {0, 2, 2, 0, 2}, {0, 0, 4, outOfOrder, 0}, {0, 2, 1, outOfOrder, 0}})
}

func TestAGapIsOutOfOrder(t *testing.T) {
	run(t, newPartition(1), []step{{0, 0, 2, 0, 0}, {0, 3, 1, outOfOrder, 0}, {0, 2, 1, 0, 2}})
}

func TestAFreshPartitionTakesAnySequence(t *testing.T) {
	run(t, newPartition(1), []step{{0, 9, 1, 0, 0}, {0, 0, 1, outOfOrder, 0}})
}

func TestANewEpochStartsAtZeroAndEndsTheOldOne(t *testing.T) {
	run(t, newPartition(1), []step{
		{0, 0, 1, 0, 0}, {1, 1, 1, outOfOrder, 0}, {1, 0, 1, 0, 1}, {0, 0, 1, oldEpoch, 0}, {0, 1, 1, oldEpoch, 0}, {1, 1, 1, 0, 2},
	})
}

func TestSequencesWrapBehindTheLargest(t *testing.T) {
	run(t, newPartition(1), []step{{0, math.MaxInt32 - 1, 1, 0, 0}, {0, math.MaxInt32, 2, 0, 1}, {0, 1, 1, 0, 3}})
}

func TestAfterARestartOnlyTheLastBatchIsRecognized(t *testing.T) {
	p := newPartition(1)
	run(t, p, []step{{0, 0, 1, 0, 0}, {0, 1, 1, 0, 1}})
	p.restart()
	run(t, p, []step{{0, 0, 1, outOfOrder, 0}, {0, 1, 1, 0, 1}, {0, 2, 1, 0, 2}})
	if p.epoch != 1 {
		t.Errorf("leader epoch %d", p.epoch)
	}
}

func TestProducersDoNotShareNumbers(t *testing.T) {
	p := newPartition(1)
	run(t, p, []step{{0, 0, 1, 0, 0}})
	other := &Batch{ProducerID: 8, Sequence: 0, Records: make([]Record, 1)}
	plain := &Batch{ProducerID: noProducer, ProducerEpoch: -1, Sequence: -1, Records: make([]Record, 1)}
	for _, b := range []*Batch{other, plain} {
		if _, code := p.append(b); code != 0 {
			t.Errorf("producer %d: code %d", b.ProducerID, code)
		}
	}
	if _, code := p.append(&Batch{ProducerID: 9, ProducerEpoch: 0, Sequence: -1}); code != kerr.InvalidRecord.Code {
		t.Errorf("a producer without sequences: code %d", code)
	}
}
