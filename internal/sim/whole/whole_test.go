package whole

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
)

// The command line: go test ./internal/sim/whole -run Schedules -args -seeds 1000
var (
	seed     = flag.Uint64("seed", 0, "play this seed alone, and print its trace")
	planned  = flag.String("plan", "", "with -seed: the file of another plan of faults, as JSON lines")
	shrink   = flag.Bool("shrink", false, "with -seed: make the plan as small as it still fails")
	from     = flag.Uint64("from", 1, "the first seed")
	seeds    = flag.Uint64("seeds", 0, "how many seeds; 0 for a few, or for as many as -seconds allows")
	seconds  = flag.Float64("seconds", 0, "stop after so many seconds; 0 for no bound")
	twice    = flag.Bool("twice", false, "play each seed twice, and compare the traces")
	failures = flag.Int("failures", 10, "how many seeds may fail before the run is given up")
	quiet    = flag.Bool("quiet", false, "on a violation print its first line alone")
)

// playIn plays a schedule in a bubble of its own.
func playIn(t *testing.T, setup *Setup, plan fault.Plan, text io.Writer) (result *Result) {
	defer watch(setup.Seed)()
	return inBubble(t, func() *Result { return Play(setup, plan, text) })
}

// inBubble calls a function in a bubble.
func inBubble(t *testing.T, play func() *Result) (result *Result) {
	result = new(Result)
	defer func() {
		if v := recover(); v != nil { // the bubble's complaint about goroutines that are left, or a panic
			result.Violations = append(result.Violations, fmt.Sprintf("panic: %v\n%s", v, debug.Stack()))
		}
	}()
	synctest.Test(t, func(*testing.T) { result = play() })
	return result
}

// stuckAfter is how much real time a schedule may take.
const stuckAfter = 5 * time.Minute

// watch ends the process if a schedule takes too long: some goroutine turns round and round, or waits for what is no time.
func watch(seed uint64) (stop func()) {
	timer := time.AfterFunc(stuckAfter, func() {
		debug.SetTraceback("all")
		panic(fmt.Sprintf("seed %d is stuck", seed))
	})
	return func() { timer.Stop() }
}

// shortSchedules is how many seeds the ordinary tests play; `make sim` plays more.
const shortSchedules = 60

func TestSchedulesKeepEveryPromise(t *testing.T) {
	if *seed != 0 {
		one(t)
		return
	}
	count := *seeds
	if count == 0 && *seconds == 0 {
		count = shortSchedules
	}
	total, failed, began := Result{}, []uint64(nil), time.Now()
	played, differ := 0, 0
	for next := *from; count == 0 || next < *from+count; next++ {
		if *seconds > 0 && time.Since(began).Seconds() > *seconds {
			break
		}
		setup, plan := Plan(next)
		result := playIn(t, setup, plan, nil)
		played++
		total.Add(result)
		if *twice {
			if again := playIn(t, setup, plan, nil); again.Trace != result.Trace {
				differ++
			}
		}
		if played%1000 == 0 {
			t.Logf("%d schedules, %d faults, %d records, %d failed", played, total.Faults, total.Records, len(failed))
		}
		if len(result.Violations) > 0 {
			t.Errorf("seed %d: %s", next, result.Violations[0])
			if failed = append(failed, next); len(failed) >= *failures {
				break
			}
		}
	}
	took := time.Since(began)
	t.Logf("%d schedules in %v, %.1f a second; %d faults, %d records; %+v", played, took.Round(time.Millisecond), float64(played)/took.Seconds(),
		total.Faults, total.Records, total)
	if *twice {
		t.Logf("each played twice: %d traces differ", differ)
	}
	if len(failed) > 0 && !*quiet {
		explain(t, failed[0])
	}
	// What the schedules are for must happen in them.
	if len(failed) == 0 && played >= shortSchedules/3 && (total.Faults < 15*played || total.Acked < 500*played || total.Inquiries < int64(played) ||
		total.Unknown == 0 || total.NotWritten == 0 || total.Connections < 4*played) {
		t.Errorf("little happened in %d schedules: %+v", played, total)
	}
}

// sameOf100 is how many of 100 seeds must make the same trace twice; they are more (docs/TESTING.md), and here are few seeds.
const sameOf100 = 50

func TestMostSeedsMakeTheSameTraceTwice(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const seeds = 10
	same := 0
	for seed := range uint64(seeds) {
		setup, plan := Plan(seed + 1)
		a := playIn(t, setup, plan, nil)
		setup, plan = Plan(seed + 1)
		if b := playIn(t, setup, plan, io.Discard); a.Trace == b.Trace {
			same++
		}
	}
	if same < seeds*sameOf100/100 {
		t.Errorf("%d of %d", same, seeds)
	}
}

func TestAGoroutineThatIsLeftIsAViolation(t *testing.T) {
	r := inBubble(t, func() *Result {
		go func() { <-make(chan struct{}) }()
		return new(Result)
	})
	if len(r.Violations) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestAPlanCanBeReplacedByAnother(t *testing.T) {
	setup, plan := Plan(3)
	with, without := playIn(t, setup, plan, nil), playIn(t, setup, nil, nil)
	if len(plan) == 0 || with.Faults == 0 || without.Faults != 0 || with.Trace == without.Trace {
		t.Errorf("%d faults of %d, and %d of none", with.Faults, len(plan), without.Faults)
	}
}

func TestAFaultOfAnUnknownKindDoesNothing(t *testing.T) {
	setup, _ := Plan(3)
	strange := fault.Plan{
		{At: 1, Target: fault.Broker(1), Kind: "melt"}, {At: 2, Target: fault.Broker(99), Kind: fault.Kill}, {At: 3, Target: fault.Topic("x"), Kind: fault.Grow},
		{At: 4, Target: fault.Partition("t0", 0), Kind: "melt"}, {At: 5, Target: fault.Topic("t0"), Kind: "melt"}, {At: 6, Target: "moon", Kind: fault.Kill},
	}
	if r := playIn(t, setup, strange, nil); r.Faults != 0 || len(r.Violations) > 0 {
		t.Errorf("%+v", r)
	}
}

// shrinkMax is how many schedules are played to make a plan smaller.
const shrinkMax = 200

// shrunk is the schedule made as small as it still fails: first its records, then its faults.
func shrunk(t *testing.T, setup *Setup, plan fault.Plan) (*Setup, fault.Plan) {
	fails := func(s *Setup, p fault.Plan) bool { return len(playIn(t, s, p, nil).Violations) > 0 }
	for records := setup.Whole.Records / 2; records > 0; records /= 2 {
		if smaller := *setup; fails(smaller.with(records), plan) {
			setup = &smaller
		}
	}
	return setup, fault.Shrink(plan, shrinkMax, func(p fault.Plan) bool { return fails(setup, p) })
}

// with is the setup with fewer records.
func (s *Setup) with(records int) *Setup {
	s.Whole.Records = records
	return s
}

// one plays a seed with its trace.
func one(t *testing.T) {
	setup, plan := Plan(*seed)
	if *planned != "" {
		text, err := os.ReadFile(*planned)
		if err == nil {
			plan, err = fault.Read(bytes.NewReader(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if *shrink {
		setup, plan = shrunk(t, setup, plan)
	}
	show(t, setup, plan)
}

// explain prints a failed seed in full, made small.
func explain(t *testing.T, seed uint64) {
	setup, plan := Plan(seed)
	setup, plan = shrunk(t, setup, plan)
	show(t, setup, plan)
}

// show plays a schedule and prints it.
func show(t *testing.T, setup *Setup, plan fault.Plan) {
	result := playIn(t, setup, plan, os.Stdout)
	configuration, err := json.Marshal(setup)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("configuration: %s\nplan:\n%v%+v\n", configuration, plan, *result)
	for _, v := range result.Violations {
		t.Errorf("seed %d: %s", setup.Seed, v)
	}
}
