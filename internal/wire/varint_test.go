package wire

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

func TestVarintVectors(t *testing.T) {
	for _, c := range []struct {
		v    int32
		want []byte
	}{
		{0, []byte{0}},
		{-1, []byte{1}},
		{1, []byte{2}},
		{63, []byte{0x7e}},
		{-64, []byte{0x7f}},
		{64, []byte{0x80, 0x01}},
		{-65, []byte{0x81, 0x01}},
		{8191, []byte{0xfe, 0x7f}},
		{8192, []byte{0x80, 0x80, 0x01}},
		{math.MaxInt32, []byte{0xfe, 0xff, 0xff, 0xff, 0x0f}},
		{math.MinInt32, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}},
	} {
		if got := put(uint64(zigzag32(c.v))); !bytes.Equal(got, c.want) {
			t.Errorf("%d is %x, want %x", c.v, got, c.want)
		}
	}
}

func TestVariableLengthIntegersAgreeWithTheirLengthAndReadBack(t *testing.T) {
	for bit := range 64 {
		for _, v := range []int64{1<<bit - 1, 1 << bit, 1<<bit + 1, -1 << bit, -(1 << bit) - 1} {
			checkVarlong(t, v)
			if v == int64(int32(v)) {
				checkVarint(t, int32(v))
			}
			checkUvarint(t, uint32(v))
		}
	}
}

// put is what the record encoder writes.
func put(v uint64) []byte {
	b := make([]byte, MaxVarlongLen)
	return b[:putUvarint(b, v)]
}

func checkVarlong(t *testing.T, v int64) {
	t.Helper()
	b := put(zigzag64(v))
	if want := binary.AppendVarint(nil, v); !bytes.Equal(b, want) || VarlongLen(v) != len(want) {
		t.Errorf("varlong %d: %x of length %d, want %x", v, b, VarlongLen(v), want)
	}
	r := NewReader(b)
	if got := r.Varlong(); got != v || r.End("varlong") != nil {
		t.Errorf("varlong %d read back as %d, %v", v, got, r.Err())
	}
}

func checkVarint(t *testing.T, v int32) {
	t.Helper()
	b := put(uint64(zigzag32(v)))
	if want := binary.AppendVarint(nil, int64(v)); !bytes.Equal(b, want) || VarintLen(v) != len(want) {
		t.Errorf("varint %d: %x of length %d, want %x", v, b, VarintLen(v), want)
	}
	r := NewReader(b)
	if got := r.Varint(); got != v || r.End("varint") != nil {
		t.Errorf("varint %d read back as %d, %v", v, got, r.Err())
	}
}

func checkUvarint(t *testing.T, v uint32) {
	t.Helper()
	b := AppendUvarint(nil, v)
	if want := binary.AppendUvarint(nil, uint64(v)); !bytes.Equal(b, want) || uvarintLen(uint64(v)) != len(want) {
		t.Errorf("uvarint %d: %x of length %d, want %x", v, b, uvarintLen(uint64(v)), want)
	}
	r := NewReader(b)
	if got := r.Uvarint(); got != v || r.End("uvarint") != nil {
		t.Errorf("uvarint %d read back as %d, %v", v, got, r.Err())
	}
}

func TestCRC32CKnownAnswerAndContinuation(t *testing.T) {
	if got := CRC32C(0, []byte("123456789")); got != 0xe3069283 {
		t.Errorf("CRC32C of the check string = %#x", got)
	}
	if got := CRC32C(CRC32C(0, []byte("1234")), []byte("56789")); got != 0xe3069283 {
		t.Errorf("CRC32C in two steps = %#x", got)
	}
}
