package idempotence

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/acl"
)

// ProducerID is what the cluster tells producers apart by. The epoch is the first one to use.
type ProducerID struct {
	ID    int64
	Epoch int16
}

// Requester asks any broker of the cluster; metadata/control's Client is one.
type Requester interface {
	// Request returns a broker's response. It may send the request again if a connection breaks.
	Request(ctx context.Context, request kmsg.Request) (kmsg.Response, error)
}

// Fetch gets a new producer id from the cluster (InitProducerId without a transactional id; any broker can answer). It
// tries again through lost connections and errors that pass, after the pause that follows so many failures in a row,
// until ctx ends; its error then holds ctx's and the last failure. An error that will not pass is a *RefusedError, whose text tells what
// client would need.
func Fetch(ctx context.Context, requester Requester, client acl.Client, pause func(failures int) time.Duration) (ProducerID, error) {
	start := time.Now()
	for failures := 1; ; failures++ {
		id, err := fetchOnce(ctx, requester, client)
		if err == nil {
			return id, nil
		}
		if _, refused := errors.AsType[*RefusedError](err); refused {
			return ProducerID{}, err
		}
		timer := time.NewTimer(pause(failures))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			waited := time.Since(start).Round(time.Millisecond)
			return ProducerID{}, fmt.Errorf("no producer id after %v (%w): %w", waited, context.Cause(ctx), err)
		}
	}
}

// fetchOnce makes one attempt.
func fetchOnce(ctx context.Context, requester Requester, client acl.Client) (ProducerID, error) {
	request := kmsg.NewPtrInitProducerIDRequest()
	// Without a transactional id the timeout means nothing; Java sends the same.
	request.TransactionTimeoutMillis = math.MaxInt32
	response, err := requester.Request(ctx, request)
	if err != nil {
		return ProducerID{}, err
	}
	answer, ok := response.(*kmsg.InitProducerIDResponse)
	switch {
	case !ok:
		return ProducerID{}, fmt.Errorf("an InitProducerId request was answered with %T", response)
	case answer.ErrorCode != 0 && passes(answer.ErrorCode):
		return ProducerID{}, fmt.Errorf("InitProducerId: %w", kerr.ErrorForCode(answer.ErrorCode))
	case answer.ErrorCode != 0:
		return ProducerID{}, &RefusedError{Code: answer.ErrorCode, client: client}
	case answer.ProducerID < 0 || answer.ProducerEpoch < 0:
		return ProducerID{}, fmt.Errorf("InitProducerId was answered with id %d and epoch %d, want both from 0 on",
			answer.ProducerID, answer.ProducerEpoch)
	}
	return ProducerID{ID: answer.ProducerID, Epoch: answer.ProducerEpoch}, nil
}

// passes reports the errors that another attempt may cure: those that Kafka calls retriable (14, 15, 16 among them), another
// request of the same kind that is not done (51), and a broker's unexpected error (-1), which Kafka gives while it starts.
func passes(code int16) bool {
	return kerr.IsRetriable(kerr.ErrorForCode(code)) || code == kerr.ConcurrentTransactions.Code ||
		code == kerr.UnknownServerError.Code
}

// RefusedError says that the cluster gives this client no producer id, and will not by being asked again.
type RefusedError struct {
	// Code is the Kafka error code.
	Code int16

	client acl.Client
}

// Error names the broker's error and what to do about it.
func (e *RefusedError) Error() string {
	text := fmt.Sprintf("the cluster gives no producer id: error code %d", e.Code)
	if err := kerr.TypedErrorForCode(e.Code); err != nil && err.Code == e.Code {
		text = "the cluster gives no producer id: " + err.Message
	}
	switch e.Code {
	case kerr.ClusterAuthorizationFailed.Code:
		return text + "; " + e.client.NoID()
	case kerr.TransactionalIDAuthorizationFailed.Code:
		return text + "; " + e.client.Refusal(e.Code, "")
	case kerr.UnsupportedVersion.Code:
		return text + "; idempotence needs Kafka 2.1 or newer, or turn it off (enable.idempotence=false)"
	}
	return text
}

// Unwrap returns the code's *kerr.Error.
func (e *RefusedError) Unwrap() error { return kerr.ErrorForCode(e.Code) }
