package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/omnibus-kafka/omnibus/internal/sim/scenario"
)

// TestTheModelAnswersAsKafkaDid plays every script on the simulated cluster. The answers in the scripts are real Kafka's;
// who changes the model plays them on real Kafka again, by the test of the same name in the module test/.
func TestTheModelAnswersAsKafkaDid(t *testing.T) {
	for folder, nodes := range map[string]int{"one": 1, "three": 3} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no scripts in %s (%v)", folder, err)
		}
		for _, file := range files {
			t.Run(folder+"/"+filepath.Base(file), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { play(t, file, nodes) })
			})
		}
	}
}

func play(t *testing.T, file string, nodes int) {
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := scenario.NewSimulated(nodes)
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	got, err := scenario.Play(t.Context(), cluster, "", string(want))
	if err != nil {
		t.Error(err)
	}
	wantLines, gotLines := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range min(len(wantLines), len(gotLines)) {
		if wantLines[i] != gotLines[i] {
			t.Errorf("line %d:\n got %s\nwant %s", i+1, gotLines[i], wantLines[i])
		}
	}
}
