// Package bufferpool is buffer.memory: the bytes of records that wait, in slabs of 1, 4, 16 and 64 KiB.
//
// Stage 4: fed by the accumulator (stage 5), which asks for a chain of slabs when a batch opens or grows, and by
// whoever returns slabs once the socket is done with them and the batch is resolved; drained by the same; owned by no
// goroutine: one mutex, held for a few hundred nanoseconds per chain.
//
//	arena (64 KiB)   one bit a KiB, set = free; a slab of n KiB is n set bits at a multiple of n
//
//	unit   0       4       8       12      16                              32
//	       ├───────┼─┬─┬─┬─┼───────┼───────┼───────────────────────────────┼─── ...
//	       │ 4 KiB │1│1│·│·│ 4 KiB │ · · · │            16 KiB             │ ·
//	       └───────┴─┴─┴─┴─┴───────┴───────┴───────────────────────────────┴─── ...
//
//	total  ├──── guaranteed: half, in equal shares ────┤├──────── shared: the other half ────────┤
//	       │ broker 1 │ broker 2 │no leader │ callbacks ││  whoever uses more than its own share  │
//
// Invariants:
//
//  1. What an account is charged is the capacity of its slabs, to the byte. The charge of a request depends on its
//     size and hint alone (see plan), never on how the arenas happen to be filled: any free KiB serves any request,
//     because a large slab can be replaced by small ones of the same sum and neighbours merge by themselves.
//  2. used <= total, and held (the arenas' memory) <= total rounded up to 64 KiB.
//  3. An account's own share is its own: a request that fits it waits for nobody, as long as the memory of
//     accounts with a larger share before the last SetAccounts, and of requests above half of total, is back.
//  4. The sum of what accounts use above their shares never exceeds the shared half, with the same exceptions.
//  5. A waiter is overtaken by no later request of its account. Shared memory goes to the accounts with waiters in
//     turn: while one account's oldest waiter needs more of it than is free, no other account gets any, so that a
//     large request gathers what it needs. Accounts within their own shares go on meanwhile.
//  6. A grant is handed to its waiter by whoever freed the memory. A waiter that ends otherwise at that moment gives
//     the grant back.
//
// # Large requests
//
// Up to half of total (what is shared is never less) is certain to be served once the others' use drains. A larger
// one, up to total (MaxRequest), is served when so much happens to be free, out of whoever's share; until then it holds
// up its own account only, and on a busy pool it times out. A larger buffer.memory is the remedy, and the error says so.
//
// # Rejected
//
//   - An arena serves one class until it is empty (tcmalloc's spans): bytes that are free in the wrong class would make
//     a request wait although its account has room, which breaks invariant 3.
//   - Java's pool: one free list of batch.size buffers, all other sizes made and garbage-collected for each batch.
//   - A condition variable or semaphore: woken waiters race with newcomers, and the large request loses every time.
package bufferpool
