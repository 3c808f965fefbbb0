package test

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// childVariable holds a childTask in JSON. With it set, TestWriteInAChildProcess does that task; it is the whole of a
// process which that test's binary starts of itself.
const childVariable = "OMNIBUS_TEST_CHILD"

// childTask is what a child process does: write to the topic until its standard input ends, then leave the histories
// of its writers in a file.
type childTask struct {
	Brokers   []string
	Topic     string
	Run       uint64
	Writers   []uint32 // one producer each
	Histories string
}

// sharedTarget is how many records each of the four producers writes at least, at sharedRate a second.
const (
	sharedTarget = 60_000
	sharedRate   = 800
)

// start opens a producer for each writer. All writers have keys, so that the producers meet in every partition. They
// compress, so that batches pass through the workers too.
func (c *childTask) start(logger *slog.Logger) ([]*load, error) {
	var loads []*load
	for _, number := range c.Writers {
		w := newWriter(c.Topic, c.Run, number, wayKeyed, sharedTarget)
		w.rate = sharedRate
		l := newLoad(context.Background(), c.Topic, []*writer{w})
		config := omnibus.Config{Brokers: c.Brokers, Compression: omnibus.CompressionLZ4, Logger: logger}
		if err := l.begin(config); err != nil {
			return nil, err
		}
		loads = append(loads, l)
	}
	return loads, nil
}

// sharedLoad is four producers in two processes, of which this one is the first.
type sharedLoad struct {
	here  []*load
	child *exec.Cmd
	stdin io.Closer
	task  childTask
	said  strings.Builder
}

func startShared(t *testing.T, k *kafkatest.Kafka, topic string, run uint64) *sharedLoad {
	t.Helper()
	s := new(sharedLoad)
	s.task = childTask{
		Brokers: k.Brokers(), Topic: topic, Run: run, Writers: []uint32{1, 2},
		Histories: filepath.Join(t.TempDir(), "histories.gob"),
	}
	encoded, err := json.Marshal(s.task)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.child = exec.CommandContext(t.Context(), self, "-test.run=^TestWriteInAChildProcess$", "-test.v")
	s.child.Env = append(os.Environ(), childVariable+"="+string(encoded))
	s.child.Stdout, s.child.Stderr = &s.said, &s.said
	if s.stdin, err = s.child.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.child.Start(); err != nil {
		t.Fatal(err)
	}
	own := s.task
	own.Writers = []uint32{3, 4}
	if s.here, err = own.start(failureLog(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, l := range s.here {
			l.stop()
			l.running.Wait()
			l.producer.Close()
		}
	})
	return s
}

// finish ends both processes' loads and returns all histories.
func (s *sharedLoad) finish(t *testing.T) []*check.History {
	t.Helper()
	s.stdin.Close()
	var all []*check.History
	for _, l := range s.here {
		mustFinish(t, l)
		all = append(all, l.histories()...)
	}
	if err := s.child.Wait(); err != nil {
		t.Fatalf("the child process: %v\n%s", err, s.said.String())
	}
	file, err := os.Open(s.task.Histories)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var theirs []*check.History
	if err := gob.NewDecoder(file).Decode(&theirs); err != nil {
		t.Fatal(err)
	}
	if len(theirs) != len(s.task.Writers) {
		t.Fatalf("the child process left %d histories, want %d", len(theirs), len(s.task.Writers))
	}
	return append(all, theirs...)
}

func TestWriteInAChildProcess(t *testing.T) {
	encoded := os.Getenv(childVariable)
	if encoded == "" {
		t.Skip("runs only in a child process of another test")
	}
	var task childTask
	if err := json.Unmarshal([]byte(encoded), &task); err != nil {
		t.Fatal(err)
	}
	loads, err := task.start(failureLog(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		t.Fatal(err)
	}
	var all []*check.History
	for _, l := range loads {
		mustFinish(t, l)
		all = append(all, l.histories()...)
	}
	file, err := os.Create(task.Histories)
	if err != nil {
		t.Fatal(err)
	}
	if err := gob.NewEncoder(file).Encode(all); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
