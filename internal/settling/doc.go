// Package settling finds out what a partition's leader has of a producer's batches, when their answers were lost or the
// broker says that a number does not follow. It stands beside the pipeline: the sender asks ([Inquire], over a control
// connection); [Question.Judge] says what the answer proves, and [Case.Learn] what goes next.
//
// # Why a producer must ask
//
// A broker remembers the last five batches of a producer and recognizes them when they come again. Its snapshot keeps one.
// So after a restart, four of five batches whose answers were lost are refused as out of order (45) although they are in
// the log, and nothing in that answer tells them from a batch that is missing. Clients that take 45 to mean "missing", bump
// their epoch and send again, write those four twice; that is how Java's producer and franz-go have it.
//
// DescribeProducers (KIP-664) tells the last sequence L that the leader has of a producer id and epoch:
//
//		open batches   |  in the log  |  in the log  |  in the log, ends at L  |  not there  |  not there
//		                 oldest                        sent again: recognized     goes on at L+1
//
//	 1. What ends at or before L is in the leader's log. The batch that ends at L is the one that every broker recognizes.
//	    Sent again with acks=all it is answered once the replicas have it, which proves all before it. Without that confirmation
//	    L may be above the high watermark, and lost with this leader.
//	 2. Numbers never change while something may still be under way: a request of a dead connection that a broker reads late is
//	    then a duplicate, and harmless. Only where a number is missing in between (its batch expired, or was refused) the
//	    partition takes its next epoch.
//	 3. Nothing is remembered (the state expired by its records' timestamps, or was truncated): then the log itself is
//	    read back, headers only, from the first record that can be one of theirs to its very end. What is found there is in.
//	    The end is the leader's log end, not the high watermark, so that nothing hides between the two. If retention took some
//	    of that, or may have, because the log begins with nothing older, then nothing can be proven: what is in doubt stays so.
//	    Where nothing was acked yet, a leader that knows nothing is the ordinary case, and no broker forgets within minutes:
//	    there only old records, which it does forget, stay in doubt.
//	 4. A batch that is in without an answer has the offset that its header in the log says, or none: another producer may have
//	    written between, so that counting would be guessing.
//	 5. Acked records are lost only if the log says so: it ends before them, or holds something else in their place. Retention
//	    and compaction explain their absence too, and raise no alarm.
//
// # The stages of a partition
//
//	Settled ──answer lost, number refused──▶ Unsettled ──nothing in flight──▶ Asked
//	   ▲                                         ▲                              │
//	   │                                         └──no answer, other leader─────┤
//	   ├──none or the oldest is in: it goes next────────────────────────────────┤
//	   ├──a number is missing: next epoch───────────────────────────────────────┤
//	   │                                                                        ▼
//	   ├──offsets found, or given up── Locating ◀─▶ Relocating ◀──ack── Confirming (some are in: the newest of them goes again)
//	   │                                                ▲
//	   └──none is recognized: unknown── Guessing ──ack──┘    (who may not ask, and was refused: newest first)
//
// Asking and reading need READ on the topic. Who may only write is told so once; its batches then go again oldest first, and
// when a broker answers 45, which proves that it remembers the producer, newest first until one is recognized: all before
// that one are in. A wrong guess is refused, never appended.
//
// Rejected: asking after every retriable error. What a broker refuses before it appends is not in the log; lost connections,
// errors after an append, changed leaders and refused numbers put a batch in doubt, and nothing else.
package settling
