// Package metadata knows the cluster: its brokers, the topics in use, who leads each partition and in which epoch.
// It stands beside the pipeline: fed by the brokers' Metadata answers and by the leader hints of Produce answers
// (KIP-951), read by the partitioner (partition counts), the accumulator and the sender (leaders), and owned by the one
// goroutine that runs [Manager.Run].
//
//	Want, Wait, Refresh, Hint ──▶ Manager.Run ──▶ Client ──▶ control connections
//	                                  │   ▲
//	         Cluster(), OnUpdate ◀────┘   └── answers, checked by decode, laid over the old picture by merge
//
// Invariants:
//
//  1. A [Cluster] is immutable and complete. Readers take it with one atomic load and may keep it; nothing is ever
//     changed in place.
//  2. At most one Metadata request is in flight. Whatever is asked for meanwhile goes into the next one, so a thousand
//     failing partitions cost one request.
//  3. A partition's leader never goes back to an older epoch while the topic keeps its id. Equal epochs are believed
//     in an answer (some services never move the epoch), but a hint must be newer: a stale hint that wins once makes
//     producer and broker play ping-pong. The exception is an epoch that nothing confirms: if staleMax answers in a row are
//     behind it by more than brokers can be, it was a lie, and one lie does not cut a partition off for good.
//  4. What a broker says is checked before it is believed: counts, ports, partition numbers, leaders that nobody has
//     heard of. A bad part is left out and counted; a bad whole is a failed request.
//  5. A known topic does not vanish because one broker, perhaps just restarted, has not heard of it: it takes
//     goneAfter such answers in a row. A vanished topic that lives would stall its records; one that is forgotten
//     too easily has made other clients restart their sequences and lose data.
//  6. Every wait ends by its context, and its error says what the last answer was, from whom, or which addresses were
//     tried and how each failed.
//
// Control connections are separate from the connections that carry records, since a broker serves one request at a time
// per connection: behind a large Produce request a metadata answer would come seconds late, when it is needed most.
//
// Losing every broker leads back to the bootstrap list (KIP-899, KIP-1102). It changes whom the client asks, not what it
// believes: the last picture stays up, since connections that carry records may be alive and well, and the first
// answer of the new conversation replaces it without regard to epochs. Rejected: emptying the picture at once as
// the Java client does, which turns a control-plane outage into one of the data plane.
//
// Rejected: one goroutine per topic look-up, and asking for all topics always: new topics are asked for alone and at
// once, failing ones with those that fail with them, everything only when the picture has grown old.
package metadata
