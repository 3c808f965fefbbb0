package produce

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/omnibus-kafka/omnibus"
)

const (
	// errorsAtOnce are printed without delay; then at most one each errorInterval, and the rest is counted.
	errorsAtOnce  = 5
	errorInterval = time.Second
)

// errorPrinter tells the user what went wrong with which line, without flooding the terminal when it is every line.
type errorPrinter struct {
	out      io.Writer
	position func(seq uint64) string

	mu struct {
		sync.Mutex
		printed int
		last    time.Time
		hidden  uint64
	}
}

func newErrorPrinter(out io.Writer, position func(uint64) string) *errorPrinter {
	return &errorPrinter{out: out, position: position}
}

// outcome tells that an accepted record failed. Callbacks call it, so it must be cheap for all but a few.
func (p *errorPrinter) outcome(err error) {
	if !p.due(time.Now()) {
		return
	}
	if record, ok := errors.AsType[*omnibus.RecordError](err); ok {
		p.print(p.position(record.Tag) + ": " + err.Error())
		return
	}
	p.print(err.Error())
}

// printAt tells that a line became no record.
func (p *errorPrinter) printAt(seq uint64, err error) {
	if p.due(time.Now()) {
		p.print(p.position(seq) + ": " + err.Error())
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

// print writes one line.
func (p *errorPrinter) print(text string) { fmt.Fprintf(p.out, "omnibus: %s\n", text) }

// close tells how many errors were not printed.
func (p *errorPrinter) close() {
	p.mu.Lock()
	hidden := p.mu.hidden
	p.mu.Unlock()
	if hidden > 0 {
		p.print(group(hidden) + " more errors like these were not shown")
	}
}
