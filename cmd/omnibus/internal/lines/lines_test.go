package lines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const testLimit = 1 << 20

func limited(bytes int) Config { return Config{LineBytesMax: bytes} }

// readAll returns every line as a string, and the errors that came between them.
func readAll(t *testing.T, r *Reader) (got []string, errs []error) {
	t.Helper()
	defer r.Close()
	for {
		line, err := r.Next(t.Context())
		switch {
		case errors.Is(err, io.EOF):
			return got, errs
		case err != nil:
			errs = append(errs, err)
		case line.Bytes == nil:
			t.Error("a line is nil instead of empty")
		default:
			got = append(got, string(line.Bytes))
		}
	}
}

func sources(texts ...string) []Source {
	var list []Source
	for i, text := range texts {
		list = append(list, Source{Name: fmt.Sprintf("f%d", i+1), Reader: strings.NewReader(text)})
	}
	return list
}

func TestWhatIsALine(t *testing.T) {
	long := strings.Repeat("x", chunkBytes+10)
	exact := strings.Repeat("y", chunkBytes)
	for name, test := range map[string]struct {
		inputs []string
		want   []string
	}{
		"final newline":            {[]string{"a\nb\n"}, []string{"a", "b"}},
		"no newline at the end":    {[]string{"a\nb"}, []string{"a", "b"}},
		"empty lines":              {[]string{"\na\n\n\nb\n\n"}, []string{"", "a", "", "", "b", ""}},
		"only a newline":           {[]string{"\n"}, []string{""}},
		"nothing":                  {[]string{""}, nil},
		"no input":                 {nil, nil},
		"CRLF":                     {[]string{"a\r\n\r\nb\r"}, []string{"a\r", "\r", "b\r"}},
		"NUL and invalid UTF-8":    {[]string{"a\x00b\n\xff\xfe\n"}, []string{"a\x00b", "\xff\xfe"}},
		"longer than a chunk":      {[]string{long + "\n" + long}, []string{long, long}},
		"newline at a chunk's end": {[]string{exact[1:] + "\nb\n"}, []string{exact[1:], "b"}},
		"newline behind a chunk":   {[]string{exact + "\nb\n"}, []string{exact, "b"}},
		"several inputs":           {[]string{"a\nb", "", "c\n", "\n", "d"}, []string{"a", "b", "c", "", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, errs := readAll(t, NewReader(sources(test.inputs...), limited(testLimit)))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", test.want) {
				t.Errorf("got %d lines, want %d\n%.200q\n%.200q", len(got), len(test.want), got, test.want)
			}
		})
	}
}

func TestReadsOfAnySizeGiveTheSameLines(t *testing.T) {
	const text = "first\n\nsecond line\r\n\x00\nlast"
	want, _ := readAll(t, NewReader(sources(text), limited(testLimit)))
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte at a time":   iotest.OneByteReader,
		"half a buffer":        iotest.HalfReader,
		"the error with bytes": iotest.DataErrReader,
	} {
		reader := NewReader([]Source{{Name: "f", Reader: wrap(strings.NewReader(text))}}, limited(testLimit))
		got, errs := readAll(t, reader)
		if len(errs) > 0 || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%s: %q, %v; want %q", name, got, errs, want)
		}
	}
}

func TestAnOverlongLineIsSkippedAndTheNextOneRead(t *testing.T) {
	for _, length := range []int{11, chunkBytes + 1, 3*chunkBytes + 1} {
		text := "before\n" + strings.Repeat("x", length) + "\nexactly10.\nafter"
		got, errs := readAll(t, NewReader(sources(text), limited(10)))
		if fmt.Sprint(got) != "[before exactly10. after]" {
			t.Errorf("length %d: got %.100q", length, got)
		}
		if len(errs) != 1 || !isTooLong(errs[0]) {
			t.Errorf("length %d: errors %v, want one *TooLongError", length, errs)
		}
	}
}

func TestAnOverlongLastLineIsReported(t *testing.T) {
	_, errs := readAll(t, NewReader(sources(strings.Repeat("x", 2*chunkBytes)), limited(10)))
	if len(errs) != 1 || !isTooLong(errs[0]) {
		t.Errorf("errors %v, want one *TooLongError", errs)
	}
}

// A gigabyte without a newline must not need a gigabyte.
func TestALineWithoutEndIsReadInBoundedMemory(t *testing.T) {
	reader := NewReader([]Source{{Name: "f", Reader: io.LimitReader(endless{}, 1<<30)}}, limited(testLimit))
	defer reader.Close()
	if _, err := reader.Next(t.Context()); !isTooLong(err) {
		t.Fatalf("error %v, want a *TooLongError", err)
	}
	if kept := cap(reader.carry); kept > 4*testLimit {
		t.Errorf("%d bytes were kept of a line over the limit of %d", kept, testLimit)
	}
}

// endless is a reader of bytes without a newline.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAReadErrorNamesItsSourceAndTheNextOneIsRead(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("a\nhalf"), iotest.ErrReader(errors.New("disk gone")))
	reader := NewReader([]Source{{Name: "f1", Reader: broken}, {Name: "f2", Reader: strings.NewReader("b\n")}}, limited(testLimit))
	got, errs := readAll(t, reader)
	if fmt.Sprint(got) != "[a b]" {
		t.Errorf("lines %q, want a and b, and not the half line before the error", got)
	}
	if len(errs) != 1 || errs[0].Error() != "read f1: disk gone" {
		t.Errorf("errors %v", errs)
	}
}

func TestPositionNamesTheSourceAndItsLine(t *testing.T) {
	reader := NewReader(sources("a\nb\n", "", "c\nd"), limited(testLimit))
	readAll(t, reader)
	for seq, want := range map[uint64]string{1: "f1:1", 2: "f1:2", 3: "f3:1", 4: "f3:2"} {
		name, line := reader.Position(seq)
		if got := fmt.Sprintf("%s:%d", name, line); got != want {
			t.Errorf("position of %d is %s, want %s", seq, got, want)
		}
	}
}

func TestLinesAreNumberedInTheirSource(t *testing.T) {
	reader := NewReader(sources("a\nb\n", "", strings.Repeat("x", 11)+"\nc", "d"), limited(10))
	defer reader.Close()
	var numbers []uint64
	for {
		line, err := reader.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		numbers = append(numbers, line.Number)
	}
	if fmt.Sprint(numbers) != "[1 2 1 2 1]" {
		t.Errorf("numbers of lines: %v", numbers)
	}
}

func TestNextEndsWithItsContextWhileTheInputIsIdle(t *testing.T) {
	idle, writer := io.Pipe()
	defer writer.Close()
	reader := NewReader([]Source{{Name: "f", Reader: idle}}, limited(testLimit))
	defer reader.Close()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := reader.Next(ctx); !errors.Is(err, cause) {
		t.Errorf("error %v, want the context's cause", err)
	}
}

func TestSourcesAreClosedAtTheirEnd(t *testing.T) {
	source := &closing{Reader: strings.NewReader("a")}
	readAll(t, NewReader([]Source{{Name: "f", Reader: source}}, limited(testLimit)))
	if !source.closed {
		t.Error("the source was not closed")
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func BenchmarkNext(b *testing.B) {
	text := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 10_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		reader := NewReader([]Source{{Name: "f", Reader: bytes.NewReader(text)}}, limited(testLimit))
		for {
			if _, err := reader.Next(b.Context()); err != nil {
				break
			}
		}
		reader.Close()
	}
}

func TestADelimiterOfSeveralBytesMayLieAcrossReads(t *testing.T) {
	for name, test := range map[string]struct {
		delimiter, text string
		want            []string
	}{
		"one other byte":        {";", "a\n;;b;", []string{"a\n", "", "b"}},
		"NUL":                   {"\x00", "a\nb\x00c", []string{"a\nb", "c"}},
		"two bytes":             {"\r\n", "a\r\n\r\nb\nc\rd\r\n", []string{"a", "", "b\nc\rd"}},
		"begun and not ended":   {"--x", "a--b--", []string{"a--b--"}},
		"its own beginning":     {"aab", "aaabaabaa", []string{"a", "", "aa"}},
		"its own end":           {"aa", "aaaaa", []string{"", "", "a"}},
		"behind a long line":    {"--", strings.Repeat("x", 30) + "--b", []string{strings.Repeat("x", 30), "b"}},
		"as long as the limit":  {"--", "0123456789" + strings.Repeat("y", 20) + "--", []string{"0123456789" + strings.Repeat("y", 20)}},
		"nothing but delimiter": {"--", "--", []string{""}},
	} {
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader} {
			source := []Source{{Name: "f", Reader: wrap(strings.NewReader(test.text))}}
			got, errs := readAll(t, NewReader(source, Config{LineBytesMax: 30, Delimiter: []byte(test.delimiter)}))
			if len(errs) > 0 || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", test.want) {
				t.Errorf("%s: got %q, %v; want %q", name, got, errs, test.want)
			}
		}
	}
}

func TestAWholeSourceIsOneLine(t *testing.T) {
	long := strings.Repeat("x\n", chunkBytes)
	reader := NewReader(sources("a\nb\n", "", long, strings.Repeat("y", testLimit+1), "\n"), Config{LineBytesMax: testLimit, Whole: true})
	got, errs := readAll(t, reader)
	if want := []string{"a\nb\n", "", long, "\n"}; fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got %.100q, want %.100q", got, want)
	}
	if len(errs) != 1 || !isTooLong(errs[0]) {
		t.Errorf("errors %v, want one *TooLongError", errs)
	}
	for seq, want := range map[uint64]string{1: "f1", 2: "f2", 4: "f4", 5: "f5"} {
		if name, line := reader.Position(seq); name != want || line != 1 {
			t.Errorf("position of %d is %s:%d, want %s:1", seq, name, line, want)
		}
	}
}

func TestSourcesAreReadAgainFromTheirBeginning(t *testing.T) {
	list := []Source{{Name: "f1", Reader: &again{text: "a\nb"}}, {Name: "f2", Reader: &again{text: "c\n"}}}
	reader := NewReader(list, Config{LineBytesMax: testLimit, Repeat: 3})
	got, errs := readAll(t, reader)
	if len(errs) > 0 || fmt.Sprint(got) != "[a b c a b c a b c]" {
		t.Errorf("got %q, %v", got, errs)
	}
	for seq, want := range map[uint64]string{3: "f2:1", 4: "f1:1", 5: "f1:2", 9: "f2:1"} {
		name, line := reader.Position(seq)
		if got := fmt.Sprintf("%s:%d", name, line); got != want {
			t.Errorf("position of %d is %s, want %s", seq, got, want)
		}
	}
}

// again is a reader that begins anew after its Close.
type again struct {
	text string
	at   int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.text[a.at:])
	if a.at += n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (a *again) Close() error {
	a.at = 0
	return nil
}

// Whatever the text, the delimiter and the sizes of reads, lines are what strings.Split makes of it.
func FuzzReader(f *testing.F) {
	f.Add("a\n\nb", "\n", 3, uint8(1))
	f.Add("aaab--aab-", "aab", 1, uint8(2))
	f.Add("x\r\ny\r", "\r\n", 100, uint8(0))
	f.Fuzz(func(t *testing.T, text, delimiter string, limit int, size uint8) {
		if delimiter == "" || limit < 0 {
			return
		}
		var want []string
		for _, line := range strings.SplitAfter(text, delimiter) {
			line, ended := strings.CutSuffix(line, delimiter)
			switch {
			case !ended && line == "":
			case len(line) > limit:
				want = append(want, "too long")
			default:
				want = append(want, "line "+line)
			}
		}
		reader := NewReader([]Source{{Name: "f", Reader: &pieces{text: text, size: int(size) + 1}}}, Config{LineBytesMax: limit, Delimiter: []byte(delimiter)})
		defer reader.Close()
		var got []string
		for {
			line, err := reader.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				got = append(got, "too long")
				continue
			}
			got = append(got, "line "+string(line.Bytes))
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%q by %q: got %q, want %q", text, delimiter, got, want)
		}
	})
}

// pieces is a reader that gives a few bytes at a time.
type pieces struct {
	text string
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	n := copy(b[:min(len(b), p.size)], p.text)
	if p.text = p.text[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

type brokenSource struct{}

func (brokenSource) Read([]byte) (int, error) { panic("a source is broken") }

func TestThePanicOfASourceComesOutOfNext(t *testing.T) {
	r := NewReader([]Source{{Name: "broken", Reader: brokenSource{}}}, Config{LineBytesMax: 100})
	defer r.Close()
	defer func() {
		if broken := recover(); broken != "a source is broken" {
			t.Errorf("recovered %v", broken)
		}
	}()
	r.Next(t.Context())
	t.Error("Next returned")
}

func isTooLong(err error) bool {
	_, ok := errors.AsType[*TooLongError](err)
	return ok
}
