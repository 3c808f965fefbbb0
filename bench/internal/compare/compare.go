// Package compare runs clients against each other. Each run has a process of its own, and the runs of all clients are
// interleaved: a machine that is slow for a minute is then slow for everybody. What others do on the machine can only
// add to a run's CPU time, so the minimum of the rounds is the figure that is compared; the median stands beside it.
package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"

	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// Plan is what to run.
type Plan struct {
	// Clients are compared with each other; the first is the one whose ratios are told.
	Clients   []string
	Workloads []workload.Workload
	// Rounds is how often each client runs each workload.
	Rounds int
	// Records is how many each run sends, 0 for as many as the workload says.
	Records int
	// Program is the bench command, "" for the running program.
	Program string
	// Progress is told every result as it comes; it may be nil.
	Progress func(measure.Result)
}

// RunCommand is the argument with which the program carries out one run and prints its measure.Result.
const RunCommand = "run"

// Do runs all rounds and returns every result in the order of the runs.
func (p Plan) Do(ctx context.Context) ([]measure.Result, error) {
	if p.Program == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		p.Program = self
	}
	var all []measure.Result
	for round := range p.Rounds {
		clients := slices.Clone(p.Clients)
		if round%2 == 1 {
			slices.Reverse(clients) // nobody is always the first after another workload
		}
		for _, w := range p.Workloads {
			for _, client := range clients {
				result, err := p.run(ctx, client, w)
				if err != nil {
					return all, err
				}
				all = append(all, result)
				if p.Progress != nil {
					p.Progress(result)
				}
			}
		}
	}
	return all, nil
}

// run carries out one run in a process of its own.
func (p Plan) run(ctx context.Context, client string, w workload.Workload) (result measure.Result, err error) {
	args := []string{RunCommand, "--client", client, "--workload", w.ID}
	if p.Records > 0 {
		args = append(args, "--records", strconv.Itoa(p.Records))
	}
	cmd := exec.CommandContext(ctx, p.Program, args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	printed, err := cmd.Output()
	if err != nil {
		return result, fmt.Errorf("%s, workload %s: %w\n%s", client, w.ID, err, complaints.Bytes())
	}
	return result, json.Unmarshal(printed, &result)
}
