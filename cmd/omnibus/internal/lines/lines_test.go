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
			got, errs := readAll(t, NewReader(sources(test.inputs...), testLimit))
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
	want, _ := readAll(t, NewReader(sources(text), testLimit))
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte at a time":   iotest.OneByteReader,
		"half a buffer":        iotest.HalfReader,
		"the error with bytes": iotest.DataErrReader,
	} {
		reader := NewReader([]Source{{Name: "f", Reader: wrap(strings.NewReader(text))}}, testLimit)
		got, errs := readAll(t, reader)
		if len(errs) > 0 || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%s: %q, %v; want %q", name, got, errs, want)
		}
	}
}

func TestAnOverlongLineIsSkippedAndTheNextOneRead(t *testing.T) {
	for _, length := range []int{11, chunkBytes + 1, 3*chunkBytes + 1} {
		text := "before\n" + strings.Repeat("x", length) + "\nexactly10.\nafter"
		got, errs := readAll(t, NewReader(sources(text), 10))
		if fmt.Sprint(got) != "[before exactly10. after]" {
			t.Errorf("length %d: got %.100q", length, got)
		}
		if len(errs) != 1 || !IsTooLong(errs[0]) {
			t.Errorf("length %d: errors %v, want one *TooLongError", length, errs)
		}
	}
}

func TestAnOverlongLastLineIsReported(t *testing.T) {
	_, errs := readAll(t, NewReader(sources(strings.Repeat("x", 2*chunkBytes)), 10))
	if len(errs) != 1 || !IsTooLong(errs[0]) {
		t.Errorf("errors %v, want one *TooLongError", errs)
	}
}

// A gigabyte without a newline must not need a gigabyte.
func TestALineWithoutEndIsReadInBoundedMemory(t *testing.T) {
	reader := NewReader([]Source{{Name: "f", Reader: io.LimitReader(endless{}, 1<<30)}}, testLimit)
	defer reader.Close()
	if _, err := reader.Next(t.Context()); !IsTooLong(err) {
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
	reader := NewReader([]Source{{Name: "f1", Reader: broken}, {Name: "f2", Reader: strings.NewReader("b\n")}}, testLimit)
	got, errs := readAll(t, reader)
	if fmt.Sprint(got) != "[a b]" {
		t.Errorf("lines %q, want a and b, and not the half line before the error", got)
	}
	if len(errs) != 1 || errs[0].Error() != "read f1: disk gone" {
		t.Errorf("errors %v", errs)
	}
}

func TestPositionNamesTheSourceAndItsLine(t *testing.T) {
	reader := NewReader(sources("a\nb\n", "", "c\nd"), testLimit)
	readAll(t, reader)
	for seq, want := range map[uint64]string{1: "f1:1", 2: "f1:2", 3: "f3:1", 4: "f3:2"} {
		if got := reader.Position(seq); got != want {
			t.Errorf("position of %d is %s, want %s", seq, got, want)
		}
	}
}

func TestNextEndsWithItsContextWhileTheInputIsIdle(t *testing.T) {
	idle, writer := io.Pipe()
	defer writer.Close()
	reader := NewReader([]Source{{Name: "f", Reader: idle}}, testLimit)
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
	readAll(t, NewReader([]Source{{Name: "f", Reader: source}}, testLimit))
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
		reader := NewReader([]Source{{Name: "f", Reader: bytes.NewReader(text)}}, testLimit)
		for {
			if _, err := reader.Next(b.Context()); err != nil {
				break
			}
		}
		reader.Close()
	}
}
