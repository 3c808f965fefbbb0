package sim

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
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
	// Transactional marks a batch of a transaction.
	Transactional bool
	// LogAppendTime tells that the records bear the broker's time.
	LogAppendTime bool
	// Records is empty for the marker that ends a transaction.
	Records []Record

	maxTimestamp int64
	raw          []byte // as it was sent
}

// Raw is the batch as it was sent. It must not be changed.
func (b *Batch) Raw() []byte { return b.raw }

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
	batchTypeEnd    = 23 // the attributes end here
	batchLatest     = 35 // the latest timestamp begins here
	batchHeaderSize = 61
	codecMask       = 0x07
	logAppendTime   = 0x08
	transactional   = 0x10
	control         = 0x20
	decodedMax      = 64 << 20
)

// damage is what is wrong with a batch, and what a broker answers to that.
type damage struct {
	fault model.Fault
	text  string
}

// Error is error's.
func (d *damage) Error() string { return d.text }

// no is a batch that a broker does not even look at, corrupt one whose bytes changed on their way, and invalid one that
// was made wrongly.
func no(format string, args ...any) error {
	return &damage{model.Fault{Code: kerr.InvalidRecord.Code, Request: true}, fmt.Sprintf(format, args...)}
}

func corrupt(format string, args ...any) error {
	return &damage{model.Fault{Code: kerr.CorruptMessage.Code}, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &damage{model.Fault{Code: kerr.InvalidRecord.Code}, fmt.Sprintf(format, args...)}
}

// decodeBatch reads the one batch that a Produce request has for a partition, and checks all that can be checked without
// knowing the log: more than Kafka does, which lets pass bytes behind the batch and a wrong latest timestamp. The batch
// is there, at least in part, even with an error.
func decodeBatch(raw []byte) (*Batch, error) {
	out := &Batch{Bytes: len(raw), ProducerID: -1, ProducerEpoch: -1, Sequence: -1}
	if len(raw) < batchHeaderSize {
		return out, no("%d bytes are no batch", len(raw))
	}
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		return out, no("batch: %v", err)
	}
	out.ProducerID, out.ProducerEpoch, out.Sequence = b.ProducerID, b.ProducerEpoch, b.FirstSequence
	out.Codec, out.Transactional = compress.Codec(b.Attributes&codecMask), b.Attributes&transactional != 0
	out.maxTimestamp, out.raw = b.MaxTimestamp, raw
	sum := crc32.Checksum(raw[batchCRCEnd:], crc32.MakeTable(crc32.Castagnoli))
	switch {
	case b.Magic != 2:
		return out, no("magic %d, want 2", b.Magic)
	case int(b.Length) != len(raw)-batchLengthEnd:
		return out, no("length %d of %d bytes", b.Length, len(raw))
	case sum != uint32(b.CRC):
		return out, corrupt("CRC %08x, want %08x", uint32(b.CRC), sum)
	case b.NumRecords < 1 || b.LastOffsetDelta != b.NumRecords-1 || b.FirstOffset != 0:
		return out, invalid("%d records from offset %d with a last delta of %d", b.NumRecords, b.FirstOffset, b.LastOffsetDelta)
	case b.Attributes&^(codecMask|transactional) != 0:
		return out, invalid("attributes %#x: only a codec and the transaction are a producer's to set", b.Attributes)
	case (b.ProducerID >= 0) != (b.FirstSequence >= 0) || b.ProducerID < 0 && out.Transactional:
		return out, invalid("sequence %d of producer %d, transactional: %v", b.FirstSequence, b.ProducerID, out.Transactional)
	}
	return out, out.decodeRecords(&b)
}

// decodeRecords reads a batch's records.
func (b *Batch) decodeRecords(raw *kmsg.RecordBatch) error {
	body, err := compress.Decompress(b.Codec, nil, raw.Records, decodedMax)
	if err != nil {
		return invalid("%v", err)
	}
	latest := raw.FirstTimestamp
	for i := range raw.NumRecords {
		length, n := binary.Varint(body)
		if n <= 0 || length < 0 || int(length) > len(body)-n {
			return invalid("record %d of %d: length %d in %d bytes", i, raw.NumRecords, length, len(body))
		}
		var r kmsg.Record
		if err := r.ReadFrom(body[:n+int(length)]); err != nil {
			return invalid("record %d: %v", i, err)
		}
		body = body[n+int(length):]
		at := raw.FirstTimestamp + r.TimestampDelta64
		if r.OffsetDelta != i || r.Attributes != 0 {
			return invalid("record %d has offset delta %d and attributes %d", i, r.OffsetDelta, r.Attributes)
		}
		latest = max(latest, at)
		record := Record{Timestamp: time.UnixMilli(at), Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, Header(h))
		}
		b.Records = append(b.Records, record)
	}
	if len(body) > 0 || latest != raw.MaxTimestamp {
		return invalid("%d bytes behind the records, latest timestamp %d, told %d", len(body), latest, raw.MaxTimestamp)
	}
	return nil
}

// model returns the batch as the model takes it, and what it checks of the records.
func (b *Batch) model() (*model.Batch, []model.Head) {
	heads := make([]model.Head, len(b.Records))
	for i, r := range b.Records {
		heads[i] = model.Head{Timestamp: r.Timestamp.UnixMilli(), Keyless: r.Key == nil}
	}
	return &model.Batch{
		ProducerID: b.ProducerID, ProducerEpoch: b.ProducerEpoch, Sequence: b.Sequence, Count: int32(len(b.Records)),
		MaxTimestamp: b.maxTimestamp, Bytes: b.Bytes, Transactional: b.Transactional, Payload: b,
	}, heads
}

// place gives an appended batch its place in the log, and all records the broker's time if that is not -1.
func (b *Batch) place(placed *model.Batch, appendTimeMillis int64) {
	b.Offset, b.LeaderEpoch, b.LogAppendTime = placed.Offset, placed.LeaderEpoch, appendTimeMillis >= 0
	for i := range b.Records {
		b.Records[i].Offset = b.Offset + int64(i)
		if b.LogAppendTime {
			b.Records[i].Timestamp = time.UnixMilli(appendTimeMillis)
		}
	}
}

// bytesOf is a batch as a consumer gets it: with the fields that the leader sets.
func bytesOf(placed *model.Batch) []byte {
	b, ok := placed.Payload.(*Batch)
	if !ok {
		return markerBytes(placed)
	}
	out := slices.Clone(b.raw)
	binary.BigEndian.PutUint64(out, uint64(placed.Offset))
	binary.BigEndian.PutUint32(out[batchLengthEnd:], uint32(placed.LeaderEpoch))
	if b.LogAppendTime {
		out[batchTypeEnd-1] |= logAppendTime
		binary.BigEndian.PutUint64(out[batchLatest:], uint64(placed.MaxTimestamp))
		binary.BigEndian.PutUint32(out[batchCRCEnd-4:], crc32.Checksum(out[batchCRCEnd:], crc32.MakeTable(crc32.Castagnoli)))
	}
	return out
}

// markerBytes lays out the marker that ends a transaction.
func markerBytes(placed *model.Batch) []byte {
	kind := byte(0)
	if placed.Committed {
		kind = 1
	}
	record := kmsg.Record{Key: []byte{0, 0, 0, kind}, Value: make([]byte, 6)}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // a length of 0 takes one byte
	records := record.AppendTo(nil)
	b := kmsg.RecordBatch{
		FirstOffset: placed.Offset, PartitionLeaderEpoch: placed.LeaderEpoch, Magic: 2, Attributes: transactional | control,
		ProducerID: placed.ProducerID, ProducerEpoch: placed.ProducerEpoch, FirstSequence: -1, NumRecords: 1,
		FirstTimestamp: placed.MaxTimestamp, MaxTimestamp: placed.MaxTimestamp,
		Length: int32(batchHeaderSize - batchLengthEnd + len(records)), Records: records,
	}
	out := b.AppendTo(nil)
	binary.BigEndian.PutUint32(out[batchCRCEnd-4:], crc32.Checksum(out[batchCRCEnd:], crc32.MakeTable(crc32.Castagnoli)))
	return out
}
