package logdir

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

const (
	// HeaderBytes is the size of a record batch without its records (KIP-98, magic 2).
	HeaderBytes = 61
	// lengthBytes are the base offset and the length, which the length does not count.
	lengthBytes = 12
	// checkedFrom is where the part that the checksum covers begins.
	checkedFrom = 21
	// batchBytesMax bounds the length that a header may name, as kfake does.
	batchBytesMax = 1 << 30
	magic         = 2

	attributeTransactional = 1 << 4
	attributeControl       = 1 << 5
)

// errNoBatch says that there is no batch where one was looked for.
var errNoBatch = errors.New("not a record batch")

// Header is the head of a record batch, and where it is.
type Header struct {
	// At is the batch's position in its segment, Size how many bytes it has there.
	At, Size int64
	// BaseOffset is the offset of its first record, NextOffset the one behind its last.
	BaseOffset, NextOffset int64
	// LeaderEpoch is the partition's epoch when it was written.
	LeaderEpoch int32
	// MaxTimestamp is its latest, in milliseconds since 1970.
	MaxTimestamp int64
	// Transactional and Control are the attributes of those names.
	Transactional, Control bool
	// ProducerID is who wrote it, -1 without idempotence; Epoch and FirstSequence belong to it.
	ProducerID    int64
	Epoch         int16
	FirstSequence int32

	checksum uint32
}

// parse reads the head of the batch that begins at the position.
func parse(b *[HeaderBytes]byte, at int64) (Header, error) {
	length := binary.BigEndian.Uint32(b[8:])
	if length < HeaderBytes-lengthBytes || length > batchBytesMax || b[16] != magic {
		return Header{}, errNoBatch
	}
	base := int64(binary.BigEndian.Uint64(b[0:]))
	attributes := binary.BigEndian.Uint16(b[21:])
	return Header{
		At: at, Size: lengthBytes + int64(length),
		BaseOffset: base, NextOffset: base + int64(int32(binary.BigEndian.Uint32(b[23:]))) + 1,
		LeaderEpoch:   int32(binary.BigEndian.Uint32(b[12:])),
		MaxTimestamp:  int64(binary.BigEndian.Uint64(b[35:])),
		Transactional: attributes&attributeTransactional != 0,
		Control:       attributes&attributeControl != 0,
		ProducerID:    int64(binary.BigEndian.Uint64(b[43:])),
		Epoch:         int16(binary.BigEndian.Uint16(b[51:])),
		FirstSequence: int32(binary.BigEndian.Uint32(b[53:])),
		checksum:      binary.BigEndian.Uint32(b[17:]),
	}, nil
}

// readHeader reads the head of the batch at the position of a segment of so many bytes. The error is errNoBatch if there
// is none that lies within the segment.
func readHeader(segment io.ReaderAt, at, segmentBytes int64) (Header, error) {
	if at+HeaderBytes > segmentBytes {
		return Header{}, errNoBatch
	}
	var b [HeaderBytes]byte
	if _, err := segment.ReadAt(b[:], at); err != nil {
		return Header{}, err
	}
	h, err := parse(&b, at)
	if err == nil && at+h.Size > segmentBytes {
		return Header{}, errNoBatch
	}
	return h, err
}

// intact reports whether the batch has the checksum that its head names.
func (h *Header) intact(segment io.ReaderAt, buffer []byte) (bool, error) {
	checked := io.NewSectionReader(segment, h.At+checkedFrom, h.Size-checkedFrom)
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{checked}, buffer); err != nil {
		return false, err
	}
	return sum.Sum32() == h.checksum, nil
}
