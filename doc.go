// Package omnibus is a producer for Apache Kafka: it gets records to the partitions of a cluster, in order and without
// duplicates of its own, in bounded memory and bounded time, and tells what became of every one of them.
//
//	p, err := omnibus.Open(ctx, omnibus.Config{Brokers: []string{"localhost:9092"}})
//	if err != nil {
//		return err
//	}
//	defer p.Close()
//	ack, err := p.Send(ctx, omnibus.Record{Topic: "orders", Key: key, Value: value})
//
// A [Producer] is safe for concurrent use and made to be shared: one for a program is right, and many goroutines that share
// it fill its batches faster than many producers would.
//
// # A verb for each thing to wait for
//
//	Send         waits for the broker                     the outcome
//	SendAll      waits for the broker, for many records   the outcomes, in the order of the records
//	Enqueue      waits for room                           a Delivery, to wait on later or to ignore
//	EnqueueFunc  waits for room                           a callback
//	TryEnqueue   waits for nothing                        a Delivery, or ErrBufferFull, or ErrMetadataPending
//
// Java's send() is Enqueue. A record that somebody waits for (Send, [Delivery.Wait], [Producer.Flush]) does not linger; one
// that nobody waits for may, for up to [Config.Linger], to share its batch. Room is a share of [Config.BufferBytes], and
// for the first record of a topic also its metadata; the wait for both is bounded by [Config.MaxBlock] and the context.
//
// [ForTopic] makes a [TopicProducer] of keys and values with types, over the same Producer; package serde has the
// serializers. [Config.Interceptors] see every record before it is serialized and its outcome before the callback does.
//
// # The contract
//
//   - An error from Enqueue, EnqueueFunc or TryEnqueue means that the record was never accepted, and no callback will come.
//     nil means that it was accepted, and exactly one outcome will be told, once.
//   - A context bounds the caller's wait and nothing else. When it ends first, Send and Wait return a [*PendingError], which
//     is no outcome: the record goes on, until [Config.DeliveryTimeout] at the longest.
//   - Key, value and headers belong to the caller again as soon as the call returns. The record is never changed.
//   - If Enqueue(a) returned before Enqueue(b) was called, and both went to one partition, a stands before b in the log.
//     Retries do not change that. If a fails for good, b goes on, unless [Config.HaltOnFailure] says otherwise.
//   - There are three outcomes. Acknowledged: an [Ack] with the offset. Not written: an error for which [NotWritten] is
//     true, so that sending the record again cannot duplicate it. Unknown: an error for which [Unknown] is true; the broker
//     may have the record. Every one of these errors is a [*RecordError] that names the stage, the attempts and the cause.
//   - A failure that nobody looks at is not lost: [Config.OnFailure], [Config.Logger] and [Producer.Stats] see it.
//   - Close sends what was accepted, waits for all outcomes and callbacks for up to [Config.CloseTimeout], and says in its
//     error how many records it had to give up. It leaves no goroutine behind.
//
// # What is guaranteed, and by whom
//
// With the zero [Config] a record is acknowledged when every in-sync replica of its partition has it in memory. How many
// replicas that are is the topic's business: with min.insync.replicas=1 the leader alone may be all of them, so three
// replicas, min.insync.replicas=2 and no unclean leader election are what makes an acknowledged record survive the loss of
// a broker. Kafka does not wait for its disks; it relies on replicas that do not fail in the same moment.
//
// Idempotence (on by default) keeps retries from writing a record twice or out of order. It covers what one Producer
// sends, from Open to Close; it does not recognize a record that the application sends again. Where a broker and the
// producer disagree about what was written, the outcome is unknown, never guessed. With [AcksLeader] and [AcksNone] there is
// no idempotence, and acknowledged records can be lost.
//
// # The pipeline
//
// A record meets these stages in this order. Each is a package, and its package comment is its design.
//
//	caller's goroutine                                       send loop               connection's loops    workers
//	-------------------------------------------------------  ----------------------  --------------------  ------------
//	1 Interceptor.Before
//	2 Serializer (typed topics)
//	3 partitioner: explicit, hash of the key, or sticky
//	4 bufferpool: room, in slabs of 1 to 64 KiB
//	5 accumulator: the partition's batch boards it ───news─▶ 7 sender: when, where
//	6 batch: its bytes in their final form, the only copy      to, in which order ─▶ 8 broker: write loop
//	                                                             ▲                     │ socket
//	                                                             └───answer─────────── read loop
//	                                                             └───outcome──────────────────────────────▶ 9 dispatch:
//	                                                                                                          callbacks
//
// A batch leaves when it is full, when its linger is over, when somebody waits for it, when memory is short, or along with
// one that leaves; one whose partition has requests in flight grows meanwhile, because it could not leave any sooner. One
// goroutine, the send loop, decides all of that, and the order of a partition is a list there in which nothing ever moves.
//
// # Configuration
//
// The zero value of every field of [Config] is its default, and the defaults are those of Kafka's Java producer. Each
// field names its Java setting; [ParseProperties] and [Config.Set] take those names, so that a producer.properties file
// works as it is. The same key goes to the same partition as with Java's client; see [Partitioner] for those of others.
//
// Brokers from Kafka 2.1 on are supported, and whatever speaks their protocol.
//
// # Where to read on
//
// docs/MAP.md finds things in the source, docs/NON-OBVIOUS.md answers what is asked twice, docs/OWNERSHIP.md says which
// goroutine may touch what, docs/adr has the decisions and what was rejected.
package omnibus
