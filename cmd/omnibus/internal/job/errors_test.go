package job

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/input"
)

// inFile is the Origin of a source of one file, whose tags are its lines.
func inFile(name string) func(uint64) input.Origin {
	return func(tag uint64) input.Origin { return input.Origin{File: name, Line: tag} }
}

func TestErrorsAreNamedByLineAndRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		printer := &errorPrinter{out: &stderr, origin: inFile("orders.txt")}
		for tag := range uint64(1000) {
			printer.outcome(&omnibus.RecordError{Tag: tag + 1, Topic: "orders", Err: errors.New("lost")})
			<-time.After(3 * time.Millisecond)
		}
		printer.close()
		lines := strings.Count(stderr.String(), "\n")
		if lines < errorsAtOnce+2 || lines > errorsAtOnce+5 {
			t.Errorf("1000 errors within 3 s made %d lines:\n%s", lines, &stderr)
		}
		for _, want := range []string{"orders.txt:1: record for topic", "more errors like these"} {
			if !strings.Contains(stderr.String(), want) {
				t.Errorf("%q is missing:\n%s", want, &stderr)
			}
		}
	})
}

func TestEveryFailureHasAClass(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{omnibus.ErrInvalidRecord, "bad_input"},
		{omnibus.ErrRecordTooLarge, "too_large"},
		{omnibus.ErrDeliveryTimeout, "timeout"},
		{omnibus.ErrBufferFull, "buffer_full"},
		{omnibus.ErrInDoubt, "in_doubt"},
		{omnibus.ErrHalted, "halted"},
		{omnibus.ErrClosed, "closed"},
		{&omnibus.BrokerError{Code: 29}, "topic_authorization_failed"},
		{&omnibus.BrokerError{Code: 9999}, "broker_error_9999"},
		{fmt.Errorf("%w: %w", omnibus.ErrDeliveryTimeout, &omnibus.BrokerError{Code: 19}), "not_enough_replicas"},
		{&omnibus.RecordError{Where: "metadata", Err: errors.New("nobody answers")}, "metadata"},
		{errors.New("something else"), "other"},
	} {
		if got := classOf(&omnibus.RecordError{Where: "in flight", Err: test.err}); got != test.want && classOf(test.err) != test.want {
			t.Errorf("%v: class %q, want %q", test.err, got, test.want)
		}
	}
}
