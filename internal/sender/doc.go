// Package sender is stage 7 of the pipeline: fed by the accumulator's inbox, by connections and by metadata; drained by
// the connections' write loops and by the callback lanes; owned by one goroutine, the send loop.
//
// # Decisions and deeds
//
// Package core decides: which batch leaves when, what is tried again, what an answer means. This package does: the loop
// (loop.go) turns what happens into events for the core, and deeds.go carries its decisions out. Only the loop's goroutine
// calls the core, so the core needs no lock.
//
//	accumulator --news----+                         +--> seal, number   (batch)
//	metadata ----leaders--+     +---------------+   +--> compress       (workers)
//	connections --answers-+---> |   core.Core   | --+--> send           (broker.Conn)
//	timer --------time----+     +---------------+   +--> resolve        (results, callbacks)
//	callers -flush, close-+                         +--> connect, refresh metadata
//
// 1. Nothing on the loop blocks: dialing, fetching a producer id and compressing have goroutines of their own, and report
// with an event. Requests are handed to connections, which queue them.
//
// 2. Events go before news: a partition is made known by an event that was posted before its first record could board.
//
// 3. A request belongs to its connection from Produce to Done, and to the core before and after.
package sender
