package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/embedded"
)

const testTimeout = 30 * time.Second

// serving is a command line that runs.
type serving struct {
	addr   string
	stderr *bytes.Buffer
	ended  chan error
	end    context.CancelCauseFunc
}

// begin runs the command line until it says where it listens.
func begin(t *testing.T, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	out, in := io.Pipe()
	s := &serving{stderr: new(bytes.Buffer), ended: make(chan error, 1), end: cancel}
	f := &cli.Factory{
		IO:     &cli.IO{In: strings.NewReader(""), Out: in, Err: cli.Serialized(s.stderr)},
		Getenv: func(string) string { return "" },
	}
	go func() {
		err := run(ctx, f, args...)
		in.Close()
		s.ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%q said no address: %v", args, <-s.ended)
	}
	s.addr = strings.TrimSpace(line)
	return s
}

func run(ctx context.Context, f *cli.Factory, args ...string) error {
	cmd := NewCmdServe(f, nil)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(ctx)
}

// stop interrupts it and returns its exit code.
func (s *serving) stop(t *testing.T) int {
	t.Helper()
	s.end(cli.ErrInterrupted)
	select {
	case err := <-s.ended:
		return cli.CodeOf(err)
	case <-time.After(testTimeout):
		t.Fatal("it did not end")
		return -1
	}
}

func TestItServesUntilItIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	for round := range 2 {
		s := begin(t, "--listen", "127.0.0.1:0", "--data", dir, "--partitions", "2")
		client, err := kgo.NewClient(kgo.SeedBrokers(s.addr), kgo.AllowAutoTopicCreation())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		record := &kgo.Record{Topic: "orders", Value: fmt.Append(nil, round)}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Error(err)
		}
		cancel()
		client.Close()
		if code := s.stop(t); code != cli.ExitOK {
			t.Errorf("exit code %d, want 0\n%s", code, s.stderr)
		}
		for _, want := range []string{s.addr, dir, "synchronous writes", "7d", "2 partitions", "not a Kafka cluster"} {
			if !strings.Contains(s.stderr.String(), want) {
				t.Errorf("standard error does not say %q:\n%s", want, s.stderr)
			}
		}
		if strings.Contains(s.stderr.String(), "cleanly;") {
			t.Errorf("round %d: the stop before was not a clean one:\n%s", round, s.stderr)
		}
	}
}

func TestWhatWasGivenHolds(t *testing.T) {
	s := begin(t, "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--no-sync", "--retention", "forever")
	defer s.stop(t)
	for _, want := range []string{"WITHOUT synchronous writes", "kept forever"} {
		if !strings.Contains(s.stderr.String(), want) {
			t.Errorf("standard error does not say %q:\n%s", want, s.stderr)
		}
	}
}

func TestTheSecondOnADirectorySaysWhoHoldsIt(t *testing.T) {
	dir := t.TempDir()
	s := begin(t, "--listen", "127.0.0.1:0", "--data", dir)
	defer s.stop(t)
	f := &cli.Factory{IO: &cli.IO{Out: io.Discard, Err: io.Discard}, Getenv: func(string) string { return "" }}
	err := run(t.Context(), f, "--listen", "127.0.0.1:0", "--data", dir)
	if code := cli.CodeOf(err); code != cli.ExitFatal {
		t.Errorf("exit code %d, want %d", code, cli.ExitFatal)
	}
	for _, want := range []string{fmt.Sprint("process ", os.Getpid()), s.addr, dir} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func TestMistakesAreToldInFlags(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--listen", "0.0.0.0:0"}, cli.ExitUsage, "--unsafe-listen"},
		{[]string{"--listen", ":0", "--unsafe-listen"}, cli.ExitUsage, "--advertise"},
		{[]string{"--listen", "nonsense"}, cli.ExitUsage, "--listen is"},
		{[]string{"--partitions", "0"}, cli.ExitUsage, "--partitions is 0"},
		{[]string{"--retention-bytes", "0"}, cli.ExitUsage, "--retention-bytes is 0"},
		{[]string{"--partitions", "-1"}, cli.ExitUsage, "--partitions is -1"},
		{[]string{"--partitions", "10001"}, cli.ExitUsage, "10000"},
		{[]string{"--retention-bytes", "-2"}, cli.ExitUsage, "--retention-bytes is -2"},
		{[]string{"--retention", "soon"}, cli.ExitUsage, "7d"},
		{[]string{"--retention", "0d"}, cli.ExitUsage, "7d"},
		{[]string{"argument"}, cli.ExitUsage, "argument"},
		{[]string{"--listen", busy.Addr().String()}, cli.ExitFatal, busy.Addr().String()},
		{[]string{"--listen", "127.0.0.1:0", "--data", file}, cli.ExitFatal, file},
	} {
		f := &cli.Factory{
			IO:     &cli.IO{Out: io.Discard, Err: io.Discard},
			Getenv: func(string) string { return t.TempDir() },
		}
		err := run(t.Context(), f, test.args...)
		if code := cli.CodeOf(err); err == nil || code != test.code || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: code %d, %v; want code %d and %q", test.args, code, err, test.code, test.want)
		}
	}
}

func TestAClosedStandardOutputIsToldAndTheDirectoryGivenUp(t *testing.T) {
	dir := t.TempDir()
	_, out := io.Pipe()
	out.CloseWithError(errors.New("closed"))
	f := &cli.Factory{IO: &cli.IO{Out: out, Err: io.Discard}, Getenv: func(string) string { return "" }}
	if err := run(t.Context(), f, "--listen", "127.0.0.1:0", "--data", dir); cli.CodeOf(err) != cli.ExitFatal {
		t.Errorf("%v, want exit code %d", err, cli.ExitFatal)
	}
	broker, err := embedded.Open(embedded.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	broker.Close()
}

// A file where a partition's directory should be stands for a full disk.
func TestAFailedDiskEndsIt(t *testing.T) {
	dir := t.TempDir()
	s := begin(t, "--listen", "127.0.0.1:0", "--data", dir, "--partitions", "1")
	partitions := filepath.Join(dir, "log", "partitions")
	if err := os.MkdirAll(partitions, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(partitions, "orders-0"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.addr), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.Produce(t.Context(), &kgo.Record{Topic: "orders"}, nil)
	select {
	case err := <-s.ended:
		if code := cli.CodeOf(err); code != cli.ExitFatal || !strings.Contains(err.Error(), "disk") {
			t.Errorf("code %d, %v; want code %d and what became of the disk", code, err, cli.ExitFatal)
		}
	case <-time.After(testTimeout):
		t.Error("it still serves")
	}
}

func TestRetentionIsReadAndWritten(t *testing.T) {
	for _, test := range []struct {
		text, want string
		duration   time.Duration
	}{
		{"7d", "7d", 7 * day},
		{"36h", "36h0m0s", 36 * time.Hour},
		{"48h", "2d", 2 * day},
		{"1ms", "1ms", time.Millisecond},
		{"forever", "forever", embedded.None},
		{"65535d", "65535d", 65535 * day},
	} {
		var r Retention
		if err := r.Set(test.text); err != nil || time.Duration(r) != test.duration || r.String() != test.want {
			t.Errorf("%q: %v, %v, %q; want %v, %q", test.text, err, time.Duration(r), &r, test.duration, test.want)
		}
	}
	for _, text := range []string{"", "d", "7", "-1d", "1.5d", "65536d", "1us", "0", "-5h", "7days"} {
		var r Retention
		if err := r.Set(text); err == nil {
			t.Errorf("%q was read as %v", text, time.Duration(r))
		}
	}
}
