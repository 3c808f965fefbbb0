package frames

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
)

func newReader(source io.Reader) *Reader {
	return &Reader{Source: source, Received: new(atomic.Int64), Large: new(atomic.Int64)}
}

// framed is an answer to the request with this id, of so many bytes with the id.
func framed(id int32, bytes int) []byte {
	frame := binary.BigEndian.AppendUint32(nil, uint32(bytes))
	frame = binary.BigEndian.AppendUint32(frame, uint32(id))
	for i := range bytes - idBytes {
		frame = append(frame, byte(i)^byte(id))
	}
	return frame
}

func TestFramesComeOutAsTheyWentIn(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var stream []byte
	var sent [][]byte
	for id := range int32(60) {
		frame := framed(id, idBytes+random.IntN(12<<10))
		sent, stream = append(sent, frame[lengthBytes:]), append(stream, frame...)
	}
	for name, source := range map[string]func() io.Reader{
		"whole":           func() io.Reader { return bytes.NewReader(stream) },
		"halves":          func() io.Reader { return iotest.HalfReader(bytes.NewReader(stream)) },
		"bytes":           func() io.Reader { return iotest.OneByteReader(bytes.NewReader(stream)) },
		"error with data": func() io.Reader { return iotest.DataErrReader(bytes.NewReader(stream)) },
	} {
		for _, kept := range []bool{false, true} {
			f := newReader(source())
			var all [][]byte
			for i, body := range sent {
				if err := f.Wait(); err != nil {
					t.Fatal(name, i, err)
				}
				got, err := f.Take(Due{LimitBytes: 30 << 10, ID: int32(i), Kept: kept})
				if err != nil || !bytes.Equal(got, body) {
					t.Fatalf("%s: frame %d: %d bytes, wanted %d: %v", name, i, len(got), len(body), err)
				}
				all = append(all, got)
			}
			for i := range all {
				if kept && !bytes.Equal(all[i], sent[i]) {
					t.Fatalf("%s: frame %d was read over", name, i)
				}
			}
			if err := f.Wait(); err != io.EOF {
				t.Errorf("%s: after the last frame: %v", name, err)
			}
			if f.Received.Load() != int64(len(stream)) {
				t.Errorf("%s: counted %d bytes of %d", name, f.Received.Load(), len(stream))
			}
		}
	}
}

func TestAClaimedLengthIsNotAllocated(t *testing.T) {
	f := newReader(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, 60<<20), make([]byte, 6000)...)))
	if _, err := f.Take(Due{LimitBytes: 64 << 20}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, wanted an unexpected end", err)
	}
	if len(f.buf) > 16<<10 {
		t.Errorf("%d bytes allocated for 6004 that came", len(f.buf))
	}
}

func TestABufferGrownByOneAnswerIsGivenUp(t *testing.T) {
	f := newReader(bytes.NewReader(framed(1, 2<<20)))
	if frame, err := f.Take(Due{LimitBytes: 2 << 20, ID: 1}); err != nil || len(frame) != 2<<20 {
		t.Fatal(len(frame), err)
	}
	if len(f.buf) > bufferKeptBytes {
		t.Errorf("%d bytes kept", len(f.buf))
	}
}

func TestAConnectionThatReadsNothingForeverFails(t *testing.T) {
	if err := newReader(iotest.ErrReader(nil)).Wait(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v", err)
	}
}

func TestAnErrorThatPassesLosesNoBytes(t *testing.T) {
	passing, frame := errors.New("passes"), framed(9, 100)
	f := newReader(io.MultiReader(bytes.NewReader(frame[:3]), &once{err: passing}, bytes.NewReader(frame[3:50]), &once{err: passing},
		bytes.NewReader(frame[50:])))
	passed := 0
	f.Failed = func(err error) error {
		if err == passing {
			passed++
			return nil
		}
		return err
	}
	if got, err := f.Take(Due{LimitBytes: 100, ID: 9}); err != nil || !bytes.Equal(got, frame[lengthBytes:]) || passed != 2 {
		t.Errorf("%d bytes after %d errors, %v", len(got), passed, err)
	}
}

// once fails once and then ends.
type once struct{ err error }

func (o *once) Read([]byte) (int, error) {
	err := o.err
	o.err = io.EOF
	return 0, err
}

func TestWhatIsNotTheAnswerIsNamed(t *testing.T) {
	for bytes, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n":         "answers in HTTP;",
		"\x15\x03\x01\x00\x02\x02\x46":             "answers in TLS",
		"\x16\x03\x03\x00\x40":                     "answers in TLS",
		"SSH-2.0-OpenSSH\r\n":                      `text ("SSH-")`,
		"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00": "answers in HTTP/2",
		"\x7f\xff\xff\xff":                         "frame of 2147483647 bytes",
		"\xff\xff\xff\xff":                         "frame of -1 bytes",
		"\x00\x00\x00\x03\x00":                     "frame of 3 bytes",
		"\x00\x00\x00\x05\x00\x00\x00\x09":         "correlation id 9, expected 7",
	} {
		_, err := newReader(strings.NewReader(bytes)).Take(Due{LimitBytes: 8 << 20, ID: 7})
		if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", bytes, err, want)
		}
	}
}

func TestLargeAnswersShareABound(t *testing.T) {
	received, shared := new(atomic.Int64), new(atomic.Int64)
	const size = 8 << 20
	whole := append(framed(1, 4), make([]byte, size-idBytes)...)
	binary.BigEndian.PutUint32(whole, size)
	reading := func(bytesThatCome int) *Reader {
		return &Reader{Source: bytes.NewReader(whole[:bytesThatCome]), Received: received, Large: shared}
	}
	small := framed(1, 50<<10)
	due := Due{LimitBytes: size, ID: 1}
	first := reading(5 << 20)
	if _, err := first.Take(due); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	second := reading(size + lengthBytes)
	if _, err := second.Take(due); !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "all brokers together") {
		t.Errorf("beside one of %d bytes: %v", len(first.buf), err)
	}
	for range 1000 { // ordinary ones do not count
		ordinary := &Reader{Source: bytes.NewReader(small), Received: received, Large: shared}
		if _, err := ordinary.Take(due); err != nil {
			t.Fatal(err)
		}
	}
	first.Drop()
	second.Drop()
	for _, due.Kept = range []bool{false, true} {
		if frame, err := reading(size + lengthBytes).Take(due); err != nil || len(frame) != size {
			t.Errorf("afterwards: %d bytes, %v", len(frame), err)
		}
	}
	if n := shared.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 0, 0, 6, 0, 0, 0, 1, 'a', 'b', 0, 0, 0, 4, 0, 0, 0, 2}, []byte{1, 3, 200}, false)
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), []byte{2}, true)
	f.Add([]byte{0x15, 3, 1, 0, 2, 2, 0x46}, []byte{1}, true)
	f.Add([]byte{0, 0, 0x12, 4, 0, 0, 0, 0, 0, 0}, []byte{0, 1}, false)
	f.Fuzz(func(t *testing.T, stream, splits []byte, kept bool) {
		frames := newReader(&splitReader{bytes: stream, splits: splits})
		rest := stream
		for id := int32(1); ; id++ {
			frame, err := frames.Take(Due{LimitBytes: fuzzedFrameMax, ID: id, Kept: kept})
			if err != nil {
				wantError(t, rest, id, err)
				break
			}
			size := int(binary.BigEndian.Uint32(rest))
			if !bytes.Equal(frame, rest[4:4+size]) || int32(binary.BigEndian.Uint32(frame)) != id {
				t.Fatalf("frame %d is % x, sent was % x", id, frame, rest[4:4+size])
			}
			rest = rest[4+size:]
		}
		if n := frames.Received.Load(); n > int64(len(stream)) || len(frames.buf) > 6*max(len(stream), bufferBytes) {
			t.Fatalf("%d bytes received and %d allocated for %d", n, len(frames.buf), len(stream))
		}
		if frames.Drop(); frames.Large.Load() != 0 {
			t.Fatalf("%d bytes are still counted", frames.Large.Load())
		}
	})
}

const fuzzedFrameMax = 1 << 16

// wantError fails the test unless err is what is wrong with the bytes in rest, of which the frame with id is due.
func wantError(t *testing.T, rest []byte, id int32, err error) {
	t.Helper()
	_ = err.Error()
	size := math.MaxInt
	if len(rest) >= 4 {
		size = int(int32(binary.BigEndian.Uint32(rest)))
	}
	switch {
	case len(rest) == 0:
		if err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	case len(rest) >= 4 && (size < 4 || size > fuzzedFrameMax), len(rest) >= 8 && int32(binary.BigEndian.Uint32(rest[4:])) != id:
		if !errors.Is(err, ErrProtocol) {
			t.Fatalf("bytes % x, id %d: %v", rest[:min(8, len(rest))], id, err)
		}
	case len(rest)-4 < size:
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("an end in the middle: %v", err)
		}
	default:
		t.Fatalf("a good frame was refused: %v", err)
	}
}

// splitReader hands out its bytes in pieces of the lengths in splits, again and again.
type splitReader struct {
	bytes, splits []byte
	turn          int
}

func (s *splitReader) Read(p []byte) (int, error) {
	if len(s.bytes) == 0 {
		return 0, io.EOF
	}
	n := 1
	if len(s.splits) > 0 {
		n = max(1, int(s.splits[s.turn%len(s.splits)]))
		s.turn++
	}
	n = copy(p[:min(n, len(p))], s.bytes)
	s.bytes = s.bytes[n:]
	return n, nil
}
