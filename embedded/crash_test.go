package embedded

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// childDirVariable makes this test binary a broker over the named directory, to be killed.
	childDirVariable = "EMBEDDED_TEST_CHILD_DIR"
	// childPrefixVariable has that broker's process write to it as well: values that begin with this.
	childPrefixVariable = "EMBEDDED_TEST_CHILD_PREFIX"
	// killsVariable sets how often to kill, for a longer look than make test has time for.
	killsVariable = "OMNIBUS_TEST_KILLS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDirVariable); dir != "" {
		os.Exit(runChild(dir, os.Getenv(childPrefixVariable)))
	}
	os.Exit(m.Run())
}

// runChild opens the directory, says where it listens or what went wrong, and serves until it is killed.
func runChild(dir, prefix string) int {
	broker, err := Open(Config{Dir: dir})
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println(broker.Addr())
	if prefix != "" {
		if err := writeOn(broker.Addr(), prefix); err != nil {
			fmt.Println("error:", err)
			return 1
		}
	}
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// writeOn writes for as long as it lives, and says of each record when it is acknowledged.
func writeOn(addr, prefix string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation(), kgo.MaxBufferedRecords(1000))
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		client.Produce(context.Background(), &kgo.Record{Topic: "orders", Value: fmt.Append(nil, prefix, i)}, func(r *kgo.Record, err error) {
			if err == nil {
				fmt.Println(string(r.Value))
			}
		})
	}
}

// startChild runs a broker in a process of its own and returns its address.
func startChild(t *testing.T, dir string) (addr string, process *exec.Cmd) {
	t.Helper()
	addr, _, child := startTalkingChild(t, dir, "")
	return addr, child
}

// startTalkingChild runs one that writes as well, and returns what it says.
func startTalkingChild(t *testing.T, dir, prefix string) (addr string, said *bufio.Reader, process *exec.Cmd) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDirVariable+"="+dir, childPrefixVariable+"="+prefix)
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
	said = bufio.NewReader(stdout)
	line, err := said.ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error:") {
		t.Fatalf("child: %q, %v", line, err)
	}
	return strings.TrimSpace(line), said, child
}

// kills is how often to kill.
func kills(t *testing.T) int {
	t.Helper()
	if text := os.Getenv(killsVariable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 5
	}
	return 20
}

// Broker and producer are one process here, as in `omnibus produce --embedded`, and end at any moment of their work. What
// the process said to be acknowledged before must be there, once.
func TestWhatWasAcknowledgedSurvivesKill9AtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acked := make(map[string]bool)
	for round := range kills(t) {
		_, said, child := startTalkingChild(t, dir, fmt.Sprint(round, "-"))
		timer := time.AfterFunc(time.Duration(random.IntN(150))*time.Millisecond, func() { child.Process.Kill() })
		for {
			line, err := said.ReadString('\n')
			if err != nil {
				break // a line without its end was not said
			}
			acked[strings.TrimSuffix(line, "\n")] = true
		}
		timer.Stop()
		child.Wait()
	}
	broker := openBroker(t, Config{Dir: dir})
	total := 0
	for _, partition := range broker.cluster.PartitionInfos("orders") {
		total += int(partition.HighWatermark)
	}
	seen := consume(t, broker.Addr(), "orders", total)
	for value := range acked {
		if seen[value] != 1 {
			t.Errorf("%s was acknowledged and is there %d times", value, seen[value])
		}
	}
	t.Logf("%d acknowledged, %d there", len(acked), total)
	if len(acked) == 0 {
		t.Error("nothing was acknowledged: the kills come too early")
	}
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

// The end of one segment is torn, a batch in the middle of another is damaged: what a power cut and a failing disk leave.
func TestATornAndDamagedLogOpensWithEverythingElse(t *testing.T) {
	dir := t.TempDir()
	broker, err := Open(Config{Dir: dir, PartitionsDefault: 2})
	if err != nil {
		t.Fatal(err)
	}
	for partition := range int32(2) {
		for i := range 5 { // a batch each
			write(t, broker, "orders", &kgo.Record{Partition: partition, Value: fmt.Append(nil, partition, "-", i)})
		}
	}
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, markerName))
	segment := func(partition string) string { return filepath.Join(dir, logName, "partitions", partition, "0.dat") }
	torn, err := os.ReadFile(segment("orders-0"))
	if err != nil {
		t.Fatal(err)
	}
	damaged, err := os.ReadFile(segment("orders-1"))
	if err != nil {
		t.Fatal(err)
	}
	damaged[len(damaged)/2] ^= 1
	if err := errors.Join(os.WriteFile(segment("orders-0"), append(torn, torn[:70]...), 0o600), os.WriteFile(segment("orders-1"), damaged, 0o600)); err != nil {
		t.Fatal(err)
	}
	var log lockedBuffer
	again := openBroker(t, Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	write(t, again, "orders", &kgo.Record{Value: []byte("0-new")}, &kgo.Record{Partition: 1, Value: []byte("1-new")})
	seen := consume(t, again.Addr(), "orders", 5+4+2)
	for _, want := range []string{"0-0", "0-1", "0-2", "0-3", "0-4", "0-new", "1-0", "1-1", "1-3", "1-4", "1-new"} {
		if seen[want] != 1 {
			t.Errorf("%s is there %d times", want, seen[want])
		}
	}
	if aside, err := os.ReadDir(filepath.Join(dir, lostName)); err != nil || len(aside) != 2 {
		t.Errorf("put aside: %v, %v", aside, err)
	}
	for _, want := range []string{"cut off", "damaged batch"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
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
