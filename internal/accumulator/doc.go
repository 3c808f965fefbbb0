// Package accumulator is stage 5 of the pipeline: fed by Enqueue on the callers' goroutines, drained by the send loop,
// owned by nobody alone: each partition has a lock of its own, held for the time of one copy.
//
// # The bus stop
//
// A Partition keeps the one batch that is boarding. Everything older belongs to the sender (see the package doc of
// sender: the order of a partition is a list there in which nothing ever moves). What the sender must hear of is left
// in the partition's mailbox, and the partition is put on the list of those with news:
//
//	Append: lock partition -> room? -> record boards -> unlock
//	            | no room                  | first record of a batch: SignalFresh
//	            v                          | batch reached its size:  SignalFull   (once a batch)
//	        unlock, take slabs             | somebody waits:          SignalWaiter
//	        from the pool (may wait),      v
//	        lock again, look again     mailbox -> inbox of the send loop, which sleeps until then
//
// 1. The partition's lock and the pool's are never held together, and no lock is held over a wait.
//
// 2. An Append that returned before another began stands before it: the batch it boarded is the last one, and batches
// are announced in the order of their first records because the mailbox is filled under the partition's lock.
//
// 3. Only what is new is told: one message for a batch's first record, one when it reaches the size that Partition.
// SetReady named. Records in between cost the copy and nothing else.
//
// # Rejected
//
// Java's RecordAccumulator keeps the whole deque here and has the sender scan all partitions in every pass: with 10,000
// partitions that scan is what the client does all day.
package accumulator
