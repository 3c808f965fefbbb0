package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// filtered is a connection through the filter, and the client's end of it, in memory and in fake time.
func filtered(t *testing.T, s *server) (conn *filterConn, client net.Conn) {
	t.Helper()
	broker, client := net.Pipe()
	conn = &filterConn{Conn: broker, server: s}
	t.Cleanup(func() {
		conn.Close()
		client.Close()
	})
	return conn, client
}

func newTestServer(log io.Writer) *server {
	s := &server{
		known: readableVersions(), memory: newMemory(), logger: slog.New(slog.NewTextHandler(log, nil)),
		closed: make(chan struct{}),
	}
	s.mu.connections = make(map[*filterConn]struct{})
	return s
}

func TestARequestThatDoesNotGoOnEndsTheConnection(t *testing.T) {
	for _, test := range []struct {
		name string
		sent []byte
		want time.Duration
	}{
		{"nothing", nil, idleMax},
		{"two bytes", []byte{0, 0}, frameTime},
		{"half a head", frame(50, 3, 9)[:7], frameTime},
		{"half a request", frame(50, 3, 9), frameTime},
		{"half a large request", frame(10<<20, 0, 9), frameTime + 10*frameTimePerMiB},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := newTestServer(&log)
				conn, client := filtered(t, s)
				go client.Write(test.sent)
				began := time.Now()
				_, err := io.Copy(io.Discard, conn)
				if took := time.Since(began); err == nil || took != test.want {
					t.Errorf("ended with %v after %v, want an error after %v", err, took, test.want)
				}
				if told := log.Len() > 0; told != (len(test.sent) > 0) {
					t.Errorf("log: %q", log.String())
				}
				if s.memory.mu.free != framesBytesMax {
					t.Errorf("%d bytes are still held", framesBytesMax-s.memory.mu.free)
				}
			})
		})
	}
}

func TestAnIdleConnectionMayGoOnBetweenRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, client := filtered(t, newTestServer(io.Discard))
		go func() {
			for range 3 {
				client.Write(frame(10, keyAPIVersions, 0))
				<-time.After(idleMax - time.Second)
			}
			client.Close()
		}()
		n, err := io.Copy(io.Discard, conn)
		if n != 3*14 || err != nil {
			t.Errorf("passed on %d bytes, %v; want three requests of 14", n, err)
		}
	})
}

func TestRequestsWaitForOneAnothersMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newTestServer(&log)
		for range 2 {
			conn, client := filtered(t, s)
			go client.Write(frame(produceBytesMax, 0, 9))
			go io.Copy(io.Discard, conn)
		}
		synctest.Wait()
		held := framesBytesMax - s.memory.mu.free
		if held != 2*produceBytesMax {
			t.Fatalf("two half requests hold %d bytes", held)
		}

		// A third finds no room before the first two have run out of time, and gives up.
		third, client := filtered(t, s)
		go client.Write(frame(produceBytesMax, 0, 9))
		began := time.Now()
		if _, err := third.Read(make([]byte, 1)); !errors.Is(err, errNotKafka) || time.Since(began) != frameTime {
			t.Errorf("the third: %v after %v", err, time.Since(began))
		}
		// A small one passes meanwhile.
		small, client := filtered(t, s)
		go client.Write(frame(10, keyAPIVersions, 0))
		if n, err := small.Read(make([]byte, headBytes)); n != headBytes || err != nil {
			t.Errorf("a small request: %d bytes, %v", n, err)
		}
		// When the first two have ended, a large one passes again.
		<-time.After(frameTime + produceBytesMax>>20*frameTimePerMiB)
		fourth, client := filtered(t, s)
		go client.Write(frame(produceBytesMax, 0, 9))
		if n, err := fourth.Read(make([]byte, headBytes)); n != headBytes || err != nil {
			t.Errorf("the fourth: %d bytes, %v", n, err)
		}
		fourth.Close()
		if s.memory.mu.free != framesBytesMax {
			t.Errorf("%d bytes are still held", framesBytesMax-s.memory.mu.free)
		}
	})
}

func TestAClientThatDoesNotReadItsAnswerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := filtered(t, newTestServer(io.Discard))
		began := time.Now()
		_, err := conn.Write(make([]byte, 100))
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != writeTimeMax {
			t.Errorf("ended with %v after %v, want %v", err, took, writeTimeMax)
		}
	})
}

// readOnly is a connection on which the client has sent everything and closed.
type readOnly struct {
	net.Conn
	io.Reader
}

func (r readOnly) Read(p []byte) (int, error)     { return r.Reader.Read(p) }
func (readOnly) SetReadDeadline(time.Time) error  { return nil }
func (readOnly) SetWriteDeadline(time.Time) error { return nil }
func (readOnly) RemoteAddr() net.Addr             { return address("test:1") }

// FuzzFilter sends any bytes. What comes through must be the beginning of them, cut at the end of a frame or inside one that
// may pass; the filter stops where one begins that may not.
func FuzzFilter(f *testing.F) {
	request := kmsg.NewPtrMetadataRequest()
	metadata := frame(uint32(10+len(request.AppendTo(nil))), 3, 0, request.AppendTo(nil)...)
	f.Add(bytes.Repeat(metadata, 3), 1)
	f.Add(frame(14, 9999, 0, 0, 0, 0, 0), 3)
	f.Add(frame(1<<31, 0, 9), 5)
	f.Add([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 2)
	f.Add(append(frame(10, keyAPIVersions, 77), 0, 0, 0, 2, 0, 3), 4)
	f.Fuzz(func(t *testing.T, sent []byte, chunk int) {
		s := newTestServer(io.Discard)
		reader := io.Reader(bytes.NewReader(sent))
		if chunk%2 == 0 {
			reader = iotest.OneByteReader(reader)
		}
		conn := &filterConn{Conn: readOnly{Reader: reader}, server: s}
		passed, err := io.ReadAll(io.LimitReader(conn, int64(len(sent))+1))
		if !bytes.HasPrefix(sent, passed) {
			t.Fatal("what came through is not what was sent")
		}
		mayPass, rest := framesThatMayPass(s.known, sent)
		if len(passed) != mayPass {
			t.Errorf("%d bytes came through, want %d (%v)", len(passed), mayPass, err)
		}
		if refused := errors.Is(err, errNotKafka); refused != rest {
			t.Errorf("refused %v (%v), want %v", refused, err, rest)
		}
	})
}

// framesThatMayPass is the rule again, over all bytes at once: how many may pass, and whether what follows is refused.
func framesThatMayPass(known knownVersions, sent []byte) (n int, refused bool) {
	for {
		rest := sent[n:]
		if len(rest) >= sizeBytes && checkSize([sizeBytes]byte(rest)) != nil {
			return n, true
		}
		if len(rest) < headBytes {
			return n, false // an end in the middle is the client's own
		}
		h := head(rest[:headBytes])
		if known.check(&h) != nil || kmsg.RequestForKey(h.key()) == nil {
			return n, true
		}
		end := sizeBytes + int64(binary.BigEndian.Uint32(rest))
		if end > int64(len(rest)) {
			return len(sent), false
		}
		n += int(end)
	}
}

func TestAnAnswerFindsItsRequest(t *testing.T) {
	conn := &filterConn{server: newTestServer(io.Discard)}
	if _, ok := conn.requestOf([4]byte{}); ok {
		t.Error("an answer found a request before there was one")
	}
	for i := range byte(20) {
		conn.head = head(frame(10, int16(i), 0))
		conn.head[11] = i
		conn.expectAnswer()
		if i < 2 {
			continue
		}
		for _, id := range []byte{i - 2, i} {
			if request, ok := conn.requestOf([4]byte{0, 0, 0, id}); !ok || request.key != int16(id) {
				t.Errorf("the answer %d behind request %d: %+v, %v", id, i, request, ok)
			}
		}
	}
}

func TestTheReasonForADroppedRequestNamesItsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		conn, client := filtered(t, newTestServer(&log))
		go client.Write(frame(5000, 3, 9))
		io.Copy(io.Discard, conn)
		if !strings.Contains(log.String(), "5000") {
			t.Errorf("log: %q", log.String())
		}
	})
}
