package settling

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/idempotence"
)

func TestVerdicts(t *testing.T) {
	open := []Span{{5, 6}, {7, 7}, {8, 9}}
	remembered := func(epoch int16, last int32) Evidence { return Evidence{Remembered: true, Epoch: epoch, Last: last} }
	for _, c := range []struct {
		name     string
		evidence Evidence
		open     []Span
		next     int32
		refused  bool
		want     Verdict
	}{
		{"none is in", remembered(3, 4), open, 10, false, Verdict{}},
		{"two are in, and the second is recognized", remembered(3, 7), open, 10, false, Verdict{In: 2, Confirm: true}},
		{"all are in", remembered(3, 9), open, 10, false, Verdict{In: 3, Confirm: true}},
		{"what it recognizes is not open any more", remembered(3, 9), open[:2], 10, false, Verdict{In: 2}},
		{"a number is missing before them", remembered(3, 2), open, 10, false, Verdict{Gap: true}},
		{"a number is missing between them", remembered(3, 6), []Span{{5, 6}, {8, 9}}, 10, false, Verdict{In: 1, Confirm: true, Gap: true}},
		{"it knows an older epoch, and these do not begin the new one", remembered(2, 9), open, 10, false, Verdict{Gap: true}},
		{"it knows an older epoch, and these begin the new one", remembered(2, 9), []Span{{0, 3}}, 4, false, Verdict{}},
		{"it knows a later epoch", remembered(4, 1), open, 10, false, Verdict{Fenced: true}},
		{"numbers wrap", remembered(3, 1), []Span{{math.MaxInt32, 1}, {2, 2}}, 3, false, Verdict{In: 1, Confirm: true}},
		{
			"it forgot, and the log has the first", Evidence{Read: true, Own: []Own{{3, 5, 70}, {2, 7, 1}}}, open, 10, false,
			Verdict{In: 1, Offsets: []int64{70}},
		},
		{
			"it forgot, and the log has the second only", Evidence{Read: true, Own: []Own{{3, 7, 70}}}, open, 10, false,
			Verdict{In: 2, Offsets: []int64{-1, 70}},
		},
		{"it forgot, and the log has none", Evidence{Read: true}, open, 10, false, Verdict{}},
		{"it forgot, but refused a number", Evidence{Read: true}, open, 10, true, Verdict{Gap: true}},
		{
			"the log was read as well", Evidence{Remembered: true, Epoch: 3, Last: 7, Read: true, Own: []Own{{3, 5, 70}, {3, 7, 80}}}, open, 10, false,
			Verdict{In: 2, Confirm: true, Offsets: []int64{70, 80}},
		},
	} {
		q := Question{ID: idempotence.ProducerID{ID: 1, Epoch: 3}}
		if got := q.Judge(&c.evidence, c.open, c.next, c.refused); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestAMissingNumberIsReplacedOnlyAfterItStayedMissing(t *testing.T) {
	q := Question{ID: idempotence.ProducerID{ID: 1, Epoch: 3}}
	open := Open{Spans: []Span{{5, 6}}, Next: 7, InDoubt: true}
	var k Case
	learn := func(now time.Duration, last int32) Step {
		k.Reopen()
		k.Ask()
		return k.Learn(now, &q, &Evidence{Remembered: true, Epoch: 3, Last: last}, open)
	}
	if s := learn(10*time.Second, 1); s.Do != AskAgain || s.Until != 10*time.Second+quarantine {
		t.Fatalf("%+v, want another question after the quarantine", s)
	}
	if s := learn(10*time.Second+quarantine, 2); s.Do != AskAgain {
		t.Fatalf("%+v, although something came in meanwhile", s)
	}
	if s := learn(10*time.Second+2*quarantine, 2); s.Do != Renumber || k.Stage != Settled {
		t.Fatalf("%+v in stage %d, want new numbers", s, k.Stage)
	}
	open.InDoubt = false
	if s := learn(10*time.Second, 1); s.Do != Renumber {
		t.Fatalf("%+v, want new numbers at once for what was never in doubt", s)
	}
}

func TestWhatMayHaveBeenDeletedStaysUnknown(t *testing.T) {
	q := Question{ID: idempotence.ProducerID{ID: 1, Epoch: 3}}
	open := Open{Spans: []Span{{5, 6}}, Next: 7, InDoubt: true}
	learn := func(e Evidence, open Open) Step {
		var k Case
		k.Reopen()
		k.Ask()
		return k.Learn(0, &q, &e, open)
	}
	if s := learn(Evidence{Read: true, Removed: true}, open); s.Do != GiveUp {
		t.Errorf("%+v, want an end: the batch may have been in what was deleted", s)
	}
	if s := learn(Evidence{Read: true}, open); s.Do != GoOn {
		t.Errorf("%+v, want the batch to go again: all is there that came since, and it is not among that", s)
	}
	if s := learn(Evidence{Read: true, Removed: true, Own: []Own{{Epoch: 3, First: 5, Offset: 40}}}, open); s.Do != GoOn || len(s.Acked) != 1 {
		t.Errorf("%+v, want the batch acknowledged that was found", s)
	}
	if s := learn(Evidence{Remembered: true, Epoch: 3, Last: 4, Read: true, Removed: true}, open); s.Do != GoOn {
		t.Errorf("%+v, want the leader's memory to count", s)
	}
	if open.InDoubt = false; learn(Evidence{Read: true, Removed: true}, open).Do != GoOn {
		t.Error("what was never in doubt does not go again")
	}
}

func TestOffsetsAreGivenUpAfterAFewQuestions(t *testing.T) {
	var k Case
	k.Proven()
	failed := &Evidence{Err: errNotReplicated}
	for i := range locateMax {
		k.Ask()
		if s := k.Learn(0, &Question{}, failed, Open{}); s.Do != AskAgain || s.Tries != i+1 || k.Stage != Relocating {
			t.Fatalf("question %d: %+v", i, s)
		}
	}
	k.Ask()
	if s := k.Learn(0, &Question{}, failed, Open{}); s.Do != Locate {
		t.Fatalf("%+v, want an end", s)
	}
}
