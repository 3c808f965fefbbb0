package test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
)

// noLeaks fails the test if, when it ends, goroutines run that did not run when noLeaks was called. It must be called
// before anything is started whose end t.Cleanup brings about. Goroutines that kafkatest's shared cluster keeps for the
// tests to come are not counted; those of the producer always are.
func noLeaks(t testing.TB) {
	t.Helper()
	before := check.Hold()
	t.Cleanup(func() {
		if leaked := before.Leaked(outlivesTests); leaked != nil {
			t.Errorf("%d goroutines outlive the test:\n\n%s", len(leaked), strings.Join(leaked, "\n\n"))
		}
	})
}

// outlivesTests reports whether a goroutine belongs to what is shared by the tests of this package, or to the runtime.
// Descriptors are not told apart: the shared cluster's connections come and go.
func outlivesTests(stack string) bool {
	if strings.HasPrefix(stack, "descriptor") {
		return true
	}
	for _, known := range []string{
		"kafkatest.(*SharedKafka)", "kafkatest/internal/realkafka", "testing.(*T).Run", "testing.tRunner(",
		"runtime.ensureSigM", "os/signal.loop", "os/exec.(*Cmd)",
	} {
		if strings.Contains(stack, known) && !strings.Contains(stack, "omnibus/internal/") {
			return true
		}
	}
	return false
}

// goroutines returns the stacks of all goroutines but the caller's, by their number.
func goroutines() map[string]string {
	dump := make([]byte, 1<<20)
	for {
		n := runtime.Stack(dump, true)
		if n < len(dump) {
			dump = dump[:n]
			break
		}
		dump = make([]byte, 2*len(dump))
	}
	all := make(map[string]string)
	for i, stack := range strings.Split(strings.TrimSpace(string(dump)), "\n\n") {
		if id, _, ok := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " "); ok && i > 0 {
			all[id] = stack
		}
	}
	return all
}

// pause waits for d.
func pause(d time.Duration) { <-time.After(d) }

// eventually waits until the condition holds, and fails the test with a dump of all goroutines if it does not within d.
func eventually(t testing.TB, d time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); !condition(); pause(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s\n%s", d, what, allStacks())
		}
	}
}

// within fails the test with a dump of all goroutines if f has not returned after d.
func within(t testing.TB, d time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("not within %v: %s\n%s", d, what, allStacks())
	}
}

// allStacks is a dump of all goroutines.
func allStacks() string {
	var s strings.Builder
	for _, stack := range goroutines() {
		s.WriteString(stack + "\n\n")
	}
	return s.String()
}

// open opens a producer that is closed when the test ends, and must not have come upon lost data by then. It logs nothing unless
// the configuration names a logger.
func open(t testing.TB, config omnibus.Config) *omnibus.Producer {
	t.Helper()
	var p *omnibus.Producer
	t.Cleanup(func() {
		if p == nil {
			return
		}
		if n := p.Stats().DataLosses; n > 0 {
			t.Errorf("%d false alarms of lost data", n)
		}
	})
	p = openOnForgetful(t, config)
	return p
}

// openOnForgetful is open for a cluster that acknowledges records and keeps none.
func openOnForgetful(t testing.TB, config omnibus.Config) *omnibus.Producer {
	t.Helper()
	if config.Logger == nil {
		config.Logger = quiet()
	}
	p, err := omnibus.Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

// quiet is a logger of nothing.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// underRace reports whether this binary was built with the race detector, which multiplies memory and time.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// The environment of a child process.
const (
	childRole    = "OMNIBUS_TEST_CHILD"
	childBrokers = "OMNIBUS_TEST_BROKERS"
)

// child is this test binary in another process, in which a producer is alone with itself: what the process takes, the
// producer takes. It obeys one command a line and answers each with one line of JSON.
type child struct {
	t        testing.TB
	commands *json.Encoder
	answers  *bufio.Scanner
}

// startChild starts a child that plays the role against the brokers. It ends with the test.
func startChild(t testing.TB, role string, brokers []string) *child {
	t.Helper()
	down, commands, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, up, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	cmd := exec.Command(os.Args[0], "-test.run=^TestChildProcess$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), childRole+"="+role, childBrokers+"="+strings.Join(brokers, ","))
	cmd.ExtraFiles = []*os.File{down, up}
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	down.Close()
	up.Close()
	t.Cleanup(func() {
		commands.Close() // which ends the child
		timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Signal(syscall.SIGQUIT) })
		defer timer.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("child %q: %v", role, err)
		}
		answers.Close()
		if t.Failed() {
			t.Logf("output of child %q:\n%s", role, output.String())
		}
	})
	c := &child{t: t, commands: json.NewEncoder(commands), answers: bufio.NewScanner(answers)}
	c.answers.Buffer(nil, 16<<20)
	return c
}

// do makes the child carry out a command and fills in its answer.
func (c *child) do(command string, answer any) {
	c.t.Helper()
	if err := c.commands.Encode(command); err != nil {
		c.t.Fatalf("child: %q: %v", command, err)
	}
	if !c.answers.Scan() {
		c.t.Fatalf("child: no answer to %q", command)
	}
	line := c.answers.Bytes()
	var failure struct{ Error string }
	if err := json.Unmarshal(line, &failure); err == nil && failure.Error != "" {
		c.t.Fatalf("child: %q: %s", command, failure.Error)
	}
	if err := json.Unmarshal(line, answer); err != nil {
		c.t.Fatalf("child: %q: answer %s: %v", command, line, err)
	}
}

// TestChildProcess is not a test: it is the body of the child processes of other tests.
func TestChildProcess(t *testing.T) {
	role := os.Getenv(childRole)
	if role == "" {
		t.Skip("runs in child processes only")
	}
	brokers := strings.Split(os.Getenv(childBrokers), ",")
	roles := map[string]func(brokers []string) (map[string]func() (any, error), error){
		"outage": outageChild, "objects": objectsChild, "idle": idleChild, "hostile": hostileChild,
	}
	commands, err := roles[role](brokers)
	in, out := json.NewDecoder(os.NewFile(3, "commands")), json.NewEncoder(os.NewFile(4, "answers"))
	for {
		var command string
		if in.Decode(&command) != nil {
			return
		}
		var answer any
		if err == nil {
			answer, err = commands[command]()
		}
		if err != nil {
			answer = map[string]string{"Error": err.Error()}
		}
		out.Encode(answer)
	}
}

// peakMemory is the largest resident set that this process ever had (VmHWM), in bytes.
func peakMemory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}

// cpuTime is the processor time that this process has taken, in steps of 10 ms.
func cpuTime() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // behind the program's name, which may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/self/stat: %q", stat)
	}
	var ticks int64
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// quantile is the smallest time that a share q of the times does not exceed. It sorts them.
func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(int(q*float64(len(times))), len(times)-1)]
}

// outcomes notes what became of each record, by a number that the caller gives it.
type outcomes struct {
	mu struct {
		sync.Mutex
		told   map[uint64]int
		failed map[uint64]error
	}
}

func newOutcomes() *outcomes {
	o := new(outcomes)
	o.mu.told, o.mu.failed = make(map[uint64]int), make(map[uint64]error)
	return o
}

// tell notes an outcome of the record.
func (o *outcomes) tell(record uint64, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.told[record]++
	if err != nil {
		o.mu.failed[record] = err
	}
}

// count is how many outcomes were told.
func (o *outcomes) count() (told int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range o.mu.told {
		told += n
	}
	return told
}

// complaints says what is wrong if each of the accepted records is to have exactly one outcome, an acknowledgement.
func (o *outcomes) complaints(accepted []uint64) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []string
	for _, record := range accepted {
		if n := o.mu.told[record]; n != 1 {
			all = append(all, fmt.Sprintf("record %d was told %d outcomes", record, n))
		}
		if err := o.mu.failed[record]; err != nil {
			all = append(all, fmt.Sprintf("record %d failed: %v", record, err))
		}
	}
	if extra := len(o.mu.told) - len(accepted); extra > 0 {
		all = append(all, fmt.Sprintf("%d records that were never accepted were told outcomes", extra))
	}
	return all[:min(len(all), 20)]
}
