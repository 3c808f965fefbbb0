package check

import (
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// world is a log of two partitions and the histories of two writers of 100 records each, without a violation.
type world struct {
	log       [][]*Record
	histories []*History
}

const topic = "honest"

func honestWorld() *world {
	w := &world{log: make([][]*Record, 2)}
	for writer := range uint32(2) {
		h := NewHistory(topic, 7, writer, 2)
		h.InOrder()
		for i := range 100 {
			partition := int32(i/10) % 2
			sequence := h.Add(NoPartition)
			value, key := make([]byte, StampBytes+8), []byte{byte(i)}
			h.Stamp(value, key, sequence)
			offset := int64(len(w.log[partition]))
			w.log[partition] = append(w.log[partition], &Record{topic, partition, offset, key, value})
			h.Tell(sequence, Outcome{Acked, partition, offset})
		}
		w.histories = append(w.histories, h)
	}
	return w
}

// renumber gives the records of a partition the offsets of their places.
func (w *world) renumber(partition int) {
	for i, r := range w.log[partition] {
		r.Offset = int64(i)
	}
}

// check runs the checker.
func (w *world) check(rules Rules) *Report {
	c := New(rules, w.histories...)
	for _, records := range w.log {
		for _, r := range records {
			c.Read(r)
		}
	}
	return c.Finish()
}

func TestAnHonestProducerIsAcquitted(t *testing.T) {
	r := honestWorld().check(Rules{})
	if len(r.Violations) > 0 || r.Records != 200 || r.Acked != 200 || r.InLog != 200 || r.Doubles != 0 {
		t.Error(r)
	}
	if got, want := r.String(), "200 records: 200 acked, 0 not written, 0 unknown, 0 refused; 200 in the log, 0 doubles"; got != want {
		t.Error(got)
	}
}

func TestEveryViolationIsFound(t *testing.T) {
	for _, test := range []struct {
		kind   Kind
		commit func(w *world, h *History)
	}{
		{Lost, func(w *world, _ *History) { w.log[1] = w.log[1][:99] }},
		{Duplicate, func(w *world, _ *History) {
			again := *w.log[0][3]
			again.Offset = 100
			w.log[0] = append(w.log[0], &again)
		}},
		{Duplicate, func(w *world, _ *History) { // in the other partition
			again := *w.log[0][3]
			again.Partition, again.Offset = 1, 100
			w.log[1] = append(w.log[1], &again)
		}},
		{Reorder, func(w *world, h *History) {
			w.log[0][4], w.log[0][5] = w.log[0][5], w.log[0][4]
			w.renumber(0)
			h.entry(4).offset, h.entry(5).offset = 5, 4
		}},
		{Lie, func(_ *world, h *History) { h.entry(4).setFate(NotWritten) }},
		{WrongOffset, func(_ *world, h *History) { h.entry(4).offset = 5 }},
		{WrongOffset, func(_ *world, h *History) { h.entry(4).offset = 5000 }},
		{Corrupt, func(w *world, _ *History) { w.log[0][4].Value[StampBytes+3] ^= 1 }},
		{Corrupt, func(w *world, _ *History) { w.log[0][4].Key[0] ^= 1 }},
		{Corrupt, func(w *world, _ *History) { w.log[0][4].Topic = "another" }},
		{Corrupt, func(w *world, _ *History) { w.log[0][4].Value[9] ^= 1 }},
		{Misrouted, func(w *world, _ *History) {
			moved := w.log[0][99]
			w.log[0] = w.log[0][:99]
			moved.Partition, moved.Offset = 1, 100
			w.log[1] = append(w.log[1], moved)
		}},
		{Misrouted, func(w *world, h *History) { // asked for one partition, told another
			e := h.entry(4)
			e.partition = 1
			e.state.Store(0)
			h.Tell(4, Outcome{Acked, 0, 4})
		}},
		{Misrouted, func(_ *world, h *History) { // asked for one partition, never told
			h.entry(4).partition = 1
			h.entry(4).state.Store(toldOnce | uint32(Unknown))
		}},
		{Phantom, func(w *world, _ *History) { w.log[0][4].Value = w.log[0][4].Value[:5] }},
		{Phantom, func(_ *world, h *History) { h.id.run = 8 }},
		{Phantom, func(_ *world, h *History) { h.count = 50 }},
		{Phantom, func(_ *world, h *History) { h.entry(4).state.Store(uint32(Refused)) }},
		{Outcomes, func(_ *world, h *History) { h.entry(4).state.Add(toldOnce) }},
		{Outcomes, func(_ *world, h *History) { h.entry(4).state.Store(0) }},
		{Outcomes, func(_ *world, h *History) { h.Refuse(4) }},
		{Callbacks, func(_ *world, h *History) {
			h.entry(5).state.Store(0)
			h.Tell(5, Outcome{Acked, 0, 5})
		}},
		{Discontinued, func(w *world, _ *History) { w.log[0][99].Offset = 100 }},
	} {
		w := honestWorld()
		test.commit(w, w.histories[0])
		if r := w.check(Rules{}); r.Violations[test.kind] == 0 {
			t.Errorf("not found: %s\n%s", test.kind, r)
		}
	}
}

func TestWhatIsLeftAfterCloseIsALeak(t *testing.T) {
	c := New(Rules{})
	c.Left("bytes of buffer.memory", 0)
	c.Left("bytes of buffer.memory", 17)
	r := c.Finish()
	if r.Violations[Leak] != 1 || !strings.Contains(r.String(), "bytes of buffer.memory: 17") {
		t.Error(r)
	}
}

func TestAnOffsetThatNobodyKnowsIsNotWrong(t *testing.T) {
	w := honestWorld()
	w.histories[0].entry(4).offset = -1
	if r := w.check(Rules{}); len(r.Violations) > 0 {
		t.Error(r)
	}
}

func TestARecordWithoutACertainOutcomeMayBeInTheLogOrNot(t *testing.T) {
	w := honestWorld()
	for _, sequence := range []uint32{98, 99} { // the last of partition 1
		w.histories[0].entry(sequence).setFate(Unknown)
	}
	w.log[1] = slices.DeleteFunc(w.log[1], func(r *Record) bool { return r.Key[0] == 99 && r.Offset < 60 })
	r := w.check(Rules{Holes: true})
	if len(r.Violations) > 0 || r.Unknown != 2 {
		t.Error(r)
	}
}

func TestADeletedTopicTakesItsRecordsAlongAndForgivesNothingElse(t *testing.T) {
	w := honestWorld()
	for _, h := range w.histories {
		h.Doom()
	}
	for partition, log := range w.log {
		w.log[partition] = log[50:] // their offsets stay, as if the first ones had been those of another topic
	}
	r := w.check(Rules{})
	if len(r.Violations) > 0 || r.Gone != 100 || r.Records != 0 || r.Doomed != (Counts{Records: 200, Acked: 200}) {
		t.Error(r)
	}
	again := *w.log[0][49]
	again.Offset++
	w.log[0] = append(w.log[0], &again)
	w.log[1] = slices.Clone(w.log[1])
	w.log[1][3].Offset, w.log[1][4].Offset = w.log[1][4].Offset, w.log[1][3].Offset
	w.histories[1].entry(99).setFate(NotWritten)
	if r := w.check(Rules{Holes: true}); r.Violations[Duplicate] != 1 || r.Violations[WrongOffset] != 2 || r.Violations[Lie] != 1 {
		t.Error(r)
	}
}

func TestDoublesAreCountedWhereTheyAreAllowed(t *testing.T) {
	w := honestWorld()
	for _, r := range slices.Clone(w.log[0][95:]) {
		again := *r
		w.log[0] = append(w.log[0], &again)
	}
	w.renumber(0)
	if r := w.check(Rules{Duplicates: true}); len(r.Violations) > 0 || r.Doubles != 5 {
		t.Error(r)
	}
	// An acknowledgement may speak of any of the places.
	w.histories[1].entry(89).offset = 104
	if r := w.check(Rules{Duplicates: true}); len(r.Violations) > 0 {
		t.Error(r)
	}
}

func TestExamplesAreFewHoweverManyViolationsThereAre(t *testing.T) {
	w := honestWorld()
	w.log = nil
	r := w.check(Rules{})
	if r.Violations[Lost] != 200 || len(r.Examples) != examplesOfAKind {
		t.Errorf("%d lost, %d examples", r.Violations[Lost], len(r.Examples))
	}
}

func TestAHistoryOutlivesItsProcess(t *testing.T) {
	w := honestWorld()
	w.histories[0].misordered.Add(2)
	w.histories[1].entry(4).setFate(NotWritten)
	for i, h := range w.histories {
		raw, err := h.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back := new(History)
		if err := back.UnmarshalBinary(raw); err != nil {
			t.Fatal(err)
		}
		if err := new(History).UnmarshalBinary(raw[:len(raw)-1]); err == nil {
			t.Error("a history that is cut off can be read")
		}
		w.histories[i] = back
	}
	r := w.check(Rules{})
	if r.Acked != 199 || r.Violations[Lie] != 1 || r.Violations[Callbacks] != 1 || len(r.Violations) != 2 {
		t.Error(r)
	}
}

func TestARunCanBeCheckedInPieces(t *testing.T) {
	first, second := NewHistory(topic, 7, 1, 1), NewHistory(topic, 7, 2, 1)
	var log []*Record
	write := func(h *History) {
		sequence := h.Add(0)
		value := make([]byte, StampBytes)
		h.Stamp(value, nil, sequence)
		h.Tell(sequence, Outcome{Acked, 0, int64(len(log))})
		log = append(log, &Record{Topic: topic, Offset: int64(len(log)), Value: value})
	}
	write(first)
	write(second)
	late := *log[0]
	late.Offset = 2
	for _, piece := range []struct {
		h       *History
		records []*Record
		want    Kind
	}{{first, log[:1], ""}, {second, log[1:], ""}, {second, append(log[1:2:2], &late), Phantom}} {
		c := New(Rules{}, piece.h)
		for _, r := range piece.records {
			c.Read(r)
		}
		if r := c.Finish(); len(r.Violations) != r.Violations[piece.want] {
			t.Error(r)
		}
	}
}

func TestAHistoryTakes16BytesARecord(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size != 16 {
		t.Errorf("%d bytes", size)
	}
	h := NewHistory(topic, 7, 1, 1)
	for range 3*chunkEntries + 1 {
		h.Add(0)
	}
	if chunks := len(*h.chunks.Load()); chunks != 4 || h.Count() != 3*chunkEntries+1 {
		t.Errorf("%d records in %d chunks", h.Count(), chunks)
	}
}

func TestOutcomesMayComeWhileTheWriterGoesOn(t *testing.T) {
	h := NewHistory(topic, 7, 1, 1)
	handed := make(chan uint32, 64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sequence := range handed {
			h.Tell(sequence, Outcome{NotWritten, 0, -1})
		}
	}()
	for range 3 * chunkEntries {
		handed <- h.Add(0)
	}
	close(handed)
	<-done
	if r := New(Rules{}, h).Finish(); r.NotWritten != 3*chunkEntries || len(r.Violations) > 0 {
		t.Error(r)
	}
}

func TestAGoroutineAndADescriptorThatStayAreFound(t *testing.T) {
	before := Hold()
	if leaked := before.Leaked(nil); leaked != nil {
		t.Error(leaked)
	}
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() { defer close(ended); <-stop }()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	leaked := before.more(nil)
	if len(leaked) == 0 || !strings.Contains(leaked[0], "TestAGoroutineAndADescriptorThatStay") {
		t.Errorf("%q", leaked)
	}
	if runtime.GOOS == "linux" && !strings.Contains(leaked[len(leaked)-1], "socket:") {
		t.Errorf("%q", leaked)
	}
	if leaked := before.more(func(string) bool { return true }); leaked != nil {
		t.Errorf("%q", leaked)
	}
	close(stop)
	<-ended
	listener.Close()
	if leaked := before.Leaked(nil); leaked != nil {
		t.Error(leaked)
	}
}
