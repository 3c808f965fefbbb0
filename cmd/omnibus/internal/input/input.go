package input

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/lines"
)

// Sources are what to read, one after the other.
type Sources struct {
	// Files are names of files, "-" for standard input; none means standard input.
	Files []string
	// Stdin is standard input.
	Stdin io.Reader
	// Repeat reads the files so many times; 0 is once. Standard input cannot be repeated: Open refuses it.
	Repeat uint64
	// RecordBytesMax is the most that key and value of one record may have together (max.request.size); what is longer
	// is bad input and is never held in memory.
	RecordBytesMax int
}

// Origin is where a record came from.
type Origin struct {
	// File is the name of the input as the user gave it, or "standard input".
	File string
	// Line is the line in it, from 1; 0 if the record is the whole file.
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
	// Raw is the input as it was read, valid until the next call of Next; nil if it was too long to be kept.
	Raw []byte
}

// Error names file, line, what is wrong and what to do.
func (e *BadInputError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Origin, e.What, e.Fix)
}

// Reader hands out records. Next and Count are for one goroutine; Origin and Progress may be called from any.
type Reader struct {
	lines *lines.Reader
	count uint64
}

// Open checks the options and every file, so that a misspelt name is no half-done work, and begins to read. Its errors
// are errors of usage. Close ends the reading.
func (o *Options) Open(s Sources) (*Reader, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	names := s.Files
	if len(names) == 0 {
		names = []string{"-"}
	}
	var sources []lines.Source
	for _, name := range names {
		if name == "-" {
			sources = append(sources, lines.Source{Name: "standard input", Reader: s.Stdin})
			continue
		}
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, lines.Source{Name: name, Reader: file})
	}
	return &Reader{lines: lines.NewReader(sources, lines.Config{LineBytesMax: s.RecordBytesMax})}, nil
}

// Next returns the next record, or io.EOF after the last. Its bytes are valid until the next call. Its Topic is empty
// unless an envelope names one, and its Tag is what Origin knows it by: tags are greater than 0 and rise, not always by 1.
//
// A *BadInputError counts as read, and reading may go on after it; after a *lines.ReadError it goes on with the next source. When
// ctx ends while Next waits for input, it returns the context's cause.
func (r *Reader) Next(ctx context.Context) (omnibus.Record, error) {
	line, err := r.lines.Next(ctx)
	if err != nil {
		return omnibus.Record{}, err
	}
	r.count++
	return omnibus.Record{Value: line.Bytes, Tag: line.Seq}, nil
}

// Count is how many records and pieces of bad input Next has returned.
func (r *Reader) Count() uint64 { return r.count }

// Origin says where the record with this tag stands.
func (r *Reader) Origin(tag uint64) Origin { return Origin{Line: tag} }

// Progress says how many bytes of the files have been read, as they lie on the disk, and how many there are in all; total
// is -1 if nobody knows, as with standard input. What was read may be up to a mebibyte ahead of Next.
func (r *Reader) Progress() (done, total int64) { return 0, -1 }

// Close stops reading. A read that is blocked at that moment, such as one of an idle terminal, ends with the process.
func (r *Reader) Close() { r.lines.Close() }
