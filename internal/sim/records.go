package sim

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Batch is a record batch as it stands in a log.
type Batch struct {
	// Offset is the first record's, LeaderEpoch the epoch in which it was appended.
	Offset      int64
	LeaderEpoch int32
	// ProducerID is -1 without idempotence, and so are ProducerEpoch and Sequence, the first record's.
	ProducerID    int64
	ProducerEpoch int16
	Sequence      int32
	// Codec is Kafka's number of the compression codec.
	Codec compress.Codec
	// Bytes is the size of the batch as it was sent.
	Bytes int
	// LogAppendTime tells that the records bear the broker's time.
	LogAppendTime bool
	Records       []Record
}

// Record is a record as a consumer reads it.
type Record struct {
	Offset int64
	// Timestamp is in whole milliseconds.
	Timestamp time.Time
	// Key and Value are nil for null.
	Key, Value []byte
	Headers    []Header
}

// Header is a name and a value, nil for null, beside a record's key and value.
type Header struct {
	Key   string
	Value []byte
}

// Where the fields lie that kmsg does not check.
const (
	batchLengthEnd  = 12 // what the length field counts begins here
	batchCRCEnd     = 21 // what the CRC covers begins here
	batchHeaderSize = 61
	codecMask       = 0x07
	decodedMax      = 64 << 20
)

// decodeBatch reads the one batch that a Produce request has for a partition, and checks all that can be checked without
// knowing the log. An error means that a broker would refuse it, as CORRUPT_MESSAGE or INVALID_RECORD.
func decodeBatch(raw []byte) (*Batch, error) {
	if len(raw) < batchHeaderSize {
		return nil, fmt.Errorf("%d bytes are no batch", len(raw))
	}
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	sum := crc32.Checksum(raw[batchCRCEnd:], crc32.MakeTable(crc32.Castagnoli))
	switch {
	case b.Magic != 2:
		return nil, fmt.Errorf("magic %d, want 2", b.Magic)
	case int(b.Length) != len(raw)-batchLengthEnd:
		return nil, fmt.Errorf("length %d of %d bytes", b.Length, len(raw))
	case sum != uint32(b.CRC):
		return nil, fmt.Errorf("CRC %08x, want %08x", uint32(b.CRC), sum)
	case b.NumRecords < 1 || b.LastOffsetDelta != b.NumRecords-1 || b.FirstOffset != 0:
		return nil, fmt.Errorf("%d records from offset %d with a last delta of %d", b.NumRecords, b.FirstOffset, b.LastOffsetDelta)
	case b.Attributes&^codecMask != 0:
		return nil, fmt.Errorf("attributes %#x: only a codec is a producer's to set", b.Attributes)
	}
	out := &Batch{
		ProducerID: b.ProducerID, ProducerEpoch: b.ProducerEpoch, Sequence: b.FirstSequence,
		Codec: compress.Codec(b.Attributes & codecMask), Bytes: len(raw),
	}
	return out, out.decodeRecords(&b)
}

// decodeRecords reads a batch's records.
func (b *Batch) decodeRecords(raw *kmsg.RecordBatch) error {
	body, err := compress.Decompress(b.Codec, nil, raw.Records, decodedMax)
	if err != nil {
		return err
	}
	latest := raw.FirstTimestamp
	for i := range raw.NumRecords {
		length, n := binary.Varint(body)
		if n <= 0 || length < 0 || int(length) > len(body)-n {
			return fmt.Errorf("record %d of %d: length %d in %d bytes", i, raw.NumRecords, length, len(body))
		}
		var r kmsg.Record
		if err := r.ReadFrom(body[:n+int(length)]); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		body = body[n+int(length):]
		at := raw.FirstTimestamp + r.TimestampDelta64
		if r.OffsetDelta != i || r.Attributes != 0 {
			return fmt.Errorf("record %d has offset delta %d and attributes %d", i, r.OffsetDelta, r.Attributes)
		}
		latest = max(latest, at)
		record := Record{Timestamp: time.UnixMilli(at), Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, Header(h))
		}
		b.Records = append(b.Records, record)
	}
	if len(body) > 0 || latest != raw.MaxTimestamp {
		return fmt.Errorf("%d bytes behind the records, latest timestamp %d, told %d", len(body), latest, raw.MaxTimestamp)
	}
	return nil
}

// stamp gives all records the broker's time.
func (b *Batch) stamp(now time.Time) {
	b.LogAppendTime = true
	for i := range b.Records {
		b.Records[i].Timestamp = time.UnixMilli(now.UnixMilli())
	}
}
