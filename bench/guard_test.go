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

// What the guard holds the library to.
const (
	guardRounds     = 5
	guardRecords    = 1_000_000
	guardSpan       = 200 * time.Millisecond // of a warm-up
	guardRatioMax   = 1.0
	guardMallocsMax = 0.02
)

// TestOmnibusCostsNoMoreThanFranzGo compares CPU time a record, the minimum of interleaved runs, and counts heap objects.
// It builds the command anew, so that the figures are those of a program without the race detector or coverage.
func TestOmnibusCostsNoMoreThanFranzGo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	var workloads []workload.Workload
	for _, letter := range []string{"A", "B", "F"} {
		w, err := workload.Find(letter)
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
	for _, w := range workloads {
		if ratio := compare.Ratio(summaries, "omnibus", w); ratio <= 0 || ratio > guardRatioMax {
			t.Errorf("workload %s (%s): %.2f of franz-go's CPU time a record, wanted at most %.2f", w.ID, w.Title, ratio, guardRatioMax)
		}
		if ours, ok := compare.Of(summaries, "omnibus", w.ID); !ok || ours.Best.Mallocs >= guardMallocsMax {
			t.Errorf("workload %s (%s): %.4f heap objects a record, wanted less than %.2f", w.ID, w.Title, ours.Best.Mallocs, guardMallocsMax)
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
