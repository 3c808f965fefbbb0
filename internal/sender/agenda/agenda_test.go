package agenda

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestEntriesComeInTheOrderInWhichTheyAreDue(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var a Agenda[time.Duration]
	var wanted []time.Duration
	for i := range 5000 {
		if due := time.Duration(i/2 + random.IntN(50)); random.IntN(3) > 0 || a.Len() == 0 {
			a.Add(due, due)
			wanted = append(wanted, due)
			continue
		}
		slices.Sort(wanted)
		if due, what := a.First(); due != wanted[0] || what != due {
			t.Fatalf("step %d: %d is due at %d, wanted %d", i, what, due, wanted[0])
		}
		a.Drop()
		wanted = wanted[1:]
	}
	if a.Len() != len(wanted) || len(wanted) < 1000 {
		t.Errorf("%d entries are left, wanted %d", a.Len(), len(wanted))
	}
}

func TestKeepTakesOffWhatIsNotWanted(t *testing.T) {
	var a Agenda[int]
	for i := range 100 {
		a.Add(time.Duration(i*37%100), i*37%100)
	}
	a.Keep(func(what int) bool { return what%3 == 0 })
	for i := 0; i < 100; i += 3 {
		if due, what := a.First(); due != time.Duration(i) || what != i {
			t.Fatalf("%d is due at %d, wanted %d", what, due, i)
		}
		a.Drop()
	}
	if a.Len() != 0 {
		t.Errorf("%d entries are left", a.Len())
	}
}
