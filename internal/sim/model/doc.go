// Package model is Kafka's produce path as a pure state machine: what brokers of a cluster accept, refuse, recognize,
// forget, replicate and lose. It has no clock, no goroutine, no lock and no I/O: time is an argument, the same steps
// make the same answers, and nothing depends on the order of a map. It knows batches, not bytes.
//
//	Cluster ── nodes, topics by name and by id, the controller's word about each partition
//	  partition ── leader, epoch, in-sync set
//	    replica ── one broker's copy: log, high watermark, and what the broker believes of the leadership
//	      log ── batches; the producers: epoch, the last five batches of each; snapshots with one batch of each
//
// Stage: none. internal/sim puts the wire before it, so that the whole producer can be run against it; a simulation of
// the sender's core calls it directly. A step is one method call:
//
//	c := model.New(model.Options{Nodes: 3})
//	c.CreateTopic(now, "t", 1, model.TopicOptions{MinInSync: 2})
//	answer := c.Produce(now, 1, &model.ProduceRequest{Acks: -1, Timeout: time.Second, Sent: …})
//	for !answer.Done() && !answer.Lost() { … c.Tick(c.Next()), or any other step … }
//
// Rules, each with the class of Kafka 4.3.1 that it is from. internal/sim/scenario has them as scripts whose answers real
// Kafka gave; the tests of the module test/ give the scripts to real Kafka again.
//
//  1. A batch is checked in this order: topic, leadership, in-sync set (acks=all), size, damage, records, repetition,
//     sequence (Partition, UnifiedLog, LogValidator).
//  2. A leader recognizes a producer's last five batches, by epoch, first and last sequence, and answers with the old
//     offset. Bytes are not compared (ProducerStateEntry).
//  3. After a restart it recognizes one (ProducerStateManager.takeSnapshot): the others are answered OUT_OF_ORDER (45),
//     like a gap.
//  4. A partition that knows nothing of a producer takes any sequence (ProducerAppendInfo.checkSequence, KAFKA-15591).
//     Epochs belong to the partition: a new one begins at sequence 0, an old one is refused (47) even for a repetition.
//  5. A producer is forgotten when the *record* timestamp of its last batch is too old, at a check every ten minutes or
//     at a restart (ProducerStateManager.removeExpiredProducers).
//  6. acks=all waits until the high watermark has passed the batch, or the repeated one. The watermark is the least end
//     of the in-sync set, as the leader knows it, and does not move while the set is too small (Partition).
//  7. A broker that is cut off from the others goes on as before: it may lead in an epoch that is over. What it took
//     meanwhile is cut away when it comes back.
//
// Not modelled: compaction, tiers, quotas (Throttle says what answers say), the eligible leader replicas of KIP-966,
// replicas that move, consumers' groups. Of transactions there is what a producer sees, without their coordinator's log.
//
// Rejected: one log for each partition instead of one for each replica, for then nothing that an election loses can be
// lost; requests as kmsg structs, for the core's simulation would build them only to have them taken apart.
package model
