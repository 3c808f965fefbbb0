package mutants

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var schedules = flag.Int("schedules", 0, "how many schedules may pass before each mutant is caught; 0 builds none")

// root is where the sources are named from.
const root = "../../.."

// edit is one place of a mutant.
type edit struct{ file, old, new string }

// mutant is a bug: its places, and the command that finds it, nil for the simulation.
type mutant struct {
	edits   []edit
	command []string
}

// read reads a mutant.
func read(path string) (m mutant, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	above, rest, found := strings.Cut(string(text), "@ ")
	if _, command, named := strings.Cut(above, "\n$ "); named {
		m.command = strings.Fields(command)
	}
	for found {
		var e edit
		var before, after bool
		e.file, rest, _ = strings.Cut(rest, "\n<<<<\n")
		e.old, rest, before = strings.Cut(rest, "\n====\n")
		e.new, rest, after = strings.Cut("\n"+rest, "\n>>>>\n")
		if !before || !after {
			return m, fmt.Errorf("%s: an edit of %s without end", path, e.file)
		}
		e.new = strings.TrimPrefix(e.new, "\n")
		m.edits = append(m.edits, e)
		_, rest, found = strings.Cut(rest, "@ ")
	}
	if len(m.edits) == 0 {
		return m, fmt.Errorf("%s: no edit", path)
	}
	return m, nil
}

// apply returns the sources as the mutant has them, by file.
func apply(edits []edit) (map[string]string, error) {
	sources := make(map[string]string)
	for _, e := range edits {
		source, ok := sources[e.file]
		if !ok {
			text, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return nil, err
			}
			source = string(text)
		}
		if n := strings.Count(source, e.old); n != 1 {
			return nil, fmt.Errorf("%s has this %d times, want once: write the mutant anew\n%s", e.file, n, e.old)
		}
		sources[e.file] = strings.Replace(source, e.old, e.new, 1)
	}
	return sources, nil
}

// all are the mutants, by name.
func all(t *testing.T) map[string]string {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d mutants, error %v", len(paths), err)
	}
	mutants := make(map[string]string)
	for _, path := range paths {
		mutants[strings.TrimSuffix(filepath.Base(path), ".txt")] = path
	}
	return mutants
}

func TestEveryMutantFitsTheSources(t *testing.T) {
	for name, path := range all(t) {
		m, err := read(path)
		if err == nil {
			_, err = apply(m.edits)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSimulationCatchesEveryMutant(t *testing.T) {
	if *schedules == 0 {
		t.Skip("builds a program for each mutant: make sim-mutants")
	}
	for name, path := range all(t) {
		t.Run(name, func(t *testing.T) {
			m, err := read(path)
			if err != nil {
				t.Fatal(err)
			}
			hunt := simulate
			if m.command != nil {
				hunt = m.test
			}
			out, err := hunt(t, overlay(t, m.edits))
			exit := (*exec.ExitError)(nil)
			switch {
			case err == nil:
				t.Errorf("not caught:\n%s", out)
			case !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Contains(out, "[build failed]"):
				t.Errorf("%v\n%s", err, out)
			default:
				t.Log(verdict(out))
			}
		})
	}
}

// verdict is how many schedules it took and the first violation, or the first test that failed.
func verdict(out string) string {
	lines := strings.Split(out, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "seed ") || strings.HasPrefix(line, "--- FAIL") {
			return strings.Join(lines[i:min(i+2, len(lines))], "\n")
		}
	}
	return out
}

// overlay writes the sources as a mutant has them, and returns the name of the list of them that the go command takes.
func overlay(t *testing.T, edits []edit) (list string) {
	sources, err := apply(edits)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	laid := struct{ Replace map[string]string }{make(map[string]string)}
	for file, text := range sources {
		original, err := filepath.Abs(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		mutated := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(mutated, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		laid.Replace[original] = mutated
	}
	text, err := json.Marshal(laid)
	if err != nil {
		t.Fatal(err)
	}
	list = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return list
}

// simulate builds the simulation with an overlay, and runs it.
func simulate(t *testing.T, list string) (out string, err error) {
	program := filepath.Join(t.TempDir(), "simulate")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", list, "-o", program, "./internal/sim/simulate")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found, err := exec.CommandContext(t.Context(), program, "-seeds", fmt.Sprint(*schedules), "-quiet").CombinedOutput()
	return string(found), err
}

// test runs the tests that the mutant names with an overlay.
func (m *mutant) test(t *testing.T, list string) (out string, err error) {
	run := exec.CommandContext(t.Context(), "go", slices.Concat([]string{"test", "-overlay", list}, m.command[2:])...)
	run.Dir = root
	found, err := run.CombinedOutput()
	return string(found), err
}
