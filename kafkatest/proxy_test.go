package kafkatest_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// startEcho returns the address of a server that sends back what it reads.
func startEcho(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

func dialProxy(t *testing.T, p *kafkatest.Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// echo sends one word and returns what came back within the time.
func echo(t *testing.T, conn net.Conn, word string, within time.Duration) string {
	t.Helper()
	if _, err := conn.Write([]byte(word)); err != nil {
		return ""
	}
	return receive(conn, len(word), within)
}

func receive(conn net.Conn, n int, within time.Duration) string {
	conn.SetReadDeadline(time.Now().Add(within))
	buf := make([]byte, n)
	got, _ := io.ReadFull(conn, buf)
	return string(buf[:got])
}

const (
	soon    = 5 * time.Second       // something is to come
	silence = 80 * time.Millisecond // nothing is to come
)

func TestProxyPassesBytesAndCountsThem(t *testing.T) {
	p := kafkatest.NewProxy(t, startEcho(t))
	conn := dialProxy(t, p)
	sent := bytes.Repeat([]byte("0123456789"), 300_000) // more than it may hold
	go func() {
		conn.Write(sent)
		conn.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes came back (%v), want the %d sent", len(got), err, len(sent))
	}
	if p.BytesUp() != int64(len(sent)) || p.BytesDown() != int64(len(sent)) {
		t.Errorf("counted %d up and %d down, want %d", p.BytesUp(), p.BytesDown(), len(sent))
	}
}

func TestPausedDirectionsKeepTheirBytes(t *testing.T) {
	p := kafkatest.NewProxy(t, startEcho(t))
	for _, d := range []kafkatest.Direction{kafkatest.Up, kafkatest.Down, kafkatest.Up | kafkatest.Down} {
		conn := dialProxy(t, p)
		echo(t, conn, "connected", soon)
		up := p.BytesUp()
		p.Pause(d)
		if got := echo(t, conn, "word", silence); got != "" {
			t.Errorf("paused %b: got %q", d, got)
		}
		if passed := p.BytesUp() > up; passed != (d == kafkatest.Down) {
			t.Errorf("paused %b: bytes reached the server: %v", d, passed)
		}
		p.Resume(d)
		if got := receive(conn, 4, soon); got != "word" {
			t.Errorf("resumed %b: got %q, want the word", d, got)
		}
	}
}

func TestAPausedProxyStopsReadingAtItsBound(t *testing.T) {
	p := kafkatest.NewProxy(t, startEcho(t))
	p.Pause(kafkatest.Up)
	conn := dialProxy(t, p)
	conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
	conn.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	if n, err := conn.Write(make([]byte, 64<<20)); err == nil {
		t.Fatalf("a paused proxy took all %d bytes", n)
	}
}

func TestSwallowedResponsesAreLostForGood(t *testing.T) {
	p := kafkatest.NewProxy(t, startEcho(t))
	conn := dialProxy(t, p)
	p.SwallowResponses(true)
	if got := echo(t, conn, "lost", silence); got != "" {
		t.Errorf("got %q", got)
	}
	if p.BytesUp() != 4 || p.BytesDown() != 0 || p.Connections() != 1 {
		t.Errorf("%d bytes up, %d down, %d connections: want 4, 0, 1", p.BytesUp(), p.BytesDown(), p.Connections())
	}
	p.SwallowResponses(false)
	if got := echo(t, conn, "kept", soon); got != "kept" {
		t.Errorf("got %q, want the later word alone", got)
	}
}

func TestDelayAddsToEachDirection(t *testing.T) {
	p := kafkatest.NewProxy(t, startEcho(t))
	conn := dialProxy(t, p)
	p.Delay(50 * time.Millisecond)
	begin := time.Now()
	if got := echo(t, conn, "slow", soon); got != "slow" {
		t.Fatalf("got %q", got)
	}
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("a round trip took %v, want 100ms or more", took)
	}
}

func TestCutConnectionsAreResetAndNewOnesTaken(t *testing.T) {
	p := kafkatest.NewProxy(t, startEcho(t))
	conn := dialProxy(t, p)
	echo(t, conn, "connected", soon)
	p.CutAll()
	conn.SetReadDeadline(time.Now().Add(soon))
	if _, err := conn.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("a cut connection reads %v, want a reset", err)
	}
	if got := echo(t, dialProxy(t, p), "again", soon); got != "again" {
		t.Errorf("got %q", got)
	}
}

func TestRefusalIsTheKernels(t *testing.T) {
	p := kafkatest.NewProxy(t, startEcho(t))
	old := dialProxy(t, p)
	echo(t, old, "connected", soon)
	p.Refuse(true)
	if conn, err := net.Dial("tcp", p.Addr()); err == nil {
		conn.Close()
		t.Error("a refusing proxy took a connection")
	}
	if got := echo(t, old, "old", soon); got != "old" {
		t.Errorf("got %q on the old connection", got)
	}
	p.Refuse(false)
	if got := echo(t, dialProxy(t, p), "new", soon); got != "new" {
		t.Errorf("got %q after refusal", got)
	}
}

func TestRetargetLeadsNewConnectionsElsewhere(t *testing.T) {
	p := kafkatest.NewProxy(t, "127.0.0.1:1")               // nothing listens there
	if conn, err := net.Dial("tcp", p.Addr()); err == nil { // or reset already
		if got := echo(t, conn, "x", soon); got != "" {
			t.Errorf("got %q from nowhere", got)
		}
		conn.Close()
	}
	p.Retarget(startEcho(t))
	if got := echo(t, dialProxy(t, p), "there", soon); got != "there" {
		t.Errorf("got %q", got)
	}
}
