// Package wire encodes and parses by hand what the producer touches once a record or once a batch: variable-length
// integers, the record, the record batch's header, and the Produce request and response. Every other message is
// rare and comes from a generated library. Stage 6 (batch) writes records and seals headers with it; stage 8 (broker)
// writes requests and reads responses. It starts no goroutine, takes no lock and imports the standard library alone.
//
// A Produce request on its way out, and who owns which bytes:
//
//	| frame length, request header, topic, partition, records length | batch header | slab | slab | tags …
//	  encoder's scratch                                                copied (61 B)  views, or copied if < 1 KiB
//
// Invariants:
//
//  1. Encoding a record costs one copy: Record.Size says exactly how long it will be, the caller reserves that room,
//     AppendRecord fills it. Nothing is encoded first and measured afterwards.
//  2. null and empty stay apart in both directions: a nil slice is null, a slice of length 0 is empty.
//  3. A Reader never trusts a length. A count is held against the bytes that remain before anybody allocates for it,
//     so that no input makes the parser allocate more than a small multiple of the input's own length. What a Produce
//     answer makes it keep has bounds of its own.
//  4. What a Reader returns is a view of its input, valid as long as the input is left alone; strings are copies.
//  5. In the steady state neither direction allocates: the encoder keeps its scratch and its list of pieces, the
//     response keeps its slices.
//
// Rejected: generating Produce as well. Generated encoders take the records as one contiguous slice, which would
// copy every batch once more, and return a tree with one allocation a partition.
//
// The formats are those of Apache Kafka's ProduceRequest.json, ProduceResponse.json, RequestHeader.json and
// DefaultRecord, DefaultRecordBatch and ByteUtils in org.apache.kafka.common.
package wire
