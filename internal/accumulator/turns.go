package accumulator

import (
	"slices"

	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// Turns brings the outcomes of a partition's batches into the order of their records, for the callbacks. As a rule they come
// in that order; but a batch can be refused for good while an older one waits to be tried again, and without idempotence it
// can be acknowledged. Its callbacks then wait for those of the older one. The send loop owns it.
type Turns struct {
	next  int64 // the record whose turn it is
	early []early
}

// early is a batch whose outcome came before its turn.
type early struct {
	batch   *batch.Batch
	outcome batch.Outcome
}

// Pass reports whether it is the batch's turn, and if so passes the turn on. Otherwise it keeps the batch for Next.
func (t *Turns) Pass(b *batch.Batch, o batch.Outcome) bool {
	if b.First != t.next {
		t.early = append(t.early, early{b, o})
		return false
	}
	t.next += int64(b.Count())
	return true
}

// Next returns a batch kept by Pass whose turn has come, and passes the turn on.
func (t *Turns) Next() (*batch.Batch, batch.Outcome, bool) {
	i := slices.IndexFunc(t.early, func(e early) bool { return e.batch.First == t.next })
	if i < 0 {
		return nil, batch.Outcome{}, false
	}
	e := t.early[i]
	t.early = slices.Delete(t.early, i, i+1)
	t.next += int64(e.batch.Count())
	return e.batch, e.outcome, true
}
