package test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/embedded"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// killsVariable sets how often the tests here kill, for a longer look than make test has time for.
const killsVariable = "OMNIBUS_TEST_KILLS"

// kills is how often to kill, usually so many times.
func kills(t *testing.T, usually int) int {
	t.Helper()
	text := os.Getenv(killsVariable)
	if text == "" {
		if testing.Short() {
			return 3
		}
		return usually
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", killsVariable, err)
	}
	return n
}

// TestWhatTheSummaryCallsAckedIsThereAfterKill9 kills `omnibus produce --embedded` as soon as its summary can be read. The
// directory is the same all the time, so each round also shows that it opens again.
func TestWhatTheSummaryCallsAckedIsThereAfterKill9(t *testing.T) {
	const lines, readEvery = 100, 10
	program, dir := buildCommand(t), t.TempDir()
	rounds, unclean := kills(t, 40), 0
	for round := range rounds {
		if said := killBehindSummary(t, program, dir, round, lines); strings.Contains(said, "did not stop cleanly") {
			unclean++
		}
		if (round+1)%readEvery != 0 && round+1 != rounds {
			continue
		}
		code, stdout, stderr := runCommand(t, program, "", "consume", "orders", "--embedded", "--data", dir, "--from-beginning", "--exit-at-end")
		if code != 0 {
			t.Fatalf("after %d kills consume ends with code %d:\n%s", round+1, code, stderr)
		}
		got := slices.Sorted(strings.Lines(stdout))
		if different := len(slices.Compact(slices.Clone(got))); len(got) != (round+1)*lines || different != len(got) {
			t.Fatalf("after %d kills: %d lines, %d different ones, want %d", round+1, len(got), different, (round+1)*lines)
		}
	}
	if unclean < rounds/2 {
		t.Errorf("only %d of %d kills came before the command's own end", unclean, rounds)
	}
}

// killBehindSummary writes the round's lines, kills the command when it says that they are acked, and returns what it said.
func killBehindSummary(t *testing.T, program, dir string, round, lines int) string {
	t.Helper()
	var input strings.Builder
	for i := range lines {
		fmt.Fprintf(&input, "round %d line %d\n", round, i)
	}
	cmd := exec.CommandContext(t.Context(), program, "produce", "orders", "--embedded", "--data", dir)
	cmd.Stdin = strings.NewReader(input.String())
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	var said strings.Builder
	want := fmt.Sprintf("%d of %d records acked", lines, lines)
	for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
		said.WriteString(scanner.Text() + "\n")
		if strings.Contains(scanner.Text(), want) {
			return said.String()
		}
	}
	t.Fatalf("round %d: no %q in\n%s", round, want, said.String())
	return ""
}

// TestServeKilledAtAnyMomentLosesAndDoublesNothing kills `omnibus serve` again and again while a producer writes, each time
// after another moment, and starts it anew where it was. The producer resends what has no answer; each record must be
// there once, in order.
func TestServeKilledAtAnyMomentLosesAndDoublesNothing(t *testing.T) {
	noLeaks(t)
	program, dir := buildCommand(t), t.TempDir()
	s := startServe(t, program, "--listen", "127.0.0.1:0", "--data", dir, "--partitions", strconv.Itoa(loadPartitions))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	l := startLoad(t, omnibus.Config{Brokers: []string{s.addr}, ReconnectBackoffMax: 100 * time.Millisecond}, "orders", movesWriters("orders", 2000, 1000)...)
	rounds := kills(t, 12)
	for range rounds {
		pause(time.Duration(random.IntN(400)) * time.Millisecond)
		s.kill()
		s = startServe(t, program, "--listen", s.addr, "--data", dir)
		if !strings.Contains(s.stderr.String(), "did not stop cleanly") {
			t.Errorf("no warning of the unclean stop:\n%s", s.stderr)
		}
	}
	mustFinish(t, l)
	mustBeInnocent(t, checked(kafkatest.ReadTopic(t, []string{s.addr}, "orders"), check.Rules{}, l.histories()))
	if _, lost := l.traffic.of(0); lost < rounds/4 {
		t.Errorf("%d requests lost their answer in %d kills: the kills do not hit", lost, rounds)
	}
	if code := s.terminate(t); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, s.stderr)
	}
}

// TestConnectionsThatBreakCostNothingOnTheEmbeddedBroker cuts the connections under load. What the broker knows of a
// producer then decides what is sent again.
func TestConnectionsThatBreakCostNothingOnTheEmbeddedBroker(t *testing.T) {
	for name, dir := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			listen := closedPort(t)
			proxy := kafkatest.NewProxy(t, listen)
			broker, err := embedded.Open(embedded.Config{Dir: dir, Listen: listen, Advertise: proxy.Addr(), PartitionsDefault: loadPartitions})
			if err != nil {
				t.Fatal(err)
			}
			defer broker.Close()
			l := startLoad(t, omnibus.Config{Brokers: []string{proxy.Addr()}, ReconnectBackoffMax: 50 * time.Millisecond}, "orders", movesWriters("orders", 2000, 2000)...)
			asked := func() bool { return l.producer.Stats().Inquiries > 0 }
			for cuts := 0; cuts < 15 || cuts < 300 && !asked(); cuts++ { // not every cut hits a request
				pause(60 * time.Millisecond)
				proxy.CutAll()
			}
			mustFinish(t, l)
			mustBeInnocent(t, checked(kafkatest.ReadTopic(t, []string{proxy.Addr()}, "orders"), check.Rules{}, l.histories()))
			if !asked() {
				t.Error("the broker was never asked what it has")
			}
		})
	}
}
