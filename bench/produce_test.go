package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
)

// The comparison of `omnibus produce` with the library that it is made of.
const (
	commandRounds    = 5
	commandRoundsMax = 20        // on a busy machine
	commandLines     = 1_000_000 // of the file, which is named commandTimes over
	commandTimes     = 4
	commandRecords   = commandTimes * commandLines
	commandRatioMin  = 0.7
	commandTopic     = "lines"
	lineBytes        = 100

	// asLibraryVariable makes this test binary a program that sends the lines of a file with the library, to the brokers that
	// the variable names.
	asLibraryVariable = "OMNIBUS_TEST_AS_LIBRARY"
)

func TestMain(m *testing.M) {
	if brokers := os.Getenv(asLibraryVariable); brokers != "" {
		if err := sendWithLibrary(brokers, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestProduceFromAFileKeepsUpWithTheLibrary runs both in processes of their own, in turns, against the same broker. The
// library has the lines in memory when its time begins; the command's time is that of its whole process.
func TestProduceFromAFileKeepsUpWithTheLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds and the whole machine")
	}
	broker, err := nullack.Listen(nullack.Config{Topics: []nullack.Topic{{Name: commandTopic, Partitions: 6}}})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	address := broker.Addresses()[0]
	command, file := buildCommand(t), writeLines(t)
	args := append([]string{"produce", "-t", commandTopic, "-b", address, "--summary", "json"}, slices.Repeat([]string{file}, commandTimes)...)
	var library, produce []time.Duration
	for round := 0; round < commandRounds || round < commandRoundsMax && ratio(library, produce) < commandRatioMin; round++ {
		_, told := run(t, []string{asLibraryVariable + "=" + address}, os.Args[0], file)
		took, _ := run(t, nil, command, args...)
		library, produce = append(library, told), append(produce, took)
		t.Logf("round %d: library %v, produce %v", round, told, took)
	}
	t.Logf("produce reaches %.2f of the library's throughput", ratio(library, produce))
	if ratio(library, produce) < commandRatioMin {
		t.Errorf("produce from a file reaches less than %.1f of the library's throughput", commandRatioMin)
	}
}

// ratio compares the best that was seen of each, because other work on the machine can only make a run longer.
func ratio(library, produce []time.Duration) float64 {
	return slices.Min(library).Seconds() / slices.Min(produce).Seconds()
}

// run runs a program to its end. It returns how long that took, and how long the program says it took.
func run(t *testing.T, env []string, program string, args ...string) (took, told time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	err := cmd.Run()
	took = time.Since(began)
	var summary struct {
		Acked   int
		Seconds float64
	}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &summary)
	}
	if err != nil || summary.Acked != commandRecords {
		t.Fatalf("%s: %v, %d acked\n%s", filepath.Base(program), err, summary.Acked, &errs)
	}
	return took, time.Duration(summary.Seconds * float64(time.Second))
}

// sendWithLibrary sends the lines of a file as a program of a user's would, with a callback that looks at each outcome.
func sendWithLibrary(brokers, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte{'\n'}), []byte{'\n'})
	ctx, began := context.Background(), time.Now()
	p, err := omnibus.Open(ctx, omnibus.Config{Brokers: strings.Split(brokers, ",")})
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	callback := func(_ omnibus.Ack, err error) {
		if err != nil {
			select {
			case failed <- err:
			default:
			}
		}
	}
	for range commandTimes {
		for _, line := range lines {
			if err := p.EnqueueFunc(ctx, omnibus.Record{Topic: commandTopic, Value: line}, callback); err != nil {
				return err
			}
		}
	}
	if err := p.Close(); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"acked": p.Stats().Acked, "seconds": time.Since(began).Seconds()})
}

// writeLines writes a file of lines.
func writeLines(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lines")
	line := append(bytes.Repeat([]byte{'x'}, lineBytes), '\n')
	if err := os.WriteFile(path, bytes.Repeat(line, commandLines), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// buildCommand builds omnibus and returns its path.
func buildCommand(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "omnibus")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../cmd/omnibus")
	build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	return program
}
