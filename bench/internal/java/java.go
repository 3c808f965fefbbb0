// Package java drives Kafka's own producer. That runs in a process of its own, where a small Java program (Bench.java)
// sends loads as package drive does it in Go; here the program is installed, started and told what to do. Its CPU time is
// what the kernel says of that process between the first and the last record, the virtual machine's own threads included;
// what it took to start and to compile what runs often lies before that.
package java

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
	"github.com/omnibus-kafka/omnibus/bench/internal/drive"
)

// Contender is Kafka's own producer.
func Contender(ctx context.Context) drive.Contender {
	return drive.Contender{
		Maker: client.Maker{Name: "java", Version: clientVersion(), Differences: []client.Difference{
			{Setting: "batches", Why: "takes the memory of a whole batch for each partition, so they are set as large as came out best"},
			{Setting: "heap objects", Why: "are not counted"},
			{Setting: "CPU time", Why: "is known to 10 ms"},
		}, Defaults: "acks=all, idempotence, no compression, linger 5 ms, batches of 16 KiB"},
		Missing: missing(ctx),
		Start:   start,
	}
}

// warmUpFactor is how much longer than Go clients this one warms up: its code is compiled while it runs.
const warmUpFactor = 5

// process is the running program.
type process struct {
	cmd        *exec.Cmd
	in         io.WriteCloser
	out        *bufio.Scanner
	complaints bytes.Buffer
	dir        string // of its files
}

func start(ctx context.Context, t client.Target) (drive.Driver, error) {
	classPath, err := install(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-java-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir}
	if err := p.launch(ctx, classPath, t); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return p, nil
}

// launch writes the payloads and settings and starts the virtual machine with its own defaults, but for the memory: the
// most that it may have follows from the machine otherwise.
func (p *process) launch(ctx context.Context, classPath string, t client.Target) error {
	f := filesIn(p.dir)
	if err := f.write(t); err != nil {
		return err
	}
	p.cmd = exec.CommandContext(ctx, "java", "-Xmx1g", "-cp", classPath, mainClass, f.settings)
	p.cmd.Stderr = &p.complaints
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	p.out = bufio.NewScanner(out)
	return p.cmd.Start()
}

func (p *process) WarmUp(_ context.Context, span time.Duration) (rate float64, err error) {
	words, err := p.ask("warm", warmUpFactor*span.Milliseconds(), "rate")
	if err != nil {
		return 0, fmt.Errorf("warm-up: %w", err)
	}
	return strconv.ParseFloat(words[0], 64)
}

func (p *process) Drive(_ context.Context, records int) (drive.Figures, error) {
	pid := strconv.Itoa(p.cmd.Process.Pid)
	userBefore, systemBefore, err := drive.CPUTime(pid)
	if err != nil {
		return drive.Figures{}, err
	}
	words, err := p.ask("drive", int64(records), "done")
	if err != nil {
		return drive.Figures{}, err
	}
	userAfter, systemAfter, err := drive.CPUTime(pid)
	if err != nil {
		return drive.Figures{}, err
	}
	f := drive.Figures{
		User: userAfter - userBefore, System: systemAfter - systemBefore,
		Mallocs: -1, HeapBytes: -1, PeakRSSBytes: drive.PeakRSS(pid),
	}
	var times []time.Duration
	for _, word := range words {
		nanos, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return drive.Figures{}, err
		}
		times = append(times, time.Duration(nanos))
	}
	f.Elapsed = times[0]
	if len(times) == 6 {
		f.Latency = &drive.Latency{P50: times[1], P90: times[2], P99: times[3], P999: times[4], Max: times[5]}
	}
	return f, nil
}

// ask gives the program an order and returns the words that follow the first one of its answer, which should be want.
func (p *process) ask(order string, n int64, want string) ([]string, error) {
	if _, err := fmt.Fprintln(p.in, order, n); err != nil {
		return nil, p.explain(err)
	}
	if !p.out.Scan() {
		return nil, p.explain(errors.Join(errors.New("the program has ended"), p.out.Err()))
	}
	words := strings.Fields(p.out.Text())
	if len(words) < 2 || words[0] != want {
		return nil, p.explain(fmt.Errorf("%s was answered with %q", order, p.out.Text()))
	}
	return words[1:], nil
}

// explain adds what the program complained of. It is over with it then.
func (p *process) explain(err error) error {
	p.cmd.Process.Kill()
	p.cmd.Wait() // for the last of its words
	return fmt.Errorf("%w\n%s", err, p.complaints.Bytes())
}

// Close lets the program end by itself.
func (p *process) Close() error {
	defer os.RemoveAll(p.dir)
	p.in.Close()
	if p.cmd.ProcessState != nil {
		return nil
	}
	return p.cmd.Wait()
}
