package properties

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// TestManyContinuedLinesTakeLinearTime has a setting on 200,000 lines, which took minutes when each was added to a copy.
func TestManyContinuedLinesTakeLinearTime(t *testing.T) {
	begun := time.Now()
	lines, errs := Scan("a=" + strings.Repeat("0123456789\\\n", 200_000))
	if len(lines) != 1 || len(errs) != 0 || len(lines[0].Value) != 2_000_000 {
		t.Errorf("%d lines, %v", len(lines), errs)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("%v", took)
	}
}

func FuzzScan(f *testing.F) {
	for _, text := range []string{
		"acks=all\nlinger.ms : 5\n\\u0041 = b\\\n c", "a=\\uD83D\\uDE8C\\", "#x\n!y\r\n \t\f\n=\n:\n\\", "a\\\\\\\nb\\=c d=e\r\rf",
		"\xef\xbb\xbfk=\xe9", "\\u00", "\\uD83D\\u0041=1",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text, _, err := Decode(data)
		if err != nil {
			return
		}
		if !utf8.ValidString(text) {
			t.Fatalf("%q is not valid UTF-8", text)
		}
		lines, errs := Scan(text)
		last, natural := 0, len(naturalLines(text))
		for _, l := range lines {
			if l.Number <= last || l.Number > natural || l.Name == "" {
				t.Fatalf("%+v after line %d of %d", l, last, natural)
			}
			last = l.Number
		}
		for _, e := range errs {
			if e.Line < 1 || e.Line > natural || e.Err == nil {
				t.Fatalf("%+v of %d lines", e, natural)
			}
		}
		var written strings.Builder
		for _, l := range lines {
			written.WriteString(escaped(l.Name) + "=" + escaped(l.Value) + "\n")
		}
		again, errs := Scan(written.String())
		if len(errs) > 0 || len(again) != len(lines) {
			t.Fatalf("%q: %v", written.String(), errs)
		}
		for i := range again {
			if again[i].Name != lines[i].Name || again[i].Value != lines[i].Value {
				t.Fatalf("%+v is read back as %+v", lines[i], again[i])
			}
		}
	})
}

// escaped writes every character as an escape, so that none means anything.
func escaped(s string) string {
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&out, "\\u%04x", unit)
	}
	return out.String()
}
