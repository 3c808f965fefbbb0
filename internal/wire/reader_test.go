package wire

import (
	"errors"
	"strings"
	"testing"
)

func TestReaderRefusesMalformedInput(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		read func(*Reader)
		want string
	}{
		{"short int8", nil, func(r *Reader) { r.Int8() }, "int8 at offset 0: 1 bytes wanted, 0 left"},
		{"short int16", []byte{1}, func(r *Reader) { r.Int16() }, "int16 at offset 0: 2 bytes wanted, 1 left"},
		{"short int32 later", []byte{1, 2, 3}, func(r *Reader) { r.Int8(); r.Int32() }, "int32 at offset 1: 4 bytes wanted, 2 left"},
		{"short int64", []byte{1}, func(r *Reader) { r.Int64() }, "int64 at offset 0"},
		{"short uuid", make([]byte, 15), func(r *Reader) { r.UUID() }, "uuid at offset 0: 16 bytes wanted, 15 left"},
		{"negative bytes", []byte{1}, func(r *Reader) { r.Bytes(-1) }, "bytes at offset 0: -1 bytes wanted, 1 left"},
		{"varint without end", []byte{0x80}, func(r *Reader) { r.Varint() }, "varint at offset 0: ends in the middle"},
		{"varint of 33 bits", []byte{0xff, 0xff, 0xff, 0xff, 0x1f}, func(r *Reader) { r.Varint() }, "varint at offset 0: more than 32 bits"},
		{"uvarint of six bytes", []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0}, func(r *Reader) { r.Uvarint() }, "uvarint at offset 0: more than 32 bits"},
		{"varlong of 65 bits", []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 2}, func(r *Reader) { r.Varlong() }, "varlong at offset 0: more than 64 bits"},
		{"null string", []byte{0xff, 0xff}, func(r *Reader) { r.String() }, "string at offset 0: null"},
		{"negative string", []byte{0xff, 0xfe}, func(r *Reader) { r.NullableString() }, "nullable string at offset 0: -2 bytes"},
		{"long string", []byte{0, 3, 'a'}, func(r *Reader) { r.String() }, "string at offset 0: 3 bytes wanted, 1 left"},
		{"null compact string", []byte{0}, func(r *Reader) { r.CompactString() }, "compact string at offset 0: null"},
		{"long compact string", []byte{4, 'a'}, func(r *Reader) { r.CompactNullableString() }, "compact nullable string at offset 0: 3 bytes wanted, 1 left"},
		{"negative count", []byte{0xff, 0xff, 0xff, 0xfe}, func(r *Reader) { r.Count(1) }, "array length at offset 0: -2 is negative"},
		{"count that cannot fit", []byte{0x7f, 0xff, 0xff, 0xff, 0}, func(r *Reader) { r.Count(1) }, "array length at offset 0: 2147483647 elements of at least 1 bytes wanted, 1 bytes left"},
		{"compact count that cannot fit", []byte{3, 0, 0, 0}, func(r *Reader) { r.CompactCount(2) }, "compact array length at offset 0: 2 elements of at least 2"},
		{"more tags than bytes", []byte{2, 0, 0}, func(r *Reader) { r.SkipTags() }, "tag count at offset 0"},
		{"tag longer than the rest", []byte{1, 0, 2, 0}, func(r *Reader) { r.SkipTags() }, "tagged field at offset 2: 2 bytes wanted, 1 left"},
		{"tag read in part", []byte{1, 7, 2, 0, 0}, func(r *Reader) { r.Tags(func(_ uint32, r *Reader) { r.Int8() }) }, "tagged field 7 at offset 2: 1 bytes too many"},
		{"tag read over its end", []byte{1, 7, 1, 0, 0}, func(r *Reader) { r.Tags(func(_ uint32, r *Reader) { r.Int16() }) }, "int16 at offset 3: 2 bytes wanted, 1 left"},
		{"bytes left over", []byte{1, 2}, func(r *Reader) { r.Int8(); _ = r.End("thing") }, "thing at offset 1: 1 bytes too many"},
	} {
		r := NewReader(c.in)
		c.read(&r)
		var format *FormatError
		if !errors.As(r.Err(), &format) || !strings.Contains(r.Err().Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, r.Err(), c.want)
		}
	}
}

func TestReaderKeepsItsFirstErrorAndMovesNoFurther(t *testing.T) {
	r := NewReader([]byte{0, 0, 0, 9, 1, 2, 3})
	r.Count(1)
	first, left := r.Err(), r.Len()
	if first == nil {
		t.Fatal("no error")
	}
	if r.Int8() != 0 || r.Uvarint() != 0 || r.String() != nil || r.CompactCount(1) != 0 || r.UUID() != [16]byte{} {
		t.Error("a read after an error returned something")
	}
	r.SkipTags()
	if r.Err() != first || r.Len() != left {
		t.Errorf("after more reads: %v with %d left, want %v with %d", r.Err(), r.Len(), first, left)
	}
}

func TestReaderTellsNullFromEmpty(t *testing.T) {
	r := NewReader([]byte{0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 1})
	if r.NullableString() != nil {
		t.Error("null string is not nil")
	}
	if s := r.NullableString(); s == nil || len(s) != 0 {
		t.Errorf("empty string = %v", s)
	}
	if r.CompactNullableString() != nil {
		t.Error("null compact string is not nil")
	}
	if s := r.CompactNullableString(); s == nil || len(s) != 0 {
		t.Errorf("empty compact string = %v", s)
	}
	if r.Count(1) != 0 || r.CompactCount(1) != 0 || r.CompactCount(1) != 0 || r.End("input") != nil {
		t.Errorf("null arrays: %v", r.Err())
	}
}

func TestReaderTagsHandsOutKnownFieldsAndSkipsOthers(t *testing.T) {
	r := NewReader([]byte{3, 0, 2, 0xab, 0xcd, 5, 3, 1, 2, 3, 9, 0, 0x7f})
	var got int16
	var tags []uint32
	r.Tags(func(tag uint32, r *Reader) {
		tags = append(tags, tag)
		if tag == 0 {
			got = r.Int16()
		}
	})
	if uint16(got) != 0xabcd || len(tags) != 3 || r.Int8() != 0x7f || r.End("input") != nil {
		t.Errorf("tags %v, field %x, error %v", tags, got, r.Err())
	}
}

func TestReaderViewsCannotGrowIntoTheirNeighbours(t *testing.T) {
	in := []byte{1, 2, 3}
	r := NewReader(in)
	_ = append(r.Bytes(1), 9)
	if in[1] != 2 {
		t.Error("appending to a view overwrote the bytes behind it")
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, []byte{2, 0, 1, 3, 0, 2, 0, 0, 0, 1, 0xff, 0xff})
	f.Add([]byte{12, 12, 13}, []byte{1, 0, 2, 0, 0, 0, 1, 5, 0})
	f.Add([]byte{10, 11, 10}, []byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, ops, in []byte) {
		r := NewReader(in)
		for _, op := range ops {
			before, failed := r.Len(), r.Err() != nil
			readOne(t, &r, op)
			if r.Len() > before || r.Len() < 0 {
				t.Fatalf("op %d: %d bytes left after %d", op, r.Len(), before)
			}
			if failed && r.Len() != before {
				t.Fatalf("op %d moved after an error", op)
			}
		}
	})
}

func readOne(t *testing.T, r *Reader, op byte) {
	switch op % 15 {
	case 0:
		r.Int8()
	case 1:
		r.Int16()
	case 2:
		r.Int32()
	case 3:
		r.Int64()
	case 4:
		r.Varint()
	case 5:
		r.Varlong()
	case 6:
		r.UUID()
	case 7:
		r.String()
	case 8:
		r.NullableString()
	case 9:
		r.CompactNullableString()
	case 10:
		if n := r.Count(3); n*3 > r.Len() {
			t.Fatalf("count %d with %d bytes left", n, r.Len())
		}
	case 11:
		if n := r.CompactCount(2); n*2 > r.Len() {
			t.Fatalf("compact count %d with %d bytes left", n, r.Len())
		}
	case 12:
		r.SkipTags()
	case 13:
		r.Tags(func(tag uint32, r *Reader) {
			if tag%2 == 0 {
				r.Int16()
			}
		})
	case 14:
		r.Bytes(int(int8(op)))
	}
}
