package idempotence

import (
	"math"
	"testing"
	"time"
)

// incrementJava is Kafka's DefaultRecordBatch.incrementSequence, step by step in 64 bits.
func incrementJava(sequence, increment int64) int64 {
	if sequence > math.MaxInt32-increment {
		return increment - (math.MaxInt32 - sequence) - 1
	}
	return sequence + increment
}

func TestSequencesWrapAsKafkasDo(t *testing.T) {
	edges := []int32{0, 1, 2, 5, 1000, 1 << 30, math.MaxInt32 - 1000, math.MaxInt32 - 1, math.MaxInt32}
	for _, base := range edges {
		for _, count := range edges {
			if got, want := Add(base, count), int32(incrementJava(int64(base), int64(count))); got != want {
				t.Errorf("%d numbers after %d comes %d, want %d", count, base, got, want)
			}
		}
	}
	if got := Last(math.MaxInt32-1, 3); got != 0 {
		t.Errorf("a batch of 3 at 2147483646 ends at %d, want 0", got)
	}
}

func TestNumbersAreHandedOutOnceAndInOrder(t *testing.T) {
	n := NewNumbering(ProducerID{ID: 1})
	n.next = math.MaxInt32 - 4
	for i, want := range []struct{ count, base int32 }{{3, math.MaxInt32 - 4}, {2, math.MaxInt32 - 1}, {7, 0}, {1, 7}} {
		if peek, base := n.Peek(), n.Next(want.count); base != want.base || peek != base {
			t.Fatalf("batch %d begins at %d (peek %d), want %d", i, base, peek, want.base)
		}
	}
}

func TestBumpStartsTheNextEpochAtZero(t *testing.T) {
	n := NewNumbering(ProducerID{ID: 7, Epoch: 3})
	n.Next(10)
	n.Acked(9, 109, 0)
	if !n.Bump() || n.ID() != (ProducerID{ID: 7, Epoch: 4}) || n.Next(1) != 0 {
		t.Fatalf("after the bump %+v, want epoch 4 at sequence 0", n)
	}
	if n.LastAcked() >= 0 || n.LastAckedOffset() != 109 {
		t.Fatalf("after the bump %+v, want no acked sequence, but the offset", n)
	}
	// Sequence 0 of the new epoch comes after 9 of the old one.
	n.Acked(0, 110, 0)
	if last := n.LastAcked(); last != 0 {
		t.Fatalf("last acked %d, want 0", last)
	}
}

func TestLastEpochNeedsANewProducerID(t *testing.T) {
	n := NewNumbering(ProducerID{ID: 7, Epoch: math.MaxInt16 - 1})
	if !n.Bump() {
		t.Fatal("epoch 32767 was refused")
	}
	n.Next(5)
	if n.Bump() || n.ID().Epoch != math.MaxInt16 || n.Peek() != 5 {
		t.Fatalf("bumped past the last epoch: %+v", n)
	}
	n.Renew(ProducerID{ID: 8})
	if n.ID() != (ProducerID{ID: 8}) || n.Peek() != 0 || !n.Fresh(0) {
		t.Fatalf("after Renew %+v, want the new id at sequence 0", n)
	}
}

func TestFirstBatchGoesAlone(t *testing.T) {
	n := NewNumbering(ProducerID{ID: 1})
	at := 10 * time.Minute
	fresh := func(when string, want bool) {
		t.Helper()
		if got := n.Fresh(at); got != want {
			t.Errorf("%s: fresh %v, want %v", when, got, want)
		}
	}
	ack := func() { n.Acked(Last(n.Next(1), 1), -1, at) }
	fresh("at the start", true)
	ack()
	fresh("after an ack", false)
	n.LeaderChanged()
	fresh("after a leader change", true)
	ack()
	fresh("after its ack", false)
	n.Bump()
	fresh("after an epoch change", true)
	ack()
	at += idleMax - 1
	fresh("just before 5 minutes of idleness", false)
	at++
	fresh("after 5 minutes of idleness", true)
	ack()
	fresh("after that one's ack", false)
}

func TestAcksOnlyMoveForward(t *testing.T) {
	n := NewNumbering(ProducerID{ID: 1})
	for _, ack := range []struct {
		sequence   int32
		offset     int64
		sound      bool
		wantLast   int32
		wantOffset int64
	}{
		{4, 104, true, 4, 104},
		{9, 109, true, 9, 109},
		{4, 104, true, 9, 109},  // the duplicate of an older batch
		{9, 109, true, 9, 109},  // of the last one
		{14, -1, true, 14, 109}, // known to be in, not where
		{19, 119, true, 19, 119},
		{24, 60, false, 24, 60}, // the log was truncated
		{math.MaxInt32 >> 1, 500, true, math.MaxInt32 >> 1, 500},
		{math.MaxInt32 - 1, 600, true, math.MaxInt32 - 1, 600},
		{3, 700, true, 3, 700}, // past the wrap
		{math.MaxInt32 - 1, 600, true, 3, 700},
	} {
		sound := n.Acked(ack.sequence, ack.offset, 0)
		last := n.LastAcked()
		if sound != ack.sound || last != ack.wantLast || n.LastAckedOffset() != ack.wantOffset {
			t.Fatalf("ack of %d at %d: sound %v, last %d at %d, want %v, %d at %d", ack.sequence, ack.offset,
				sound, last, n.LastAckedOffset(), ack.sound, ack.wantLast, ack.wantOffset)
		}
	}
}

func TestTableKeepsNumbersByTopicID(t *testing.T) {
	table := NewTable()
	old := table.Ensure([16]byte{1}, "t", 0, ProducerID{ID: 5})
	old.Next(10)
	if again := table.Ensure([16]byte{1}, "t", 0, ProducerID{ID: 6}); again != old {
		t.Fatal("a partition's numbers were made twice")
	}
	if renamed := table.Get([16]byte{1}, "other", 0); renamed != old {
		t.Fatal("the name counts although the id is known")
	}
	recreated := table.Ensure([16]byte{2}, "t", 0, ProducerID{ID: 5})
	if recreated == old || recreated.Peek() != 0 {
		t.Fatal("a recreated topic took over the old one's numbers")
	}
	if table.Get([16]byte{1}, "t", 1) != nil || partitions(table) != 2 {
		t.Fatalf("%d partitions, want 2", partitions(table))
	}
}

func TestTableKeepsNumbersOfATopicThatGetsAnID(t *testing.T) {
	table := NewTable()
	named := table.Ensure([16]byte{}, "t", 0, ProducerID{ID: 5})
	named.Next(10)
	if other := table.Ensure([16]byte{}, "u", 0, ProducerID{ID: 5}); other == named {
		t.Fatal("two topics without ids share their numbers")
	}
	if upgraded := table.Ensure([16]byte{1}, "t", 0, ProducerID{ID: 5}); upgraded != named {
		t.Fatal("the numbers were lost when the topic got an id")
	}
	if recreated := table.Ensure([16]byte{2}, "t", 0, ProducerID{ID: 5}); recreated == named || partitions(table) != 3 {
		t.Fatalf("the next id took them over too; %d partitions", partitions(table))
	}
}

// partitions is how many have numbers.
func partitions(t *Table) int { return len(t.byID) + len(t.byName) }
