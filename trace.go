package omnibus

import "time"

// Trace is a set of functions that watch the producer batch by batch, as net/http/httptrace watches a request. Any
// may be nil. They run on the producer's own goroutines, so they must return quickly and must not call the producer;
// none runs once a record. A panic in one is logged and counted.
type Trace struct {
	// BatchLeaves is called when a batch closes and boards a request.
	BatchLeaves func(BatchLeave)
	// BatchDone is called when the fate of a batch is known: acknowledged, failed or given up.
	BatchDone func(BatchOutcome)
	// BatchRetried is called when an attempt failed and the batch waits, where it stands, for another one.
	BatchRetried func(BatchOutcome)
	// RequestDone is called for each Produce request that was answered or lost.
	RequestDone func(RequestOutcome)
	// BrokerConnected and BrokerDisconnected follow the produce connections.
	BrokerConnected    func(broker int32, address string)
	BrokerDisconnected func(broker int32, address string, err error)
	// DataLost is called when a partition was found not to have what it had acknowledged: after an unclean election, or a
	// disk that was put back. It is logged as an error and counted (Stats.DataLosses) as well.
	DataLost func(DataLoss)
	// MetadataUpdated is called after new metadata is in use, with the topics that changed.
	MetadataUpdated func(topics []string)
}

// DataLoss is acknowledged data that its partition no longer has. It is told when the producer comes upon it: when the leader
// refuses a number, has forgotten the producer, or acknowledges a batch at an offset that was taken.
type DataLoss struct {
	// Topic and Partition are where.
	Topic     string
	Partition int32
	// FromOffset is where the log stops being what it was, ToOffset the highest offset that was acknowledged to this
	// producer. Records of others may lie between.
	FromOffset, ToOffset int64
}

// BatchLeave says what left and why.
type BatchLeave struct {
	// Topic and Partition are where the batch goes, Records how many it has, and Bytes its size with its header, before
	// compression unless it was compressed for an earlier attempt.
	Topic     string
	Partition int32
	Records   int
	Bytes     int
	// Reason is one of "full", "linger", "waiter", "flush", "pressure", "company", "close" and "retry".
	Reason string
	// Boarded is the time from the batch's first record to its departure.
	Boarded time.Duration
	// InFlight counts the partition's batches in flight before this one.
	InFlight int
}

// BatchOutcome says what became of a batch.
type BatchOutcome struct {
	// Topic and Partition are the batch's, Records how many it has.
	Topic     string
	Partition int32
	Records   int
	// Offset is the first record's offset, -1 where it is not known.
	Offset int64
	// Attempts counts the requests that carried the batch.
	Attempts int
	// Age is the time since the batch's first record.
	Age time.Duration
	// Err is nil for an acknowledged batch.
	Err error
}

// RequestOutcome says what became of a Produce request.
type RequestOutcome struct {
	// Broker is the broker's id, Batches how many batches the request carried, Bytes the sum of their sizes as they
	// boarded it.
	Broker  int32
	Batches int
	Bytes   int
	// Latency is the time from the hand-over to the connection to the answer; 0 if none came, or none was asked for (acks=0).
	Latency time.Duration
	// Throttle is how long the broker asked to be left alone; 0 for not at all.
	Throttle time.Duration
	// Err is nil for an answered request, whatever the answer said of each batch; else why no answer will come.
	Err error
}
