//go:build unix

package input

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A shell's <(command) is a pipe: whoever opens it to see whether it is there, and closes it again, ends the command.
func TestANamedPipeIsOpenedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	reader := open(t, Sources{Files: []string{path}})
	failed := make(chan error, 1)
	go func() {
		pipe, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = io.WriteString(pipe, "a\nb\n")
			err = errors.Join(err, pipe.Close())
		}
		failed <- err
	}()
	compare(t, "pipe", all(t, reader), []string{v("a"), v("b")})
	if err := <-failed; err != nil {
		t.Error(err)
	}
	if _, total := reader.Progress(); total != -1 {
		t.Errorf("total %d, want -1", total)
	}
	if _, err := new(Options).Open(Sources{Files: []string{path}, Repeat: 2}); err == nil {
		t.Error("a pipe was to be read twice")
	}
}
