package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// The memory that `produce` may take beside buffer.memory, and how long an input flows against a broker that answers nothing.
const (
	besideBufferMax = 48 << 20
	bufferDefault   = 32 << 20
	floodTime       = time.Second
)

// TestMemoryStaysBoundedWhateverTheInput lets inputs without end flow while no record gets an outcome, which is when the buffer is
// full, and looks at the whole process.
func TestMemoryStaysBoundedWhateverTheInput(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds for each input")
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip(err)
	}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector multiplies memory")
	}
	cluster := kafkatest.Start(t, kafkatest.Nodes(1), kafkatest.Topic("flood", 6))
	cluster.Swallow(kafkatest.Produce, kafkatest.Always)
	for _, test := range []struct {
		name, line string
		args       []string
	}{
		{"short lines", strings.Repeat("x", 100) + "\n", nil},
		{"empty lines", "\n", nil},
		{"keyed lines", "key:" + strings.Repeat("x", 100) + "\n", []string{"-K", ":"}},
		{"lines of nearly a request", strings.Repeat("x", 1_000_000) + "\n", nil},
		{"lines that are too long", strings.Repeat("x", 50_000_000) + "\n", []string{"--on-bad-input", "skip"}},
		{"envelopes full of escapes", `{"value":"` + strings.Repeat(`\u0001`, 100_000) + `"}` + "\n", []string{"--format", "envelope"}},
		{"jq", `{"id":"` + strings.Repeat("x", 100) + `"}` + "\n", []string{"--key", ".id"}},
		{"lines of acknowledgements with keys", "key:" + strings.Repeat("x", 100) + "\n", []string{"-K", ":", "-o", "%k"}},
		{"lines of acknowledgements with short keys", "k:\n", []string{"-K", ":", "-o", "%k"}},
		{"zstd", strings.Repeat("compressible ", 10) + "\n", []string{"-z", "zstd"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			peak := flood(t, []byte(test.line), append([]string{"produce", "flood", "-b", cluster.Brokers()[0]}, test.args...)...)
			t.Logf("the process took %.1f MiB at its peak", float64(peak)/(1<<20))
			if peak > bufferDefault+besideBufferMax {
				t.Errorf("the process took %.1f MiB at its peak; want at most buffer.memory and %d MiB", float64(peak)/(1<<20), besideBufferMax>>20)
			}
		})
	}
}

// flood feeds a command with the line, again and again, for a while, and returns the most memory that it took.
func flood(t *testing.T, line []byte, args ...string) (peak int64) {
	t.Helper()
	cmd := command(t, args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fed := make(chan int64, 1)
	go func() {
		defer stdin.Close()
		text := bytes.Repeat(line, 1+(64<<10)/len(line))
		var bytes int64
		for {
			n, err := stdin.Write(text)
			if bytes += int64(n); err != nil {
				fed <- bytes
				return
			}
		}
	}()
	<-time.After(floodTime)
	peak = peakBytes(t, cmd.Process.Pid)
	cmd.Process.Kill()
	cmd.Wait()
	if bytes := <-fed; bytes < 256<<10 {
		t.Errorf("only %d bytes were read\n%s", bytes, &output)
	}
	return peak
}

// peakBytes is the most memory that a process has had so far.
func peakBytes(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("the system does not tell a process's peak")
	return 0
}
