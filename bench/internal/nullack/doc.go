// Package nullack is a Kafka broker that acknowledges every record at once and keeps none: the other end for measuring
// what a producer costs by itself. It never looks at records; of each batch it reads the header alone, to give its
// records offsets that rise as a real broker's do. It counts what came.
//
// It is meant to run in a process of its own, so that the producer's CPU is measured alone, and to use as little CPU as
// it can, because producer and broker share the machine:
//
//	socket --> 256 KiB of buffer, reused --> sizes, topics, batch headers parsed in place; records skipped
//	       <-- one Write for each answer, in the order of the requests
//
// A buffer of the size of a whole request (1 MiB and more) would be simpler, but its bytes would push the producer's
// out of the shared cache.
//
// It answers ApiVersions, Metadata, InitProducerId and Produce 7 to 13 (the versions that Kafka 2.1 to 4 share with
// today's clients) and closes the connection at anything else. With acks=0 it says nothing, as a broker does. Several
// nodes share the partitions in turn: node n leads partition p if p mod nodes = n.
package nullack
