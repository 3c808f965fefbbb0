// Package lines reads lines of text, or whatever a delimiter ends, fast and in bounded memory.
//
// A newline (or another delimiter) ends a line; what follows the last one of an input is a line only if it has any bytes.
// So the final newline makes no line, and every empty line before it does. No other byte means anything: carriage
// returns, NULs and invalid UTF-8 are kept.
//
// One goroutine (the pump) reads ahead in chunks, so that reading overlaps with sending and a blocked standard input does
// not hold up an interrupt. A line inside one chunk is handed out where it lies, without a copy; one that spans chunks is
// gathered in a buffer that grows to the longest line and no further than the limit. Memory is three chunks and that
// buffer, whatever the input. bufio.Scanner was rejected: it cannot skip an overlong line and go on, nor be interrupted.
package lines

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sort"
	"sync"
)

// Source is one input, such as a file.
type Source struct {
	// Name is what errors call it.
	Name string
	// Reader is read to its end and then closed if it is an io.Closer. If the sources are repeated, it is read again
	// after that, and must begin anew.
	Reader io.Reader
}

// Config says what a line is.
type Config struct {
	// LineBytesMax is the most bytes that a line may have, without its delimiter. What is longer is never held.
	LineBytesMax int
	// Delimiter ends a line; empty for a newline.
	Delimiter []byte
	// Whole makes one line of each source, the empty one too. There is no delimiter then.
	Whole bool
	// Repeat reads all sources so many times; 0 is once.
	Repeat uint64
}

// Line is one line without its newline. Bytes is valid until the next call of Next, and never nil.
type Line struct {
	Bytes []byte
	// Seq counts lines over all sources, from 1.
	Seq uint64
	// Number counts the lines of its source, from 1.
	Number uint64
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
	config Config
	names  []string
	pump   *pump

	// owned by the caller of Next
	chunk   chunk
	at      int    // first byte of chunk that was not handed out
	begun   bool   // bytes of an unfinished line have been seen
	tooLong bool   // and there were too many of them
	carry   []byte // those bytes; of a line that is too long only what may be the beginning of a delimiter
	seq     uint64
	first   uint64 // the Seq of this source's first line

	mu struct {
		sync.Mutex
		first []uint64 // the Seq of the first line of each source that was begun
		pass  uint64   // lines of all sources together; 0 until each was read once
	}
}

// NewReader reads the sources one after the other. Close ends it.
func NewReader(sources []Source, config Config) *Reader {
	if len(config.Delimiter) == 0 {
		config.Delimiter = []byte{'\n'}
	}
	r := &Reader{config: config, pump: startPump(sources, max(config.Repeat, 1)), first: 1}
	for _, source := range sources {
		r.names = append(r.names, source.Name)
	}
	r.mu.first = append(r.mu.first, 1)
	return r
}

// Next returns the next line, or io.EOF after the last. A *TooLongError counts as a line and reading may go on; after a
// *ReadError it goes on with the next source. When ctx ends while Next waits for input, it returns the context's cause.
func (r *Reader) Next(ctx context.Context) (Line, error) {
	if line, ok := r.AtHand(); ok {
		return line, nil
	}
	for {
		if rest := r.chunk.bytes[r.at:]; len(rest) > 0 {
			end := r.delimited(rest)
			if end > 0 {
				r.at += end
				return r.finish(rest[:end], len(r.config.Delimiter))
			}
			r.keep(rest)
			r.at = len(r.chunk.bytes)
		}
		if r.chunk.end {
			if (r.begun || r.config.Whole) && r.chunk.err == nil {
				line, err := r.finish(nil, 0)
				r.endSource()
				return line, err
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

// AtHand returns the next line if that takes no more than to find its end: it was read already, from end to end, and has a
// delimiter of one byte. If it says false Next has to be asked. Nearly every line is at hand, which is why it has a way of its
// own: the general one takes twice the time.
func (r *Reader) AtHand() (line Line, ok bool) {
	if r.begun || r.config.Whole || len(r.config.Delimiter) != 1 {
		return Line{}, false
	}
	rest := r.chunk.bytes[r.at:]
	end := bytes.IndexByte(rest, r.config.Delimiter[0])
	if end < 0 || end > r.config.LineBytesMax {
		return Line{}, false
	}
	r.at += end + 1
	r.seq++
	return Line{Bytes: rest[:end], Seq: r.seq, Number: r.seq - r.first + 1}, true
}

// delimited returns how many bytes of rest end with the delimiter of the line that was begun; 0 if it goes on. It looks for
// the delimiter's last byte, because the others may be in the chunk before.
func (r *Reader) delimited(rest []byte) int {
	if r.config.Whole {
		return 0
	}
	last := len(r.config.Delimiter) - 1
	for from := 0; ; {
		at := bytes.IndexByte(rest[from:], r.config.Delimiter[last])
		if at < 0 {
			return 0
		}
		from += at + 1
		if last == 0 || r.endsIn(rest[:from]) {
			return from
		}
	}
}

// endsIn reports whether the line that was begun, with this piece behind it, ends in the delimiter.
func (r *Reader) endsIn(piece []byte) bool {
	here := min(len(piece), len(r.config.Delimiter))
	before, behind := r.config.Delimiter[:len(r.config.Delimiter)-here], r.config.Delimiter[len(r.config.Delimiter)-here:]
	return bytes.HasSuffix(piece, behind) && (len(before) == 0 || r.begun && bytes.HasSuffix(r.carry, before))
}

// finish makes a line of the last piece and of what was kept before it, less the delimiter at its end.
func (r *Reader) finish(piece []byte, delimiter int) (Line, error) {
	r.seq++
	text := piece
	if r.begun {
		r.keep(piece)
		text = r.carry
	}
	if text == nil {
		text = r.chunk.bytes[:0] // the whole of an empty source
	}
	tooLong := r.tooLong || len(text)-delimiter > r.config.LineBytesMax
	r.begun, r.tooLong, r.carry = false, false, r.carry[:0]
	line := Line{Seq: r.seq, Number: r.seq - r.first + 1}
	if tooLong {
		return line, &TooLongError{Limit: r.config.LineBytesMax}
	}
	line.Bytes = text[:len(text)-delimiter]
	return line, nil
}

// keep gathers a piece of an unfinished line, unless the line is too long already.
func (r *Reader) keep(piece []byte) {
	r.begun = true
	tail := len(r.config.Delimiter) - 1
	r.tooLong = r.tooLong || len(r.carry)+len(piece)-tail-1 > r.config.LineBytesMax
	if !r.tooLong {
		r.carry = append(r.carry, piece...)
		return
	}
	r.carry = append(r.carry, piece[max(0, len(piece)-tail):]...)
	r.carry = append(r.carry[:0], r.carry[max(0, len(r.carry)-tail):]...)
}

// endSource notes where the next source begins, and returns the error that ended this one, if it was one. Then the piece
// of a line before the error is dropped: nobody knows how that line went on.
func (r *Reader) endSource() error {
	err, source := r.chunk.err, r.chunk.source
	r.chunk.end, r.begun, r.tooLong, r.carry = false, false, false, r.carry[:0]
	r.first = r.seq + 1
	r.mu.Lock()
	if len(r.mu.first) < len(r.names) {
		r.mu.first = append(r.mu.first, r.seq+1)
	} else if r.mu.pass == 0 {
		r.mu.pass = r.seq
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
		if next.broken != nil {
			panic(next.broken) // invariant: a source that panics does so where its reader can recover
		}
		r.chunk, r.at = next, 0
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Position names the source of line seq, and says which of its lines that is, from 1. In a repetition it supposes that the
// sources have not changed.
func (r *Reader) Position(seq uint64) (name string, line uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.pass > 0 {
		seq = (seq-1)%r.mu.pass + 1
	}
	source := sort.Search(len(r.mu.first), func(i int) bool { return r.mu.first[i] > seq }) - 1
	if source < 0 || len(r.names) == 0 {
		return "input", seq
	}
	return r.names[source], seq - r.mu.first[source] + 1
}

// Count is how many lines Next has returned, overlong ones included.
func (r *Reader) Count() uint64 { return r.seq }

// Close stops reading ahead. A read that is blocked at that moment, such as one of an idle terminal, ends with the process.
func (r *Reader) Close() { r.pump.stop() }
