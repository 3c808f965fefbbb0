package idempotence

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/acl"
)

// script answers requests in turn; the last entry goes on for ever.
type script struct {
	t     *testing.T
	steps []any // an error, an int16 error code, or a ProducerID
	asked int
}

func (s *script) Request(_ context.Context, request kmsg.Request) (kmsg.Response, error) {
	init := request.(*kmsg.InitProducerIDRequest)
	if init.TransactionalID != nil || init.TransactionTimeoutMillis != math.MaxInt32 || init.ProducerID != -1 || init.ProducerEpoch != -1 {
		s.t.Errorf("request %+v, want no transactional id, the longest timeout and no previous id", init)
	}
	step := s.steps[min(s.asked, len(s.steps)-1)]
	s.asked++
	response := kmsg.NewPtrInitProducerIDResponse()
	switch step := step.(type) {
	case error:
		return nil, step
	case kmsg.Response:
		return step, nil
	case int16:
		response.ErrorCode = step
	case ProducerID:
		response.ProducerID, response.ProducerEpoch = step.ID, step.Epoch
	}
	return response, nil
}

// tenth pauses 100 ms for each failure in a row.
func tenth(failures int) time.Duration { return time.Duration(failures) * 100 * time.Millisecond }

func TestFetchGoesOnThroughErrorsThatPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("connection lost")
		s := &script{t: t, steps: []any{lost, int16(14), int16(15), int16(16), int16(51), int16(-1), int16(7),
			ProducerID{ID: -1}, ProducerID{ID: 1, Epoch: -1}, &kmsg.MetadataResponse{}, ProducerID{ID: 4242, Epoch: 7}}}
		start := time.Now()
		id, err := Fetch(t.Context(), s, acl.Client{}, tenth)
		if err != nil || id != (ProducerID{ID: 4242, Epoch: 7}) {
			t.Fatalf("got %+v, %v, want id 4242 and epoch 7", id, err)
		}
		if took := time.Since(start); s.asked != 11 || took != 5500*time.Millisecond {
			t.Fatalf("asked %d times in %v, want 11 in 5.5s", s.asked, took)
		}
	})
}

func TestFetchFailsAtOnceWhenRefused(t *testing.T) {
	for code, want := range map[int16]string{
		31: "CLUSTER_AUTHORIZATION_FAILED; this client lacks IdempotentWrite on the cluster: kafka-acls.sh",
		35: "UNSUPPORTED_VERSION; idempotence needs Kafka 2.1",
		42: "INVALID_REQUEST",
		53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
	} {
		s := &script{t: t, steps: []any{code}}
		_, err := Fetch(t.Context(), s, acl.Client{}, tenth)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Code != code || !strings.Contains(err.Error(), want) || s.asked != 1 {
			t.Errorf("code %d: error %v after %d requests, want %q after one", code, err, s.asked, want)
		}
		if !errors.Is(err, kerr.ErrorForCode(code)) {
			t.Errorf("error %v does not unwrap to the code's", err)
		}
	}
}

func TestFetchEndsWithItsContextAndTellsTheLastFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := Fetch(ctx, &script{t: t, steps: []any{int16(14)}}, acl.Client{}, tenth)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, kerr.CoordinatorLoadInProgress) ||
			!strings.Contains(err.Error(), "no producer id after 1m0s") {
			t.Fatalf("error %v, want the deadline and the last answer", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Fatalf("ended after %v, want 1m", took)
		}
	})
}
