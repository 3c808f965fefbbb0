package sim

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// WriteForeign has another producer write so many records with a value, at the leader's; it has no id and wants one broker's
// word. Nothing happens where nobody leads.
func (c *Cluster) WriteForeign(name string, number int32, records int, value []byte) {
	c.Model(func(now time.Time, m *model.Cluster) {
		leader := m.Leader(model.TopicPartition{Topic: name, Partition: number})
		if leader < 1 || records < 1 {
			return
		}
		b, err := decodeBatch(foreignBytes(now, records, value))
		s := Sent{Topic: name, Partition: number, Batch: b, Err: err}
		written := m.Produce(now, leader, &model.ProduceRequest{Acks: 1, Sent: []model.Sent{s.model(model.ID{})}})
		if placed := written.Parts[0].Batch; placed != nil {
			b.place(placed, written.Parts[0].AppendTime)
		}
	})
}

// foreignBytes lays out a batch of records that are alike, with a key, since compacted topics want one.
func foreignBytes(now time.Time, count int, value []byte) []byte {
	var body []byte
	for i := range count {
		r := kmsg.Record{OffsetDelta: int32(i), Key: []byte("foreign"), Value: value}
		sized := r.AppendTo(nil) // with a length of 0, which takes one byte
		r.Length = int32(len(sized) - 1)
		body = r.AppendTo(body)
	}
	b := kmsg.RecordBatch{
		Magic: 2, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(count), LastOffsetDelta: int32(count) - 1,
		FirstTimestamp: now.UnixMilli(), MaxTimestamp: now.UnixMilli(), Length: int32(batchHeaderSize - batchLengthEnd + len(body)), Records: body,
	}
	out := b.AppendTo(nil)
	binary.BigEndian.PutUint32(out[batchCRCEnd-4:], crc32.Checksum(out[batchCRCEnd:], crc32.MakeTable(crc32.Castagnoli)))
	return out
}
