// Package shape knows what the answers to control requests may look like, so that a generated decoder never sees one
// that it could not afford. It stands before every kmsg ReadFrom of stage 8: broker hands it the bytes of an answer,
// and decodes them only if Check is content. It starts no goroutine and takes no lock.
//
// Why it exists: kmsg (v1.15) holds an array's length against the remaining bytes at one byte an element, whatever an
// element takes once decoded, and obeys the number of tagged fields after the bytes have run out. So an answer of 64 MiB
// becomes gigabytes of empty structures, and one of 78 bytes takes a core for minutes. (Kafka's own client does not even
// bound the frame, KIP-498.)
//
// An answer is described by a structure: its fields in the order of the wire, each with the versions that have it,
// lists with the structure of their elements.
//
//	Metadata  | throttle | brokers: n x | id | host | port | rack | tags | | cluster id | controller | topics: n x …
//	            fixed 4    list           a structure of its own
//
// Invariants:
//
//  1. Check follows the bytes once, keeps none of them, and allocates next to nothing, whatever they are.
//  2. A count is believed only if as many of the smallest possible elements fit into the bytes that remain.
//  3. What decoding will allocate is added up on the way, and refused above the most that an answer of its kind may
//     cost. Fields that nobody knows are kept by kmsg in a map each, hundreds of bytes for two, and count as such.
//  4. An answer ends where its description ends: bytes left over mean that both sides disagree about the format.
//  5. What Check accepts, kmsg decodes without an error (fuzzed). What kmsg lets pass although the schema does not,
//     null for an array or for bytes, passes here too: brokers other than Apache's send it.
//  6. There is no answer without a row in the table. A new control request needs one.
//
// The bytes that are believed of each kind, and why, stand in limits.go.
//
// Rejected: a decoder of our own for every message (they change with each release of Kafka; kmsg follows them, and a
// description here is a few lines), and a limit on the frame alone (it cannot be low enough for the worst answer and high
// enough for the largest honest one).
package shape
