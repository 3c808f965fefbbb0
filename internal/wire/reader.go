package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// FormatError says which bytes could not be what they ought to be.
type FormatError struct {
	// What was being read, by its wire type: "int32", "compact string", "tagged field 0".
	What string
	// Offset is where it began, in bytes from the start of the Reader's input.
	Offset int
	// Reason is what was wrong with it.
	Reason string
}

// Error names what was being read, where it began and what was wrong with it.
func (e *FormatError) Error() string {
	return fmt.Sprintf("wire: %s at offset %d: %s", e.What, e.Offset, e.Reason)
}

// Reader takes Kafka's primitive types off the front of a byte slice. Its first error sticks: every later read
// returns a zero value and moves nothing, so a parser reads straight through and asks Err once, at the end or before
// it acts on a value. A Reader is for one goroutine.
type Reader struct {
	buf []byte // narrowed from behind while a tagged field or a record is read, so that offsets stay absolute
	off int
	err error
}

// NewReader returns a Reader of b. It keeps b, and what it returns are views of b.
func NewReader(b []byte) Reader { return Reader{buf: b} }

// Len is the number of bytes not read yet; after an error, the number that was left when it happened.
func (r *Reader) Len() int { return len(r.buf) - r.off }

// Err is the first error met, a *FormatError, or nil.
func (r *Reader) Err() error { return r.err }

// End requires that everything has been read: bytes left over mean that both sides disagree about the format. what
// names the thing that should have ended here. It returns Err.
func (r *Reader) End(what string) error {
	if r.err == nil && r.Len() > 0 {
		r.fail(what, r.off, fmt.Sprintf("%d bytes too many", r.Len()))
	}
	return r.err
}

// fail keeps the first error.
func (r *Reader) fail(what string, at int, reason string) {
	if r.err == nil {
		r.err = &FormatError{What: what, Offset: at, Reason: reason}
	}
}

// take moves over n bytes that are the whole of what, and returns them, or nil once there is an error.
func (r *Reader) take(what string, n int) []byte { return r.takeFrom(what, r.off, n) }

// takeFrom is take for something that began at the earlier offset at, with its length.
func (r *Reader) takeFrom(what string, at, n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > r.Len() {
		r.fail(what, at, fmt.Sprintf("%d bytes wanted, %d left", n, r.Len()))
		return nil
	}
	end := r.off + n
	view := r.buf[r.off:end:end]
	r.off = end
	return view
}

// Int8 reads one byte.
func (r *Reader) Int8() int8 {
	if b := r.take("int8", 1); b != nil {
		return int8(b[0])
	}
	return 0
}

// Int16 reads two bytes, the most significant first.
func (r *Reader) Int16() int16 {
	if b := r.take("int16", 2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Int32 reads four bytes, the most significant first.
func (r *Reader) Int32() int32 {
	if b := r.take("int32", 4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// Int64 reads eight bytes, the most significant first.
func (r *Reader) Int64() int64 {
	if b := r.take("int64", 8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// UUID reads sixteen bytes.
func (r *Reader) UUID() (id [16]byte) {
	copy(id[:], r.take("uuid", len(id)))
	return id
}

// Uvarint reads an unsigned variable-length integer of at most 32 bits.
func (r *Reader) Uvarint() uint32 { return uint32(r.uvarint("uvarint", 32)) }

// Varint reads a zigzag-encoded integer of at most 32 bits.
func (r *Reader) Varint() int32 {
	v := uint32(r.uvarint("varint", 32))
	return int32(v>>1) ^ -int32(v&1)
}

// Varlong reads a zigzag-encoded integer of at most 64 bits.
func (r *Reader) Varlong() int64 {
	v := r.uvarint("varlong", 64)
	return int64(v>>1) ^ -int64(v&1)
}

// uvarint refuses an encoding that has more than size significant bits or that goes on after them.
func (r *Reader) uvarint(what string, size uint) uint64 {
	if r.err != nil {
		return 0
	}
	var v uint64
	for i, shift := r.off, uint(0); i < len(r.buf); i, shift = i+1, shift+7 {
		c := uint64(r.buf[i])
		if shift >= size || (c&0x7f)>>(size-shift) != 0 {
			r.fail(what, r.off, fmt.Sprintf("more than %d bits", size))
			return 0
		}
		v |= (c & 0x7f) << shift
		if c < 0x80 {
			r.off = i + 1
			return v
		}
	}
	r.fail(what, r.off, "ends in the middle")
	return 0
}

// Bytes reads n bytes; a negative n is an error.
func (r *Reader) Bytes(n int) []byte { return r.take("bytes", n) }

// String reads a 16-bit length and so many bytes. null is an error: the field may not be null.
func (r *Reader) String() []byte {
	at := r.off
	return r.sized("string", at, int(r.Int16()), false)
}

// NullableString reads a 16-bit length and so many bytes; length -1 is null, returned as nil.
func (r *Reader) NullableString() []byte {
	at := r.off
	return r.sized("nullable string", at, int(r.Int16()), true)
}

// CompactString reads a length plus one and so many bytes. null is an error: the field may not be null.
func (r *Reader) CompactString() []byte {
	at := r.off
	return r.sized("compact string", at, int(r.Uvarint())-1, false)
}

// CompactNullableString reads a length plus one and so many bytes; 0 is null, returned as nil.
func (r *Reader) CompactNullableString() []byte {
	at := r.off
	return r.sized("compact nullable string", at, int(r.Uvarint())-1, true)
}

// varintBytes reads what a record's key, value and header values are: a zigzag length and so many bytes, -1 null.
func (r *Reader) varintBytes(what string, nullable bool) []byte {
	at := r.off
	return r.sized(what, at, int(r.Varint()), nullable)
}

func (r *Reader) sized(what string, at, n int, nullable bool) []byte {
	switch {
	case r.err != nil || n == -1 && nullable:
		return nil
	case n == -1:
		r.fail(what, at, "null, where null is not allowed")
		return nil
	}
	return r.takeFrom(what, at, n)
}

// Count reads the 32-bit length of an array whose elements take at least elemBytesMin bytes each (1 or more), and
// refuses one that the remaining bytes cannot hold, so that the caller may allocate for it. A null array (-1) counts
// as an empty one: brokers other than Apache's send null where the schema says that they may not.
func (r *Reader) Count(elemBytesMin int) int {
	at := r.off
	return r.count("array length", at, int(r.Int32()), elemBytesMin)
}

// CompactCount is Count for flexible messages: the length plus one as an unsigned varint, 0 for null.
func (r *Reader) CompactCount(elemBytesMin int) int {
	at := r.off
	return r.count("compact array length", at, int(r.Uvarint())-1, elemBytesMin)
}

func (r *Reader) count(what string, at, n, elemBytesMin int) int {
	switch {
	case r.err != nil || n == -1:
		return 0
	case n < 0:
		r.fail(what, at, fmt.Sprintf("%d is negative", n))
		return 0
	case n > r.Len()/elemBytesMin:
		r.fail(what, at, fmt.Sprintf("%d elements of at least %d bytes wanted, %d bytes left", n, elemBytesMin, r.Len()))
		return 0
	}
	return n
}

// SkipTags moves over the tagged fields at the end of a flexible structure (KIP-482).
func (r *Reader) SkipTags() {
	for n := r.tagCount(); n > 0 && r.err == nil; n-- {
		r.Uvarint()
		r.takeFrom("tagged field", r.off, r.tagSize())
	}
}

// Tags reads the tagged fields at the end of a flexible structure. It calls field once for each, with r itself
// narrowed to the field's bytes; a field that is left untouched is skipped, as a tag that one does not know must be,
// and one that is read in part is an error. Parsing passes r through, not a Reader of the field's own, because that
// one would be allocated.
func (r *Reader) Tags(field func(tag uint32, r *Reader)) {
	for n := r.tagCount(); n > 0 && r.err == nil; n-- {
		tag, at := r.Uvarint(), r.off
		size := r.tagSize()
		if r.err != nil {
			return
		}
		start, whole := r.off, r.buf
		r.buf = whole[:start+size]
		field(tag, r)
		if r.err == nil && r.off != start && r.Len() > 0 {
			r.fail(fmt.Sprintf("tagged field %d", tag), at, fmt.Sprintf("%d bytes too many", r.Len()))
		}
		r.buf = whole
		r.off = start + size
	}
}

// tagCount refuses more tags than there can be: each takes at least its number and its size.
func (r *Reader) tagCount() int {
	at := r.off
	n := r.Uvarint()
	return r.count("tag count", at, int(min(n, math.MaxInt32)), 2)
}

func (r *Reader) tagSize() int {
	at := r.off
	n := int(min(r.Uvarint(), math.MaxInt32))
	if n > r.Len() {
		r.fail("tagged field", at, fmt.Sprintf("%d bytes wanted, %d left", n, r.Len()))
		return 0
	}
	return n
}
