package job

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
)

func TestFormatOfAnAcknowledgement(t *testing.T) {
	ack := omnibus.Ack{Topic: "orders", Partition: 3, Offset: 42, Tag: 7, Timestamp: time.UnixMilli(1700000000123)}
	for _, test := range []struct {
		format string
		key    []byte
		want   string // or the error, behind "error:"
	}{
		{`%p %o\n`, nil, "3 42\n"},
		{`%t/%p@%o`, nil, "orders/3@42"},
		{`%T`, nil, "1700000000123"},
		{`%k`, []byte("a key"), "a key"},
		{`%k|%K`, nil, "|-1"},
		{`%k|%K`, []byte{}, "|0"},
		{`%K`, []byte("four"), "4"},
		{`%f:%n`, nil, "in.txt:7"},
		{`100%% %%p`, nil, "100% %p"},
		{`\t\r\0\\\x41\xfF`, nil, "\t\r\x00\\A\xff"},
		{`plain ü`, nil, "plain ü"},
		{`%`, nil, `error:nothing follows the last %`},
		{`%p\`, nil, `error:nothing follows the last \`},
		{`%s`, nil, `error:"%s" is none of`},
		{`\q`, nil, `error:"\q" is none of`},
		{`\x4`, nil, `error:two hexadecimal digits`},
		{`\xzz`, nil, `error:two hexadecimal digits`},
	} {
		var out bytes.Buffer
		p, err := parseFormat(test.format, &out)
		if part, wantError := strings.CutPrefix(test.want, "error:"); wantError {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: error %v, want one that says %q", test.format, err, part)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.format, err)
			continue
		}
		p.print(&ack, test.key, inFile("in.txt"))
		if err := p.flush(); err != nil || out.String() != test.want {
			t.Errorf("%q: %q, %v; want %q", test.format, &out, err, test.want)
		}
	}
}

func TestAFormatMustNotBeCutOffInTheMiddleOfAnEscape(t *testing.T) {
	for _, format := range []string{`%`, `\`, `\x`, `\x1`, `a\`, `a%`} {
		if _, err := parseFormat(format, nil); err == nil {
			t.Errorf("%q is taken for a format", format)
		}
	}
}

func TestAcknowledgementsAreWrittenInLargePiecesAndAllOfThem(t *testing.T) {
	out := &countingWriter{}
	p, err := parseFormat(`%o\n`, out)
	if err != nil {
		t.Fatal(err)
	}
	const count = 100_000
	for offset := range int64(count) {
		p.print(&omnibus.Ack{Offset: offset}, nil, nil)
	}
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(out.Bytes(), []byte{'\n'}); lines != count || out.writes > 100 {
		t.Errorf("%d lines in %d writes, want %d in a few", lines, out.writes, count)
	}
}

type countingWriter struct {
	bytes.Buffer
	writes int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.writes++
	return w.Buffer.Write(p)
}

func TestAClosedStandardOutputIsToldOnceAndWrittenToNoMore(t *testing.T) {
	out := &failingWriter{}
	p, err := parseFormat(`%o\n`, out)
	if err != nil {
		t.Fatal(err)
	}
	p.print(&omnibus.Ack{}, nil, nil)
	if err := p.flush(); err == nil || !strings.Contains(err.Error(), "no further acknowledgements are printed") {
		t.Errorf("error %v", err)
	}
	p.print(&omnibus.Ack{}, nil, nil)
	if err := p.flush(); err != nil {
		t.Errorf("told again: %v", err)
	}
	if out.writes != 1 {
		t.Errorf("%d writes, want 1", out.writes)
	}
}

type failingWriter struct{ writes int }

func (w *failingWriter) Write([]byte) (int, error) {
	w.writes++
	return 0, errors.New("closed")
}
