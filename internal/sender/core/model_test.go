package core

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/settling"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// producedBatch is a record batch as the model broker reads it.
type producedBatch struct {
	topic, partition int
	header           wire.BatchHeader
	records          []int // ids
	bytes            int
}

// parseProduced reads one partition of a request, and refuses what a broker would refuse.
func parseProduced(topic int, p *wire.ProducePartition) (producedBatch, error) {
	header, err := wire.ParseBatchHeader(p.Header[:])
	if err != nil {
		return producedBatch{}, err
	}
	body := slices.Concat(p.Body...)
	if crc := wire.BatchCRC(p.Header, p.Body); crc != header.CRC {
		return producedBatch{}, fmt.Errorf("the CRC is %08x, the header says %08x", crc, header.CRC)
	}
	if got := wire.BatchLength(len(body)); got != header.Length {
		return producedBatch{}, fmt.Errorf("the length is %d, the header says %d", got, header.Length)
	}
	out := producedBatch{topic: topic, partition: int(p.Index), header: header, bytes: wire.BatchHeaderLen + len(body)}
	if codec := compress.Codec(header.Attributes & wire.AttrCodecMask); codec != compress.None {
		if body, err = compress.Decompress(codec, nil, body, 1<<20); err != nil {
			return producedBatch{}, err
		}
	}
	reader := wire.NewReader(body)
	for i := range header.Count {
		record := wire.ReadRecord(&reader)
		if reader.Err() != nil || record.OffsetDelta != i || len(record.Value) < 4 {
			return producedBatch{}, fmt.Errorf("record %d of %d cannot be read: %v", i, header.Count, reader.Err())
		}
		out.records = append(out.records, int(binary.BigEndian.Uint32(record.Value)))
	}
	if reader.Len() != 0 {
		return producedBatch{}, fmt.Errorf("%d bytes behind the last record", reader.Len())
	}
	return out, nil
}

// modelPartition is a partition's log and what its leaders know of producers. Leaders share it: replication is perfect.
type modelPartition struct {
	log       []int // ids of records, by offset
	producers map[int64]*modelProducer
	leader    int32 // -1 for none
	epoch     int32
	// unproven is set when a broker that knew nothing of the producer took a batch that was not its first; forgot allows it.
	unproven, forgot bool
	batches          []modelBatch // what was appended
}

// modelBatch is a batch in the log.
type modelBatch struct {
	id  int64
	own settling.Own
}

// restart leaves of what leaders know of producers what a snapshot has: the last batch.
func (p *modelPartition) restart() {
	for _, known := range p.producers {
		known.last = known.last[max(len(known.last)-1, 0):]
	}
}

// forget lets the producers expire, as those do whose records are old.
func (p *modelPartition) forget() {
	clear(p.producers)
	p.forgot = true
}

// describe is what the leader tells about a producer id.
func (p *modelPartition) describe(q *settling.Question) (e settling.Evidence) {
	known := p.producers[q.ID.ID]
	if known != nil && len(known.last) > 0 {
		last := known.last[len(known.last)-1]
		e.Remembered, e.Epoch, e.Last = true, known.epoch, idempotence.Last(last.sequence, last.count)
	}
	if !q.Locate && e.Remembered {
		return e
	}
	e.Read = true
	for _, b := range p.batches {
		if b.id == q.ID.ID {
			e.Own = append(e.Own, b.own)
		}
	}
	return e
}

// modelProducer is what a leader remembers of a producer id: its epoch, the next sequence and the last five batches.
type modelProducer struct {
	epoch int16
	next  int32
	last  []modelAppend
}

// modelAppend is a batch that was appended.
type modelAppend struct {
	sequence, count int32
	offset          int64
}

// modelProducerBatches is how many batches a broker can recognize when they come again.
const modelProducerBatches = 5

// append appends a batch as Kafka does after it has validated the records.
func (p *modelPartition) append(b *producedBatch) (code int16, offset int64) {
	h := &b.header
	if h.ProducerID >= 0 {
		known := p.producers[h.ProducerID]
		if known == nil {
			known = &modelProducer{epoch: h.ProducerEpoch, next: h.BaseSequence} // any sequence will do
			p.producers[h.ProducerID] = known
			p.unproven = p.unproven || (h.BaseSequence != 0 && !p.forgot)
		}
		switch {
		case h.ProducerEpoch < known.epoch:
			return answers.InvalidProducerEpoch, -1
		case h.ProducerEpoch > known.epoch && h.BaseSequence != 0:
			return answers.OutOfOrderSequence, -1
		case h.ProducerEpoch > known.epoch:
			*known = modelProducer{epoch: h.ProducerEpoch}
		}
		for _, a := range known.last {
			if a.sequence == h.BaseSequence && a.count == h.Count {
				return answers.None, a.offset
			}
		}
		if h.BaseSequence != known.next {
			return answers.OutOfOrderSequence, -1
		}
		known.next += h.Count
		known.last = append(known.last, modelAppend{h.BaseSequence, h.Count, int64(len(p.log))})
		if len(known.last) > modelProducerBatches {
			known.last = known.last[1:]
		}
	}
	offset = int64(len(p.log))
	p.log = append(p.log, b.records...)
	p.batches = append(p.batches, modelBatch{h.ProducerID, settling.Own{Epoch: h.ProducerEpoch, First: h.BaseSequence, Offset: offset}})
	return answers.None, offset
}
