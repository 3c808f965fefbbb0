package batch

import (
	"math/rand/v2"
	"testing"
)

func TestOldestWaitingIsTheFirstThatWaitsWhateverHappened(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var l List
	var open []*Batch
	pick := func() *Batch { return open[random.IntN(len(open))] }
	for range 20_000 {
		switch roll := random.IntN(10); {
		case len(open) == 0 || (roll < 3 && len(open) < 50):
			b := New()
			b.Sender.State = Waiting
			l.Add(b)
			open = append(open, b)
		case roll < 6:
			if b := l.OldestWaiting(); b != nil {
				b.Sender.State = InFlight
			}
		case roll < 7:
			l.Wait(pick())
		case roll < 8 && len(open) < 50: // a split: two parts take the place of the whole
			i := random.IntN(len(open))
			whole, first, second := open[i], New(), New()
			first.Sender.State, second.Sender.State = Waiting, Waiting
			l.InsertAfter(whole, first)
			l.InsertAfter(first, second)
			l.Remove(whole)
			open = append(open[:i], append([]*Batch{first, second}, open[i+1:]...)...)
		default:
			i := random.IntN(len(open))
			l.Remove(open[i])
			open = append(open[:i], open[i+1:]...)
		}
		want := l.First(func(b *Batch) bool { return b.Sender.State == Waiting })
		if got := l.OldestWaiting(); got != want {
			t.Fatalf("%p, wanted %p, of %d batches", got, want, len(open))
		}
	}
}
