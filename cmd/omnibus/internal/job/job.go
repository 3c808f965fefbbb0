// Package job is one run of `omnibus produce` or `omnibus replay`: the records of a source go through a producer, and what
// becomes of each is counted, told and, if it did not get through, kept in a dead-letter file.
//
// Invariants of its summary, whatever happens:
//
//	read     = accepted + skipped
//	accepted = acked + not_written + unknown
//
// A record counts as read once it was taken from the source, as skipped if the producer never accepted it (bad input, or the
// record at which the work was given up), as unknown if nobody told its outcome before the command ended. With --dlq, the
// letters are the records that were read and not acked, less the bad input that --on-bad-input skip leaves out.
//
// On the way of a record nothing is allocated and no clock is read: outcomes come to one callback a topic, latencies and
// rates are the producer's own statistics. Asking the producer's statistics for everything was rejected, because they know
// neither offsets nor which record failed.
package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/dlq"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/envelope"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/input"
)

// interruptedFlush is how long records that were read get to arrive after an interrupt.
const interruptedFlush = 10 * time.Second

// Source is where records come from. Next and Count are for one goroutine, Origin and Progress for any.
type Source interface {
	// Next returns the next record, valid until the next call, or io.EOF after the last. It may be changed. Its Tag is what
	// Origin knows it by. A *input.BadInputError and a *LeftOutError count as read, and any error but io.EOF and the context's may be
	// followed by more records.
	Next(ctx context.Context) (*omnibus.Record, error)
	// Origin says where the record with this tag stands.
	Origin(tag uint64) input.Origin
	// Count is how many records Next has returned, bad ones included.
	Count() uint64
	// Progress says how many bytes have been read, of how many; of -1 if nobody knows.
	Progress() (done, total int64)
	// Close stops reading.
	Close()
}

// LeftOutError is what Source.Next returns for a record that is not to be sent, because it may have been written already.
type LeftOutError struct {
	// Letter is what is known of the record, valid until the next call of Next.
	Letter *envelope.Failure
}

// Error says why the record is left out.
func (e *LeftOutError) Error() string { return "left out: it may have been written already" }

// errInterrupted is what becomes of a record that waited for room when the user interrupted.
var errInterrupted = errors.New("interrupted before the record was sent")

// job is one run.
type job struct {
	flags    *Flags
	topic    string // for all records; empty for the topic that each names
	producer *omnibus.Producer
	source   Source
	letters  *dlq.File
	tally    *tally
	errors   *errorPrinter
	acks     *ackPrinter // nil without -o
	pace     *pacer      // nil without --rate
	factory  *cli.Factory

	giveUp   context.CancelCauseFunc // ends the reading; a cause of its own makes the exit code that of a failure
	stop     atomic.Bool             // no further record is to be read
	patience time.Duration           // how long nothing may be acknowledged while records time out

	// own is the state of the goroutine of run.
	own struct {
		topic   *topicTally // the last record's
		topics  map[string]*topicTally
		bytes   uint64
		skipped uint64
		leftOut uint64
		bad     bool
		fatal   bool
	}
}

// run sends every record, ends the producer and sums up.
func (j *job) run(ctx context.Context) *Summary {
	began := time.Now()
	var reading context.Context
	reading, j.giveUp = context.WithCancelCause(ctx)
	defer j.giveUp(nil)
	watch := j.startWatch(reading, began)
	j.read(reading)
	j.own.fatal = j.own.fatal || reading.Err() != nil && !cli.Interrupted(reading)
	j.finish(ctx)
	watch.end()
	return j.summary(ctx, time.Since(began))
}

// read sends one record after the other. A panic ends the reading, but not the run: what was sent has outcomes still.
func (j *job) read(ctx context.Context) {
	defer func() {
		if broken := recover(); broken != nil {
			j.factory.Broken(broken)
			j.own.fatal = true
		}
	}()
	for !j.stop.Load() && j.next(ctx) {
	}
}

// next sends one record and reports whether to go on.
func (j *job) next(ctx context.Context) bool {
	record, err := j.source.Next(ctx)
	if err != nil {
		return j.noRecord(ctx, err)
	}
	if j.topic != "" {
		record.Topic = j.topic
	}
	if err := j.send(ctx, record); err != nil {
		return j.refused(ctx, record, err)
	}
	j.own.bytes += uint64(len(record.Key) + len(record.Value))
	return !j.flags.Sync || j.awaitOutcome(ctx)
}

// noRecord deals with what Source.Next returned in place of a record, and reports whether to go on.
func (j *job) noRecord(ctx context.Context, err error) bool {
	if errors.Is(err, io.EOF) || ctx.Err() != nil {
		return false
	}
	if left, ok := errors.AsType[*LeftOutError](err); ok {
		j.own.skipped++
		j.own.leftOut++
		j.keep(left.Letter)
		return true
	}
	bad, ok := errors.AsType[*input.BadInputError](err)
	if !ok { // the rest of a file cannot be read
		j.own.bad = true
		j.errors.always(err.Error())
		return j.flags.OnBadInput != onBadFail
	}
	letter := envelope.Failure{
		Record: omnibus.Record{Topic: j.topic, Value: bad.Raw}, Raw: true,
		File: bad.Origin.File, Line: bad.Origin.Line, Error: bad.What, Class: classBadInput,
	}
	return j.badInput(&letter, bad)
}

// badInput counts a record that was never right, says why, and reports whether to go on after it.
func (j *job) badInput(letter *envelope.Failure, err error) bool {
	j.own.skipped++
	j.own.bad = true
	j.errors.print(err)
	if j.flags.OnBadInput != onBadSkip {
		j.keep(letter)
	}
	return j.flags.OnBadInput != onBadFail
}

// send hands the record to the producer, when the rate allows it.
func (j *job) send(ctx context.Context, r *omnibus.Record) error {
	if j.topic == "" || j.own.topic == nil {
		j.own.topic = j.tallyOf(r.Topic)
	}
	if j.pace != nil {
		if err := j.pace.wait(ctx, len(r.Key)+len(r.Value)); err != nil {
			return err
		}
	}
	if j.acks == nil {
		return j.enqueue(ctx, r, j.own.topic.callback)
	}
	callback, kept, err := j.own.topic.withLine(ctx, r)
	if err == nil {
		if err = j.enqueue(ctx, r, callback); err != nil {
			j.acks.kept.Add(-kept)
		}
	}
	return err
}

// enqueue enqueues the record. While the buffer is full it asks again for as long as records get an outcome, because a slow
// cluster is no reason to give up.
func (j *job) enqueue(ctx context.Context, r *omnibus.Record, callback func(omnibus.Ack, error)) error {
	var told uint64
	for {
		err := j.producer.EnqueueFunc(ctx, *r, callback)
		if err == nil || !j.busy(err, &told) {
			return err
		}
	}
}

// busy reports whether err means no more than that the producer is behind, and that it got on since the last time that this
// was asked for the same record. A standard output that nobody reads at the moment holds up everything, and may.
func (j *job) busy(err error, told *uint64) bool {
	if errors.Is(err, omnibus.ErrCallbacksBehind) {
		return true
	}
	before := *told
	*told, _ = j.tally.told()
	return errors.Is(err, omnibus.ErrBufferFull) && *told > before
}

// tallyOf returns what counts the topic's outcomes.
func (j *job) tallyOf(topic string) *topicTally {
	if t := j.own.topic; t != nil && t.topic == topic {
		return t
	}
	t, ok := j.own.topics[topic]
	if !ok {
		t = newTopicTally(j, topic)
		j.own.topics[topic] = t
	}
	return t
}

// refused counts a record that was not accepted, says why, and reports whether to go on after it.
func (j *job) refused(ctx context.Context, r *omnibus.Record, err error) bool {
	origin := j.source.Origin(r.Tag)
	letter := envelope.Failure{Record: *r, File: origin.File, Line: origin.Line, Error: cause(err).Error(), Class: classOf(err)}
	if errors.Is(err, omnibus.ErrInvalidRecord) || errors.Is(err, omnibus.ErrRecordTooLarge) {
		return j.badInput(&letter, fmt.Errorf("%s: %w", origin, err))
	}
	j.own.skipped++
	switch {
	case cli.Interrupted(ctx):
		letter.Error, letter.Class = errInterrupted.Error(), classInterrupted
	case ctx.Err() != nil: // given up already, and told why
		letter.Error, letter.Class = context.Cause(ctx).Error(), classGivenUp
	default:
		j.own.fatal = true
		j.errors.always(fmt.Sprintf("%s: given up here: %v", origin, err))
	}
	j.keep(&letter)
	return false
}

// keep writes a letter to the dead-letter file.
func (j *job) keep(letter *envelope.Failure) {
	if err := j.letters.Write(letter); err != nil {
		j.errors.always(err.Error())
	}
}

// awaitOutcome waits until every record has its outcome, which is that of the last one, and reports whether that was
// an acknowledgement.
func (j *job) awaitOutcome(ctx context.Context) bool {
	select {
	case <-j.tally.single:
	case <-ctx.Done():
		return false
	}
	if j.tally.failures() > 0 {
		j.errors.always("stopped here: --sync sends nothing behind a record that failed")
		return false
	}
	return true
}

// finish waits for every outcome, for a bounded time once a signal came, and ends the producer.
func (j *job) finish(ctx context.Context) {
	accepted := j.source.Count() - j.own.skipped
	if err := j.producer.Flush(ctx); err == nil && j.tally.await(ctx, accepted) {
		j.producer.Close()
		return
	}
	j.errors.always(fmt.Sprintf("interrupted: what was read has %v to arrive; interrupt again to leave at once", interruptedFlush))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), interruptedFlush)
	defer cancel()
	if err := j.producer.Flush(ctx); err != nil {
		cancel() // the time is up: give up what is left, now
	}
	j.producer.Shutdown(ctx)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastOutcomes)
	defer cancel()
	j.tally.await(last, accepted)
}
