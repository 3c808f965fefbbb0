package metadata

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omnibus-kafka/omnibus/internal/acl"
)

// ErrClosed is the error of waits on a Manager whose Run has returned.
var ErrClosed = errors.New("metadata: the manager has stopped")

// TopicError says why a topic, or a partition of it, could not be had. It unwraps to the context's error, if the wait
// ended by it, and to the cause: the *kerr.Error of the last answer, or an *control.UnreachableError.
type TopicError struct {
	Topic string
	// Partition is the partition that was waited for, or -1.
	Partition int32
	// Partitions is how many partitions the topic is known to have; 0 if it is not known.
	Partitions int
	// Waited is how long the caller waited.
	Waited time.Duration
	// Code is the Kafka error code of the last answer about the topic, from From; 0 if there was none.
	Code int16
	From string
	// Ended is the context's error, or nil if waiting could not have helped.
	Ended error
	// Cause is the last failure of a Metadata request, or nil if the last one was answered.
	Cause error

	client acl.Client
}

// Error says what is missing, for how long it was waited for and what ended the wait, what was heard last and what to do.
func (e *TopicError) Error() string {
	if e.Ended == nil && e.Code != 0 {
		return fmt.Sprintf("topic %q: %s from %s%s", e.Topic, codeName(e.Code), e.From, e.advice())
	}
	if int(e.Partition) >= e.Partitions && e.Partitions > 0 {
		return e.noPartition()
	}
	if e.Ended == nil && e.Cause != nil {
		return fmt.Sprintf("topic %q cannot be looked up: %v", e.Topic, e.Cause)
	}
	missing := fmt.Sprintf("topic %q not present in metadata after %v", e.Topic, e.waited())
	if e.Ended != nil {
		missing += fmt.Sprintf(" (%v)", e.Ended)
	}
	switch {
	case e.Cause != nil:
		return fmt.Sprintf("%s: %v", missing, e.Cause)
	case e.Code != 0:
		return fmt.Sprintf("%s: last answer %s from %s%s", missing, codeName(e.Code), e.From, e.advice())
	}
	return missing + ": no answer about it yet"
}

// noPartition is Error for a topic that has fewer partitions than were asked for.
func (e *TopicError) noPartition() string {
	text := fmt.Sprintf("partition %d of topic %q does not exist: it has %d (0 to %d)", e.Partition, e.Topic, e.Partitions, e.Partitions-1)
	if e.Waited > 0 {
		text += fmt.Sprintf(", and got no more within %v", e.waited())
	}
	if e.Cause != nil {
		return fmt.Sprintf("%s, while metadata could not be had: %v", text, e.Cause)
	}
	return text + "; name one of these, or add partitions, for example with kafka-topics.sh --alter --partitions"
}

// waited is Waited without digits that nobody reads.
func (e *TopicError) waited() time.Duration {
	if e.Waited > time.Second {
		return e.Waited.Round(100 * time.Millisecond)
	}
	return e.Waited.Round(time.Millisecond)
}

// advice is what the user can do about the code.
func (e *TopicError) advice() string {
	switch e.Code {
	case kerr.UnknownTopicOrPartition.Code:
		return "; it does not exist, and the brokers do not create it by themselves (auto.create.topics.enable): create it, " +
			"for example with kafka-topics.sh --create --topic " + e.Topic
	case kerr.LeaderNotAvailable.Code:
		return "; it was just created or has lost its leaders: look at the brokers that hold it"
	case kerr.InvalidTopicException.Code:
		return "; names have 1 to 249 characters of a-z, A-Z, 0-9, '.', '_' and '-'"
	case kerr.TopicAuthorizationFailed.Code:
		return "; " + e.client.NoTopic(e.Topic)
	}
	return ""
}

// Unwrap returns the context's error, the code's error and the cause, those that there are.
func (e *TopicError) Unwrap() []error {
	var errs []error
	if e.Ended != nil {
		errs = append(errs, e.Ended)
	}
	if err := kerr.ErrorForCode(e.Code); err != nil {
		errs = append(errs, err)
	}
	if e.Cause != nil {
		errs = append(errs, e.Cause)
	}
	return errs
}

// codeName is a code as Kafka spells it.
func codeName(code int16) string {
	err := kerr.TypedErrorForCode(code)
	if err == nil {
		return "NONE"
	}
	if err.Code != code {
		return fmt.Sprintf("error code %d", code)
	}
	return err.Message
}

// ended is the error of a wait that its context ended before any answer came.
func ended(ctx context.Context, waited time.Duration, cause error) error {
	if cause == nil {
		return fmt.Errorf("no metadata after %v: %w", waited.Round(time.Millisecond), context.Cause(ctx))
	}
	return fmt.Errorf("no metadata after %v (%w): %w", waited.Round(time.Millisecond), context.Cause(ctx), cause)
}
