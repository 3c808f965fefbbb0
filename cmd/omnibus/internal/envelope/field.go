package envelope

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/omnibus-kafka/omnibus"
)

// shownBytes is how much of what is wrong an error shows.
const shownBytes = 40

// field is what a name in an envelope stands for; key and key64 are the same.
type field uint8

const (
	fieldKey field = iota
	fieldValue
	fieldPartition
	fieldTimestamp
	fieldHeaders
	fieldTopic
	fieldOffset
	fieldFile // from here on: of a dead-letter file
	fieldLine
	fieldError
	fieldClass
	fieldAttempts
	fieldInDoubt
)

// fieldNames is what an envelope may have.
const fieldNames = "key, key64, value, value64, partition, timestamp, headers, topic (and offset, which is passed over)"

func fieldOf(name []byte) (f field, ok bool) {
	switch string(name) {
	case "key", "key64":
		return fieldKey, true
	case "value", "value64", "raw", "raw64":
		return fieldValue, true
	case "partition":
		return fieldPartition, true
	case "timestamp":
		return fieldTimestamp, true
	case "headers":
		return fieldHeaders, true
	case "topic":
		return fieldTopic, true
	case "offset":
		return fieldOffset, true
	case "file":
		return fieldFile, true
	case "line":
		return fieldLine, true
	case "error":
		return fieldError, true
	case "class":
		return fieldClass, true
	case "attempts":
		return fieldAttempts, true
	case "in_doubt":
		return fieldInDoubt, true
	}
	return 0, false
}

// ofDeadLetter reports whether only a dead-letter file has the field under this name.
func (f field) ofDeadLetter(name []byte) bool {
	return f >= fieldFile || f == fieldValue && name[0] == 'r'
}

// fields is a set of fields.
type fields uint16

func (s fields) has(f field) bool { return s&(1<<f) != 0 }

func (s *fields) add(f field, name []byte) error {
	if s.has(f) {
		return &Error{fmt.Sprintf("the field %q stands twice, or with and without 64", name), "leave one of them out"}
	}
	*s |= 1 << f
	return nil
}

// name reads the name of the next field; nil at the end of the object.
func (d *Decoder) name() ([]byte, error) {
	if d.json.PeekKind() == '}' {
		_, err := d.json.ReadToken()
		return nil, err
	}
	value, err := d.json.ReadValue()
	if err != nil {
		return nil, unexpected(err)
	}
	return d.unquote(value)
}

// unexpected tells the end of the line inside an envelope from the one behind it.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unquote keeps what a JSON string says. It is not nil.
func (d *Decoder) unquote(quoted jsontext.Value) ([]byte, error) {
	begin := len(d.bytes)
	var err error
	d.bytes, err = jsontext.AppendUnquote(d.bytes, quoted)
	return d.bytes[begin:len(d.bytes):len(d.bytes)], err
}

// content reads the bytes that a field holds: null, a string, base64 where the name ends in 64, or the text of any other
// value.
func (d *Decoder) content(name []byte) ([]byte, error) {
	value, err := d.json.ReadValue()
	if err != nil {
		return nil, unexpected(err)
	}
	kind := value.Kind()
	encoded := name[len(name)-1] == '4'
	switch {
	case kind == 'n':
		return nil, nil
	case kind == '"' && !encoded:
		return d.unquote(value)
	case kind == '"':
		return d.decode64(name, value)
	case encoded:
		return nil, d.unlike(strconv.Quote(string(name)), kind, "a string of base64, or null")
	}
	begin := len(d.bytes)
	d.bytes = append(d.bytes, value...)
	return d.bytes[begin:len(d.bytes):len(d.bytes)], nil
}

func (d *Decoder) decode64(name []byte, value jsontext.Value) ([]byte, error) {
	begin := len(d.bytes)
	text, err := d.unquote(value)
	if err != nil {
		return nil, err
	}
	broken := bytes.ContainsAny(text, "\r\n") // which the package passes over
	n, err := base64.StdEncoding.Strict().Decode(text, text)
	if err != nil || broken {
		return nil, &Error{fmt.Sprintf("%q is no base64: %q", name, shown(text)), "want the standard alphabet with padding, as base64 -w0 writes it"}
	}
	d.bytes = d.bytes[:begin+n]
	return text[:n:n], nil
}

// text reads a string; null is the empty one.
func (d *Decoder) text(name []byte) ([]byte, error) {
	kind := d.json.PeekKind()
	if kind != '"' && kind != 'n' {
		return nil, d.unlike(strconv.Quote(string(name)), kind, "a string")
	}
	return d.content(name)
}

// partition reads the number of a partition; null is none.
func (d *Decoder) partition(name []byte) (omnibus.Partition, error) {
	n, ok, err := d.integer(name, 0, math.MaxInt32)
	if err != nil || !ok {
		return omnibus.Partition{}, err
	}
	return omnibus.At(int32(n)), nil
}

// timestamp reads milliseconds since 1970; null is none.
func (d *Decoder) timestamp(name []byte) (time.Time, error) {
	n, ok, err := d.integer(name, 0, math.MaxInt64)
	if err != nil || !ok {
		return time.Time{}, err
	}
	return time.UnixMilli(n), nil
}

// integer reads a whole number of the range; null is none.
func (d *Decoder) integer(name []byte, least, most int64) (n int64, ok bool, err error) {
	kind := d.json.PeekKind()
	if kind != '0' && kind != 'n' {
		return 0, false, d.unlike(strconv.Quote(string(name)), kind, "a whole number")
	}
	value, err := d.json.ReadValue()
	if err != nil || kind == 'n' {
		return 0, false, unexpected(err)
	}
	n, err = strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < least || n > most {
		return 0, false, &Error{fmt.Sprintf("%q is %s", name, shown(value)), fmt.Sprintf("want a whole number from %d to %d", least, most)}
	}
	return n, true, nil
}

// unlike says that what comes next is not what was wanted. What is no JSON at all is told as that.
func (d *Decoder) unlike(what string, kind jsontext.Kind, want string) error {
	switch kind {
	case 0, '}', ']':
		_, err := d.json.ReadToken()
		if errors.Is(err, io.EOF) {
			return &Error{"the line is empty", "write one JSON object a line"}
		}
		if err != nil {
			return err
		}
	}
	return &Error{fmt.Sprintf("%s is %s", what, kindNames(kind)), "want " + want}
}

func kindNames(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[', ']':
		return "an array"
	}
	return "an object"
}

// shown is the beginning of what is wrong.
func shown(text []byte) []byte {
	if len(text) <= shownBytes {
		return text
	}
	return append(text[:shownBytes:shownBytes], "…"...)
}
