package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/embedded"
)

// asCommandVariable makes this test binary the command itself.
const asCommandVariable = "OMNIBUS_TEST_AS_COMMAND"

const testTimeout = 30 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(asCommandVariable) != "" {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// command is the program in a process of its own, without a cluster from the environment.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommandVariable+"=1", "OMNIBUS_BROKERS=", "XDG_DATA_HOME="+t.TempDir())
	return cmd
}

// execute runs a command to its end.
func execute(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, args...)
	var out, errors bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errors
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errors.String()
}

func TestExitCodesReachTheShell(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		args       []string
		stdin      string
		code       int
		out, stder string
	}{
		{[]string{"version"}, "", cli.ExitOK, "omnibus ", ""},
		{[]string{"help", "exit-codes"}, "", cli.ExitOK, "130", ""},
		{[]string{"produce", "--help"}, "", cli.ExitOK, "--brokers", ""},
		{[]string{"nonsense"}, "", cli.ExitUsage, "", "nonsense"},
		{[]string{"produce"}, "", cli.ExitUsage, "", "produce --help"},
		{[]string{"produce", "orders"}, "a\n", cli.ExitUsage, "", "--embedded"},
		{[]string{"produce", "orders", "--embedded", "--data", dir}, "a\nb\n", cli.ExitOK, "", "2 of 2 records acked"},
		{[]string{"produce", "orders", "--embedded", "--data", dir, "-K", ":"}, "a\n", cli.ExitBadInput, "", "separator"},
		{[]string{"produce", "orders", "-b", "127.0.0.1:1", "-X", "max.block.ms=200"}, "a\n", cli.ExitFatal, "", "given up"},
		{[]string{"consume", "orders", "--embedded", "--data", dir, "--from-beginning", "--exit-at-end", "--max", "1"}, "", cli.ExitOK, "\n", ""},
	} {
		code, stdout, stderr := execute(t, test.stdin, test.args...)
		if code != test.code || !strings.Contains(stdout, test.out) || !strings.Contains(stderr, test.stder) {
			t.Errorf("%q: code %d, want %d\nstandard output, which should say %q:\n%s\nstandard error, which should say %q:\n%s",
				test.args, code, test.code, test.out, stdout, test.stder, stderr)
		}
	}
}

func TestWhatTheSummaryCallsAckedSurvivesKill9(t *testing.T) {
	dir := t.TempDir()
	const rounds, lines = 5, 200
	for round := range rounds {
		input, feed := io.Pipe()
		cmd := command(t, "produce", "orders", "--embedded", "--data", dir)
		cmd.Stdin = input
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			for i := range lines {
				fmt.Fprintf(feed, "round %d line %d\n", round, i)
			}
			feed.Close()
		}()
		scanner := bufio.NewScanner(stderr)
		for scanner.Scan() && !strings.Contains(scanner.Text(), "200 of 200 records acked") {
			t.Log(scanner.Text())
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	code, stdout, stderr := execute(t, "", "consume", "orders", "--embedded", "--data", dir, "--from-beginning", "--exit-at-end")
	if code != cli.ExitOK {
		t.Fatalf("consume: code %d: %s", code, stderr)
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(stdout) {
		seen[line] = true
	}
	if len(seen) != rounds*lines {
		t.Errorf("%d different lines are there, want %d", len(seen), rounds*lines)
	}
}

func TestAnInterruptIsAnsweredByTheSummaryAndExit130(t *testing.T) {
	broker, err := embedded.Open(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	cmd := command(t, "produce", "orders", "-b", broker.Addr(), "--summary", "json")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(stdin, "one\ntwo\nunfinished")
	waitForTwoRecords(t, broker.Addr())
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != cli.ExitInterrupted {
		t.Errorf("exit code %d, want %d\n%s", code, cli.ExitInterrupted, &stderr)
	}
	var summary struct{ Read, Acked int }
	if err := json.Unmarshal(stdout.Bytes(), &summary); err != nil || summary.Acked != 2 || summary.Read != 2 {
		t.Errorf("summary %q (%v), want two read and acked", &stdout, err)
	}
}

// waitForTwoRecords returns once the topic "orders" holds two records; it may have to come into being first.
func waitForTwoRecords(t *testing.T, addr string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < testTimeout; {
		_, stdout, _ := execute(t, "", "consume", "orders", "-b", addr, "--from-beginning", "--exit-at-end")
		if strings.Count(stdout, "\n") == 2 {
			return
		}
	}
	t.Fatal("two records did not arrive in time")
}

func TestASecondInterruptEndsAtOnce(t *testing.T) {
	cmd := command(t, "produce", "orders", "-b", "127.0.0.1:1")
	cmd.Stdin = strings.NewReader("waits for metadata\n")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		io.Copy(io.Discard, stderr)
		cmd.Wait()
	}()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for ticks := 0; ; ticks++ {
		select {
		case <-ended:
			if code := cmd.ProcessState.ExitCode(); ticks > 2 && code != cli.ExitInterrupted {
				t.Errorf("exit code %d, want %d", code, cli.ExitInterrupted)
			}
			if took := time.Since(began); took > testTimeout/3 {
				t.Errorf("it took %v", took)
			}
			return
		case <-ticker.C:
			if ticks > 10 { // after it has set up its signals
				cmd.Process.Signal(syscall.SIGINT)
			}
		}
	}
}

func TestAClosedStandardOutputDoesNotKillTheCommand(t *testing.T) {
	dir := t.TempDir()
	lines := strings.Repeat(strings.Repeat("x", 1000)+"\n", 2000)
	if code, _, stderr := execute(t, lines, "produce", "orders", "--embedded", "--data", dir); code != cli.ExitOK {
		t.Fatalf("produce: code %d: %s", code, stderr)
	}
	cmd := command(t, "consume", "orders", "--embedded", "--data", dir, "--from-beginning")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(stdout, make([]byte, 100))
	stdout.Close()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != cli.ExitOK {
		t.Errorf("exit code %d, want 0", code)
	}
}
