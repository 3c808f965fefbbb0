package consume

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/embedded"
)

const testTimeout = 30 * time.Second

// startTopic runs a broker whose topic "orders" holds the values "0" to count-1 in three partitions.
func startTopic(t *testing.T, count int) *embedded.Broker {
	t.Helper()
	broker, err := embedded.Open(embedded.Config{PartitionsDefault: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Close() })
	write(t, broker, 0, count)
	return broker
}

func write(t *testing.T, broker *embedded.Broker, first, count int, options ...kgo.Opt) {
	t.Helper()
	options = append(options, kgo.SeedBrokers(broker.Addr()), kgo.AllowAutoTopicCreation())
	client, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	for i := range count {
		record := &kgo.Record{Topic: "orders", Value: fmt.Append(nil, first+i)}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// runConsume runs the command line and returns the sorted lines of its standard output.
func runConsume(ctx context.Context, t *testing.T, out io.Writer, args ...string) (code int, message string) {
	t.Helper()
	f := &cli.Factory{
		IO:     &cli.IO{In: strings.NewReader(""), Out: out, Err: io.Discard},
		Getenv: func(string) string { return "" },
	}
	cmd := NewCmdConsume(f, nil)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(ctx)
	return cli.CodeOf(err), fmt.Sprint(err)
}

func sortedLines(out *bytes.Buffer) []string {
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	slices.Sort(lines)
	return lines
}

func TestFromBeginningToTheEnd(t *testing.T) {
	broker := startTopic(t, 20)
	var out bytes.Buffer
	if code, message := runConsume(t.Context(), t, &out, "orders", "-b", broker.Addr(), "--from-beginning", "-e"); code != cli.ExitOK {
		t.Fatalf("code %d: %s", code, message)
	}
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprint(i))
	}
	slices.Sort(want)
	if got := sortedLines(&out); !slices.Equal(got, want) {
		t.Errorf("printed %q, want %q", got, want)
	}
}

func TestMaxEndsTheCommand(t *testing.T) {
	broker := startTopic(t, 20)
	var out bytes.Buffer
	if code, message := runConsume(t.Context(), t, &out, "orders", "-b", broker.Addr(), "--from-beginning", "--max", "7"); code != cli.ExitOK {
		t.Fatalf("code %d: %s", code, message)
	}
	if got := sortedLines(&out); len(got) != 7 {
		t.Errorf("printed %d lines, want 7", len(got))
	}
}

func TestExitAtEndOfAnEmptyRangePrintsNothing(t *testing.T) {
	broker := startTopic(t, 3)
	var out bytes.Buffer
	if code, message := runConsume(t.Context(), t, &out, "orders", "-b", broker.Addr(), "-e"); code != cli.ExitOK || out.Len() > 0 {
		t.Errorf("code %d: %s; printed %q", code, message, &out)
	}
}

// The last offset of a partition that ends in a transaction's marker belongs to no record.
func TestExitAtEndBehindATransaction(t *testing.T) {
	broker := startTopic(t, 3)
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.TransactionalID("tx"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("in a transaction")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	var out bytes.Buffer
	if code, message := runConsume(ctx, t, &out, "orders", "-b", broker.Addr(), "--from-beginning", "-e"); code != cli.ExitOK {
		t.Fatalf("code %d: %s", code, message)
	}
	if got := sortedLines(&out); len(got) != 4 {
		t.Errorf("printed %q, want four records and no marker", got)
	}
}

func TestWithoutFromBeginningItWaitsForNewRecords(t *testing.T) {
	broker := startTopic(t, 5)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan int)
	go func() {
		code, _ := runConsume(ctx, t, in, "orders", "-b", broker.Addr(), "--max", "1")
		in.Close()
		ended <- code
	}()
	// Nobody can see when the command begins to wait, so records are written until it has ended.
	printed := make(chan []byte)
	go func() {
		line, _ := io.ReadAll(out)
		printed <- line
	}()
	for next := 100; ; next++ {
		write(t, broker, next, 1)
		select {
		case code := <-ended:
			if line := string(<-printed); code != cli.ExitOK || len(line) != len("100\n") {
				t.Errorf("code %d, printed %q; want one of the new records", code, line)
			}
			return
		default:
		}
	}
}

func TestAnInterruptEndsWithExit130(t *testing.T) {
	broker := startTopic(t, 1)
	ctx, interrupt := context.WithCancelCause(t.Context())
	out, in := io.Pipe()
	go func() {
		out.Read(make([]byte, 10))
		interrupt(cli.ErrInterrupted)
		io.Copy(io.Discard, out)
	}()
	if code, message := runConsume(ctx, t, in, "orders", "-b", broker.Addr(), "--from-beginning"); code != cli.ExitInterrupted {
		t.Errorf("code %d: %s; want %d", code, message, cli.ExitInterrupted)
	}
}

func TestAClosedStandardOutputIsAnEndLikeAnyOther(t *testing.T) {
	broker := startTopic(t, 20)
	out, in := io.Pipe()
	out.Close()
	if code, message := runConsume(t.Context(), t, in, "orders", "-b", broker.Addr(), "--from-beginning"); code != cli.ExitOK {
		t.Errorf("code %d: %s; want 0", code, message)
	}
}

func TestMistakesHaveTheirExitCode(t *testing.T) {
	broker := startTopic(t, 0)
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"orders"}, cli.ExitUsage, "--brokers"},
		{[]string{}, cli.ExitUsage, "arg"},
		{[]string{"orders", "-b", broker.Addr(), "--max", "0"}, cli.ExitUsage, "--max"},
		{[]string{"missing", "-b", broker.Addr(), "-e"}, cli.ExitFatal, "does not exist"},
	} {
		code, message := runConsume(t.Context(), t, io.Discard, test.args...)
		if code != test.code || !strings.Contains(message, test.want) {
			t.Errorf("%q: code %d: %s; want code %d and %q", test.args, code, message, test.code, test.want)
		}
	}
}
