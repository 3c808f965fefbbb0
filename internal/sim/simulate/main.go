// Command simulate plays schedules of the sender's core against the model of the brokers (package play), as many seeds as
// it is asked for, or one of them with all that happens in it.
//
//	go run ./internal/sim/simulate -seeds 100000            # seeds 1 to 100,000
//	go run ./internal/sim/simulate -from 500 -seconds 60    # seeds from 500 on, for a minute
//	go run ./internal/sim/simulate -seed 17                 # that one, with its trace
//	go run ./internal/sim/simulate -seed 17 -plan plan.json # with another plan of faults, as a shrunk one
//
// It ends with status 1 if a promise was broken, after it printed the seed, the configuration, the plan made as small as it
// still fails, and the trace of that.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
	"github.com/omnibus-kafka/omnibus/internal/sim/play"
)

// options are the command line.
type options struct {
	seed, from, seeds uint64
	seconds           float64
	plan              string
	twice, quiet      bool
	shrink            bool
	parallel          int
}

// gcPercent makes garbage wait: a schedule leaves much of it, and next to nothing stays.
const gcPercent = 1000

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 0, "play this seed alone, and print its trace")
	flag.StringVar(&o.plan, "plan", "", "with -seed: the file of another plan of faults, as JSON lines")
	flag.BoolVar(&o.shrink, "shrink", false, "with -seed: make the plan as small as it still fails")
	flag.Uint64Var(&o.from, "from", 1, "the first seed")
	flag.Uint64Var(&o.seeds, "seeds", 0, "how many seeds; 0 for 10,000, or for as many as -seconds allows")
	flag.Float64Var(&o.seconds, "seconds", 0, "stop after so many seconds; 0 for no bound")
	flag.BoolVar(&o.twice, "twice", false, "play each seed twice, and compare the traces")
	flag.BoolVar(&o.quiet, "quiet", false, "on a violation print its first line alone")
	flag.IntVar(&o.parallel, "parallel", runtime.GOMAXPROCS(0), "how many schedules are played at once")
	flag.Parse()
	debug.SetGCPercent(gcPercent)
	if o.seeds == 0 && o.seconds == 0 {
		o.seeds = 10_000
	}
	ok, err := false, error(nil)
	if o.seed != 0 {
		ok, err = one(&o, os.Stdout)
	} else {
		ok, err = many(&o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// one plays a seed with its trace, and reports whether all promises were kept.
func one(o *options, out io.Writer) (ok bool, err error) {
	setup, plan := draw.Plan(o.seed)
	if o.plan != "" {
		file, err := os.Open(o.plan)
		if err != nil {
			return false, err
		}
		defer file.Close()
		if plan, err = fault.Read(file); err != nil {
			return false, fmt.Errorf("%s: %w", o.plan, err)
		}
	}
	player := play.NewPlayer()
	if o.shrink {
		plan = shrunk(player, setup, plan)
	}
	result := player.Play(setup, plan, out)
	return len(result.Violations) == 0, describe(out, setup, plan, &result)
}

// describe prints a schedule and what it came to.
func describe(out io.Writer, setup *draw.Setup, plan fault.Plan, result *play.Result) error {
	configuration, err := json.Marshal(setup)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "configuration: %s\nplan:\n%v", configuration, plan)
	fmt.Fprintf(out, "trace %016x, %d steps, %d requests; %d records: %d acked, %d not written, %d unknown, %d refused\n",
		result.Trace, result.Steps, result.Requests, result.Records, result.Acked, result.NotWritten, result.Unknown, result.Refused)
	for _, v := range result.Violations {
		fmt.Fprintln(out, "VIOLATION", v)
	}
	return nil
}

// run is many schedules under way.
type run struct {
	*options
	next  atomic.Uint64
	until time.Time

	mu struct {
		sync.Mutex
		total  play.Result
		played int
		failed []uint64
		differ int
		hash   uint64
	}
}

// failuresMax is how many seeds may fail before the run is given up.
const failuresMax = 20

// many plays seeds on all processors.
func many(o *options, out io.Writer) (ok bool, err error) {
	r := &run{options: o}
	r.next.Store(o.from)
	began := time.Now()
	if o.seconds > 0 {
		r.until = began.Add(time.Duration(o.seconds * float64(time.Second)))
	}
	var workers sync.WaitGroup
	for range max(o.parallel, 1) {
		workers.Go(r.work)
	}
	workers.Wait()
	took := time.Since(began)
	total := &r.mu.total
	fmt.Fprintf(out, "%d schedules, %d faults (%.1f each), %d records, %d requests (%d read late), %d steps\n", r.mu.played, total.Faults,
		float64(total.Faults)/float64(max(r.mu.played, 1)), total.Records, total.Requests, total.Late, total.Steps)
	fmt.Fprintf(out, "%d acked, %d not written, %d unknown, %d refused; %d answered out of order, %d inquiries; %d lost where that is allowed, %d alarms\n",
		total.Acked, total.NotWritten, total.Unknown, total.Refused, total.Misnumbered, total.Inquiries, total.Lost, total.Alarms)
	if o.twice {
		fmt.Fprintf(out, "each played twice: %d traces differ\n", r.mu.differ)
	}
	fmt.Fprintf(out, "traces %016x; %d violating schedules; %v, %.0f schedules a second\n", r.mu.hash, len(r.mu.failed), took.Round(time.Millisecond),
		float64(r.mu.played)/took.Seconds())
	if len(r.mu.failed) > 0 {
		return false, r.explain(out)
	}
	return r.mu.differ == 0, nil
}

// work plays one seed after another.
func (r *run) work() {
	player := play.NewPlayer()
	for {
		seed := r.next.Add(1) - 1
		if (r.seeds > 0 && seed >= r.from+r.seeds) || (!r.until.IsZero() && time.Now().After(r.until)) {
			return
		}
		setup, plan := draw.Plan(seed)
		result := player.Play(setup, plan, nil)
		differs := r.twice && player.Play(setup, plan, nil).Trace != result.Trace
		if r.count(seed, &result, differs) {
			return
		}
	}
}

// count adds a result to the total, and reports whether enough failed.
func (r *run) count(seed uint64, result *play.Result, differs bool) (enough bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.played++
	r.mu.total.Add(result)
	r.mu.hash += result.Trace * (2*seed + 1) // whatever the order in which they end
	if differs {
		r.mu.differ++
	}
	if len(result.Violations) > 0 {
		r.mu.failed = append(r.mu.failed, seed)
	}
	return len(r.mu.failed) >= failuresMax
}

// shrinkMax is how many schedules are played to make a plan smaller.
const shrinkMax = 2000

// shrunk is the plan made as small as it still fails.
func shrunk(player *play.Player, setup *draw.Setup, plan fault.Plan) fault.Plan {
	return fault.Shrink(plan, shrinkMax, func(p fault.Plan) bool { return len(player.Play(setup, p, nil).Violations) > 0 })
}

// explain prints the failed seeds, and the first of them in full, made small.
func (r *run) explain(out io.Writer) error {
	player := play.NewPlayer()
	for _, seed := range r.mu.failed {
		setup, plan := draw.Plan(seed)
		result := player.Play(setup, plan, nil)
		fmt.Fprintf(out, "seed %d: %s\n", seed, result.Violations[0])
	}
	if r.quiet {
		return nil
	}
	setup, plan := draw.Plan(r.mu.failed[0])
	plan = shrunk(player, setup, plan)
	fmt.Fprintf(out, "\nseed %d, its plan shrunk to %d faults:\n", setup.Seed, len(plan))
	result := player.Play(setup, plan, out)
	return describe(out, setup, plan, &result)
}
