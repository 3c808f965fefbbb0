// Package fault is the plan of what goes wrong in a run: data, so that a plan can be printed, kept, replayed, and made
// smaller while the run still fails. A plan is JSON lines, one fault a line, in the order of their times:
//
//	{"t":120,"target":"broker/2","kind":"kill","for":300}
//	{"t":180,"target":"partition/t0/1","kind":"error","n":19}
//
// Stage: none. All layers of the simulation read the same plans: the sender's core against the model (package play), the
// whole producer over a simulated network, and real brokers behind a proxy. Each does what it can and leaves out the
// rest; what each kind means is said at the kind, and how a layer does it is the layer's business.
//
// Invariants:
//
//  1. A fault ends by itself, after For, so that any subset of a plan is a plan: Shrink only ever leaves faults out.
//  2. Whoever plays a plan mends everything at its end, so that what does not settle then never will.
//
// Rejected: events in pairs (down, up), of which a subset is a cluster that stays down; a plan drawn while it is played,
// which cannot be made smaller, because whatever is left out changes all that follows.
package fault
