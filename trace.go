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
	// BatchRetried is called when a batch goes back to the head of its partition to be sent again.
	BatchRetried func(BatchOutcome)
	// RequestDone is called for each Produce request that was answered or lost.
	RequestDone func(RequestOutcome)
	// BrokerConnected and BrokerDisconnected follow the produce connections.
	BrokerConnected    func(broker int32, address string)
	BrokerDisconnected func(broker int32, address string, err error)
	// MetadataUpdated is called after new metadata is in use, with the topics that changed.
	MetadataUpdated func(topics []string)
}

// BatchLeave says what left and why.
type BatchLeave struct {
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
	Topic     string
	Partition int32
	Records   int
	// Offset is the first record's offset, -1 where it is not known.
	Offset   int64
	Attempts int
	// Age is the time since the batch's first record.
	Age time.Duration
	// Err is nil for an acknowledged batch.
	Err error
}

// RequestOutcome says what became of a Produce request.
type RequestOutcome struct {
	Broker   int32
	Batches  int
	Bytes    int
	Latency  time.Duration
	Throttle time.Duration
	Err      error
}
