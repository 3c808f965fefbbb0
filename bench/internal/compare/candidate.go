package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/omnibus-kafka/omnibus/bench/internal/client"
)

// Candidate is a client, and the program that runs it.
type Candidate struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Differences are the settings that it cannot match.
	Differences []client.Difference `json:"differences,omitempty"`
	// Defaults says what it does when nothing is set.
	Defaults string `json:"defaults,omitempty"`
	// Declined says, by the letter of the workload, why it does not run it.
	Declined map[string]string `json:"declined,omitempty"`
	// Missing says what it takes to run the client and is not here, "" for nothing.
	Missing string `json:"missing,omitempty"`
	// Program is the path of the program.
	Program string `json:"-"`
}

// ClientsCommand is the argument with which a program prints its candidates as JSON.
const ClientsCommand = "clients"

// Rivals are the programs beside this one that have clients of their own: who has no C compiler, or no need of them, does
// without.
func Rivals() []string { return []string{"bench-rivals", "bench-librdkafka"} }

// Beside is the path of a program in the folder of the one that runs.
func Beside(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(filepath.Dir(self), name), nil
}

// Candidates asks this program and those beside it for their clients. Those that cannot run here come back as well, and
// say why.
func Candidates(ctx context.Context) ([]Candidate, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	all, err := CandidatesOf(ctx, self)
	if err != nil {
		return nil, err
	}
	for _, name := range Rivals() {
		program, err := Beside(name)
		if err != nil {
			return nil, err
		}
		rivals, err := CandidatesOf(ctx, program)
		if errors.Is(err, os.ErrNotExist) {
			err = errors.New("it is not beside this program")
		}
		if err != nil {
			rivals = []Candidate{{Name: name, Missing: err.Error()}}
		}
		all = append(all, rivals...)
	}
	return all, nil
}

// CandidatesOf asks a program for its clients.
func CandidatesOf(ctx context.Context, program string) ([]Candidate, error) {
	cmd := exec.CommandContext(ctx, program, ClientsCommand)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	printed, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w %s", filepath.Base(program), err, bytes.TrimSpace(complaints.Bytes()))
	}
	var all []Candidate
	if err := json.Unmarshal(printed, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(program), err)
	}
	for i := range all {
		all[i].Program = program
	}
	return all, nil
}
