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
	a := Answer{
		Answered: true, Code: result.Code,
		Offset: result.BaseOffset, LogAppendTime: result.LogAppendTime,
		Leader: result.LeaderID, Epoch: result.LeaderEpoch,
		Message: result.Message, Errors: slices.Clone(result.Errors),
	}
	if a.Code == Duplicate {
		a.Offset = -1 // it is in the log, but not where this says
	}
	return a
}

// Times tells which answers of a topic have the time that its records have in the log.
type Times struct{ stamped bool }

// LogAppendTime is the broker's time of an accepted batch, or -1 where records keep their own. The answer to a repetition has one whatever the
// topic's rule is (UnifiedLog.append), so that only what is told of others counts.
func (t *Times) LogAppendTime(a *Answer, repeated bool) int64 {
	if !repeated {
		t.stamped = a.LogAppendTime >= 0
	}
	if !t.stamped {
		return -1
	}
	return a.LogAppendTime
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
