package omnibus

import (
	"context"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/batch"
)

// Delivery is the ticket of one accepted record: its outcome can be waited on, any number of times and from any
// goroutine, or ignored. It is a 16-byte value; the outcome is kept once for a whole batch. The zero Delivery belongs
// to no record, and waiting on it returns ErrInvalidRecord.
type Delivery struct {
	result *batch.Result
	seat   int32
	// delta is the record's timestamp less its batch's, in milliseconds.
	delta int32
}

// Wait blocks until the record's outcome is known or ctx ends. A waiting caller makes the record leave at once
// instead of lingering (linger.ms). When ctx ends first the error is a *PendingError, and the record goes on.
func (d Delivery) Wait(ctx context.Context) (Ack, error) {
	if d.result == nil {
		return Ack{}, &RecordError{Partition: -1, Err: ErrInvalidRecord, notWritten: true}
	}
	if !d.result.Done(int(d.seat)) {
		d.result.Hurry()
		if err := d.result.Wait(ctx, int(d.seat)); err != nil {
			return Ack{}, &PendingError{Delivery: d, Err: err, Trouble: d.result.Trouble()}
		}
	}
	return d.outcome()
}

// Done reports whether the outcome is known, so that Wait returns at once.
func (d Delivery) Done() bool { return d.result != nil && d.result.Done(int(d.seat)) }

// outcome turns the batch's outcome into this record's; the caller knows it is there.
func (d Delivery) outcome() (Ack, error) {
	o := d.result.Outcome(int(d.seat))
	tag := d.result.Tag(int(d.seat))
	if o.Failure != nil {
		return Ack{}, failed(d.result.Topic, d.result.Partition, tag, o.Failure)
	}
	return ackOf(d.result.Topic, d.result.Partition, tag, o, d.result.BaseTimestamp+int64(d.delta)), nil
}

// ackOf is the Ack of a record whose outcome is o; created is the record's own timestamp, in milliseconds.
func ackOf(topic string, partition int32, tag uint64, o batch.Outcome, created int64) Ack {
	if o.LogAppendTime >= 0 {
		created = o.LogAppendTime
	}
	return Ack{Topic: topic, Partition: partition, Offset: o.Offset, Timestamp: time.UnixMilli(created), Tag: tag}
}

// failed is the error of a record whose batch failed with f.
func failed(topic string, partition int32, tag uint64, f *batch.Failure) *RecordError {
	return &RecordError{
		Topic: topic, Partition: partition, Tag: tag,
		Attempts: f.Attempts, Waited: f.Age, Where: f.Where, Err: f.Err, notWritten: f.NotWritten,
	}
}
