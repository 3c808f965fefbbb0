package job

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/input"
)

const (
	// errorsAtOnce are printed without delay; then at most one each errorInterval, and the rest is counted.
	errorsAtOnce  = 5
	errorInterval = time.Second
)

// errorPrinter tells the user what went wrong with which record, without flooding the terminal when it is every one.
type errorPrinter struct {
	out    io.Writer
	origin func(tag uint64) input.Origin

	mu struct {
		sync.Mutex
		printed int
		last    time.Time
		hidden  uint64
	}
}

// outcome tells that an accepted record failed. Callbacks call it, so it must be cheap for all but a few.
func (p *errorPrinter) outcome(err *omnibus.RecordError) {
	if p.due(time.Now()) {
		p.always(fmt.Sprintf("%s: %v", p.origin(err.Tag), err))
	}
}

// print tells an error that may be one of many.
func (p *errorPrinter) print(err error) {
	if p.due(time.Now()) {
		p.always(err.Error())
	}
}

// due reports whether an error may be printed now; one that may not is counted.
func (p *errorPrinter) due(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.printed >= errorsAtOnce && now.Sub(p.mu.last) < errorInterval {
		p.mu.hidden++
		return false
	}
	p.mu.printed++
	p.mu.last = now
	return true
}

// always writes one line.
func (p *errorPrinter) always(text string) { fmt.Fprintf(p.out, "omnibus: %s\n", text) }

// close tells how many errors were not printed.
func (p *errorPrinter) close() {
	p.mu.Lock()
	hidden := p.mu.hidden
	p.mu.Unlock()
	if hidden > 0 {
		p.always(group(hidden) + " more errors like these were not shown")
	}
}

// The classes of failure that are not a broker's word, as they stand in dead-letter files. Like the exit codes they are an
// interface.
const (
	classBadInput    = "bad_input"
	classTooLarge    = "too_large"
	classTimeout     = "timeout"
	classBufferFull  = "buffer_full"
	classInDoubt     = "in_doubt"
	classHalted      = "halted"
	classInterrupted = "interrupted"
	classGivenUp     = "given_up"
	classClosed      = "closed"
	classMetadata    = "metadata"
	classOther       = "other"
)

// ClassHelp tells the classes, for help texts.
const ClassHelp = `The class of a letter is one word: bad_input, too_large, timeout, buffer_full, in_doubt, halted, interrupted,
given_up, closed, metadata, other, or the broker's own name for what it refused, such as topic_authorization_failed.`

// classOf is one word for why a record did not get through.
func classOf(err error) string {
	if broker, ok := errors.AsType[*omnibus.BrokerError](err); ok {
		if known := kerr.TypedErrorForCode(broker.Code); known != nil && known.Code == broker.Code {
			return strings.ToLower(known.Message)
		}
		return fmt.Sprintf("broker_error_%d", broker.Code)
	}
	for _, known := range []struct {
		err   error
		class string
	}{
		{omnibus.ErrInvalidRecord, classBadInput},
		{omnibus.ErrRecordTooLarge, classTooLarge},
		{omnibus.ErrDeliveryTimeout, classTimeout},
		{omnibus.ErrBufferFull, classBufferFull},
		{omnibus.ErrInDoubt, classInDoubt},
		{omnibus.ErrHalted, classHalted},
		{omnibus.ErrClosed, classClosed},
	} {
		if errors.Is(err, known.err) {
			return known.class
		}
	}
	if record, ok := errors.AsType[*omnibus.RecordError](err); ok && record.Where == "metadata" {
		return classMetadata
	}
	return classOther
}

// cause is what a record's error says without the record.
func cause(err error) error {
	if record, ok := errors.AsType[*omnibus.RecordError](err); ok {
		return record.Err
	}
	return err
}
