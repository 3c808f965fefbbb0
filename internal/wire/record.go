package wire

import "slices"

// Record is what a record of a v2 batch is made of:
//
//	varint length of the rest
//	int8   attributes, always 0
//	varlong timestamp delta     varint offset delta
//	varint key length, key      varint value length, value      (-1 for null)
//	varint header count, then for each: varint name length, name, varint value length, value
type Record struct {
	// TimestampDelta is the record's time less the batch's base timestamp, in milliseconds; it may be negative.
	TimestampDelta int64
	// OffsetDelta is the record's place in the batch, from 0.
	OffsetDelta int32
	// HeaderCount is the number of headers encoded in Headers.
	HeaderCount int32
	// Key is nil for null.
	Key []byte
	// Value is nil for null.
	Value []byte
	// Headers is the header section without its count, made by AppendHeader.
	Headers []byte
}

// Size is the record's exact length in bytes: body without the leading length, total with it.
func (r *Record) Size() (body, total int) {
	body = 1 + VarlongLen(r.TimestampDelta) + VarintLen(r.OffsetDelta) +
		uvarintLen(lengthOf(r.Key)) + len(r.Key) +
		uvarintLen(lengthOf(r.Value)) + len(r.Value) +
		VarintLen(r.HeaderCount) + len(r.Headers)
	return body, uvarintLen(uint64(body)<<1) + body
}

// lengthOf is the zigzag code of b's length, or that of -1 for nil.
func lengthOf(b []byte) uint64 {
	if b == nil {
		return 1
	}
	return uint64(len(b)) << 1
}

// AppendRecord appends r, whose Size gave body. It allocates only if dst lacks the room.
func AppendRecord(dst []byte, body int, r *Record) []byte {
	start := len(dst)
	total := uvarintLen(uint64(body)<<1) + body
	if cap(dst)-start < total {
		dst = slices.Grow(dst, total)
	}
	dst = dst[:start+total]
	p := dst[start:]
	p = p[putHead(p, body, r):]
	p = p[copy(p, r.Key):]
	p = p[putUvarint(p, lengthOf(r.Value)):]
	p = p[copy(p, r.Value):]
	p = p[putUvarint(p, uint64(zigzag32(r.HeaderCount))):]
	copy(p, r.Headers)
	return dst
}

// putHead writes everything before the key's bytes and returns how many bytes that took.
func putHead(p []byte, body int, r *Record) int {
	n := putUvarint(p, uint64(body)<<1)
	p[n] = 0
	n++
	n += putUvarint(p[n:], zigzag64(r.TimestampDelta))
	n += putUvarint(p[n:], uint64(zigzag32(r.OffsetDelta)))
	n += putUvarint(p[n:], lengthOf(r.Key))
	return n
}

// RecordFramingMax is the most that a record takes besides its key, value and headers, in bytes.
const RecordFramingMax = 5*MaxVarintLen + MaxVarlongLen + 1

// Pieces returns the record, whose Size gave body, as slices that make it up when written one after the other: for
// a record that must be cut because it spans slabs. What is neither key, value nor headers is put into framing.
func (r *Record) Pieces(framing *[RecordFramingMax]byte, body int) [6][]byte {
	key := putHead(framing[:], body, r)
	value := key + putUvarint(framing[key:], lengthOf(r.Value))
	end := value + putUvarint(framing[value:], uint64(zigzag32(r.HeaderCount)))
	return [6][]byte{framing[:key], r.Key, framing[key:value], r.Value, framing[value:end], r.Headers}
}

// AppendHeader appends one header to a record's header section; a nil value is null, a name is never null.
func AppendHeader(dst []byte, name string, value []byte) []byte {
	dst = appendUvarint(dst, uint64(len(name))<<1)
	dst = append(dst, name...)
	dst = appendUvarint(dst, lengthOf(value))
	return append(dst, value...)
}

// RecordView is a record read back; its slices are views of what was read.
type RecordView struct {
	// TimestampDelta is relative to the batch's base timestamp, in milliseconds.
	TimestampDelta int64
	// OffsetDelta is relative to the batch's base offset.
	OffsetDelta int32
	// Key is nil for null.
	Key []byte
	// Value is nil for null.
	Value []byte
	// Headers are in the order of the wire, nil if there are none.
	Headers []HeaderView
}

// HeaderView is a record's header read back; its slices are views of what was read.
type HeaderView struct {
	// Name is never nil.
	Name []byte
	// Value is nil for null.
	Value []byte
}

// ReadRecord reads one record of a v2 batch. Its error, left in r, is also for a record that is shorter or longer
// than it says it is.
func ReadRecord(r *Reader) RecordView {
	at := r.off
	size := int(r.Varint())
	if r.err == nil && (size < 0 || size > r.Len()) {
		r.takeFrom("record", at, size)
	}
	if r.err != nil {
		return RecordView{}
	}
	whole := r.buf
	r.buf = whole[:r.off+size]
	r.Int8()
	rec := RecordView{
		TimestampDelta: r.Varlong(),
		OffsetDelta:    r.Varint(),
		Key:            r.varintBytes("record key", true),
		Value:          r.varintBytes("record value", true),
		Headers:        readHeaders(r),
	}
	if r.End("record") != nil {
		rec = RecordView{}
	}
	r.buf = whole
	return rec
}

func readHeaders(r *Reader) []HeaderView {
	at := r.off
	n := r.Varint()
	if n == -1 { // count takes -1 for a null array, which a record's headers cannot be
		r.fail("header count", at, "-1 is negative")
	}
	count := r.count("header count", at, int(n), 2)
	if count == 0 {
		return nil
	}
	headers := make([]HeaderView, count)
	for i := range headers {
		headers[i] = HeaderView{Name: r.varintBytes("header name", false), Value: r.varintBytes("header value", true)}
	}
	return headers
}
