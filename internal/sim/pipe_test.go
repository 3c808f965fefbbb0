package sim

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestAPipeHoldsWhatIsNotReadYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := newPipe("x")
		sent := bytes.Repeat([]byte("abc"), pipeBytes)
		go func() {
			_, _ = client.Write(sent)
			client.Close()
		}()
		synctest.Wait() // it has written what fits
		got, err := io.ReadAll(server)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d of %d bytes, %v", len(got), len(sent), err)
		}
	})
}

func TestAPipesDeadlineEndsReadsAndWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := newPipe("x")
		defer client.Close()
		began := time.Now()
		client.SetDeadline(began.Add(time.Second))
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		client.SetWriteDeadline(began.Add(2 * time.Second))
		if _, err := client.Write(make([]byte, 2*pipeBytes)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("%v", waited)
		}
	})
}

func TestAClosedPipeTellsBothSides(t *testing.T) {
	client, server := newPipe("x")
	client.Close()
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	if _, err := server.Write([]byte{1}); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	if _, err := client.Write([]byte{1}); err == nil {
		t.Error("a closed end can be written")
	}
}
