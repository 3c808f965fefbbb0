package broker

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

func TestBadAnswersCloseTheConnection(t *testing.T) {
	answerTo := func(change func(frame []byte) []byte) func(b *scriptedBroker) {
		return func(b *scriptedBroker) {
			b.handshake()
			b.write(change(frameFor(b.read(), produced(0))))
			b.tryRead()
		}
	}
	for _, test := range []struct {
		name, wanted string
		script       func(b *scriptedBroker)
	}{
		{"the id of another request", "correlation id 8, expected 1", answerTo(func(f []byte) []byte { f[7] = 8; return f })},
		{"extra bytes", "1 bytes too many", answerTo(func(f []byte) []byte { return withLength(append(f, 0)) })},
		{"too short a body", "Produce v12", answerTo(func(f []byte) []byte { return withLength(f[:20]) })},
		{"no room for an id", "frame of 3 bytes", answerTo(func(f []byte) []byte { return withLength(f[:7]) })},
		{"a negative length", "frame of -1 bytes", answerTo(func(f []byte) []byte { return append([]byte{255, 255, 255, 255}, f...) })},
		{"a huge length", "frame of 134217728 bytes", answerTo(func(f []byte) []byte { return append([]byte{8, 0, 0, 0}, f...) })},
		{"an end in the middle", "closed the connection", func(b *scriptedBroker) {
			b.handshake()
			b.write(frameFor(b.read(), produced(0))[:17])
		}},
		{"an end instead of an answer", "closed the connection", func(b *scriptedBroker) {
			b.handshake()
			b.read()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, r := start(t, scripted(t, test.script))
				mustProduce(t, c, request(-1, 10))
				o := <-r.told
				var lost *LostError
				if !o.written || !errors.As(o.err, &lost) || !strings.Contains(o.err.Error(), test.wanted) {
					t.Errorf("outcome %v, wanted %q", o, test.wanted)
				}
				if err := r.cause(); err != o.err {
					t.Errorf("cause %v differs from the outcome's %v", err, o.err)
				}
				if c.Produce(request(-1, 10)) {
					t.Error("a closed connection accepted a request")
				}
			})
		})
	}
}

func TestBytesNobodyAskedForCloseTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, scripted(t, func(b *scriptedBroker) {
			b.handshake()
			b.write(frameFor(ask{version: 12}, produced(0)))
			b.tryRead()
		}))
		if err := r.cause(); !errors.Is(err, ErrProtocol) {
			t.Errorf("cause %v", err)
		}
		c.Close(nil)
	})
}

func TestAnAnswerToAHalfWrittenRequestIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, scriptedWithin(t, 512, func(b *scriptedBroker) {
			b.handshake()
			io.ReadFull(b.conn, make([]byte, 12)) // the write has begun, and will not end
			b.write(frameFor(ask{version: 12, id: 1}, produced(0)))
			b.ignore()
		}))
		mustProduce(t, c, request(-1, 2000))
		if o := <-r.told; o.err == nil || o.offset != -1 {
			t.Errorf("outcome %v", o)
		}
		<-r.end
	})
}
