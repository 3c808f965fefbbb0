package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// childDirVariable makes this test binary a broker over the named directory, to be killed.
const childDirVariable = "EMBEDDED_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDirVariable); dir != "" {
		os.Exit(runChild(dir))
	}
	os.Exit(m.Run())
}

// runChild opens the directory, says where it listens or what went wrong, and serves until it is killed.
func runChild(dir string) int {
	broker, err := Open(Config{Dir: dir})
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println(broker.Addr())
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// startChild runs a broker in a process of its own and returns its address.
func startChild(t *testing.T, dir string) (addr string, process *exec.Cmd) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDirVariable+"="+dir)
	stdin, err := child.StdinPipe() // open for as long as this process lives, so that no child outlives it
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		child.Process.Kill()
		child.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error:") {
		t.Fatalf("child: %q, %v", line, err)
	}
	return strings.TrimSpace(line), child
}

func TestAcknowledgedRecordsSurviveKill9(t *testing.T) {
	dir := t.TempDir()
	const perRound = 50
	for round := range 4 {
		addr, child := startChild(t, dir)
		produce(t, addr, "orders", round*perRound, perRound)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		child.Wait()
	}
	broker := openBroker(t, Config{Dir: dir})
	for value, times := range consume(t, broker.Addr(), "orders", 4*perRound) {
		if times != 1 {
			t.Errorf("value %s was read %d times", value, times)
		}
	}
}

func TestRecordsSurviveACleanStopFollowedByKill9(t *testing.T) {
	dir := t.TempDir()
	broker, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	produce(t, broker.Addr(), "orders", 0, 50)
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	addr, child := startChild(t, dir)
	produce(t, addr, "orders", 50, 50)
	child.Process.Kill()
	child.Wait()
	again := openBroker(t, Config{Dir: dir})
	if seen := consume(t, again.Addr(), "orders", 100); len(seen) != 100 {
		t.Errorf("read %d different values, want 100", len(seen))
	}
}

func TestAnUncleanStartWarns(t *testing.T) {
	dir := t.TempDir()
	broker, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	for _, unclean := range []bool{false, true} {
		if unclean {
			os.Remove(filepath.Join(dir, markerName)) // as a crash would have left it
		}
		var log bytes.Buffer
		broker, err := Open(Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := broker.Close(); err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(log.String(), "did not stop cleanly"); warned != unclean {
			t.Errorf("unclean %v: %q", unclean, log.String())
		}
	}
}

func TestASecondProcessLearnsWhoHoldsTheDirectory(t *testing.T) {
	dir := t.TempDir()
	addr, child := startChild(t, dir)
	_, err := Open(Config{Dir: dir})
	inUse, ok := errors.AsType[*InUseError](err)
	if !ok {
		t.Fatalf("Open of a held directory: %v, want an *InUseError", err)
	}
	if inUse.PID != child.Process.Pid || inUse.Addr != addr || inUse.Dir != dir {
		t.Errorf("holder %+v, want process %d at %s in %s", inUse, child.Process.Pid, addr, dir)
	}
	produce(t, inUse.Addr, "orders", 0, 1)
	child.Process.Kill()
	child.Wait()
	openBroker(t, Config{Dir: dir})
}

func TestASecondBrokerInTheSameProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	openBroker(t, Config{Dir: dir})
	if _, err := Open(Config{Dir: dir}); err == nil {
		t.Error("two brokers opened one directory")
	}
}
