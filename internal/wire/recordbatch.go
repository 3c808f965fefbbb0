package wire

import (
	"encoding/binary"
	"fmt"
)

// BatchHeaderLen is the length in bytes of the record batch v2 header:
//
//	 0        8      12          16  17   21     23          27         35         43
//	 | base   | length | leader  | m | crc | attr | last     | base     | max      |
//	 | offset |        | epoch   | a |     |      | offset   | time-    | time-    |
//	 | i64    | i32    | i32     | g | u32 | i16  | delta i32| stamp i64| stamp i64|
//	43         51      53         57      61
//	 | producer| prod. | base     | record | records …
//	 | id i64  | epoch | sequence | count  |
//	 |         | i16   | i32      | i32    |
//
// length counts everything behind itself, that is 49 bytes more than the records take. The CRC covers everything
// behind itself, from the attributes on: what a broker assigns (base offset, leader epoch) stands before it, so
// that assigning it leaves the checksum alone.
const BatchHeaderLen = 61

// Offsets of the header's fields, in bytes from its start.
const (
	batchLengthAt      = 8
	batchLeaderEpochAt = 12
	batchMagicAt       = 16
	batchCRCAt         = 17
	batchAttributesAt  = 21
	batchLastDeltaAt   = 23
	batchBaseTimeAt    = 27
	batchMaxTimeAt     = 35
	batchProducerIDAt  = 43
	batchEpochAt       = 51
	batchSequenceAt    = 53
	batchCountAt       = 57

	// batchUncounted is the part of the header that its length field leaves out.
	batchUncounted = batchLengthAt + 4
	batchMagic     = 2
)

// Bits of BatchHeader.Attributes.
const (
	// AttrCodecMask covers the codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
	AttrCodecMask = 0x07
	// AttrTransactional marks a batch of a transaction.
	AttrTransactional = 0x10
)

// BatchHeader is the decoded header of a record batch v2.
type BatchHeader struct {
	// BaseOffset is the offset of the first record: 0 from a producer, assigned by the broker.
	BaseOffset int64
	// Length is the batch's length in bytes without the first 12; see BatchLength.
	Length int32
	// LeaderEpoch is -1 from a producer.
	LeaderEpoch int32
	// CRC is the CRC-32C from the attributes to the end; see SealCRC.
	CRC uint32
	// Attributes are the Attr bits.
	Attributes int16
	// LastOffsetDelta is Count - 1 from a producer.
	LastOffsetDelta int32
	// BaseTimestamp is what the records' timestamp deltas are relative to, in Unix milliseconds.
	BaseTimestamp int64
	// MaxTimestamp is the greatest of the records' timestamps, in Unix milliseconds.
	MaxTimestamp int64
	// ProducerID is -1 without idempotence.
	ProducerID int64
	// ProducerEpoch is -1 without idempotence.
	ProducerEpoch int16
	// BaseSequence is the sequence number of the first record, -1 without idempotence.
	BaseSequence int32
	// Count is the number of records.
	Count int32
}

// BatchLength is the value of BatchHeader.Length for records that take bodyBytes bytes, compressed if they are.
func BatchLength(bodyBytes int) int32 { return int32(BatchHeaderLen - batchUncounted + bodyBytes) }

// Put writes the header over the first BatchHeaderLen bytes of dst, with magic 2 and CRC as it stands. It panics if
// dst is shorter.
func (h *BatchHeader) Put(dst []byte) {
	_ = dst[BatchHeaderLen-1]
	be := binary.BigEndian
	be.PutUint64(dst, uint64(h.BaseOffset))
	be.PutUint32(dst[batchLengthAt:], uint32(h.Length))
	be.PutUint32(dst[batchLeaderEpochAt:], uint32(h.LeaderEpoch))
	dst[batchMagicAt] = batchMagic
	be.PutUint32(dst[batchCRCAt:], h.CRC)
	be.PutUint16(dst[batchAttributesAt:], uint16(h.Attributes))
	be.PutUint32(dst[batchLastDeltaAt:], uint32(h.LastOffsetDelta))
	be.PutUint64(dst[batchBaseTimeAt:], uint64(h.BaseTimestamp))
	be.PutUint64(dst[batchMaxTimeAt:], uint64(h.MaxTimestamp))
	be.PutUint64(dst[batchProducerIDAt:], uint64(h.ProducerID))
	be.PutUint16(dst[batchEpochAt:], uint16(h.ProducerEpoch))
	be.PutUint32(dst[batchSequenceAt:], uint32(h.BaseSequence))
	be.PutUint32(dst[batchCountAt:], uint32(h.Count))
}

// ParseBatchHeader reads the header at the start of b. It refuses fewer than BatchHeaderLen bytes, a magic other
// than 2, a negative count and a length that cannot hold the header itself; it leaves the CRC unchecked, because the
// body may lie elsewhere.
func ParseBatchHeader(b []byte) (BatchHeader, error) {
	if len(b) < BatchHeaderLen {
		return BatchHeader{}, &FormatError{"batch header", 0, fmt.Sprintf("%d bytes wanted, %d left", BatchHeaderLen, len(b))}
	}
	if b[batchMagicAt] != batchMagic {
		return BatchHeader{}, &FormatError{"batch magic", batchMagicAt, fmt.Sprintf("%d, not 2", b[batchMagicAt])}
	}
	be := binary.BigEndian
	h := BatchHeader{
		BaseOffset:      int64(be.Uint64(b)),
		Length:          int32(be.Uint32(b[batchLengthAt:])),
		LeaderEpoch:     int32(be.Uint32(b[batchLeaderEpochAt:])),
		CRC:             be.Uint32(b[batchCRCAt:]),
		Attributes:      int16(be.Uint16(b[batchAttributesAt:])),
		LastOffsetDelta: int32(be.Uint32(b[batchLastDeltaAt:])),
		BaseTimestamp:   int64(be.Uint64(b[batchBaseTimeAt:])),
		MaxTimestamp:    int64(be.Uint64(b[batchMaxTimeAt:])),
		ProducerID:      int64(be.Uint64(b[batchProducerIDAt:])),
		ProducerEpoch:   int16(be.Uint16(b[batchEpochAt:])),
		BaseSequence:    int32(be.Uint32(b[batchSequenceAt:])),
		Count:           int32(be.Uint32(b[batchCountAt:])),
	}
	if h.Length < BatchLength(0) {
		return BatchHeader{}, &FormatError{"batch length", batchLengthAt, fmt.Sprintf("%d, below %d", h.Length, BatchLength(0))}
	}
	if h.Count < 0 {
		return BatchHeader{}, &FormatError{"record count", batchCountAt, fmt.Sprintf("%d is negative", h.Count)}
	}
	return h, nil
}

// BatchCRC computes the checksum that the batch made of header and the pieces of body ought to carry.
func BatchCRC(header *[BatchHeaderLen]byte, body [][]byte) uint32 {
	crc := CRC32C(0, header[batchAttributesAt:])
	for _, piece := range body {
		crc = CRC32C(crc, piece)
	}
	return crc
}

// SealWithBodyCRC is SealCRC for a body of which the checksum is known.
func SealWithBodyCRC(header *[BatchHeaderLen]byte, body uint32, bodyBytes int) {
	crc := CombineCRC32C(CRC32C(0, header[batchAttributesAt:]), body, bodyBytes)
	binary.BigEndian.PutUint32(header[batchCRCAt:], crc)
}

// SealCRC writes BatchCRC into the header. The batch is final with it: whatever changes afterwards, other than base
// offset and leader epoch, asks for another SealCRC.
func SealCRC(header *[BatchHeaderLen]byte, body [][]byte) {
	binary.BigEndian.PutUint32(header[batchCRCAt:], BatchCRC(header, body))
}
