package settling

import "time"

const (
	// quarantine is how long a missing number must stay missing before batches that were in doubt are numbered anew: by
	// then a broker that answers has read what it was sent over a connection that is gone.
	quarantine = 5 * time.Second
	// locateMax is how often a leader is asked where proven batches stand, before their offsets are given up.
	locateMax = 5
)

// Stage is how far the settling of a partition has come.
type Stage uint8

// The stages.
const (
	Settled    Stage = iota
	Unsettled        // ask, once nothing is in flight
	Asked            // the answer will come
	Confirming       // the newest batch that is in goes again: the broker recognizes it, and with it all before
	Guessing         // the broker does not tell: newest first, until one is recognized
	Relocating       // some are proven to be in; ask where
	Locating         // that was asked
)

// Case is what is open about the numbers of one partition. Its zero value is settled. The sender owns it.
type Case struct {
	// Stage is how far it has come.
	Stage Stage
	// Ticket is that of the only question whose answer counts.
	Ticket uint64

	refused      bool // a broker said that a number does not follow
	tries        int  // questions that were not answered, in a row
	missing      int32
	missingSince time.Duration // when missing was found to be the last number that the broker has; 0 if it was not
}

// Reopen notes that the log may have batches without our knowing: the leader is asked, or asked again.
func (k *Case) Reopen() {
	k.Stage = Unsettled
	k.Ticket++
}

// Misnumbered notes that a broker refused a number that should follow what it has.
func (k *Case) Misnumbered() {
	k.refused = true
	k.Reopen()
}

// Proven notes that batches were proven to be in, and that it remains to ask where.
func (k *Case) Proven() {
	*k = Case{Stage: Relocating, Ticket: k.Ticket + 1}
}

// Settle ends all doubt.
func (k *Case) Settle() { *k = Case{Ticket: k.Ticket + 1} }

// Due reports whether a question is to be asked.
func (k *Case) Due() bool { return k.Stage == Unsettled || k.Stage == Relocating }

// Ask notes that the question is asked.
func (k *Case) Ask() {
	if k.Stage == Relocating {
		k.Stage = Locating
	} else {
		k.Stage = Asked
	}
}

// Expects reports whether an answer with the ticket counts.
func (k *Case) Expects(ticket uint64) bool {
	return ticket == k.Ticket && (k.Stage == Asked || k.Stage == Locating)
}

// Open is how a partition's batches stand: those that have a number, oldest first, the number that comes after them, whether the
// log may have the oldest, and whether a number is known to be missing.
type Open struct {
	Spans   []Span
	Next    int32
	InDoubt bool
	Gap     bool
}

// Action is what follows from an answer.
type Action uint8

// The actions.
const (
	GoOn     Action = iota // settled: the oldest batch goes next
	AskAgain               // after a pause, or at Step.Until
	AskWhere               // at once, with Question.Locate
	SendAt                 // the batch at Step.At goes again, before older ones
	Renumber               // nothing of what is left is in the log: it takes the next epoch
	GiveUp                 // what is left stays unknown
	Locate                 // the proven batches end with the offsets in the evidence
)

// Step is what the sender does about an answer: first it ends the batches whose offsets are in Acked, then it does Do.
type Step struct {
	Acked []int64
	Do    Action
	At    int
	Until time.Duration
	// Tries counts the questions in a row that were not answered, for the pause before another.
	Tries int
	// Gap says whether a number is missing between what is in and what is not; it holds with GoOn and SendAt.
	Gap bool
}

// Learn says what follows from an answer.
func (k *Case) Learn(now time.Duration, q *Question, e *Evidence, open Open) Step {
	switch {
	case k.Stage == Locating && e.Err != nil && k.tries < locateMax:
		k.tries++
		k.Stage = Relocating
		return Step{Do: AskAgain, Tries: k.tries}
	case k.Stage == Locating:
		return Step{Do: Locate}
	case len(open.Spans) == 0:
		k.Settle()
		return Step{Gap: open.Gap}
	case e.Err != nil:
		k.tries++
		k.Reopen()
		return Step{Do: AskAgain, Tries: k.tries}
	case e.Refused && k.refused:
		return k.Guess(len(open.Spans), open)
	case e.Refused:
		k.Settle() // oldest first, one at a time
		return Step{Gap: open.Gap}
	}
	return k.weigh(now, q, e, open)
}

// weigh says what follows from what a leader has.
func (k *Case) weigh(now time.Duration, q *Question, e *Evidence, open Open) Step {
	v := q.Judge(e, open.Spans, open.Next, k.refused)
	step := Step{Acked: v.Offsets, Gap: v.Gap}
	switch {
	case v.Fenced:
		k.Settle()
		step.Do = GiveUp
	case !e.Remembered && e.Removed && v.In == 0 && open.InDoubt: // it may have been in the log, and gone again
		k.Settle()
		step.Do = GiveUp
	case v.In > 0 && v.Offsets == nil && !v.Confirm: // what it recognizes has expired here: the log itself must prove the rest
		k.Ticket++
		step.Do = AskWhere
	case v.In > 1 && v.Offsets == nil:
		k.Stage = Confirming
		step.Do, step.At = SendAt, v.In-1
	case v.Gap && (v.In == 0 || v.Offsets != nil):
		return k.lack(now, e, open, step)
	default: // at most the oldest is in: it is recognized when its turn comes
		k.Settle()
	}
	return step
}

// lack says what follows when the broker does not have a number that was used: what comes after takes the next epoch.
func (k *Case) lack(now time.Duration, e *Evidence, open Open, step Step) Step {
	last := e.Last
	if !e.Remembered {
		last = -1
	}
	if k.missingSince == 0 || k.missing != last {
		k.missing, k.missingSince = last, now
	}
	if step.Until = k.missingSince + quarantine; open.InDoubt && now < step.Until {
		k.Reopen()
		step.Do = AskAgain
		return step
	}
	k.Settle()
	step.Do = Renumber
	return step
}

// Guess says what goes next where the broker does not tell: the newest of the first n batches. It refuses what does not
// follow, so a wrong guess costs nothing. The oldest was refused before; if none is left, what is in doubt stays so.
func (k *Case) Guess(n int, open Open) Step {
	switch {
	case !open.InDoubt:
		k.Settle()
		return Step{Do: Renumber}
	case n <= 1:
		k.Settle()
		return Step{Do: GiveUp}
	}
	k.Stage = Guessing
	return Step{Do: SendAt, At: n - 1, Gap: open.Gap}
}
