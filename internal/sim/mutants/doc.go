// Package mutants keeps deliberate bugs, to see that the simulation finds them: a checker that passes them is broken. Each
// is a file of testdata: what is wrong with it, and what it puts in the place of what in the sources.
//
//	# An answer of 45 is taken to mean that the batch is missing.
//	@ internal/sender/core/answer.go
//	<<<<
//	the text as it stands there, once
//	====
//	the bug
//	>>>>
//
// What the simulation of the core cannot see, because it plays that part itself, names the tests that do, in a line before
// the first place:
//
//	$ go test -run TestCloseWaitsForCallbacks .
//
// Stage: none. Every run of the tests sees that the texts are there: a source that drifts away from its mutant fails the
// test, and the mutant is written anew. `make sim-mutants` builds internal/sim/simulate with each of them laid over
// (go build -overlay) and wants a violation within 1,000 schedules, or a failure of the tests that it names.
//
// Rejected: mutants drawn by a tool, of which most change nothing that can be seen, so that nobody looks at those that
// survive; switches in the sources, which would be there in production too.
package mutants
