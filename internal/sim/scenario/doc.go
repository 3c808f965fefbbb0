// Package scenario plays scripts of raw requests and faults on a cluster, real Kafka or the simulated one, and writes
// down what it answers. The scripts are the differential test of internal/sim/model: their answers are real Kafka's.
//
// Stage: none. testdata/*.txt are the scripts. The tests of this package play them on internal/sim, those of the module
// test/ on real Kafka; each must give the same answers. With -update the test that plays on real Kafka writes them.
//
//	topic t replicas=1,2,3 min.insync.replicas=2
//	producer P
//	produce t/0 P seq=0 count=2 -> ok offset=0
//	produce t/0 P seq=3 -> OUT_OF_ORDER_SEQUENCE_NUMBER
//	describe t/0 -> P epoch=0 last=1
//
// A line is a command, and " -> " and its answer if it has one. Lines that begin with # are comments. Requests go to
// node 1 unless they say node=N, each on a connection of its own, with no client's logic before them. What differs from
// one cluster to the next is named, not written: topics, ids and producers have the script's own names.
//
// Commands:
//
//	topic NAME [partitions=N] [replicas=A,B] [setting=value]...  creates it
//	recreate NAME                                    deletes it and creates it again; its old id is remembered
//	producer NAME [txn=ID]                           gets a producer id and epoch (InitProducerId)
//	produce TOPIC/N PRODUCER|- [seq= epoch= count=]  one batch, of a producer or of nobody
//	        [age= size= fill= keyless= attributes= damage=] what is in it, and what is wrong with it
//	        [acks= timeout= v= id=old node=]         how it is sent
//	end PRODUCER txn=ID [abort] [epoch=]             EndTxn; epoch=last is the one before the producer's own
//	describe TOPIC/N [node=]                         DescribeProducers
//	offsets TOPIC/N [age= node=]                     ListOffsets: earliest and latest, or of records so young
//	epoch TOPIC/N epoch= [known= node=]              OffsetForLeaderEpoch: where that epoch ends
//	read TOPIC/N from=N [epoch= v= node=]            Fetch; the headers of its batches
//	leader TOPIC/N [node=]                           Metadata: the leader, its epoch, the in-sync set
//	kill|stop|start|pause|resume NODE                SIGKILL, SIGTERM, …; start waits until the broker answers
//	deny TOPIC read|write|describe                   takes that right from everybody
//	trim TOPIC/N before=N                            DeleteRecords
//	await TOPIC/N [leader= isr=A,B end=N] [node=]    waits until the broker says so
//	await TOPIC/N without=PRODUCER                   waits until the producer is forgotten
//	wait DURATION                                    lets time pass
//
// Rejected: a client library as the sender, for it retries, renumbers and hides; answers in Go tables, for then the two
// tests would be two texts.
package scenario
