// Package dispatch runs the callbacks of resolved batches, so that a slow one delays nobody but its own partition.
//
// Stage 9: fed by the sender, drained by the user's callbacks, owned by goroutine "callback worker".
//
// The sender submits one [Job] for each resolved batch to the [Lane] of its partition and goes on at once. Workers take
// the lanes that have work in turn, one job of each:
//
//	sender ──Submit──▶ lane 0: [job][job] ─┐
//	                   lane 1: [job]       ├─▶ waiting lanes, first come first served ──▶ worker ──▶ Job.Run
//	                   lane 2: [job][job] ─┘                                         └──▶ worker ──▶ Job.Run
//
// Invariants:
//
//  1. A lane's jobs run in the order of their submission, one at a time: a lane that is being run is not among the
//     waiting ones.
//  2. Every submitted job runs exactly once, also after Close: an outcome that was promised is told.
//  3. While a lane waits, every worker is busy or on its way; and unless WorkersMax is reached, a timer looks for
//     workers that one job has held for longer than HeldMax and adds a worker for each. While no lane waits, no timer
//     runs, and a worker without work ends after IdleMax: an idle producer holds no goroutine here.
//  4. No call made within a callback can wait for that callback: Submit never blocks, Admit exempts workers, and
//     Drain leaves out the lanes whose callbacks are themselves inside Drain.
//  5. No lock is held while a job runs, and Dispatcher.mu and Lane.mu are never held together.
//
// One lock serves all lanes because it is taken twice a batch, not once a record. Rejected: a goroutine for each
// partition (10,000 partitions are 10,000 stacks), a single callback goroutine (one slow callback stops all), and an
// unbounded queue (a slow callback would eat the memory that buffer.memory is meant to bound; hence Admit).
package dispatch
