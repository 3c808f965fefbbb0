package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/compare"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// How the guard measures.
const (
	guardRounds  = 5
	guardRecords = 1_000_000
	guardSpan    = 200 * time.Millisecond // of a warm-up
)

// guardMemoryMax is the most memory that a process with buffer.memory at 32 MiB takes beside the payloads, in bytes. What is
// above the buffer is the program itself and the runtime, batches and requests.
const guardMemoryMax = 45 << 20

// guards are what the library is held to: a share of franz-go's CPU time a record, and heap objects a record. The shares leave
// room for a busy machine, where what two clients cost does not grow alike.
var guards = []struct {
	workload             string
	ratioMax, mallocsMax float64
}{
	{"A", 0.60, 0.005},
	{"B", 0.55, 0.005},
	{"E", 0.80, 0.02},
	{"F", 0.60, 0.005},
}

// TestOmnibusCostsHalfOfWhatFranzGoCosts compares CPU time a record, the minimum of interleaved runs, and counts heap objects
// and memory. It builds the command anew, so that the figures are those of a program without the race detector or coverage.
func TestOmnibusCostsHalfOfWhatFranzGoCosts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	var workloads []workload.Workload
	for _, guard := range guards {
		w, err := workload.Find(guard.workload)
		if err != nil {
			t.Fatal(err)
		}
		workloads = append(workloads, w)
	}
	results, err := compare.Plan{
		Candidates: contest(t), Workloads: workloads,
		Rounds: guardRounds, Records: guardRecords, Span: guardSpan,
	}.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	summaries := compare.Summarize(results)
	if err := compare.WriteTable(t.Output(), summaries, "omnibus"); err != nil {
		t.Error(err)
	}
	for i, w := range workloads {
		guard := guards[i]
		if ratio := compare.Ratio(summaries, "omnibus", w); ratio <= 0 || ratio > guard.ratioMax {
			t.Errorf("workload %s (%s): %.2f of franz-go's CPU time a record, wanted at most %.2f", w.ID, w.Title, ratio, guard.ratioMax)
		}
		ours, ok := compare.Of(summaries, "omnibus", w.ID)
		if !ok || ours.Best.Mallocs > guard.mallocsMax {
			t.Errorf("workload %s (%s): %.4f heap objects a record, wanted at most %.3f", w.ID, w.Title, ours.Best.Mallocs, guard.mallocsMax)
		}
		if memory := ours.Best.PeakRSSBytes - int64(ours.Best.PayloadBytes); memory > guardMemoryMax {
			t.Errorf("workload %s (%s): %d bytes of memory beside the payloads, wanted at most %d", w.ID, w.Title, memory, guardMemoryMax)
		}
	}
}

// contest is the two clients, in a bench command built for the purpose.
func contest(t *testing.T) []compare.Candidate {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bench")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/bench")
	build.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return []compare.Candidate{{Name: "omnibus", Program: program}, {Name: "franz-go", Program: program}}
}
