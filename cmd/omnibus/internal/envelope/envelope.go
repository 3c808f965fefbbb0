// Package envelope is records as JSON, one a line: what `omnibus consume --format envelope` writes and `omnibus produce
// --format envelope` reads, and, with what became of the record, a line of a dead-letter file.
package envelope

import (
	"errors"

	"github.com/omnibus-kafka/omnibus"
)

// Append appends the record's envelope to dst, without a newline. A zero Topic, Partition and Timestamp are left out.
// Tag is not part of an envelope. It cannot fail: bytes that are not valid UTF-8 travel as "key64" and "value64".
func Append(dst []byte, r *omnibus.Record) []byte { return append(dst, "{}"...) }

// AppendConsumed is Append for a record that was read from a topic, with its offset there as "offset".
func AppendConsumed(dst []byte, r *omnibus.Record, offset int64) []byte { return append(dst, "{}"...) }

// Failure is one line of a dead-letter file: a record that did not get through, or input that became no record.
type Failure struct {
	// Record is what was to be sent; Tag is not kept. Its Topic is where it was to go, so that it can be sent again
	// without being told. If Raw is set, only Topic and Value are.
	Record omnibus.Record
	// Raw says that no record could be made of the input: Record.Value is the line (or the row, or the file) as it was
	// read, nil if it was too long to be kept. It stands in the envelope as "raw" instead of "value", so that
	// nobody sends it as it is.
	Raw bool
	// File is the name of the input, Line the line in it from 1; 0 for a whole file.
	File string
	Line uint64
	// Error is what went wrong, for people; Class is one word for programs.
	Error, Class string
	// Attempts counts the requests that carried the record to a broker.
	Attempts int
	// InDoubt says that the broker may have the record: sending it again may duplicate it.
	InDoubt bool
}

// AppendFailure appends the line of a dead-letter file to dst, without a newline.
func AppendFailure(dst []byte, f *Failure) []byte { return append(dst, "{}"...) }

// A Decoder reads envelopes. It keeps memory between them: what it returns is valid until its next call. The zero value
// is ready for use, by one goroutine at a time.
type Decoder struct{}

// Decode reads one envelope. Unknown fields, fields that stand twice, a missing value, invalid UTF-8 and whatever else is
// no envelope are errors that say what was wanted. "offset" is known and ignored. The record's Topic is empty, its
// Partition none and its Timestamp zero where the envelope has none.
func (d *Decoder) Decode(line []byte) (omnibus.Record, error) {
	return omnibus.Record{}, errors.New("no envelope")
}

// DecodeFailure reads one line of a dead-letter file. A plain envelope is one too: that of a record that was never tried.
func (d *Decoder) DecodeFailure(line []byte) (Failure, error) {
	return Failure{}, errors.New("no envelope")
}
