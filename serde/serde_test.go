package serde

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func appended[T any](t *testing.T, s Serializer[T], v T) []byte {
	t.Helper()
	prefix := []byte("dst")
	out, err := s(prefix, Meta{}, v)
	if err != nil {
		t.Fatalf("serialize %v: %v", v, err)
	}
	if out == nil {
		return nil
	}
	rest, ok := bytes.CutPrefix(out, prefix)
	if !ok {
		t.Fatalf("serialize %v: %q lost what dst held", v, out)
	}
	return rest
}

func wantHex[T any](t *testing.T, s Serializer[T], v T, want string) {
	t.Helper()
	if got := hex.EncodeToString(appended(t, s, v)); got != want {
		t.Errorf("%v: got %s, want %s", v, got, want)
	}
}

func wantText[T any](t *testing.T, s Serializer[T], v T, want string) {
	t.Helper()
	if got := string(appended(t, s, v)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNumbersAreJavasBytes(t *testing.T) {
	wantHex(t, Int16, -2, "fffe")
	wantHex(t, Int32, 42, "0000002a")
	wantHex(t, Int32, math.MinInt32, "80000000")
	wantHex(t, Int64, -1, "ffffffffffffffff")
	wantHex(t, Int64, 1<<40, "0000010000000000")
	wantHex(t, Float32, 1.5, "3fc00000")
	wantHex(t, Float64, -2, "c000000000000000")
	wantHex(t, Float64, math.Copysign(0, -1), "8000000000000000")
	wantHex(t, Bool, true, "01")
	wantHex(t, Bool, false, "00")
}

func TestUUIDIsItsTextInLowerCase(t *testing.T) {
	type libraryUUID [16]byte
	id := libraryUUID{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF}
	wantText(t, UUID[libraryUUID], id, "00112233-4455-6677-8899-aabbccddeeff")
}

func TestNullAndEmptyDiffer(t *testing.T) {
	empty := ""
	cases := []struct {
		name string
		out  []byte
		null bool
	}{
		{"nil bytes", appended(t, Bytes, nil), true},
		{"empty bytes", appended(t, Bytes, []byte{}), false},
		{"empty string", appended(t, String, ""), false},
		{"no key", appended(t, NoKey, struct{}{}), true},
		{"nullable nil", appended(t, Nullable(String), nil), true},
		{"nullable empty", appended(t, Nullable(String), &empty), false},
		{"nullable of bytes, nil inside", appended(t, Nullable(Bytes), new([]byte)), true},
	}
	for _, c := range cases {
		if got := c.out == nil; got != c.null {
			t.Errorf("%s: null is %v, want %v", c.name, got, c.null)
		}
		if len(c.out) != 0 {
			t.Errorf("%s: %q was appended, want nothing", c.name, c.out)
		}
	}
}

func TestStringsAndBytesAreAppendedAsTheyAre(t *testing.T) {
	wantText(t, String, "orders ✓\x00", "orders ✓\x00")
	wantText(t, Bytes, []byte{0, 255}, "\x00\xff")
}

func TestJSONIsCompactUnescapedAndWithoutNewline(t *testing.T) {
	type order struct {
		ID   int    `json:"id"`
		Note string `json:"note,omitempty"`
	}
	wantText(t, JSON[order], order{7, "a<b & c>d"}, `{"id":7,"note":"a<b & c>d"}`)
	wantText(t, JSON[*order], nil, "null")
	wantText(t, JSON[string], "x\n", `"x\n"`)
	if out := appended(t, Nullable(JSON[order]), nil); out != nil {
		t.Errorf("a nil pointer under Nullable wrote %q, want null", out)
	}
}

func TestJSONReportsWhatCannotBeWritten(t *testing.T) {
	if _, err := JSON(make([]byte, 0), Meta{}, math.NaN()); err == nil {
		t.Error("NaN was written, want encoding/json's error")
	}
}

type odd struct{ err error }

func (o odd) AppendBinary([]byte) ([]byte, error) { return nil, o.err }
func (o odd) AppendText([]byte) ([]byte, error)   { return nil, o.err }

func TestAppendersNeverWriteATombstone(t *testing.T) {
	for name, out := range map[string][]byte{
		"binary": appended(t, Binary[odd], odd{}),
		"text":   appended(t, Text[odd], odd{}),
	} {
		if out == nil || len(out) != 0 {
			t.Errorf("%s: got %q (null: %v), want empty", name, out, out == nil)
		}
	}
}

func TestAppendersPassTheirErrorOn(t *testing.T) {
	wrong := errors.New("wrong")
	if _, err := Binary([]byte{}, Meta{}, odd{wrong}); !errors.Is(err, wrong) {
		t.Errorf("binary: got %v, want %v", err, wrong)
	}
	if _, err := Text([]byte{}, Meta{}, odd{wrong}); !errors.Is(err, wrong) {
		t.Errorf("text: got %v, want %v", err, wrong)
	}
}

func TestTextAndBinaryAppendTheTypesOwnForm(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	wantText(t, Text[time.Time], at, "2026-01-02T03:04:05Z")
	form, err := at.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	wantHex(t, Binary[time.Time], at, hex.EncodeToString(form))
}

func TestHeadersKeepTheirOrderAndRepeat(t *testing.T) {
	var h Headers
	h.Add("a", []byte("1"))
	h.Add("b", nil)
	h.Add("a", []byte("2"))
	var got strings.Builder
	for key, value := range h.All() {
		got.WriteString(key)
		if value == nil {
			got.WriteString("=null;")
			continue
		}
		got.WriteString("=" + string(value) + ";")
	}
	if want := "a=1;b=null;a=2;"; got.String() != want || h.Len() != 3 {
		t.Errorf("got %q (%d headers), want %q", got.String(), h.Len(), want)
	}
	for range h.All() {
		break // An iterator that goes on after this panics.
	}
	h.Reset()
	if h.Len() != 0 {
		t.Errorf("%d headers after Reset, want none", h.Len())
	}
}

func TestNoHeadersReadAsEmpty(t *testing.T) {
	var m Meta
	for key := range m.Headers.All() {
		t.Errorf("header %q in none", key)
	}
	if n := m.Headers.Len(); n != 0 {
		t.Errorf("%d headers, want 0", n)
	}
}

func TestScalarsDoNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 64)
	id := [16]byte{1, 2, 3}
	allocated := testing.AllocsPerRun(100, func() {
		_, _ = String(dst, Meta{}, "42")
		_, _ = Int64(dst, Meta{}, 42)
		_, _ = UUID(dst, Meta{}, id)
	})
	if allocated != 0 {
		t.Errorf("%v allocations a run, want none", allocated)
	}
}
