package produce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/cli"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/lines"
)

// interruptedFlush is how long records that were read get to arrive after an interrupt.
const interruptedFlush = 10 * time.Second

// errBadInput marks what is wrong with a line rather than with the cluster.
var errBadInput = errors.New("bad input")

// job is one run over the input.
type job struct {
	options   *Options
	separator []byte
	producer  *omnibus.Producer
	reader    *lines.Reader
	tally     *tally
	outcome   func(omnibus.Ack, error) // tally.outcome, bound once: binding it for each record would cost an allocation
	errors    *errorPrinter

	// owned by the goroutine of run
	skipped  uint64
	badInput bool
	fatal    bool
}

func newJob(o *Options, producer *omnibus.Producer, reader *lines.Reader, stderr io.Writer) *job {
	printer := newErrorPrinter(stderr, func(seq uint64) string {
		name, line := reader.Position(seq)
		return fmt.Sprintf("%s:%d", name, line)
	})
	tally := newTally(printer)
	return &job{
		options:   o,
		separator: []byte(o.KeySeparator),
		producer:  producer,
		reader:    reader,
		tally:     tally,
		outcome:   tally.outcome,
		errors:    printer,
	}
}

// run sends every line, ends the producer and sums up.
func (j *job) run(ctx context.Context) *Summary {
	began := time.Now()
	for j.next(ctx) {
	}
	j.finish(ctx)
	stats := j.producer.Stats()
	j.errors.close()
	s := j.tally.summary()
	s.Topic = j.options.Topic
	s.Read = j.reader.Count()
	s.Skipped = j.skipped
	s.Accepted = s.Read - s.Skipped
	s.Unknown = s.Accepted - s.Acked - s.NotWritten // also what the producer never told of
	s.Retries = uint64(stats.Retries)
	s.setTime(time.Since(began))
	s.interrupted, s.badInput, s.fatal = cli.Interrupted(ctx), j.badInput, j.fatal
	return s
}

// next sends one line and reports whether to go on.
func (j *job) next(ctx context.Context) bool {
	line, err := j.reader.Next(ctx)
	if err == nil {
		record := omnibus.Record{Topic: j.options.Topic, Value: line.Bytes, Tag: line.Seq}
		if err = j.split(&record); err == nil {
			if err = j.enqueue(ctx, record); err == nil {
				return true
			}
		}
		return j.refused(ctx, line.Seq, err)
	}
	switch {
	case errors.Is(err, io.EOF), cli.Interrupted(ctx):
		return false
	case lines.IsTooLong(err):
		return j.refused(ctx, line.Seq, fmt.Errorf("%w: %w", errBadInput, err))
	}
	j.badInput = true
	j.errors.print(err.Error())
	return j.options.OnBadInput == "skip"
}

// split makes a key of what stands before the separator.
func (j *job) split(record *omnibus.Record) error {
	if len(j.separator) == 0 {
		return nil
	}
	at := bytes.Index(record.Value, j.separator)
	if at < 0 {
		return fmt.Errorf("%w: the line has no key separator %q", errBadInput, j.separator)
	}
	record.Key, record.Value = record.Value[:at:at], record.Value[at+len(j.separator):]
	return nil
}

// enqueue hands the record to the producer. While the buffer is full it asks again for as long as records are being
// acknowledged, because a slow cluster is no reason to give up.
func (j *job) enqueue(ctx context.Context, record omnibus.Record) error {
	j.tally.sending(record.Tag, len(record.Key)+len(record.Value))
	for {
		acked := j.tally.acked.Load()
		err := j.producer.EnqueueFunc(ctx, record, j.outcome)
		if err == nil || !errors.Is(err, omnibus.ErrBufferFull) || j.tally.acked.Load() == acked {
			return err
		}
	}
}

// refused counts a line that became no record, says why, and reports whether to go on after it.
func (j *job) refused(ctx context.Context, seq uint64, err error) bool {
	j.skipped++
	if cli.Interrupted(ctx) {
		return false
	}
	if errors.Is(err, errBadInput) || errors.Is(err, omnibus.ErrInvalidRecord) || errors.Is(err, omnibus.ErrRecordTooLarge) {
		j.badInput = true
		j.errors.printAt(seq, err)
		return j.options.OnBadInput == "skip"
	}
	j.fatal = true
	j.errors.printAt(seq, fmt.Errorf("given up here: %w", err))
	return false
}

// finish waits for every outcome, for a bounded time once a signal came, and ends the producer.
func (j *job) finish(ctx context.Context) {
	flushed := j.producer.Flush(ctx)
	if flushed == nil {
		j.producer.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), interruptedFlush)
	defer cancel()
	j.producer.Shutdown(ctx)
}
