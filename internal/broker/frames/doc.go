// Package frames reads what a broker sends, frame by frame: a length, a correlation id, and the answer. It is a part of
// stage 8: fed by a connection's socket, drained by whoever knows which answer is due. A Reader belongs to one goroutine at
// a time; Connect has it first, then the read loop.
//
//	| length | correlation id | answer …     | length | correlation id | answer …
//	  Wait     Take: held against Due, then    Wait …
//	           read to its end
//
// Invariants:
//
//  1. Whose answer a frame can be is decided by its first eight bytes. No more of it is waited for, or made room for, if it
//     is nobody's.
//  2. Room is made as bytes come, not as a length says. What the buffers of all of a producer's connections take beyond the
//     ordinary has one bound, [LargeBytesMax]: the limit for one answer alone would let many brokers multiply it.
//  3. An answer that is taken to be kept is never read over.
//
// Rejected: waiting for room instead of failing, where all connections together want too much. Honest brokers do not come
// near the bound, and a hostile one could make all others wait.
package frames
