// Package envelope is records as JSON, one a line: what `omnibus consume --format envelope` writes and `omnibus produce
// --format envelope` reads, and, with what became of the record, a line of a dead-letter file.
//
//	{"key":"42","value":"a","partition":3,"timestamp":1700000000000,"headers":[{"key":"trace","value":null}],"topic":"orders","offset":7}
//	{"key":null,"value64":"/w==","topic":"orders","file":"in.ndjson","line":9,"error":"…","class":"…","attempts":1,"in_doubt":true}
//
// What is written is read back to the same record, bit for bit, except for what no producer can set (the offset). For
// that:
//
//  1. null and "" differ, in keys, values and the values of headers. A key that is absent is null; a value that is
//     absent is an error, because who forgot it did not mean to delete something.
//  2. Bytes that are not valid UTF-8 travel as base64 (RFC 4648 with padding), in a field whose name ends in 64. JSON has no
//     other way to say them, and a replacement character is not what was there.
//  3. A value that is no JSON string is sent as its JSON text, exactly as it stands in the line. So a line may carry its
//     payload as the object that it is.
//  4. Headers keep their order and their duplicates, so they are an array.
//  5. What is not understood is an error, never passed over: an unknown field, a field that stands twice, a number that
//     does not fit, half of a surrogate pair.
//
// The syntax is left to jsontext, Go's coming JSON package. encoding/json was rejected: it takes "KEY" for key, the last of
// two fields of one name, and turns invalid UTF-8 into something else, all without a word. Objects as headers, as other tools
// write them, were rejected for rule 4.
package envelope

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/omnibus-kafka/omnibus"
)

// Failure is one line of a dead-letter file: a record that did not get through, or input that became no record.
type Failure struct {
	// Record is what was to be sent; Tag is not kept. Its Topic is where it was to go, so that it can be sent again
	// without being told. If Raw is set, only Topic and Value are.
	Record omnibus.Record
	// Raw says that no record could be made of the input: Record.Value is the line (or the row, or the file) as it was
	// read, nil if it was too long to be kept. It stands in the envelope as "raw" instead of "value", so that nobody
	// sends it as it is.
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

// Append appends the record's envelope to dst, without a newline. A zero Topic, Partition and Timestamp are left out, and
// Tag is not part of an envelope. It cannot fail.
func Append(dst []byte, r *omnibus.Record) []byte { return append(appendRecord(dst, r, "value"), '}') }

// AppendConsumed is Append for a record that was read from a topic, with its offset there as "offset". Decode knows that
// field and passes over it: no producer chooses an offset.
func AppendConsumed(dst []byte, r *omnibus.Record, offset int64) []byte {
	dst = append(appendRecord(dst, r, "value"), `,"offset":`...)
	return append(strconv.AppendInt(dst, offset, 10), '}')
}

// AppendFailure appends the line of a dead-letter file to dst, without a newline. It cannot fail.
func AppendFailure(dst []byte, f *Failure) []byte {
	content := "value"
	if f.Raw {
		content = "raw"
	}
	dst = appendRecord(dst, &f.Record, content)
	dst = appendText(append(dst, `,"file":`...), f.File)
	dst = strconv.AppendUint(append(dst, `,"line":`...), f.Line, 10)
	dst = appendText(append(dst, `,"error":`...), f.Error)
	dst = appendText(append(dst, `,"class":`...), f.Class)
	dst = strconv.AppendInt(append(dst, `,"attempts":`...), int64(f.Attempts), 10)
	dst = strconv.AppendBool(append(dst, `,"in_doubt":`...), f.InDoubt)
	return append(dst, '}')
}

// appendRecord appends all but the closing brace, with the record's value under the name content.
func appendRecord(dst []byte, r *omnibus.Record, content string) []byte {
	dst = appendBytes(append(dst, '{'), "key", r.Key)
	dst = appendBytes(append(dst, ','), content, r.Value)
	if partition, ok := r.Partition.Explicit(); ok {
		dst = strconv.AppendInt(append(dst, `,"partition":`...), int64(partition), 10)
	}
	if !r.Timestamp.IsZero() {
		dst = strconv.AppendInt(append(dst, `,"timestamp":`...), r.Timestamp.UnixMilli(), 10)
	}
	for i, header := range r.Headers {
		separator := `,{`
		if i == 0 {
			separator = `,"headers":[{`
		}
		dst = appendBytes(append(dst, separator...), "key", []byte(header.Key))
		dst = append(appendBytes(append(dst, ','), "value", header.Value), '}')
	}
	if len(r.Headers) > 0 {
		dst = append(dst, ']')
	}
	if r.Topic != "" {
		dst = appendText(append(dst, `,"topic":`...), r.Topic)
	}
	return dst
}

// appendBytes appends a field: its name and null, a string, or base64 under name64.
func appendBytes(dst []byte, name string, value []byte) []byte {
	dst = append(append(dst, '"'), name...)
	switch {
	case value == nil:
		return append(dst, `":null`...)
	case utf8.Valid(value):
		return appendText(append(dst, `":`...), value)
	}
	dst = base64.StdEncoding.AppendEncode(append(dst, `64":"`...), value)
	return append(dst, '"')
}

// appendText appends a JSON string. Invalid UTF-8, which only names of files and words for people may have here, is replaced.
func appendText[text string | []byte](dst []byte, s text) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
