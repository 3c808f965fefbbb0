package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestAWriteBlocksUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := 0
		s := New("x", 4, func() { woken++ })
		var n int
		var err error
		go func() { n, err = s.Write([]byte("abcdef")) }()
		synctest.Wait()
		first, closed := s.Take()
		s.Acknowledge(len(first))
		synctest.Wait()
		rest, _ := s.Take()
		if string(first) != "abcd" || string(rest) != "ef" || closed || n != 6 || err != nil || woken != 2 {
			t.Errorf("%q, %q, wrote %d, error %v, woken %d times", first, rest, n, err, woken)
		}
	})
}

func TestABrokenOffWriteTellsHowMuchItTook(t *testing.T) {
	for name, breakOff := range map[string]func(s *Socket) error{
		"closed":   func(s *Socket) error { s.Close(); return net.ErrClosed },
		"reset":    func(s *Socket) error { s.HangUp(syscall.ECONNRESET); return syscall.EPIPE },
		"deadline": func(s *Socket) error { s.SetDeadline(time.Now().Add(time.Second)); return os.ErrDeadlineExceeded },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New("x", 3, func() {})
				defer s.Close()
				var n int
				var err error
				go func() { n, err = s.Write([]byte("abcdef")) }()
				synctest.Wait()
				want := breakOff(s)
				<-time.After(2 * time.Second)
				synctest.Wait()
				if n != 3 || !errors.Is(err, want) {
					t.Errorf("%d bytes, error %v, want %v", n, err, want)
				}
			})
		})
	}
}

func TestWhatArrivedIsReadBeforeTheEnd(t *testing.T) {
	s := New("x", 3, func() {})
	s.Give([]byte("ab"))
	s.Give([]byte("c"))
	s.HangUp(io.EOF)
	if all, err := io.ReadAll(s); string(all) != "abc" || err != nil {
		t.Errorf("%q, error %v", all, err)
	}
	s.Close()
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, closed := s.Take(); !closed || s.RemoteAddr().String() != "x" {
		t.Error("not closed, or of another address")
	}
}
