// Package compare runs clients against each other. Each run has a process of its own, and the runs of all clients are
// interleaved: a machine that is slow for a minute is then slow for everybody. What others do on the machine can only
// add to a run's CPU time, so the minimum of the rounds is the figure that is compared; the median stands beside it.
// Latency has no such floor: there the rounds are pairs, and the median of their ratios counts.
package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/bench/internal/measure"
	"github.com/omnibus-kafka/omnibus/bench/internal/workload"
)

// Plan is what to run.
type Plan struct {
	// Candidates are compared with each other; the first is the one whose ratios are told.
	Candidates []Candidate
	Workloads  []workload.Workload
	// Rounds is how often each client runs each workload. PairRounds is how often the first one and the best other are
	// run in addition, after that.
	Rounds, PairRounds int
	// Records is how many each run sends; 0 for as many as the client sends in Span.
	Records int
	Span    time.Duration
	// Within ends the rounds when the next one would take longer than this from the start; 0 is for ever. The first round
	// is always carried out.
	Within time.Duration
	// Brokers are those of the real cluster, for the workloads that run on one.
	Brokers []string
	// Progress is told every result as it comes; it may be nil.
	Progress func(measure.Result)
}

// RunCommand is the argument with which a program carries out one run and prints its measure.Result.
const RunCommand = "run"

// Do runs all rounds and returns every result in the order of the runs. A client that fails with a workload runs it no
// more; the others go on, and the error names all failures.
func (p Plan) Do(ctx context.Context) ([]measure.Result, error) {
	r := rounds{plan: p, failed: make(map[string]bool), began: time.Now()}
	for range p.Rounds {
		r.round(ctx, func(workload.Workload) []Candidate { return p.Candidates })
	}
	r.longest = 0 // rounds of pairs are shorter
	for range p.PairRounds {
		r.round(ctx, r.pair)
	}
	return r.results, errors.Join(r.errs...)
}

// rounds is a Plan under way.
type rounds struct {
	plan    Plan
	began   time.Time
	longest time.Duration // of the rounds so far
	number  int
	results []measure.Result
	failed  map[string]bool // client and workload
	errs    []error
}

// round runs every workload once, if there is time for it, with the clients that it is for.
func (r *rounds) round(ctx context.Context, clients func(workload.Workload) []Candidate) {
	start := time.Now()
	if r.plan.Within > 0 && r.number > 0 && start.Sub(r.began)+r.longest > r.plan.Within {
		return
	}
	for _, w := range r.plan.Workloads {
		r.run(ctx, w, clients(w))
	}
	r.number++
	r.longest = max(r.longest, time.Since(start))
}

// run runs a workload with each of the clients, in an order that turns with every round: nobody is always the first.
func (r *rounds) run(ctx context.Context, w workload.Workload, clients []Candidate) {
	clients = slices.Clone(clients)
	if r.number%2 == 1 {
		slices.Reverse(clients)
	}
	for _, c := range clients {
		attempt := c.Name + " " + w.ID
		if c.Missing != "" || c.Declined[w.ID] != "" || r.failed[attempt] || ctx.Err() != nil {
			continue
		}
		result, err := r.plan.one(ctx, c, w)
		if err != nil {
			r.failed[attempt] = true
			r.errs = append(r.errs, err)
			continue
		}
		result.Round = r.number
		r.results = append(r.results, result)
		if r.plan.Progress != nil {
			r.plan.Progress(result)
		}
	}
}

// pair is the first client and the best of its rivals so far.
func (r *rounds) pair(w workload.Workload) []Candidate {
	first := r.plan.Candidates[0]
	best, ok := BestRival(Summarize(r.results), first.Name, w)
	i := slices.IndexFunc(r.plan.Candidates, func(c Candidate) bool { return c.Name == best.Client })
	if !ok || i < 0 {
		return []Candidate{first}
	}
	return []Candidate{first, r.plan.Candidates[i]}
}

// one carries out one run in a process of its own.
func (p Plan) one(ctx context.Context, c Candidate, w workload.Workload) (result measure.Result, err error) {
	args := []string{RunCommand, "--client", c.Name, "--workload", w.ID}
	if p.Records > 0 {
		args = append(args, "--records", strconv.Itoa(p.Records))
	}
	if p.Span > 0 {
		args = append(args, "--span", p.Span.String())
	}
	if w.Kafka {
		args = append(args, "--brokers", strings.Join(p.Brokers, ","))
	}
	cmd := exec.CommandContext(ctx, c.Program, args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	printed, err := cmd.Output()
	if err != nil {
		return result, fmt.Errorf("%s, workload %s: %w\n%s", c.Name, w.ID, err, complaints.Bytes())
	}
	return result, json.Unmarshal(printed, &result)
}
