package sim

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// encoded is a batch of two records, without producer id, after change had its way with it. Its CRC is right unless
// change sets one.
func encoded(change func(*kmsg.RecordBatch)) []byte {
	var records []byte
	for i := range int32(2) {
		r := kmsg.Record{TimestampDelta64: int64(i) * 10, OffsetDelta: i, Key: []byte{}, Headers: []kmsg.Header{{Key: "h"}}}
		body := r.AppendTo(nil)[1:] // a length of 0 takes one byte
		r.Length = int32(len(body))
		records = r.AppendTo(records)
	}
	b := kmsg.RecordBatch{
		Magic: 2, LastOffsetDelta: 1, FirstTimestamp: 1000, MaxTimestamp: 1010, ProducerID: -1, ProducerEpoch: -1,
		FirstSequence: -1, NumRecords: 2, Records: records, Length: int32(49 + len(records)),
	}
	if change != nil {
		change(&b)
	}
	raw := b.AppendTo(nil)
	if b.CRC == 0 {
		binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[batchCRCEnd:], crc32.MakeTable(crc32.Castagnoli)))
	}
	return raw
}

func TestABatchIsReadWithAllThatIsInIt(t *testing.T) {
	b, err := decodeBatch(encoded(nil))
	if err != nil {
		t.Fatal(err)
	}
	second := b.Records[1]
	if len(b.Records) != 2 || b.ProducerID != -1 || !second.Timestamp.Equal(time.UnixMilli(1010)) || second.Key == nil || second.Value != nil ||
		len(second.Headers) != 1 || second.Headers[0].Key != "h" || second.Headers[0].Value != nil {
		t.Errorf("%+v", b)
	}
}

func TestABatchThatLiesIsRefused(t *testing.T) {
	for name, change := range map[string]func(*kmsg.RecordBatch){
		"CRC":              func(b *kmsg.RecordBatch) { b.CRC = 1 },
		"magic":            func(b *kmsg.RecordBatch) { b.Magic = 1 },
		"last delta":       func(b *kmsg.RecordBatch) { b.LastOffsetDelta = 2 },
		"count":            func(b *kmsg.RecordBatch) { b.NumRecords, b.LastOffsetDelta = 3, 2 },
		"fewer than there": func(b *kmsg.RecordBatch) { b.NumRecords, b.LastOffsetDelta = 1, 0 },
		"no records":       func(b *kmsg.RecordBatch) { b.NumRecords, b.LastOffsetDelta = 0, -1 },
		"latest timestamp": func(b *kmsg.RecordBatch) { b.MaxTimestamp = 1011 },
		"codec":            func(b *kmsg.RecordBatch) { b.Attributes = 1 },
		"transactional":    func(b *kmsg.RecordBatch) { b.Attributes = 0x10 },
		"first offset":     func(b *kmsg.RecordBatch) { b.FirstOffset = 5 },
	} {
		if b, err := decodeBatch(encoded(change)); err == nil {
			t.Errorf("%s: read as %+v", name, b)
		}
	}
	whole := encoded(nil)
	for n := range whole {
		if _, err := decodeBatch(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are read as a batch", n, len(whole))
		}
	}
	if _, err := decodeBatch(append(whole, 0)); err == nil {
		t.Error("bytes behind the batch are let pass")
	}
}
