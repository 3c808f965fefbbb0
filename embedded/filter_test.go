package embedded

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// frame is a request of the given key and version with an empty client id and body.
func frame(size uint32, key, version int16, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, size)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = append(b, 0, 0, 0, 7) // correlation id
	b = append(b, 0xff, 0xff) // null client id
	return append(b, body...)
}

// hangsUp writes the bytes and reports whether the broker ended the connection without a word.
func hangsUp(t *testing.T, addr string, data []byte) bool {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		return true
	}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := io.Copy(io.Discard, conn)
	timedOut, ok := err.(net.Error)
	return n == 0 && !(ok && timedOut.Timeout())
}

func TestWhatIsNotKafkaIsDroppedAndTheBrokerLives(t *testing.T) {
	broker := openBroker(t, Config{})
	noise := make([]byte, 4096)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, data := range map[string][]byte{
		"HTTP":                       []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"TLS":                        {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01},
		"random bytes":               noise,
		"18 bytes, unknown API key":  frame(14, 9999, 0, 0, 0, 0, 0),
		"negative API key":           frame(14, -1, 0, 0, 0, 0, 0),
		"version of the future":      frame(14, 3, 99, 0, 0, 0, 0),
		"negative version":           frame(14, 3, -1, 0, 0, 0, 0),
		"frame over the bound":       frame(produceBytesMax+1, 0, 9),
		"metadata over the bound":    frame(controlBytesMax+1, 3, 9),
		"frame shorter than header":  {0, 0, 0, 2, 0, 3, 0, 9},
		"size zero":                  {0, 0, 0, 0},
		"size of four billion bytes": {0xff, 0xff, 0xff, 0xff},
	} {
		if !hangsUp(t, broker.Addr(), data) {
			t.Errorf("%s: the broker did not hang up", name)
		}
	}
	produce(t, broker.Addr(), "orders", 0, 1)
}

func TestHostileConnectionsDoNotGrowTheProcess(t *testing.T) {
	broker := openBroker(t, Config{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	source := rand.NewChaCha8([32]byte{2})
	noise := make([]byte, 512)
	for i := range 200 {
		switch i % 3 {
		case 0:
			source.Read(noise)
			noise[0] |= 0x10 // a size over every bound, so that no frame is waited for
			hangsUp(t, broker.Addr(), noise)
		case 1:
			hangsUp(t, broker.Addr(), []byte("GET / HTTP/1.1\r\n\r\n"))
		case 2:
			hangsUp(t, broker.Addr(), frame(14, 1234, 0, 0, 0, 0, 0))
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("200 hostile connections allocated %d MiB", grown>>20)
	}
	broker.server.mu.Lock()
	open := len(broker.server.mu.connections)
	broker.server.mu.Unlock()
	if open != 0 {
		t.Errorf("%d connections are still counted as open", open)
	}
}

// Bodies of noise behind every head that the filter lets through: kfake may refuse them, not die of them.
func TestGarbageBehindAValidHeadDoesNotKillTheBroker(t *testing.T) {
	broker := openBroker(t, Config{})
	source := rand.New(rand.NewPCG(3, 4))
	for key, version := range readableVersions() {
		for range 3 {
			body := make([]byte, source.IntN(60))
			for i := range body {
				body[i] = byte(source.IntN(4)) // small numbers look like short arrays and strings
			}
			conn, err := net.Dial("tcp", broker.Addr())
			if err != nil {
				t.Fatal(err)
			}
			conn.Write(frame(uint32(10+len(body)), int16(key), max(version, 0), body...))
			conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			conn.Read(make([]byte, 64))
			conn.Close()
		}
	}
	produce(t, broker.Addr(), "orders", 0, 1)
}

func TestAPIVersionsOfTheFutureIsAnswered(t *testing.T) {
	broker := openBroker(t, Config{})
	request := kmsg.NewPtrApiVersionsRequest()
	request.SetVersion(request.MaxVersion())
	request.ClientSoftwareName, request.ClientSoftwareVersion = "test", "1"
	body := append([]byte{0}, request.AppendTo(nil)...) // no tagged fields in the header
	conn, err := net.Dial("tcp", broker.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(frame(uint32(10+len(body)), keyAPIVersions, 77, body...))
	conn.SetReadDeadline(time.Now().Add(testTimeout))
	head := make([]byte, 10)
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if code := binary.BigEndian.Uint16(head[8:]); code != 35 {
		t.Errorf("error code %d, want 35 (UNSUPPORTED_VERSION)", code)
	}
}

func TestAFrameInSingleBytesPasses(t *testing.T) {
	broker := openBroker(t, Config{})
	conn, err := net.Dial("tcp", broker.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, b := range append(frame(10, keyAPIVersions, 0), frame(10, keyAPIVersions, 0)...) {
		if _, err := conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	conn.SetReadDeadline(time.Now().Add(testTimeout))
	for range 2 {
		size := make([]byte, 4)
		if _, err := io.ReadFull(conn, size); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADroppedConnectionIsExplainedOnceASecond(t *testing.T) {
	var log lockedBuffer
	broker := openBroker(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 20 {
		hangsUp(t, broker.Addr(), []byte("GET / HTTP/1.1\r\n\r\n"))
	}
	if lines := strings.Count(log.String(), "HTTP"); lines < 1 || lines > 5 {
		t.Errorf("20 dropped connections made %d lines:\n%s", lines, log.String())
	}
}

// lockedBuffer is a buffer that a logger and a test can use at once.
type lockedBuffer struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.Buffer.String()
}
