package test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
)

// The topics of a chaos, and how many partitions each begins with.
const (
	topicSteady = "chaos-steady"
	topicGrown  = "chaos-grown"  // gets more partitions
	topicMortal = "chaos-mortal" // is deleted and made anew

	chaosNodes      = 3
	chaosPartitions = 6
	// growthMax is how many partitions are added in all, so that a topic has no more than a history has room for.
	growthMax = historyPartitions - chaosPartitions
)

// disaster is a thing that happens to a cluster: one fault, or some that belong together.
type disaster func(d *drawnPlan)

// fullDeck has everything, in the proportions of a run. It is dealt out before it is shuffled again, so that no run goes without
// what happens rarely.
func fullDeck() []disaster {
	return []disaster{
		killed, killed, killed, stopped, frozen, frozen, answersLost, answersLost, forgotten, forgotten, rolling,
		swallowed, halfOpen, reset, refused, slow, moved, moved, grown, recreated,
	}
}

// shortDeck is for the run that everybody can wait for.
func shortDeck() []disaster { return []disaster{answersLost, recreated, moved, grown, reset} }

// drawnPlan is a plan while it is drawn.
type drawnPlan struct {
	*rand.Rand
	plan  fault.Plan
	at    int64 // when the next disaster begins, at the earliest
	grown int
}

// drawPlan makes a plan of a seed: the whole deck, over and over, until its time is over; once if that is 0.
//
// The times say what comes how soon after what. A cluster that takes longer to have all replicas in sync again delays all
// that follows.
func drawPlan(seed uint64, deck []disaster, lasts time.Duration) fault.Plan {
	d := &drawnPlan{Rand: rand.New(rand.NewPCG(seed, 1)), at: 2000}
	for once := true; once || d.at < lasts.Milliseconds(); once = false {
		d.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		for _, happens := range deck {
			happens(d)
			d.at += d.within(500, 3000)
		}
	}
	d.plan.Sort()
	return d.plan
}

// within is a time in milliseconds.
func (d *drawnPlan) within(least, most int64) int64 { return least + d.Int64N(most-least+1) }

func (d *drawnPlan) broker() string { return fault.Broker(1 + d.Int32N(chaosNodes)) }

// strike adds a fault after a delay since the disaster's begin.
func (d *drawnPlan) strike(after int64, target string, kind fault.Kind, lasts, n int64) {
	d.plan = append(d.plan, fault.Fault{At: d.at + after, Target: target, Kind: kind, For: lasts, N: n})
}

// over says how long the disaster took.
func (d *drawnPlan) over(lasts int64) { d.at += lasts }

// restart is about how long a broker takes to be in sync again.
const restart = 5000

func killed(d *drawnPlan) {
	lasts := d.within(0, 6000) // before or after the others have noticed
	d.strike(0, d.broker(), fault.Kill, lasts, 0)
	d.over(lasts + restart)
}

func stopped(d *drawnPlan) {
	lasts := d.within(0, 3000)
	d.strike(0, d.broker(), fault.Stop, lasts, 0)
	d.over(lasts + restart)
}

// rolling restarts one broker after the other.
func rolling(d *drawnPlan) {
	for _, node := range d.Perm(chaosNodes) {
		d.strike(0, fault.Broker(int32(1+node)), fault.Stop, d.within(0, 500), 0)
		d.over(restart)
	}
}

func frozen(d *drawnPlan) {
	lasts := d.within(300, 12_000) // a broker that is silent for 3 s loses its partitions, and does not know it when it wakes up
	d.strike(0, d.broker(), fault.Freeze, lasts, 0)
	d.over(lasts)
}

// answersLost is a broker of which no answer arrives, and which then dies.
func answersLost(d *drawnPlan) {
	victim, kind := d.broker(), fault.Kill
	if d.IntN(3) == 0 {
		kind = fault.Stop
	}
	alone := d.within(200, 1500)
	d.strike(0, victim, fault.Swallow, alone+500, 0)
	d.strike(alone, victim, kind, d.within(0, 4000), 0)
	d.over(alone + restart)
}

// forgotten is a broker of which no answer arrives while the others are restarted, and which then dies: whoever takes over knows
// of a producer's last batch alone. Producers that number anew, and send again what they have no answer for, write it twice.
func forgotten(d *drawnPlan) {
	leader := d.IntN(chaosNodes)
	d.strike(0, fault.Broker(int32(1+leader)), fault.Swallow, 40_000, 0) // however long it takes until all are in sync again
	for i := range int64(2) {
		follower := (leader + 1 + int(i)) % chaosNodes
		d.strike(500+i*restart, fault.Broker(int32(1+follower)), fault.Stop, 0, 0)
	}
	d.strike(500+2*restart, fault.Broker(int32(1+leader)), fault.Kill, d.within(0, 4000), 0)
	d.over(4 * restart)
}

func swallowed(d *drawnPlan) {
	lasts := d.within(500, 10_000)
	d.strike(0, d.broker(), fault.Swallow, lasts, 0)
	d.over(lasts)
}

func halfOpen(d *drawnPlan) {
	lasts := d.within(500, 10_000)
	d.strike(0, d.broker(), fault.Blackhole, lasts, 0)
	d.over(lasts)
}

func reset(d *drawnPlan) {
	for after := range d.within(1, 4) {
		d.strike(after*200, d.broker(), fault.Reset, 0, 0)
	}
}

// refused lets nobody connect who is not connected, and then nobody is.
func refused(d *drawnPlan) {
	victim, lasts := d.broker(), d.within(500, 5000)
	d.strike(0, victim, fault.Refuse, lasts, 0)
	d.strike(100, victim, fault.Reset, 0, 0)
	d.over(lasts)
}

func slow(d *drawnPlan) {
	lasts := d.within(1000, 6000)
	d.strike(0, d.broker(), fault.Delay, lasts, d.within(20, 400))
	d.over(lasts)
}

// moved gives some partitions other leaders.
func moved(d *drawnPlan) {
	topics := []string{topicSteady, topicGrown, topicMortal}
	for after := range d.within(2, 5) {
		partition := fault.Partition(topics[d.IntN(len(topics))], d.Int32N(chaosPartitions))
		d.strike(after*100, partition, fault.Move, 0, 1+d.Int64N(chaosNodes))
	}
}

func grown(d *drawnPlan) {
	if d.grown < growthMax {
		d.grown++
		d.strike(0, fault.Topic(topicGrown), fault.Grow, 0, 0)
	}
}

func recreated(d *drawnPlan) {
	d.strike(0, fault.Topic(topicMortal), fault.Recreate, d.within(0, 3000), 0)
	d.over(3000)
}

func TestAChaosIsTheSameForTheSameSeed(t *testing.T) {
	long := drawPlan(7, fullDeck(), 30*time.Minute)
	if !slices.Equal(long, drawPlan(7, fullDeck(), 30*time.Minute)) || slices.Equal(long, drawPlan(8, fullDeck(), 30*time.Minute)) {
		t.Error("a seed makes two plans, or two seeds make one")
	}
	if last := long[len(long)-1].Time(); last < 29*time.Minute {
		t.Errorf("the plan of 30 minutes ends after %v", last)
	}
	again, err := fault.Read(strings.NewReader(long.String()))
	if err != nil || !slices.Equal(long, again) {
		t.Errorf("what is printed cannot be played again: %v", err)
	}
}
