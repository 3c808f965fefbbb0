package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/acl"
	"github.com/omnibus-kafka/omnibus/internal/broker"
)

// idRetryPause is the pause before a producer id is asked for again.
const idRetryPause = 200 * time.Millisecond

// withoutIdempotence is the way out where no producer id is to be had.
const withoutIdempotence = "or set enable.idempotence=false, after which a retry may write a record twice"

// examineIdempotence takes a producer id, without which an idempotent producer sends nothing.
func (e *examination) examineIdempotence(ctx context.Context) []Finding {
	if e.values["enable.idempotence"] != "true" || e.cluster == nil || e.anyConn() == nil {
		return nil
	}
	const check, subject = "idempotence", "producer id"
	answer, err := e.askProducerID(ctx)
	if errors.Is(err, broker.ErrUnsupported) {
		return []Finding{fault{"the broker gives out none: " + err.Error(), "use a cluster that has them (Kafka 0.11 and newer), " + withoutIdempotence}.fails(check, subject)}
	}
	if err != nil {
		return []Finding{fault{err.Error(), "look at the broker's log and at the controller"}.fails(check, subject)}
	}
	code := kerr.ErrorForCode(answer.ErrorCode)
	switch {
	case code == nil:
		return []Finding{pass(check, subject, "the cluster gives them out (%d)", answer.ProducerID)}
	case errors.Is(code, kerr.ClusterAuthorizationFailed):
		return []Finding{fault{
			e.who() + " may have none (CLUSTER_AUTHORIZATION_FAILED)",
			"have IdempotentWrite on the cluster granted: " + e.client.Grant(acl.Cluster(acl.IdempotentWrite)) +
				" (from Kafka 2.8 on, Write on any topic is enough), " + withoutIdempotence,
		}.fails(check, subject)}
	case kerr.IsRetriable(code):
		return []Finding{fault{
			fmt.Sprintf("the brokers put it off for %v: %v", e.timeout, code),
			"look at the controller, which hands out ids, and at the brokers' logs",
		}.fails(check, subject)}
	}
	return []Finding{fault{"the brokers refuse it: " + code.Error(), "look at the brokers' logs, " + withoutIdempotence}.fails(check, subject)}
}

// askProducerID asks until there is an answer that will not change by itself, or the time is up.
func (e *examination) askProducerID(ctx context.Context) (*kmsg.InitProducerIDResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	ticker := time.NewTicker(idRetryPause)
	defer ticker.Stop()
	var last *kmsg.InitProducerIDResponse
	for {
		request := kmsg.NewPtrInitProducerIDRequest()
		request.ProducerID, request.ProducerEpoch = -1, -1
		response, err := e.ask(ctx, e.anyConn(), request)
		if err == nil {
			last = response.(*kmsg.InitProducerIDResponse)
			if !kerr.IsRetriable(kerr.ErrorForCode(last.ErrorCode)) {
				return last, nil
			}
		} else if last == nil || ctx.Err() == nil {
			return nil, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return last, nil
		}
	}
}
