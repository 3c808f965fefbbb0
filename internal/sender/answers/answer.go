// Package answers is what brokers say about batches in a Produce response, and what it means.
package answers

import (
	"slices"

	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// Answer is a broker's word about one batch. Its zero value is that of a broker that left the batch out.
type Answer struct {
	Answered      bool
	Code          int16
	Offset        int64
	LogAppendTime int64
	Leader, Epoch int32 // -1 unless the broker named the partition's leader
	Message       string
	Errors        []wire.RecordError
}

// Of copies what a response says about one partition.
func Of(result *wire.ProduceResult) Answer {
	return Answer{
		Answered: true, Code: result.Code,
		Offset: result.BaseOffset, LogAppendTime: result.LogAppendTime,
		Leader: result.LeaderID, Epoch: result.LeaderEpoch,
		Message: result.Message, Errors: slices.Clone(result.Errors),
	}
}

// Endpoint is where a broker is reached.
type Endpoint struct {
	ID   int32
	Host string
	Port int32
	Rack string
}

// AppendEndpoints appends those that the broker named beside its answers (KIP-951).
func AppendEndpoints(to []Endpoint, resp *wire.ProduceResponse) []Endpoint {
	for _, n := range resp.Nodes {
		to = append(to, Endpoint{n.ID, n.Host, n.Port, n.Rack})
	}
	return to
}
