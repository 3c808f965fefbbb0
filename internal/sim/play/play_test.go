package play

import (
	"io"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
)

// schedules is how many seeds the ordinary tests play; `make sim` plays more.
const schedules = 1000

func TestSchedulesKeepEveryPromise(t *testing.T) {
	last := uint64(schedules)
	if testing.Short() {
		last /= 5
	}
	player := NewPlayer()
	var total Result
	failures := 0
	for seed := uint64(1); seed <= last && failures < 5; seed++ {
		setup, plan := draw.Plan(seed)
		result := player.Play(setup, plan, nil)
		if len(result.Violations) > 0 {
			t.Errorf("seed %d (go run ./internal/sim/simulate -seed %d): %s", seed, seed, result.Violations[0])
			failures++
		}
		total.Add(&result)
	}
	t.Logf("%d schedules: %+v", last, total)
	// What the schedules are for must happen in them.
	if n := int(last); total.Faults < 20*n || total.Records < 50*n || total.Inquiries < n || total.Misnumbered < n/10 || total.Late < n/10 ||
		total.Unknown == 0 || total.NotWritten == 0 || total.Lost == 0 || (total.Alarms == 0 && n >= 1000) { // an alarm is rare
		t.Errorf("little happened in %d schedules: %+v", last, total)
	}
}

func TestTheSameSeedMakesTheSameTrace(t *testing.T) {
	one, other := NewPlayer(), NewPlayer()
	traces := make(map[uint64]bool)
	const seeds = 150
	for seed := uint64(1); seed <= seeds; seed++ {
		setup, plan := draw.Plan(seed)
		a := one.Play(setup, plan, nil)
		setup, plan = draw.Plan(seed)
		b := other.Play(setup, plan, io.Discard)
		if a.Trace != b.Trace || a.Steps != b.Steps {
			t.Errorf("seed %d: traces %x and %x, %d and %d steps", seed, a.Trace, b.Trace, a.Steps, b.Steps)
		}
		traces[a.Trace] = true
	}
	if len(traces) != seeds {
		t.Errorf("%d seeds have %d traces", seeds, len(traces))
	}
}

func TestAPlanCanBeReplacedByAnother(t *testing.T) {
	player := NewPlayer()
	setup, plan := draw.Plan(3)
	with, without := player.Play(setup, plan, nil), player.Play(setup, nil, nil)
	if len(plan) == 0 || with.Faults == 0 || without.Faults != 0 || with.Trace == without.Trace {
		t.Errorf("%d faults of %d, and %d of none", with.Faults, len(plan), without.Faults)
	}
}

func TestAFaultOfAnUnknownKindDoesNothing(t *testing.T) {
	setup, _ := draw.Plan(3)
	strange := fault.Plan{
		{At: 1, Target: fault.Broker(1), Kind: "melt"}, {At: 2, Target: fault.Broker(99), Kind: fault.Kill}, {At: 3, Target: fault.Topic("x"), Kind: fault.Grow},
		{At: 4, Target: fault.Partition("t0", 0), Kind: "melt"}, {At: 5, Target: fault.Topic("t0"), Kind: "melt"}, {At: 6, Target: "moon", Kind: fault.Kill},
	}
	if r := NewPlayer().Play(setup, strange, nil); r.Faults != 0 || len(r.Violations) > 0 {
		t.Errorf("%+v", r)
	}
}
