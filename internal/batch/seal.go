package batch

import (
	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// The producer id, epoch and base sequence of a batch that is not idempotent.
const (
	NoProducerID = -1
	NoEpoch      = -1
	NoSequence   = -1
)

// Stamp numbers the batch. The body is not touched; Seal computes the CRC anew if the numbers changed.
func (b *Batch) Stamp(producerID int64, epoch int16, baseSequence int32) {
	h := &b.body
	if h.sealed && h.producerID == producerID && h.epoch == epoch && h.baseSequence == baseSequence {
		return
	}
	h.producerID, h.epoch, h.baseSequence, h.sealed = producerID, epoch, baseSequence, false
}

// Sequence is the base sequence that Stamp gave.
func (b *Batch) Sequence() int32 { return b.body.baseSequence }

// Epoch is the producer epoch that Stamp gave.
func (b *Batch) Epoch() int16 { return b.body.epoch }

// Encoded reports whether Compress already ran, with whatever result.
func (b *Batch) Encoded() bool { return b.body.encoded }

// Scratch is the memory of a worker that compresses batches, kept from one to the next. The zero value is ready.
type Scratch struct {
	out    []byte
	pieces [][]byte
}

// Compress replaces the records by their compressed form, in the batch's own slabs, and returns the slabs that are no
// longer needed, for the pool. Where compression does not make the records smaller they stay as they are (the codec in
// the header then says so). Compression is done once: a retry finds it done.
func (b *Batch) Compress(c *compress.Compressor, scratch *Scratch) (spare *bufferpool.Slab, err error) {
	b.body.encoded = true
	scratch.pieces = b.AppendPieces(scratch.pieces[:0])
	if cap(scratch.out) < b.building.recordsBytes {
		scratch.out = make([]byte, 0, b.building.recordsBytes) // at once: grown as it is written, it would be copied again and again
	}
	out, err := c.Append(scratch.out[:0], scratch.pieces)
	clear(scratch.pieces)
	scratch.out = out
	if err != nil || len(out) >= b.building.recordsBytes {
		return nil, err
	}
	b.body.codec, b.body.sealed, b.body.compressed, b.body.sum = c.Codec(), false, len(out), sum{}
	slab, rest := b.body.head, out
	for {
		n := min(cap(slab.Buf), len(rest))
		slab.Buf = append(slab.Buf[:0], rest[:n]...)
		rest = rest[n:]
		if len(rest) == 0 {
			break
		}
		slab = slab.Next
	}
	spare, slab.Next, b.body.tail = slab.Next, nil, slab
	return spare, nil
}

// Seal writes the header, CRC included: one pass over the body, or over what was not summed up while it was written; and
// none at all of a large body that was sealed before, or when nothing changed since the last Seal. It is called by the goroutine that writes the batch to a socket, or by the one
// that compressed it.
func (b *Batch) Seal() {
	if b.body.sealed {
		return
	}
	h := wire.BatchHeader{
		Length:          wire.BatchLength(b.Bytes() - wire.BatchHeaderLen),
		LeaderEpoch:     -1,
		Attributes:      int16(b.body.codec),
		LastOffsetDelta: b.building.count - 1,
		BaseTimestamp:   b.building.baseTimestamp,
		MaxTimestamp:    b.building.maxTimestamp,
		ProducerID:      b.body.producerID,
		ProducerEpoch:   b.body.epoch,
		BaseSequence:    b.body.baseSequence,
		Count:           b.building.count,
	}
	h.Put(b.body.header[:])
	if bytes := b.Bytes() - wire.BatchHeaderLen; bytes < combineBytesMin {
		var space [8][]byte // small bodies have few slabs; with more, this allocates
		wire.SealCRC(&b.body.header, b.AppendPieces(space[:0]))
	} else {
		wire.SealWithBodyCRC(&b.body.header, b.body.sum.of(b.body.head), bytes)
	}
	b.body.sealed = true
}

// combineBytesMin is the size of the body from which on its checksum is kept and combined with the header's.
const combineBytesMin = 64 << 10

// Header is where Seal writes the header.
func (b *Batch) Header() *[wire.BatchHeaderLen]byte { return &b.body.header }

// AppendPieces appends the slabs' bytes, in order, to dst. They are views, and change with the body.
func (b *Batch) AppendPieces(dst [][]byte) [][]byte {
	for s := b.body.head; s != nil; s = s.Next {
		if len(s.Buf) > 0 {
			dst = append(dst, s.Buf)
		}
	}
	return dst
}
