package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// serveTimeout bounds what a process is waited for.
const serveTimeout = 30 * time.Second

// served is a running `omnibus serve`.
type served struct {
	addr   string
	cmd    *exec.Cmd
	stderr *tailWriter
}

// startServe runs the program with the arguments until it says where it listens.
func startServe(t *testing.T, program string, args ...string) *served {
	t.Helper()
	s := &served{stderr: new(tailWriter)}
	s.cmd = exec.CommandContext(t.Context(), program, append([]string{"serve"}, args...)...)
	s.cmd.Stderr = s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.cmd.Wait()
		t.Fatalf("omnibus serve %q: %v\n%s", args, err, s.stderr)
	}
	s.addr = strings.TrimSpace(line)
	return s
}

// kill ends it as the kernel does when memory is short.
func (s *served) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// terminate asks it to end and returns its exit code.
func (s *served) terminate(t *testing.T) int {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(serveTimeout, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

// client is a franz-go client of it that creates topics by naming them.
func (s *served) client(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(s.addr), kgo.AllowAutoTopicCreation()}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// runCommand runs the program to its end.
func runCommand(t *testing.T, program, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), serveTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &said
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), said.String()
}

// TestKafkasOwnToolsWorkAgainstServe has Kafka's console tools, and its administration, use `omnibus serve`.
func TestKafkasOwnToolsWorkAgainstServe(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Java six times")
	}
	kafkatest.RequireKafka(t)
	s := startServe(t, buildCommand(t), "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--partitions", "3")
	kafkatest.Java(t, "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", s.addr, "--create", "--topic", "orders", "--partitions", "2")

	const lines = 500
	var input strings.Builder
	var want []string
	for i := range lines {
		want = append(want, fmt.Sprintf("key-%d\tvalue %d", i%7, i))
		input.WriteString(want[i] + "\n")
	}
	kafkatest.ConsoleProducer(t, s.addr, "orders", strings.NewReader(input.String()), "--reader-property", "parse.key=true")
	read := func(args ...string) []string {
		args = append(args, "--timeout-ms", "3000", "--formatter-property", "print.key=true")
		data, err := os.ReadFile(kafkatest.ConsoleConsumer(t, s.addr, "orders", args...))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	}
	got := read("--max-messages", strconv.Itoa(lines), "--group", "readers")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("Kafka's consumer read %d lines, want the %d that its producer wrote", len(got), lines)
	}
	if again := read("--group", "readers"); !slices.Equal(again, []string{""}) {
		t.Errorf("the group read %d lines a second time, its offsets should have kept it from that", len(again))
	}
	if described := kafkatest.Java(t, "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", s.addr, "--describe", "--topic", "orders"); !bytes.Contains(described, []byte("PartitionCount: 2")) {
		t.Errorf("described as %s", described)
	}
	if code := s.terminate(t); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, s.stderr)
	}
}

// TestFranzGoWorksAgainstServe writes, reads in a group of two members, and uses a transaction.
func TestFranzGoWorksAgainstServe(t *testing.T) {
	s := startServe(t, buildCommand(t), "--listen", "127.0.0.1:0", "--data", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), serveTimeout)
	defer cancel()
	const records = 1000
	writer := s.client(t)
	for i := range records {
		writer.Produce(ctx, &kgo.Record{Topic: "orders", Key: fmt.Append(nil, i), Value: fmt.Append(nil, i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce: %v", err)
			}
		})
	}
	if err := writer.Flush(ctx); err != nil {
		t.Fatal(err)
	}

	var mu sync.Mutex
	seen := make(map[string]int)
	readers, done := context.WithCancel(ctx)
	defer done()
	var members sync.WaitGroup
	for range 2 {
		member := s.client(t, kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		members.Go(func() {
			for readers.Err() == nil {
				member.PollFetches(readers).EachRecord(func(r *kgo.Record) {
					mu.Lock()
					defer mu.Unlock()
					seen[string(r.Value)]++
					if len(seen) == records {
						done()
					}
				})
			}
		})
	}
	members.Wait()
	if len(seen) != records {
		t.Errorf("the group read %d different records, want %d", len(seen), records)
	}

	transactional := s.client(t, kgo.TransactionalID("tx"))
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := transactional.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := transactional.ProduceSync(ctx, &kgo.Record{Topic: "moves", Value: fmt.Append(nil, "committed ", end)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := transactional.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	var committed []string
	for _, partition := range kafkatest.ReadTopic(t, []string{s.addr}, "moves", kgo.FetchIsolationLevel(kgo.ReadCommitted())) {
		for _, r := range partition {
			committed = append(committed, string(r.Value))
		}
	}
	if want := fmt.Sprint("committed ", kgo.TryCommit); !slices.Equal(committed, []string{want}) {
		t.Errorf("read committed: %q, want %q", committed, want)
	}
}

// TestServeIsSharedThroughItsDirectory is about two processes on one directory.
func TestServeIsSharedThroughItsDirectory(t *testing.T) {
	program, dir := buildCommand(t), t.TempDir()
	s := startServe(t, program, "--listen", "127.0.0.1:0", "--data", dir)
	holder := fmt.Sprint("process ", s.cmd.Process.Pid)

	code, _, stderr := runCommand(t, program, "a\nb\n", "produce", "orders", "--embedded", "--data", dir)
	if code != 0 || !strings.Contains(stderr, holder) || !strings.Contains(stderr, s.addr) {
		t.Errorf("produce beside serve: code %d, want 0 and the words %q and %q:\n%s", code, holder, s.addr, stderr)
	}
	code, stdout, stderr := runCommand(t, program, "", "consume", "orders", "-b", s.addr, "--from-beginning", "--exit-at-end")
	if got := slices.Sorted(strings.Lines(stdout)); code != 0 || !slices.Equal(got, []string{"a\n", "b\n"}) {
		t.Errorf("consume from serve: code %d, %q\n%s", code, got, stderr)
	}
	code, _, stderr = runCommand(t, program, "", "serve", "--listen", "127.0.0.1:0", "--data", dir)
	if code != 3 || !strings.Contains(stderr, holder) || !strings.Contains(stderr, s.addr) {
		t.Errorf("a second serve: code %d, want 3 and the words %q and %q:\n%s", code, holder, s.addr, stderr)
	}
	if code := s.terminate(t); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, s.stderr)
	}
	code, stdout, stderr = runCommand(t, program, "", "consume", "orders", "--embedded", "--data", dir, "--from-beginning", "--exit-at-end")
	if code != 0 || strings.Count(stdout, "\n") != 2 || strings.Contains(stderr, "did not stop cleanly") {
		t.Errorf("consume after serve has ended: code %d, %q\n%s", code, stdout, stderr)
	}
}

// rssBytes is how much memory a process has.
func rssBytes(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if kilobytes, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kilobytes), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("process %d has no VmRSS", pid)
	return 0
}

// hostileFrame is what an attacker, or a client of something else, sends.
func hostileFrame(size uint32, key, version int16, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, size)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	return append(append(b, 0, 0, 0, 7, 0xff, 0xff), body...)
}

// hostilities are connections' first bytes, none of which a broker could answer.
func hostilities(random *rand.ChaCha8) map[string]func() []byte {
	return map[string]func() []byte{
		"random bytes": func() []byte {
			noise := make([]byte, 4096)
			random.Read(noise)
			return noise
		},
		"HTTP":                      func() []byte { return []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") },
		"TLS":                       func() []byte { return []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01} },
		"18 bytes, unknown API key": func() []byte { return hostileFrame(14, 9999, 0, 0, 0, 0, 0) },
		"2 GiB length":              func() []byte { return hostileFrame(1<<31, 0, 9) },
		"4 GiB length":              func() []byte { return hostileFrame(1<<32-1, 0, 9) },
		"100 MiB of Metadata":       func() []byte { return hostileFrame(100<<20, 3, 9) },
		"noise behind a head": func() []byte {
			noise := make([]byte, 90)
			random.Read(noise)
			return hostileFrame(100, 3, 1, noise...)
		},
	}
}

// TestHostileBytesNeitherKillNorGrowServe measures the process: a broker that takes a length at its word would need
// hundreds of GiB for what comes here.
func TestHostileBytesNeitherKillNorGrowServe(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	const rounds, heldOpen, grownMax = 40, 100, 48 << 20
	s := startServe(t, buildCommand(t), "--listen", "127.0.0.1:0", "--data", t.TempDir())
	pingServe(t, s)
	before := rssBytes(t, s.cmd.Process.Pid)

	// Connections that begin a request of 100 MiB, and stop in its head or behind it, stay open meanwhile.
	for i := range heldOpen {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begun := hostileFrame(100<<20, 0, 9, make([]byte, 1000)...)
		if i%2 == 0 {
			begun = begun[:1+i%14]
		}
		if _, err := conn.Write(begun); err != nil {
			t.Fatal(err)
		}
	}
	seed := [32]byte{1}
	for name, bytes := range hostilities(rand.NewChaCha8(seed)) {
		for range rounds {
			sendHostile(t, s.addr, bytes())
		}
		t.Logf("after %d times %s: %d MiB more", rounds, name, (rssBytes(t, s.cmd.Process.Pid)-before)>>20)
	}
	if grown := rssBytes(t, s.cmd.Process.Pid) - before; grown > grownMax {
		t.Errorf("it grew by %d MiB, want at most %d", grown>>20, grownMax>>20)
	}
	pingServe(t, s)
	if code := s.terminate(t); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, s.stderr)
	}
}

// sendHostile sends the bytes and waits until the broker hangs up, for a moment: it may wait for more.
func sendHostile(t *testing.T, addr string, data []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(data)
	conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	io.Copy(io.Discard, conn)
}

// pingServe writes a record through it.
func pingServe(t *testing.T, s *served) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), serveTimeout)
	defer cancel()
	client := s.client(t)
	defer client.Close()
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "ping", Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatalf("it no longer serves: %v\n%s", err, s.stderr)
	}
}

// TestASplitPartitionGoesOnBesideOthersOnServe makes one partition's epoch higher than another's: parts of a batch that was
// too large are sent under the next epoch, while other partitions stay in theirs.
func TestASplitPartitionGoesOnBesideOthersOnServe(t *testing.T) {
	s := startServe(t, buildCommand(t), "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--partitions", "2")
	p := openOn(t, []string{s.addr}, func(c *omnibus.Config) {
		c.BatchBytes, c.BatchBytesMax, c.MaxRequestBytes = 4*megabyte, 4*megabyte, 8*megabyte
		c.Linger = 200 * time.Millisecond
	})
	small := func(partition int32) omnibus.Record {
		return omnibus.Record{Topic: "orders", Partition: omnibus.At(partition), Value: []byte("small")}
	}
	var records []omnibus.Record
	for range 30 { // 3 MB in one batch, where the topic takes 1 MB
		records = append(records, omnibus.Record{Topic: "orders", Partition: omnibus.At(0), Value: make([]byte, 100_000)})
	}
	for range 3 {
		sendAll(t, p, []omnibus.Record{small(1)})
		sendAll(t, p, records)
		sendAll(t, p, []omnibus.Record{small(1), small(0)})
	}
	log := kafkatest.ReadTopic(t, []string{s.addr}, "orders")
	if len(log[0]) != 3*31 || len(log[1]) != 6 {
		t.Errorf("%d and %d records are there, want %d and %d", len(log[0]), len(log[1]), 3*31, 6)
	}
	if epochs := [2]int16{log[0][len(log[0])-1].ProducerEpoch, log[1][len(log[1])-1].ProducerEpoch}; epochs[0] == 0 || epochs[1] != 0 {
		t.Errorf("the partitions end in the epochs %v, want that only the first was raised", epochs)
	}
}
