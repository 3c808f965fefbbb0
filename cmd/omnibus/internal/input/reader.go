package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/lines"
)

// Sources are what to read, one after the other.
type Sources struct {
	// Files are names of files, "-" for standard input, which is also what none means.
	Files []string
	// Stdin is standard input.
	Stdin io.Reader
	// Repeat reads the files so many times; 0 is once. Standard input and pipes cannot be read again: Open refuses them.
	Repeat uint64
	// RecordBytesMax is the most that one record may have (max.request.size). A line that is longer is bad input and is
	// never held in memory; of envelope, csv and tsv a line may be as much longer as their way of writing makes it.
	RecordBytesMax int
}

// Origin is where a record came from.
type Origin struct {
	// File is the name of the input as the user gave it, or "standard input".
	File string
	// Line is the line in it, from 1, with which the record begins; 0 if the record is the whole file.
	Line uint64
}

// String is "file:line", as compilers print it.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// BadInputError says that a piece of the input cannot become a record. It was passed over: reading may go on behind it.
type BadInputError struct {
	// Origin is where it stands.
	Origin Origin
	// Tag is the tag that its record would have had.
	Tag uint64
	// What is wrong with it, and Fix what to do about it.
	What, Fix string
	// Raw is the input as it was read, without what ends it, valid until the next call of Next; nil if it was too long to
	// be kept.
	Raw []byte
}

// Error names file, line, what is wrong and what to do.
func (e *BadInputError) Error() string { return fmt.Sprintf("%s: %s: %s", e.Origin, e.What, e.Fix) }

// problem is a BadInputError whose place is not known yet.
type problem struct{ what, fix string }

// Error is both in one line.
func (p *problem) Error() string { return p.what + ": " + p.fix }

// byteOrderMark is what some programs write at the beginning of a file.
const byteOrderMark = "\ufeff"

// errNoRecord says that a piece is nothing to make a record of, and nothing wrong either.
var errNoRecord = errors.New("no record")

// cutter cuts the input into pieces: a lines.Reader, or rows.
type cutter interface {
	Next(ctx context.Context) (lines.Line, error)
}

// format makes records of pieces.
type format interface {
	// fill sets key and value, and what else the piece says. Its error is a *problem, errNoRecord, or that of ctx. What it
	// sets is valid until its next call.
	fill(ctx context.Context, record *omnibus.Record, piece lines.Line) error
}

// Reader hands out records. Next and Count are for one goroutine; Origin and Progress may be called from any.
type Reader struct {
	lines  *lines.Reader
	cutter cutter
	format format
	whole  bool // each source is one record
	strip  bool // a carriage return at the end of a piece is none of its bytes
	marked bool // a byte order mark at the beginning of a source is none of its bytes
	plain  bool // each piece is a value as it is, and all else of a record is the template's
	done   atomic.Int64
	total  int64 // bytes to be read; -1 if that is not known

	// owned by the caller of Next
	template omnibus.Record // what all records have
	record   omnibus.Record // the one that was made last; a field, because a variable would be allocated for each
	count    uint64
}

// Open checks the options and every file, so that a misspelt name is no half-done work, and begins to read. Its errors
// are errors of usage. Close ends the reading.
func (o *Options) Open(s Sources) (*Reader, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	r := &Reader{
		whole:    o.format() == formatRaw,
		strip:    o.CRLF == "strip" || o.format() == formatCSV,
		marked:   o.format() != formatLines && o.format() != formatRaw,
		template: omnibus.Record{Key: o.Key, Partition: o.Partition, Headers: slices.Clip(o.Headers)},
	}
	sources, err := r.open(s, o.NoDecompress)
	if err != nil {
		return nil, err
	}
	if r.format, err = newFormat(o); err != nil {
		return nil, err
	}
	if text, ok := r.format.(*texts); ok {
		r.plain, r.record = text.plain() && !r.strip, r.template
	}
	config := lines.Config{LineBytesMax: o.pieceBytesMax(s.RecordBytesMax), Delimiter: o.Delimiter, Whole: r.whole, Repeat: s.Repeat}
	r.lines = lines.NewReader(sources, config)
	r.cutter = r.lines
	if o.format() == formatCSV {
		r.cutter = &rows{lines: r.lines, bytesMax: config.LineBytesMax}
	}
	return r, nil
}

// open checks every source.
func (r *Reader) open(s Sources, asIs bool) ([]lines.Source, error) {
	names := s.Files
	if len(names) == 0 {
		names = []string{stdinName}
	}
	var list []lines.Source
	var errs []error
	for _, name := range names {
		source, size, err := newSource(name, s.Stdin)
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case size < 0 && s.Repeat > 1:
			errs = append(errs, fmt.Errorf("%s cannot be read %d times: name files", source.name, s.Repeat))
		}
		source.asIs, source.done = asIs, &r.done
		list = append(list, lines.Source{Name: source.name, Reader: source})
		if r.total += size; size < 0 {
			r.total = math.MinInt64 / 2 // it stays below 0, whatever the others add
		}
	}
	r.total = max(r.total, -1)
	if r.total > 0 {
		r.total *= int64(max(s.Repeat, 1))
	}
	return list, errors.Join(errs...)
}

// Next returns the next record, or io.EOF after the last. It and its bytes are the caller's until the next call. Its Topic is empty
// unless an envelope names one, and its Tag is what Origin knows it by: tags are greater than 0 and rise, not always by 1.
//
// A *BadInputError counts as read, and reading may go on after it; after a *lines.ReadError it goes on with the next source.
// When ctx ends while Next waits for input, it returns the context's cause.
func (r *Reader) Next(ctx context.Context) (*omnibus.Record, error) {
	if r.plain { // to copy the template for each line took as long as to find the line
		if line, ok := r.lines.AtHand(); ok {
			r.record.Value, r.record.Tag = line.Bytes, line.Seq
			r.count++
			return &r.record, nil
		}
	}
	return r.next(ctx)
}

// next is Next where there is more to do.
func (r *Reader) next(ctx context.Context) (*omnibus.Record, error) {
	for {
		piece, err := r.cutter.Next(ctx)
		if err == nil {
			r.record = r.template
			r.record.Tag = piece.Seq
			err = r.format.fill(ctx, &r.record, r.trimmed(piece))
		}
		if err == errNoRecord {
			continue
		}
		if err != nil {
			return nil, r.bad(piece, err)
		}
		r.count++
		return &r.record, nil
	}
}

// trimmed is the piece without what the options say is none of its bytes.
func (r *Reader) trimmed(piece lines.Line) lines.Line {
	if r.strip {
		piece.Bytes = bytes.TrimSuffix(piece.Bytes, []byte{'\r'})
	}
	if r.marked && piece.Number == 1 {
		piece.Bytes = bytes.TrimPrefix(piece.Bytes, []byte(byteOrderMark))
	}
	return piece
}

// bad is what Next returns for a piece that is no record. It counts what is bad input.
func (r *Reader) bad(piece lines.Line, err error) error {
	bad := &BadInputError{Tag: piece.Seq}
	if tooLong, ok := errors.AsType[*lines.TooLongError](err); ok {
		bad.What = fmt.Sprintf("it is longer than %d bytes", tooLong.Limit)
		bad.Fix = "raise max.request.size and the topic's max.message.bytes, or split it"
	} else if problem, ok := errors.AsType[*problem](err); ok {
		bad.What, bad.Fix, bad.Raw = problem.what, problem.fix, piece.Bytes
	} else {
		return err
	}
	bad.Origin = r.Origin(piece.Seq)
	r.count++
	return bad
}

// Count is how many records and pieces of bad input Next has returned.
func (r *Reader) Count() uint64 { return r.count }

// Origin says where the record with this tag stands. In a repetition it supposes that the files have not changed.
func (r *Reader) Origin(tag uint64) Origin {
	file, line := r.lines.Position(tag)
	if r.whole {
		line = 0
	}
	return Origin{File: file, Line: line}
}

// Progress says how many bytes of the sources have been read, as they lie on the disk, and how many there are in all; total
// is -1 if nobody knows, as with standard input. What was read may be up to a mebibyte ahead of Next.
func (r *Reader) Progress() (done, total int64) { return r.done.Load(), r.total }

// Close stops reading. A read that is blocked at that moment, such as one of an idle terminal, ends with the process.
func (r *Reader) Close() { r.lines.Close() }
