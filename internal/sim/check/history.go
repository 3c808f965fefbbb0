package check

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync/atomic"
)

// StampBytes is how much of a record's value the stamp takes, before the payload.
const StampBytes = 20

// NoPartition stands for a partition that nobody named.
const NoPartition = -1

// Fate is what a history knows of one record.
type Fate uint8

// The fates. Open is a record of which nothing was told, Refused one that was not accepted; the other three are the
// outcomes that a producer tells.
const (
	Open Fate = iota
	Refused
	Acked
	NotWritten
	Unknown
)

// Outcome is what the producer told about a record.
type Outcome struct {
	Fate Fate
	// Partition is where it went, NoPartition if that was never decided.
	Partition int32
	// Offset is that of the acknowledgement, -1 for none.
	Offset int64
}

// chunkEntries is how many entries a history grows by.
const chunkEntries = 1 << 10

// entry is one record of a history. state counts the outcomes and has the rest of the flags; partition is the one that was
// asked for, then the outcome's.
type entry struct {
	offset    int64
	partition int32
	state     atomic.Uint32
}

// The parts of entry.state.
const (
	fateMask  = 0x07
	misrouted = 0x08 // told to be in another partition than asked for
	toldOnce  = 0x10 // from here on the number of outcomes
)

// History is what one writer did and was told, in the order of its sequence. The writer alone calls Add, Stamp and Refuse;
// Tell may be called by anybody, also meanwhile.
type History struct {
	topic   string
	id      writerID
	ordered bool
	doomed  bool
	count   uint32
	chunks  atomic.Pointer[[]*[chunkEntries]entry]
	// lastTold is the sequence+1 of each partition's last outcome. The producer promises that callbacks of a partition run
	// one after the other, so it needs no lock.
	lastTold   []int64
	misordered atomic.Int64
}

// writerID names a writer.
type writerID struct {
	run    uint64
	writer uint32
}

// NewHistory returns the history of a writer to a topic with at most so many partitions. Run and writer name it; no two
// histories of a check may have both alike.
func NewHistory(topic string, run uint64, writer uint32, partitionsMax int) *History {
	h := &History{topic: topic, id: writerID{run, writer}, lastTold: make([]int64, partitionsMax)}
	h.chunks.Store(new([]*[chunkEntries]entry))
	return h
}

// InOrder says that outcomes come by callback, and so in the order of each partition. To be called before the first.
func (h *History) InOrder() { h.ordered = true }

// Doom says that the topic may be deleted, and another one made under its name, while the writer writes. Then its acked records
// may be missing, and nothing else is forgiven: none may be in the new topic twice, out of order, or at another offset than
// it was told. To be called before the first.
func (h *History) Doom() { h.doomed = true }

// Count is how many records were added.
func (h *History) Count() int { return int(h.count) }

// Add makes the entry of the writer's next record and returns its sequence. Asked is the partition that the record names,
// or NoPartition.
func (h *History) Add(asked int32) (sequence uint32) {
	sequence = h.count
	if sequence%chunkEntries == 0 {
		chunks := append((*h.chunks.Load())[:sequence/chunkEntries:sequence/chunkEntries], new([chunkEntries]entry))
		h.chunks.Store(&chunks)
	}
	h.count++
	e := h.entry(sequence)
	e.partition, e.offset = asked, -1
	return sequence
}

func (h *History) entry(sequence uint32) *entry {
	return &(*h.chunks.Load())[sequence/chunkEntries][sequence%chunkEntries]
}

// Refuse notes that the record was not accepted.
func (h *History) Refuse(sequence uint32) { h.entry(sequence).setFate(Refused) }

// Tell notes an outcome.
func (h *History) Tell(sequence uint32, o Outcome) {
	e := h.entry(sequence)
	e.state.Add(toldOnce)
	if o.Partition >= 0 {
		if e.partition >= 0 && o.Partition != e.partition {
			e.state.Or(misrouted)
		}
		e.partition = o.Partition
	}
	e.offset = o.Offset
	e.setFate(o.Fate)
	if !h.ordered || o.Partition < 0 || int(o.Partition) >= len(h.lastTold) {
		return
	}
	if last := &h.lastTold[o.Partition]; int64(sequence) < *last {
		h.misordered.Add(1)
	} else {
		*last = int64(sequence) + 1
	}
}

// Outcome is what was told last about a record. It may be called at any time by the writer, and by others once it is done.
func (h *History) Outcome(sequence uint32) Outcome {
	e := h.entry(sequence)
	return Outcome{Fate: e.fate(), Partition: e.partition, Offset: e.offset}
}

func (e *entry) setFate(f Fate) {
	e.state.And(^uint32(fateMask))
	e.state.Or(uint32(f))
}

func (e *entry) fate() Fate   { return Fate(e.state.Load() & fateMask) }
func (e *entry) told() uint32 { return e.state.Load() / toldOnce }

// Stamp fills in the first StampBytes of value, behind which the payload is in place.
func (h *History) Stamp(value, key []byte, sequence uint32) {
	binary.BigEndian.PutUint64(value[0:], h.id.run)
	binary.BigEndian.PutUint32(value[8:], h.id.writer)
	binary.BigEndian.PutUint32(value[12:], sequence)
	binary.BigEndian.PutUint32(value[16:], checksum(h.topic, key, value))
}

// checksum covers all of a record but the checksum itself.
func checksum(topic string, key, value []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, []byte(topic))
	sum = crc32.Update(sum, table, key)
	sum = crc32.Update(sum, table, value[:16])
	return crc32.Update(sum, table, value[StampBytes:])
}

// entryBytes is what an entry takes in MarshalBinary.
const entryBytes = 16

// MarshalBinary lays the history out for another process. The writer and all callbacks must be done.
func (h *History) MarshalBinary() ([]byte, error) {
	out := binary.BigEndian.AppendUint64(nil, h.id.run)
	out = binary.BigEndian.AppendUint32(out, h.id.writer)
	out = binary.BigEndian.AppendUint32(out, h.count)
	out = binary.BigEndian.AppendUint64(out, uint64(h.misordered.Load()))
	out = binary.BigEndian.AppendUint32(out, uint32(len(h.topic)))
	out = append(out, h.topic...)
	for sequence := range h.count {
		e := h.entry(sequence)
		out = binary.BigEndian.AppendUint64(out, uint64(e.offset))
		out = binary.BigEndian.AppendUint32(out, uint32(e.partition))
		out = binary.BigEndian.AppendUint32(out, e.state.Load())
	}
	return out, nil
}

// UnmarshalBinary is the opposite of MarshalBinary. Nothing can be added to such a history.
func (h *History) UnmarshalBinary(in []byte) error {
	const head = 28
	if len(in) < head || len(in)-head < int(binary.BigEndian.Uint32(in[24:])) {
		return fmt.Errorf("check: %d bytes are no history", len(in))
	}
	name := int(binary.BigEndian.Uint32(in[24:]))
	*h = *NewHistory(string(in[head:head+name]), binary.BigEndian.Uint64(in), binary.BigEndian.Uint32(in[8:]), 0)
	count := binary.BigEndian.Uint32(in[12:])
	h.misordered.Store(int64(binary.BigEndian.Uint64(in[16:])))
	if in = in[head+name:]; len(in) != int(count)*entryBytes {
		return fmt.Errorf("check: %d bytes for %d records", len(in), count)
	}
	for range count {
		e := h.entry(h.Add(NoPartition))
		e.offset, e.partition = int64(binary.BigEndian.Uint64(in)), int32(binary.BigEndian.Uint32(in[8:]))
		e.state.Store(binary.BigEndian.Uint32(in[12:]))
		in = in[entryBytes:]
	}
	return nil
}
