//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package process

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const parentEnv = "KAFKATEST_PARENT_OF_A_SLEEPER"

// TestParentOfASleeper is the process that the next test kills, not a test.
func TestParentOfASleeper(t *testing.T) {
	if os.Getenv(parentEnv) == "" {
		t.Skip("runs as a child of TestChildrenDieWithAKilledProcess")
	}
	sleeper := exec.Command("sleep", "1000")
	sleeper.Stdout = os.Stdout // held open for as long as it lives
	if _, err := Start(sleeper); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("started\n")
	select {}
}

func TestChildrenDieWithAKilledProcess(t *testing.T) {
	parent := exec.Command(os.Args[0], "-test.run=^TestParentOfASleeper$", "-test.timeout=1m")
	parent.Env = append(os.Environ(), parentEnv+"=1")
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	parent.Stdout = to
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	to.Close()
	out := bufio.NewReader(from)
	for line := ""; line != "started\n"; {
		if line, err = out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	parent.Process.Kill()
	parent.Wait()
	from.SetReadDeadline(time.Now().Add(10 * time.Second))
	// The end of the pipe comes when its last holder, the sleeper, is dead.
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Errorf("the child outlived its killed parent: %v", err)
	}
}

func TestTheLockIsHeldByOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := LockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error)
	go func() {
		unlock, err := LockFile(path)
		if err == nil {
			unlock()
		}
		second <- err
	}()
	select {
	case <-second:
		t.Error("two hold the lock at once")
	case <-time.After(50 * time.Millisecond):
	}
	unlock()
	if err := <-second; err != nil {
		t.Error(err)
	}
}
