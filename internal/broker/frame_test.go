package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func newFrameReader(source io.Reader) *frameReader {
	return &frameReader{source: source, received: new(atomic.Int64), large: new(atomic.Int64)}
}

func frameOf(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func TestFramesComeOutAsTheyWentIn(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var stream []byte
	var sent [][]byte
	for i := range 300 {
		body := bytes.Repeat([]byte{byte(i)}, 4+random.IntN(20<<10))
		sent, stream = append(sent, body), append(stream, frameOf(body)...)
	}
	for name, source := range map[string]io.Reader{
		"whole": bytes.NewReader(stream), "halves": iotest.HalfReader(bytes.NewReader(stream)),
		"bytes": iotest.OneByteReader(bytes.NewReader(stream)), "error with data": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		f := newFrameReader(source)
		for i, body := range sent {
			size, err := f.size()
			if err != nil {
				t.Fatal(name, i, err)
			}
			if got, err := f.take(size); err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%s: frame %d: %d bytes, wanted %d: %v", name, i, len(got), len(body), err)
			}
		}
		if _, err := f.size(); err != io.EOF {
			t.Errorf("%s: after the last frame: %v", name, err)
		}
		if f.received.Load() != int64(len(stream)) {
			t.Errorf("%s: counted %d bytes of %d", name, f.received.Load(), len(stream))
		}
	}
}

func TestAClaimedLengthIsNotAllocated(t *testing.T) {
	f := newFrameReader(io.MultiReader(bytes.NewReader(frameOf(make([]byte, 9000))[:8]), bytes.NewReader(make([]byte, 6000))))
	if _, err := f.take(60 << 20); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, wanted an unexpected end", err)
	}
	if len(f.buf) > 16<<10 {
		t.Errorf("%d bytes allocated for 6008 that came", len(f.buf))
	}
}

func TestABufferGrownByOneAnswerIsGivenUp(t *testing.T) {
	f := newFrameReader(bytes.NewReader(frameOf(make([]byte, 2<<20))))
	if frame, err := f.take(2 << 20); err != nil || len(frame) != 2<<20 {
		t.Fatal(len(frame), err)
	}
	if len(f.buf) > frameBufferKeptBytes {
		t.Errorf("%d bytes kept", len(f.buf))
	}
}

func TestAConnectionThatReadsNothingForeverFails(t *testing.T) {
	if _, err := newFrameReader(iotest.ErrReader(nil)).size(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v", err)
	}
}

func TestADeadlineFiringEarlyLosesNoBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.answer(b.read(), produced(1))
			frame := frameFor(b.read(), produced(2)) // asked for 20 s after the first, whose deadline is still set
			time.Sleep(5 * time.Second)
			b.write(frame[:20])
			time.Sleep(10 * time.Second)
			b.write(frame[20:])
			b.tryRead()
		})
		c, r := start(t, cfg)
		mustProduce(t, c, request(-1, 10))
		<-r.told
		time.Sleep(20 * time.Second)
		mustProduce(t, c, request(-1, 10))
		if o := <-r.told; o.err != nil || o.offset != 2 {
			t.Errorf("outcome %v", o)
		}
		c.Close(nil)
	})
}
