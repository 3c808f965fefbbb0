package test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus"
)

// The checker compares what a producer told with what Kafka has. It takes one pass over the log and one over each
// history, and trusts nothing of the producer's but the outcomes that it told: no counter, no statistic.
//
// Each record says in its value who wrote it and as which: the run, the writer (one goroutine, so that "before" has a
// meaning), the sequence within that writer, and a checksum over all of this, the topic, the key and the payload.
//
//	value:  run 8 | writer 4 | sequence 4 | checksum 4 | payload
const stampBytes = 20

// fate is what a history knows of one record.
type fate uint8

const (
	fateOpen       fate = iota // accepted, nothing told
	fateRefused                // never accepted
	fateAcked                  // told to be in the log
	fateNotWritten             // told not to be in the log
	fateUnknown                // told that nobody knows
)

// entry is one record of a history. Told counts the outcomes; the rest is of the last one.
type entry struct {
	Offset    int64 // of the Ack
	Partition int32 // of the outcome, -1 until there is one
	Asked     int32 // the partition that the record named, or -1
	Told      uint32
	Fate      fate
}

// history is what one writer did and was told, in the order of its sequence. It is written without a lock: the
// writer appends, and each outcome belongs to one entry. Of one partition's callbacks the producer promises that they
// run one after the other, so lastTold needs no lock either: with -race a broken promise shows.
type history struct {
	Run     uint64
	Writer  uint32
	Topic   string
	Entries []entry // of all records; set by end
	// Callbacks is set where outcomes come by callback, and so in the order of each partition.
	Callbacks bool

	room       []entry                  // of fixed size, for the callbacks use it while the writer goes on
	count      int                      // of entries; the writer's
	lastTold   [historyPartitions]int64 // sequence+1 of the last outcome
	misordered atomic.Int64
}

// historyPartitions is the most partitions that a topic under the checker may have.
const historyPartitions = 16

func newHistory(topic string, run uint64, writer uint32, recordsMax int) *history {
	return &history{Run: run, Writer: writer, Topic: topic, room: make([]entry, recordsMax)}
}

// end makes the entries readable. The writer and all callbacks must be done.
func (h *history) end() { h.Entries = h.room[:h.count] }

// add makes the next record's entry and returns its sequence, and false when the history is full.
func (h *history) add(asked int32) (sequence uint32, ok bool) {
	if h.count == len(h.room) {
		return 0, false
	}
	h.room[h.count] = entry{Offset: -1, Partition: -1, Asked: asked}
	h.count++
	return uint32(h.count - 1), true
}

// refuse notes that the record was not accepted.
func (h *history) refuse(sequence uint32) { h.room[sequence].Fate = fateRefused }

// tell notes an outcome. It serves as callback.
func (h *history) tell(ack omnibus.Ack, err error) {
	tag, partition := ack.Tag, ack.Partition
	if failed := asRecordError(err); failed != nil {
		tag, partition = failed.Tag, failed.Partition
	}
	sequence := uint32(tag)
	e := &h.room[sequence]
	atomic.AddUint32(&e.Told, 1)
	e.Partition, e.Offset = partition, -1
	switch {
	case err == nil:
		e.Fate, e.Offset = fateAcked, ack.Offset
	case omnibus.NotWritten(err):
		e.Fate = fateNotWritten
	default:
		e.Fate = fateUnknown
	}
	if !h.Callbacks || partition < 0 || partition >= historyPartitions {
		return
	}
	if last := &h.lastTold[partition]; int64(sequence) < *last {
		h.misordered.Add(1)
	} else {
		*last = int64(sequence) + 1
	}
}

// stamp fills value, whose payload is in place, with what the record says of itself.
func (h *history) stamp(value, key []byte, sequence uint32) {
	binary.BigEndian.PutUint64(value[0:], h.Run)
	binary.BigEndian.PutUint32(value[8:], h.Writer)
	binary.BigEndian.PutUint32(value[12:], sequence)
	binary.BigEndian.PutUint32(value[16:], checksum(h.Topic, key, value))
}

// checksum covers all of a record but the checksum itself.
func checksum(topic string, key, value []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, []byte(topic))
	sum = crc32.Update(sum, table, key)
	sum = crc32.Update(sum, table, value[:16])
	return crc32.Update(sum, table, value[stampBytes:])
}

// sin is a way to break the contract.
type sin string

const (
	sinLost       sin = "LOST: acked and not in the log"
	sinDuplicate  sin = "DUPLICATE: twice in the log"
	sinReorder    sin = "REORDER: behind a younger record of its writer in the same partition"
	sinLie        sin = "LIE: told to be not written, and in the log"
	sinOffset     sin = "WRONG OFFSET: another record stands where the Ack says"
	sinCorrupt    sin = "CORRUPT: the bytes are not those that were enqueued"
	sinMisrouted  sin = "MISROUTED: in another partition than asked for or acked"
	sinPhantom    sin = "PHANTOM: nobody's record, or a refused one"
	sinOutcomes   sin = "OUTCOMES: not exactly one for an accepted record, or one for a refused"
	sinCallbacks  sin = "CALLBACKS: not in the partition's order"
	sinDiscontent sin = "HOLE: the log's offsets do not follow each other"
)

// report is what the checker found.
type report struct {
	records, acked, notWritten, unknown, refused int
	inLog, doubles                               int
	sins                                         map[sin]int
	examples                                     []string
}

// examplesMax is how many sins are told in full.
const examplesMax = 30

func (r *report) sin(s sin, format string, args ...any) {
	r.sins[s]++
	if r.sins[s] <= examplesMax/5 && len(r.examples) < examplesMax {
		r.examples = append(r.examples, string(s)+": "+fmt.Sprintf(format, args...))
	}
}

func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records: %d acked, %d not written, %d unknown, %d refused; %d in the log, %d doubles",
		r.records, r.acked, r.notWritten, r.unknown, r.refused, r.inLog, r.doubles)
	for _, s := range slices.Sorted(maps.Keys(r.sins)) {
		fmt.Fprintf(&b, "\n%d x %s", r.sins[s], s)
	}
	for _, example := range r.examples {
		b.WriteString("\n  " + example)
	}
	return b.String()
}

// trail is where the log's pass stands with one writer.
type trail struct {
	*history
	seen []uint64                 // a bit for each sequence
	last [historyPartitions]int64 // sequence+1 of the youngest seen in each partition
}

// see notes a sequence, and reports whether it was noted before.
func (t *trail) see(sequence uint32) (again bool) {
	word, bit := sequence/64, uint64(1)<<(sequence%64)
	again = t.seen[word]&bit != 0
	t.seen[word] |= bit
	return again
}

// checker is one check under way.
type checker struct {
	*report
	trails map[uint32]*trail
	log    [][]*kgo.Record
	// doublesAllowed is set for producers that promise no more than at least once.
	doublesAllowed bool
}

// check compares the histories of all writers to a topic with its log.
func check(log [][]*kgo.Record, doublesAllowed bool, histories ...*history) *report {
	c := &checker{
		report: &report{sins: make(map[sin]int)}, log: log,
		trails: make(map[uint32]*trail), doublesAllowed: doublesAllowed,
	}
	for _, h := range histories {
		c.trails[h.Writer] = &trail{history: h, seen: make([]uint64, len(h.Entries)/64+1)}
	}
	for partition, records := range log {
		for i, record := range records {
			if i > 0 && record.Offset != records[i-1].Offset+1 {
				c.sin(sinDiscontent, "partition %d offset %d after %d", partition, record.Offset, records[i-1].Offset)
			}
			c.inLog++
			c.record(int32(partition), record)
		}
	}
	for _, h := range histories {
		c.history(c.trails[h.Writer])
	}
	return c.report
}

// identify returns whose record it is, or nil.
func (c *checker) identify(record *kgo.Record) (*trail, uint32) {
	if len(record.Value) < stampBytes {
		return nil, 0
	}
	t := c.trails[binary.BigEndian.Uint32(record.Value[8:])]
	sequence := binary.BigEndian.Uint32(record.Value[12:])
	if t == nil || t.Run != binary.BigEndian.Uint64(record.Value) || int(sequence) >= len(t.Entries) {
		return nil, 0
	}
	return t, sequence
}

// intact reports whether the record's checksum is right, if it has one.
func intact(record *kgo.Record) bool {
	return len(record.Value) < stampBytes ||
		checksum(record.Topic, record.Key, record.Value) == binary.BigEndian.Uint32(record.Value[16:])
}

// record judges one record of the log.
func (c *checker) record(partition int32, record *kgo.Record) {
	t, sequence := c.identify(record)
	where := fmt.Sprintf("partition %d offset %d", partition, record.Offset)
	switch {
	case !intact(record):
		c.sin(sinCorrupt, "%s: key %q", where, record.Key)
		return
	case t == nil:
		c.sin(sinPhantom, "%s: key %q, %d bytes", where, record.Key, len(record.Value))
		return
	}
	who := fmt.Sprintf("%s: writer %d sequence %d", where, t.Writer, sequence)
	e := &t.Entries[sequence]
	for _, meant := range []int32{e.Asked, e.Partition} {
		if meant >= 0 && meant != partition {
			c.sin(sinMisrouted, "%s, asked for partition %d, told to be in %d", who, e.Asked, e.Partition)
			break
		}
	}
	switch e.Fate {
	case fateRefused:
		c.sin(sinPhantom, "%s was refused", who)
	case fateNotWritten:
		c.sin(sinLie, "%s", who)
	}
	if t.see(sequence) {
		c.doubles++
		if !c.doublesAllowed {
			c.sin(sinDuplicate, "%s", who)
		}
		return
	}
	if int64(sequence) < t.last[partition] {
		c.sin(sinReorder, "%s stands behind sequence %d", who, t.last[partition]-1)
		return
	}
	t.last[partition] = int64(sequence) + 1
}

// history judges what one writer was told.
func (c *checker) history(t *trail) {
	if n := t.misordered.Load(); n > 0 {
		c.sin(sinCallbacks, "writer %d: %d outcomes", t.Writer, n)
	}
	for i := range t.Entries {
		e, sequence := &t.Entries[i], uint32(i)
		c.records++
		want := uint32(1)
		switch e.Fate {
		case fateAcked:
			c.acked++
			c.ackedEntry(t, sequence, e)
		case fateNotWritten:
			c.notWritten++
		case fateUnknown:
			c.unknown++
		case fateRefused:
			c.refused++
			want = 0
		}
		if e.Told != want {
			c.sin(sinOutcomes, "writer %d sequence %d: %d outcomes, want %d", t.Writer, sequence, e.Told, want)
		}
	}
}

// ackedEntry judges one Ack: the record is there, and where it says.
func (c *checker) ackedEntry(t *trail, sequence uint32, e *entry) {
	if !t.see(sequence) {
		c.sin(sinLost, "writer %d sequence %d, acked at partition %d offset %d", t.Writer, sequence, e.Partition, e.Offset)
		return
	}
	if e.Offset < 0 || e.Partition < 0 || int(e.Partition) >= len(c.log) || len(c.log[e.Partition]) == 0 {
		return
	}
	records := c.log[e.Partition]
	if i := e.Offset - records[0].Offset; i >= 0 && i < int64(len(records)) {
		if owner, found := c.identify(records[i]); owner == t && found == sequence {
			return
		}
	}
	c.sin(sinOffset, "writer %d sequence %d, acked at partition %d offset %d", t.Writer, sequence, e.Partition, e.Offset)
}

// honestWorld is a log of two partitions and the histories of its two writers, without a sin.
func honestWorld() ([][]*kgo.Record, []*history) {
	const topic = "honest"
	log := make([][]*kgo.Record, 2)
	var histories []*history
	for writer := range uint32(2) {
		h := newHistory(topic, 7, writer, 100)
		h.Callbacks = true
		for i := range 100 {
			partition := int32(i/10) % 2
			sequence, _ := h.add(-1)
			value, key := make([]byte, stampBytes+8), []byte{byte(i)}
			h.stamp(value, key, sequence)
			offset := int64(len(log[partition]))
			log[partition] = append(log[partition], &kgo.Record{
				Topic: topic, Partition: partition, Offset: offset, Key: key, Value: value,
			})
			h.tell(omnibus.Ack{Topic: topic, Partition: partition, Offset: offset, Tag: uint64(sequence)}, nil)
		}
		h.end()
		histories = append(histories, h)
	}
	return log, histories
}

func TestTheCheckerAcquitsAnHonestProducer(t *testing.T) {
	log, histories := honestWorld()
	r := check(log, false, histories...)
	if len(r.sins) > 0 || r.records != 200 || r.acked != 200 || r.inLog != 200 || r.doubles != 0 {
		t.Error(r)
	}
}

// renumber gives a partition's records the offsets of their places.
func renumber(records []*kgo.Record) {
	for i, r := range records {
		r.Offset = int64(i)
	}
}

func TestTheCheckerFindsEverySin(t *testing.T) {
	type world struct {
		log [][]*kgo.Record
		h   *history
	}
	for _, test := range []struct {
		sin    sin
		commit func(w *world)
	}{
		{sinLost, func(w *world) { w.log[1] = w.log[1][:99] }},
		{sinDuplicate, func(w *world) {
			again := *w.log[0][3]
			again.Offset = 100
			w.log[0] = append(w.log[0], &again)
		}},
		{sinReorder, func(w *world) {
			w.log[0][4], w.log[0][5] = w.log[0][5], w.log[0][4]
			renumber(w.log[0])
			w.h.room[4].Offset, w.h.room[5].Offset = 5, 4
		}},
		{sinLie, func(w *world) { w.h.room[4].Fate = fateNotWritten }},
		{sinOffset, func(w *world) { w.h.room[4].Offset = 5 }},
		{sinOffset, func(w *world) { w.h.room[4].Offset = 5000 }},
		{sinCorrupt, func(w *world) { w.log[0][4].Value[stampBytes+3] ^= 1 }},
		{sinCorrupt, func(w *world) { w.log[0][4].Key[0] ^= 1 }},
		{sinCorrupt, func(w *world) { w.log[0][4].Topic = "another" }},
		{sinMisrouted, func(w *world) {
			moved := w.log[0][99]
			w.log[0] = w.log[0][:99]
			moved.Offset = 100
			w.log[1] = append(w.log[1], moved)
		}},
		{sinMisrouted, func(w *world) { w.h.room[4].Asked = 1 }},
		{sinPhantom, func(w *world) { w.log[0][4].Value = w.log[0][4].Value[:5] }},
		{sinPhantom, func(w *world) { w.h.Run = 8 }},
		{sinPhantom, func(w *world) { w.h.room[4].Fate, w.h.room[4].Told = fateRefused, 0 }},
		{sinOutcomes, func(w *world) { w.h.room[4].Told = 2 }},
		{sinOutcomes, func(w *world) { w.h.room[4].Fate, w.h.room[4].Told = fateOpen, 0 }},
		{sinOutcomes, func(w *world) { w.h.room[4].Fate = fateRefused }},
		{sinCallbacks, func(w *world) {
			w.h.room[5].Told = 0
			w.h.tell(omnibus.Ack{Partition: 0, Offset: 5, Tag: 5}, nil)
		}},
		{sinDiscontent, func(w *world) { w.log[0][99].Offset = 100 }},
	} {
		log, histories := honestWorld()
		test.commit(&world{log: log, h: histories[0]})
		if r := check(log, false, histories...); r.sins[test.sin] == 0 {
			t.Errorf("not found: %s\n%s", test.sin, r)
		}
	}
}

func TestTheCheckerCountsDoublesWhereTheyAreAllowed(t *testing.T) {
	log, histories := honestWorld()
	for _, r := range slices.Clone(log[0][95:]) {
		again := *r
		log[0] = append(log[0], &again)
	}
	renumber(log[0])
	if r := check(log, true, histories...); len(r.sins) > 0 || r.doubles != 5 {
		t.Error(r)
	}
	log[0][99], log[0][104] = log[0][104], log[0][99]
	log[0] = log[0][:104]
	renumber(log[0])
	if r := check(log, true, histories...); len(r.sins) > 0 || r.doubles != 4 {
		t.Error(r)
	}
}
