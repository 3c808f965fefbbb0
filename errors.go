package omnibus

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/sender/core"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Errors that a call returns by themselves or inside a RecordError; compare with errors.Is. Each text ends with what
// to do about it.
var (
	// ErrClosed: the producer was closed before or while the call was made.
	ErrClosed = errors.New("producer is closed: open a new one to send more")
	// ErrBufferFull: buffer.memory is used up and nothing was freed within max.block.ms (or at once, for TryEnqueue).
	ErrBufferFull = errors.New("buffer.memory is full: brokers take records more slowly than they are enqueued; slow down, raise Config.BufferBytes or look for a broker that is away")
	// ErrMetadataPending: TryEnqueue met a topic nobody asked for before. Its look-up has begun; try again soon.
	ErrMetadataPending = errors.New("the topic's metadata is being fetched: try again, or name the topic in Config.Topics to have it fetched at start")
	// ErrRecordTooLarge: the record alone exceeds max.request.size or half of buffer.memory, or the topic refused it.
	ErrRecordTooLarge = core.ErrTooLarge
	// ErrDeliveryTimeout: delivery.timeout.ms passed before the broker's answer came.
	ErrDeliveryTimeout = core.ErrDeliveryTimeout
	// ErrCallbacksBehind: so many callbacks of this partition wait to run that EnqueueFunc had to wait for them longer
	// than max.block.ms.
	ErrCallbacksBehind = errors.New("callbacks of this partition are too far behind: make them faster, or hand their work to goroutines of your own")
	// ErrHalted: Config.HaltOnFailure is set and an earlier record of this partition failed for good.
	ErrHalted = core.ErrHalted
	// ErrInDoubt: the broker lost track of the producer's numbering, so whether it has the record cannot be told.
	ErrInDoubt = core.ErrInDoubt
	// ErrInvalidRecord: the record itself cannot be sent as it is; the text names the field.
	ErrInvalidRecord = errors.New("invalid record")
	// ErrPanic: code of the application (serializer, interceptor, partitioner) panicked while it handled the record.
	ErrPanic = errors.New("application code panicked")
)

// RecordError is the error of one record that was accepted or refused: what happened, how often it was tried and
// whether the broker may have it. Every error that a callback, Delivery.Wait, Send, SendAll or Config.OnFailure
// receives for a record is a *RecordError.
type RecordError struct {
	// Topic is the record's topic, as the caller or an interceptor named it.
	Topic string
	// Partition is the record's partition, or -1 if none had been chosen yet.
	Partition int32
	// Tag is Record.Tag.
	Tag uint64
	// Attempts counts the requests that carried the record to a broker.
	Attempts int
	// Waited is the time from when the record was accepted to its outcome; 0 for a record that was never accepted.
	Waited time.Duration
	// Where names the stage that the record was in: "metadata", "buffer", "queue", "in flight", "serializer", …
	Where string
	// Err is the cause: one of the package's errors, a *BrokerError, a connection's error or a context's.
	Err error

	// notWritten is set only on proof, so that the zero value is the cautious one.
	notWritten bool
	source     *recordSource
}

// Error names the record, what happened to it and whether it may be in the log.
func (e *RecordError) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "record for topic %.249q", e.Topic) // what is refused as a name may be of any length
	if e.Partition >= 0 {
		fmt.Fprintf(&s, " partition %d", e.Partition)
	}
	if e.notWritten {
		s.WriteString(" was not written")
	} else {
		s.WriteString(" may or may not have been written")
	}
	if e.Where != "" {
		fmt.Fprintf(&s, " (%s", e.Where)
		if e.Waited > 0 {
			fmt.Fprintf(&s, " for %v", e.Waited.Round(time.Millisecond))
		}
		switch {
		case e.Attempts == 1:
			s.WriteString(", 1 attempt")
		case e.Attempts > 1:
			fmt.Fprintf(&s, ", %d attempts", e.Attempts)
		}
		s.WriteString(")")
	}
	fmt.Fprintf(&s, ": %v", e.Err)
	return s.String()
}

// Unwrap returns Err.
func (e *RecordError) Unwrap() error { return e.Err }

// NotWritten reports whether it is certain that the record is not in the log.
func (e *RecordError) NotWritten() bool { return e.notWritten }

// Record returns the failed record, so that it can be kept elsewhere. It is there only while the callback or
// Config.OnFailure that received the error runs, and for records that were accepted; its bytes are valid no longer
// than that. The second result is false at any other time.
func (e *RecordError) Record() (Record, bool) {
	if e.source == nil {
		return Record{}, false
	}
	return e.source.read()
}

// NotWritten reports whether err proves that the record is not in the log, so that sending it again cannot duplicate
// it. It is false for nil and for every error that proves nothing.
func NotWritten(err error) bool {
	var record *RecordError
	return errors.As(err, &record) && record.notWritten
}

// Unknown reports whether err tells the outcome "unknown": the record was accepted and sent, no proof came in time,
// and the broker may have it. A PendingError is no outcome, so it is not Unknown.
func Unknown(err error) bool {
	var record *RecordError
	return errors.As(err, &record) && !record.notWritten
}

// PendingError is what Send and Delivery.Wait return when their context ends first. It tells no outcome: the record
// goes on, and Delivery can be waited on again.
type PendingError struct {
	// Delivery is the record's delivery, still open when the context ended.
	Delivery Delivery
	// Err is the context's cause.
	Err error
	// Trouble is what keeps the record, as far as the producer knew at that moment: its broker cannot be reached, the
	// last attempt was refused, an answer is late. It is nil where nothing was wrong and the wait just short.
	Trouble error
}

// Error says that the wait ended and the record did not, and what keeps it.
func (e *PendingError) Error() string {
	text := fmt.Sprintf("the wait ended before the outcome, the record goes on: %v", e.Err)
	if e.Trouble != nil {
		text += fmt.Sprintf("; so far: %v", e.Trouble)
	}
	return text
}

// Unwrap returns the context's cause, so that errors.Is(err, context.DeadlineExceeded) works.
func (e *PendingError) Unwrap() error { return e.Err }

// BrokerError is a broker's refusal, in the broker's own words where it sent any.
type BrokerError struct {
	// Code is Kafka's error code.
	Code int16
	// Message is what the broker added to the code; often empty.
	Message string

	rights string // what the code says about the client's rights
}

// refusal is a broker's answer about a topic.
func (s *settings) refusal(topic string, code int16, message string) error {
	return &BrokerError{Code: code, Message: message, rights: s.connection.Client.Refusal(code, topic)}
}

// Error gives the name, code and meaning of the refusal, and the broker's words.
func (e *BrokerError) Error() string {
	text, name := fmt.Sprintf("broker answered error %d", e.Code), ""
	if known := kerr.TypedErrorForCode(e.Code); known != nil {
		name = known.Message
		text = fmt.Sprintf("broker answered %s (%d): %s", name, e.Code, strings.TrimSuffix(known.Description, "."))
	}
	if e.Message != "" && e.Message != name {
		text += fmt.Sprintf("; in its own words: %q", e.Message)
	}
	return text + e.advice()
}

// advice is what the user can do where the broker's words leave it open.
func (e *BrokerError) advice() string {
	switch {
	case e.rights != "":
		return "; " + e.rights
	case e.Code == kerr.NotEnoughReplicas.Code, e.Code == kerr.NotEnoughReplicasAfterAppend.Code:
		return "; look for brokers that are away, or lower the topic's min.insync.replicas"
	}
	return ""
}

// Unwrap returns franz-go's error of the same code, so that errors.Is(err, kerr.TopicAuthorizationFailed) works.
func (e *BrokerError) Unwrap() error { return kerr.ErrorForCode(e.Code) }

// UnsentError is what Close and Shutdown return when time ran out before every record had its outcome.
type UnsentError struct {
	// NotWritten counts records that certainly did not reach a broker, Unknown those that may have.
	NotWritten, Unknown int64
	// Err is what ended the wait.
	Err error
}

// Error says how many records were given up.
func (e *UnsentError) Error() string {
	return fmt.Sprintf("closed before every record was acknowledged: %d not written, %d unknown: %v", e.NotWritten, e.Unknown, e.Err)
}

// Unwrap returns what ended the wait.
func (e *UnsentError) Unwrap() error { return e.Err }
