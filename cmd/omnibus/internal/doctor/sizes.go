package doctor

import (
	"context"
	"fmt"
)

// examineSizes compares the producer's limits with the cluster's, as far as those are known.
func (e *examination) examineSizes(context.Context) []Finding {
	request, _ := number(e.values, "max.request.size")
	batch, _ := number(e.values, "batch.size")
	var findings []Finding
	name, subject := "max.message.bytes", "topic "+e.topic
	limit, known := number(e.topicSettings, name)
	if !known && e.found == nil {
		name, subject = "message.max.bytes", "brokers"
		limit, known = number(e.brokerSettings, name)
	}
	switch {
	case !known:
	case request > limit:
		findings = append(findings, fault{
			fmt.Sprintf("%s is %d and max.request.size %d: records of a size between them are taken by the producer and refused by the brokers (MESSAGE_TOO_LARGE)", name, limit, request),
			fmt.Sprintf("set max.request.size=%d, or raise %s to %d", limit, name, request),
		}.warns("sizes", subject))
	case batch > limit:
		findings = append(findings, fault{
			fmt.Sprintf("%s is %d and batch.size %d: full batches are refused, and split", name, limit, batch),
			fmt.Sprintf("set batch.size to %d or less", limit),
		}.warns("sizes", subject))
	default:
		findings = append(findings, pass("sizes", subject, "max.request.size %d is within %s %d", request, name, limit))
	}
	if socket, known := number(e.brokerSettings, "socket.request.max.bytes"); known && request > socket {
		findings = append(findings, fault{
			fmt.Sprintf("socket.request.max.bytes is %d and max.request.size %d: the brokers close the connection at a larger request", socket, request),
			fmt.Sprintf("set max.request.size to %d or less", socket),
		}.fails("sizes", "brokers"))
	}
	return findings
}
