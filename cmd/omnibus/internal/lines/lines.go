// Package lines reads records from lines of text, fast and in bounded memory.
//
// A newline ends a line; what follows the last newline of an input is a line only if it has any bytes. So the final
// newline makes no record, and every empty line before it does. No other byte means anything: carriage returns, NULs and
// invalid UTF-8 are kept.
//
// One goroutine (the pump) reads ahead in chunks, so that reading overlaps with sending and a blocked standard input does
// not hold up an interrupt. A line inside one chunk is handed out where it lies, without a copy; one that spans chunks is
// gathered in a buffer that grows to the longest line and no further than the limit. Memory is three chunks and that
// buffer, whatever the input. bufio.Scanner was rejected: it cannot skip an overlong line and go on, nor be interrupted.
package lines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"
)

// Source is one input, such as a file.
type Source struct {
	// Name is what errors call it.
	Name string
	// Reader is read to its end and then closed if it is an io.Closer.
	Reader io.Reader
}

// Line is one line without its newline. Bytes is valid until the next call of Next, and never nil.
type Line struct {
	Bytes []byte
	// Seq counts lines over all sources, from 1.
	Seq uint64
}

// TooLongError says that a line was longer than the limit. It was skipped; reading may go on after it.
type TooLongError struct {
	// Limit is the most bytes that a line may have.
	Limit int
}

// Error says how long a line may be.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("the line is longer than %d bytes (max.request.size): raise that and the topic's max.message.bytes, or split the line", e.Limit)
}

// ReadError says that a source could not be read to its end.
type ReadError struct {
	// Name is the source's.
	Name string
	// Err is what reading returned.
	Err error
}

// Error names the source and the cause.
func (e *ReadError) Error() string { return fmt.Sprintf("read %s: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *ReadError) Unwrap() error { return e.Err }

// Reader hands out lines. Next is for one goroutine; Position may be called from any.
type Reader struct {
	limit int
	names []string
	pump  *pump

	// owned by the caller of Next
	chunk   chunk
	at      int    // first byte of chunk that was not handed out
	begun   bool   // bytes of an unfinished line have been seen
	tooLong bool   // and there were too many of them
	carry   []byte // those bytes
	seq     uint64

	// mu guards first, the Seq of the first line of each source that was begun.
	mu struct {
		sync.Mutex
		first []uint64
	}
}

// NewReader reads the sources one after the other. A line may have up to limit bytes. Close ends it.
func NewReader(sources []Source, limit int) *Reader {
	r := &Reader{limit: limit, pump: startPump(sources)}
	for _, source := range sources {
		r.names = append(r.names, source.Name)
	}
	r.mu.first = append(r.mu.first, 1)
	return r
}

// Next returns the next line, or io.EOF after the last. A *TooLongError counts as a line and reading may go on; after a
// *ReadError it goes on with the next source. When ctx ends while Next waits for input, it returns the context's cause.
func (r *Reader) Next(ctx context.Context) (Line, error) {
	for {
		if rest := r.chunk.bytes[r.at:]; len(rest) > 0 {
			end := bytes.IndexByte(rest, '\n')
			if end >= 0 {
				r.at += end + 1
				return r.finish(rest[:end])
			}
			r.keep(rest)
			r.at = len(r.chunk.bytes)
		}
		if r.chunk.end {
			if r.begun && r.chunk.err == nil {
				return r.finish(nil)
			}
			if err := r.endSource(); err != nil {
				return Line{}, err
			}
		}
		if err := r.refill(ctx); err != nil {
			return Line{}, err
		}
	}
}

// finish makes a line of the last piece and of what was kept before it.
func (r *Reader) finish(piece []byte) (Line, error) {
	r.seq++
	line := Line{Bytes: piece, Seq: r.seq}
	if r.begun {
		r.keep(piece)
		line.Bytes = r.carry
	}
	tooLong := r.tooLong || len(line.Bytes) > r.limit
	r.begun, r.tooLong, r.carry = false, false, r.carry[:0]
	if tooLong {
		return Line{Seq: r.seq}, &TooLongError{Limit: r.limit}
	}
	return line, nil
}

// keep gathers a piece of an unfinished line, unless the line is too long already.
func (r *Reader) keep(piece []byte) {
	r.begun = true
	if r.tooLong = r.tooLong || len(r.carry)+len(piece) > r.limit; !r.tooLong {
		r.carry = append(r.carry, piece...)
	}
}

// endSource notes where the next source begins, and returns the error that ended this one, if it was one. Then the piece
// of a line before the error is dropped: nobody knows how that line went on.
func (r *Reader) endSource() error {
	err, source := r.chunk.err, r.chunk.source
	r.chunk.end, r.begun, r.tooLong, r.carry = false, false, false, r.carry[:0]
	r.mu.Lock()
	if len(r.mu.first) < len(r.names) {
		r.mu.first = append(r.mu.first, r.seq+1)
	}
	r.mu.Unlock()
	if err == nil {
		return nil
	}
	return &ReadError{Name: r.names[source], Err: err}
}

// refill swaps the used chunk for the next one.
func (r *Reader) refill(ctx context.Context) error {
	if r.chunk.bytes != nil {
		r.pump.giveBack(r.chunk)
		r.chunk, r.at = chunk{}, 0
	}
	select {
	case next, ok := <-r.pump.full:
		if !ok {
			return io.EOF
		}
		r.chunk, r.at = next, 0
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Position says where line seq stands, as "name:line".
func (r *Reader) Position(seq uint64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	source := sort.Search(len(r.mu.first), func(i int) bool { return r.mu.first[i] > seq }) - 1
	if source < 0 || len(r.names) == 0 {
		return fmt.Sprintf("line %d", seq)
	}
	return fmt.Sprintf("%s:%d", r.names[source], seq-r.mu.first[source]+1)
}

// Count is how many lines Next has returned, overlong ones included.
func (r *Reader) Count() uint64 { return r.seq }

// Close stops reading ahead. A read that is blocked at that moment, such as one of an idle terminal, ends with the process.
func (r *Reader) Close() { r.pump.stop() }

// IsTooLong reports whether err says that a line was too long.
func IsTooLong(err error) bool {
	_, ok := errors.AsType[*TooLongError](err)
	return ok
}
