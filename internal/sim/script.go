package sim

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The requests that a cluster serves, as Request.API names them.
const (
	Produce              int16 = 0
	Fetch                int16 = 1
	ListOffsets          int16 = 2
	Metadata             int16 = 3
	ApiVersions          int16 = 18
	InitProducerID       int16 = 22
	OffsetForLeaderEpoch int16 = 23
	EndTxn               int16 = 26
	DescribeProducers    int16 = 61
)

// Request is a request as a script sees it, and as Requests lists it.
type Request struct {
	// At is when it was read.
	At      time.Time
	Node    int32
	API     int16
	Version int16
	// Number counts the cluster's requests of the same API, from 1.
	Number int
	// Acks and Batches are those of a Produce request.
	Acks    int16
	Batches []Sent

	raw kmsg.Request
}

// Sent is a batch on its way to a partition.
type Sent struct {
	Topic     string
	Partition int32
	// Batch is without records if it cannot be read; Err then says why.
	Batch *Batch
	Err   error
}

// Script decides the fate of requests. It is called by several goroutines at once.
type Script func(Request) Fate

// Fate is what becomes of a request. The zero value serves it.
type Fate struct {
	// Delay lets the request wait before it is served, and those behind it on the connection.
	Delay time.Duration
	// End is how the exchange ends.
	End Ending
	// Throttle is what the answer says as throttle_time_ms.
	Throttle time.Duration
	// Refusal, if set, is answered for each partition (Produce, Fetch, ListOffsets, OffsetForLeaderEpoch, DescribeProducers), topic (Metadata) or
	// as a whole.
	Refusal *Refusal
}

// Ending is how the exchange of a request and its answer ends.
type Ending int

const (
	// Answered is the ordinary end.
	Answered Ending = iota
	// RequestSwallowed serves nothing, and the connection stays silent from then on.
	RequestSwallowed
	// AnswerSwallowed serves the request and those behind it on the connection, whose client hears nothing from then on.
	AnswerSwallowed
	// CutBefore closes the connection before the request is served.
	CutBefore
	// CutAfter closes the connection after the request was served, before its answer.
	CutAfter
)

// Refusal is an error in an answer.
type Refusal struct {
	Code    int16
	Message string
	// Records are the culprits, by their place in the batch (KIP-467).
	Records map[int32]string
	// Leader and LeaderEpoch are the hint of KIP-951; they are left out where Leader is nil.
	Leader      *int32
	LeaderEpoch int32
	// Append appends the batch nevertheless, as with NOT_ENOUGH_REPLICAS_AFTER_APPEND.
	Append bool
	// Only, if set, limits the refusal to some partitions, or topics (partition -1).
	Only func(topic string, partition int32) bool
}

// concerns reports whether the refusal, which may be nil, is for the partition.
func (r *Refusal) concerns(topic string, partition int32) bool {
	return r != nil && (r.Only == nil || r.Only(topic, partition))
}

// Always is the script in which every request of one API has the same fate.
func Always(api int16, fate Fate) Script {
	return func(r Request) Fate {
		if r.API != api {
			return Fate{}
		}
		return fate
	}
}

// First is the script in which the next n requests of one API have the same fate.
func First(n int, api int16, fate Fate) Script {
	var met atomic.Int64
	return func(r Request) Fate {
		if r.API != api || met.Add(1) > int64(n) {
			return Fate{}
		}
		return fate
	}
}
