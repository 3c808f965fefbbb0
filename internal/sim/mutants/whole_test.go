package mutants

import (
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var wholeSchedules = flag.Int("whole", 0, "the same for the mutants that the whole producer is played with")

// wholeToo are mutants of the core that the whole producer must be caught with as well.
func wholeToo() []string {
	return []string{"buffer", "splitleak", "twice", "lostonclose"}
}

// allWhole are the mutants for the whole producer, by name.
func allWhole(t *testing.T) map[string]string {
	paths, err := filepath.Glob("testdata/whole/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d mutants, error %v", len(paths), err)
	}
	mutants := make(map[string]string)
	for _, path := range paths {
		mutants[strings.TrimSuffix(filepath.Base(path), ".txt")] = path
	}
	for _, name := range wholeToo() {
		mutants[name] = filepath.Join("testdata", name+".txt")
	}
	return mutants
}

func TestEveryMutantOfTheWholeProducerFitsTheSources(t *testing.T) {
	for name, path := range allWhole(t) {
		edits, err := read(path)
		if err == nil {
			_, err = apply(edits)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheWholeSimulationCatchesEveryMutant(t *testing.T) {
	if *wholeSchedules == 0 {
		t.Skip("builds a program for each mutant: make sim-mutants")
	}
	for name, path := range allWhole(t) {
		t.Run(name, func(t *testing.T) {
			edits, err := read(path)
			if err != nil {
				t.Fatal(err)
			}
			out, err := playWhole(t, edits)
			_, first, found := strings.Cut(out, ": seed ")
			if !found { // a crash of the producer ends all
				_, first, found = strings.Cut(out, "panic: ")
			}
			switch exit := (*exec.ExitError)(nil); {
			case err == nil:
				t.Errorf("not caught in %d schedules:\n%s", *wholeSchedules, out)
			case !errors.As(err, &exit) || !found:
				t.Errorf("%v\n%s", err, out)
			default:
				first, _, _ = strings.Cut(first, "\n")
				t.Log(first[:min(len(first), 300)])
			}
		})
	}
}

// playWhole builds the simulation of the whole producer with a mutant laid over the sources, and runs it until the first
// violation.
func playWhole(t *testing.T, edits []edit) (out string, err error) {
	program := filepath.Join(t.TempDir(), "whole")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", overlay(t, edits), "-o", program, "./internal/sim/whole")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found, err := exec.CommandContext(t.Context(), program, "-test.run", "Schedules", "-test.timeout", "20m",
		"-seeds", fmt.Sprint(*wholeSchedules), "-failures", "1", "-quiet").CombinedOutput()
	return string(found), err
}
