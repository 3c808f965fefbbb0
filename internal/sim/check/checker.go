package check

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind is a way to break the contract.
type Kind string

// The kinds of violations.
const (
	Lost         Kind = "LOST: acked and not in the log"
	Duplicate    Kind = "DUPLICATE: twice in the log"
	Reorder      Kind = "REORDER: behind a younger record of its writer in the same partition"
	Lie          Kind = "LIE: told to be not written, and in the log"
	WrongOffset  Kind = "WRONG OFFSET: another record stands where the Ack says"
	Corrupt      Kind = "CORRUPT: the bytes are not those that were enqueued"
	Misrouted    Kind = "MISROUTED: in another partition than asked for or acked"
	Phantom      Kind = "PHANTOM: nobody's record, or a refused one"
	Outcomes     Kind = "OUTCOMES: not exactly one for an accepted record, or one for a refused"
	Callbacks    Kind = "CALLBACKS: not in the partition's order"
	Discontinued Kind = "HOLE: the log's offsets do not follow each other"
	Leak         Kind = "LEAK: held after Close"
)

// Rules say what is no violation.
type Rules struct {
	// Duplicates are counted and allowed, as of a producer without idempotence. Only a record's first place counts for the
	// order then.
	Duplicates bool
	// Holes are allowed, as in a topic with transactions or compaction.
	Holes bool
}

// Record is a record as a consumer reads it.
type Record struct {
	Topic      string
	Partition  int32
	Offset     int64
	Key, Value []byte
}

// Counts are records by what was told about them. Records is their sum, up to those of which nothing was told.
type Counts struct{ Records, Acked, NotWritten, Unknown, Refused int }

// Add makes c the sum of both.
func (c *Counts) Add(d Counts) {
	c.Records += d.Records
	c.Acked += d.Acked
	c.NotWritten += d.NotWritten
	c.Unknown += d.Unknown
	c.Refused += d.Refused
}

// Report is what a check found.
type Report struct {
	// Counts are those of the histories that must be found as told.
	Counts
	// Doomed are those of the histories whose topic might be deleted; Gone is how many of the acked ones among them are not
	// in the log.
	Doomed Counts
	Gone   int
	// InLog is how many records were read, Doubles how many of them for at least the second time.
	InLog, Doubles int
	// Violations counts by kind; a kind that is not there was not found.
	Violations map[Kind]int
	// Examples tells some of them in full.
	Examples []string
}

// examplesMax is how many violations are told in full, examplesOfAKind how many of one kind.
const (
	examplesMax     = 30
	examplesOfAKind = 6
)

// found notes a violation.
func (r *Report) found(k Kind, format string, args ...any) {
	r.Violations[k]++
	if r.Violations[k] <= examplesOfAKind && len(r.Examples) < examplesMax {
		r.Examples = append(r.Examples, string(k)+": "+fmt.Sprintf(format, args...))
	}
}

// String is the report in words.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records: %d acked, %d not written, %d unknown, %d refused; %d in the log, %d doubles",
		r.Records, r.Acked, r.NotWritten, r.Unknown, r.Refused, r.InLog, r.Doubles)
	if d := r.Doomed; d.Records > 0 {
		fmt.Fprintf(&b, "\n%d more while their topic was deleted: %d acked, of which %d went with it, %d not written, %d unknown, %d refused",
			d.Records, d.Acked, r.Gone, d.NotWritten, d.Unknown, d.Refused)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Violations)) {
		fmt.Fprintf(&b, "\n%d x %s", r.Violations[k], k)
	}
	for _, example := range r.Examples {
		b.WriteString("\n  " + example)
	}
	return b.String()
}

// Checker is one check under way.
type Checker struct {
	rules  Rules
	report *Report
	trails map[writerID]*trail
	all    []*trail
	ends   map[int32]int64 // the offset behind the last record read, by partition
}

// trail is where the log's pass stands with one writer.
type trail struct {
	*History
	seen, placed []uint64 // a bit for each sequence: it was read; it was read where the outcome says
	last         []int64  // sequence+1 of the youngest read in each partition
}

// New begins a check of what all writers to a topic were told.
func New(rules Rules, histories ...*History) *Checker {
	c := &Checker{
		rules: rules, report: &Report{Violations: make(map[Kind]int)},
		trails: make(map[writerID]*trail), ends: make(map[int32]int64),
	}
	for _, h := range histories {
		words := int(h.count)/64 + 1
		t := &trail{History: h, seen: make([]uint64, words), placed: make([]uint64, words)}
		c.trails[h.id] = t
		c.all = append(c.all, t)
	}
	return c
}

// mark sets a bit, and reports whether it was set before.
func mark(bits []uint64, sequence uint32) (before bool) {
	word, bit := sequence/64, uint64(1)<<(sequence%64)
	before = bits[word]&bit != 0
	bits[word] |= bit
	return before
}

func marked(bits []uint64, sequence uint32) bool { return bits[sequence/64]&(1<<(sequence%64)) != 0 }

// identify returns whose record it is, or nil.
func (c *Checker) identify(r *Record) (*trail, uint32) {
	if len(r.Value) < StampBytes {
		return nil, 0
	}
	id := writerID{binary.BigEndian.Uint64(r.Value), binary.BigEndian.Uint32(r.Value[8:])}
	sequence := binary.BigEndian.Uint32(r.Value[12:])
	t := c.trails[id]
	if t == nil || sequence >= t.count {
		return nil, 0
	}
	return t, sequence
}

// Read judges the next record of its partition. The record is not kept.
func (c *Checker) Read(r *Record) {
	if end, begun := c.ends[r.Partition]; begun && r.Offset != end && !c.rules.Holes {
		c.report.found(Discontinued, "partition %d offset %d after %d", r.Partition, r.Offset, end-1)
	}
	c.ends[r.Partition] = r.Offset + 1
	c.report.InLog++
	if len(r.Value) >= StampBytes && checksum(r.Topic, r.Key, r.Value) != binary.BigEndian.Uint32(r.Value[16:]) {
		c.report.found(Corrupt, "partition %d offset %d: key %q", r.Partition, r.Offset, r.Key)
		return
	}
	t, sequence := c.identify(r)
	if t == nil {
		c.report.found(Phantom, "partition %d offset %d: key %q, %d bytes", r.Partition, r.Offset, r.Key, len(r.Value))
		return
	}
	c.judge(r, t, sequence)
}

// judge holds a record against its entry.
func (c *Checker) judge(r *Record, t *trail, sequence uint32) {
	e := t.entry(sequence)
	who := func() string {
		return fmt.Sprintf("partition %d offset %d: writer %d sequence %d", r.Partition, r.Offset, t.id.writer, sequence)
	}
	if e.partition >= 0 && e.partition != r.Partition || e.state.Load()&misrouted != 0 {
		c.report.found(Misrouted, "%s, meant for partition %d", who(), e.partition)
	}
	switch fate := e.fate(); {
	case fate == Refused:
		c.report.found(Phantom, "%s was refused", who())
	case fate == NotWritten:
		c.report.found(Lie, "%s", who())
	case fate == Acked && e.offset == r.Offset && e.partition == r.Partition:
		mark(t.placed, sequence)
	}
	if mark(t.seen, sequence) {
		c.report.Doubles++
		if !c.rules.Duplicates {
			c.report.found(Duplicate, "%s", who())
		}
		return
	}
	last := t.youngest(r.Partition)
	if int64(sequence) < *last {
		c.report.found(Reorder, "%s stands behind sequence %d", who(), *last-1)
		return
	}
	*last = int64(sequence) + 1
}

// youngest is the sequence+1 of the youngest record read in a partition.
func (t *trail) youngest(partition int32) *int64 {
	for int(partition) >= len(t.last) {
		t.last = append(t.last, 0)
	}
	return &t.last[partition]
}

// Left notes something that is still held although the producer is closed: bytes of its memory, or anything else that is
// counted. 0 is well.
func (c *Checker) Left(what string, amount int64) {
	if amount != 0 {
		c.report.found(Leak, "%s: %d", what, amount)
	}
}

// Finish judges what the writers were told, and ends the check.
func (c *Checker) Finish() *Report {
	for _, t := range c.all {
		if n := t.misordered.Load(); n > 0 {
			c.report.found(Callbacks, "writer %d: %d outcomes", t.id.writer, n)
		}
		for sequence := range t.count {
			c.outcome(t, sequence)
		}
	}
	return c.report
}

// outcome judges what was told about one record.
func (c *Checker) outcome(t *trail, sequence uint32) {
	e := t.entry(sequence)
	counts := &c.report.Counts
	if t.doomed {
		counts = &c.report.Doomed
	}
	counts.Records++
	want := uint32(1)
	switch e.fate() {
	case Acked:
		counts.Acked++
		switch {
		case !marked(t.seen, sequence) && t.doomed:
			c.report.Gone++
		case !marked(t.seen, sequence):
			c.report.found(Lost, "writer %d sequence %d, acked at partition %d offset %d", t.id.writer, sequence, e.partition, e.offset)
		case e.offset >= 0 && !marked(t.placed, sequence):
			c.report.found(WrongOffset, "writer %d sequence %d, acked at partition %d offset %d", t.id.writer, sequence, e.partition, e.offset)
		}
	case NotWritten:
		counts.NotWritten++
	case Unknown:
		counts.Unknown++
	case Refused:
		counts.Refused++
		want = 0
	}
	if told := e.told(); told != want {
		c.report.found(Outcomes, "writer %d sequence %d: %d outcomes, want %d", t.id.writer, sequence, told, want)
	}
}
