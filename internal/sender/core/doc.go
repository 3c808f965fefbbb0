// Package core decides what the sender does, and does none of it: it has no clock, no channel and no I/O. Each method that
// takes the time is a step: it is told an event, and calls the Effects that it decided on. The same events at the same
// times make the same effects, so any interleaving can be a script (testdata/*.txt) or be replayed from a seed.
//
// # The order of a partition
//
// A lane is a partition as the sender sees it: the list of its batches whose end is open, oldest first.
//
//	lane.batches:  [ in flight | in flight | waiting (retry) | waiting | waiting, still boarding ]
//	                  oldest                                              newest
//
// 1. Nothing in this list ever moves. A batch that must be sent again changes its state from in flight to waiting where
// it stands. So a retry cannot reorder: there is no queue to put it back into.
//
// 2. The first waiting batch leaves next. None leaves past it but the probe (settle.go), which was sent before. While a
// batch in front waits to be sent again and younger ones are still in flight, nothing leaves: their answers come first.
//
// 3. One batch in flight after a start, a change of leader or epoch, a long pause, or a batch of old records, and while
// anything is being sent again; else up to max.in.flight. (KAFKA-15591: the first batch goes alone.)
//
// # When a batch leaves
//
// Its size is reached ("full"): batch.size while nothing of the partition is in flight, four times as much for each
// batch in flight, up to BatchBytesMax. Or its linger is over. Or somebody waits for it (Send, Wait, Flush, memory) and
// nothing of the partition is in flight. Or it is a retry whose backoff is over, or the producer closes. A request that
// leaves takes along what would have left within a quarter of the linger ("company"). While a crowd of small batches is on its way to
// a broker, the next request waits for an answer, for a moment (Config.Crowd).
//
// # Numbering
//
// The core alone assigns sequences, when a batch departs, from the partition's idempotence.Numbering. A batch keeps its
// number for all retries. When a number was used up by a batch that ended without being in the log, the lane has a gap:
// nothing leaves until nothing is in flight and the oldest batch is not in doubt, then it goes on with the partition's next
// epoch. (What stands behind a batch that is not in the log cannot be there either: a broker takes no sequence before the
// one in front of it.) When an answer is lost, or says that a number does not follow (45), the lane settles (settle.go,
// package settling): the leader is asked what it has. Nothing is sent again under another number before that is known.
package core
