package serde

import (
	"encoding/binary"
	"encoding/hex"
	"math"
)

// String appends v as it is; UTF-8 is expected and not checked. The empty string is an empty value, not null: for a
// string that may be null use Nullable(String). The bytes are those of Java's StringSerializer.
func String(dst []byte, _ Meta, v string) ([]byte, error) { return append(dst, v...), nil }

// Bytes appends v as it is. A nil v is null and an empty one is not, as with Java's ByteArraySerializer.
func Bytes(dst []byte, _ Meta, v []byte) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	return append(dst, v...), nil
}

// Bool appends one byte, 1 for true and 0 for false, as Java's BooleanSerializer.
func Bool(dst []byte, _ Meta, v bool) ([]byte, error) {
	if v {
		return append(dst, 1), nil
	}
	return append(dst, 0), nil
}

// Int16 appends 2 bytes, big endian, as Java's ShortSerializer.
func Int16(dst []byte, _ Meta, v int16) ([]byte, error) {
	return binary.BigEndian.AppendUint16(dst, uint16(v)), nil
}

// Int32 appends 4 bytes, big endian, as Java's IntegerSerializer.
func Int32(dst []byte, _ Meta, v int32) ([]byte, error) {
	return binary.BigEndian.AppendUint32(dst, uint32(v)), nil
}

// Int64 appends 8 bytes, big endian, as Java's LongSerializer.
func Int64(dst []byte, _ Meta, v int64) ([]byte, error) {
	return binary.BigEndian.AppendUint64(dst, uint64(v)), nil
}

// Float32 appends the 4 bytes of IEEE 754, big endian, as Java's FloatSerializer. A NaN keeps its bits.
func Float32(dst []byte, _ Meta, v float32) ([]byte, error) {
	return binary.BigEndian.AppendUint32(dst, math.Float32bits(v)), nil
}

// Float64 appends the 8 bytes of IEEE 754, big endian, as Java's DoubleSerializer. A NaN keeps its bits, so keys that
// are NaN may differ although they print alike.
func Float64(dst []byte, _ Meta, v float64) ([]byte, error) {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(v)), nil
}

// UUID appends the 36 characters of the text form in lower case, such as 00112233-4455-6677-8899-aabbccddeeff, as Java's
// UUIDSerializer: text, not the 16 bytes. T is the UUID type of any library that is an array of 16 bytes.
func UUID[T ~[16]byte](dst []byte, _ Meta, v T) ([]byte, error) {
	raw := [16]byte(v)
	for i, end := 0, 0; i < len(raw); i = end {
		if i > 0 {
			dst = append(dst, '-')
		}
		end = groupEnd(i)
		dst = hex.AppendEncode(dst, raw[i:end])
	}
	return dst, nil
}

// groupEnd is where the group of the text form that begins at byte i ends: the groups are 4, 2, 2, 2 and 6 bytes.
func groupEnd(i int) int {
	switch i {
	case 0:
		return 4
	case 10:
		return 16
	default:
		return i + 2
	}
}
