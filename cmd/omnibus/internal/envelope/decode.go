package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/omnibus-kafka/omnibus"
)

const (
	// namesMax and nameBytesMax bound which names of headers are remembered: an input with ever new or huge ones must not
	// fill the memory.
	namesMax     = 1024
	nameBytesMax = 256
)

// Error says why a line is no envelope.
type Error struct {
	// What is wrong with the line.
	What string
	// Fix is what to do about it.
	Fix string
}

// Error is both in one line.
func (e *Error) Error() string { return e.What + ": " + e.Fix }

// A Decoder reads envelopes. It keeps memory between them: what it returned is valid until its next call. The zero value
// is ready for use, by one goroutine at a time.
type Decoder struct {
	line    bytes.Buffer
	json    jsontext.Decoder
	options []jsontext.Options
	bytes   []byte            // of the strings of this envelope; large enough for all, so that it never moves
	headers []omnibus.Header  // of this envelope
	names   map[string]string // of headers, so that each is allocated once
	result  Failure           // of this envelope
	dead    bool              // the fields of a dead-letter file are allowed
}

// Decode reads one envelope. Unknown fields, fields that stand twice, a missing value, invalid UTF-8 and whatever else is
// no envelope are an *Error that says what was wanted. "offset" is known and passed over. The record's Topic is empty,
// its Partition none and its Timestamp zero where the envelope has none or says null.
func (d *Decoder) Decode(line []byte) (omnibus.Record, error) {
	err := d.decode(line, false)
	return d.result.Record, err
}

// DecodeFailure reads one line of a dead-letter file, or a plain envelope: that of a record that was never tried.
func (d *Decoder) DecodeFailure(line []byte) (Failure, error) {
	err := d.decode(line, true)
	return d.result, err
}

func (d *Decoder) decode(line []byte, dead bool) error {
	d.result, d.dead, d.headers = Failure{}, dead, d.headers[:0]
	// Neither unescaping nor base64 makes anything longer.
	d.bytes = slices.Grow(d.bytes[:0], len(line)+1)
	d.line = *bytes.NewBuffer(line[:len(line):len(line)])
	if d.options == nil {
		// In values that are passed on as text, names may stand twice. Those of the envelope are checked in fields.add.
		d.options = append(d.options, jsontext.AllowDuplicateNames(true))
	}
	d.json.Reset(&d.line, d.options...)
	err := d.record()
	if err == nil {
		err = d.end()
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		what := fmt.Sprintf("the line is no JSON: %v at byte %d", syntax.Err, syntax.ByteOffset+1)
		return &Error{what, `write one JSON object a line, and bytes that are not UTF-8 as "value64"`}
	}
	return err
}

// record reads the object that an envelope is.
func (d *Decoder) record() error {
	if kind := d.json.PeekKind(); kind != '{' {
		return d.unlike("the envelope", kind, `a JSON object such as {"key":"k","value":"v"}`)
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	var seen fields
	for {
		name, err := d.name()
		if err != nil {
			return err
		}
		if name == nil {
			break
		}
		if err := d.recordField(name, &seen); err != nil {
			return err
		}
	}
	if !seen.has(fieldValue) {
		return &Error{`the envelope has no "value"`, `add one; "value":null is a tombstone`}
	}
	return nil
}

// end makes sure that nothing follows the envelope.
func (d *Decoder) end() error {
	_, err := d.json.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return &Error{"something follows the envelope", "write one JSON object a line"}
}

// recordField reads the value of one field of an envelope.
func (d *Decoder) recordField(name []byte, seen *fields) (err error) {
	field, ok := fieldOf(name)
	switch {
	case !ok:
		return &Error{fmt.Sprintf("the envelope has the unknown field %q", shown(name)), "want " + fieldNames}
	case field.ofDeadLetter(name) && !d.dead:
		return &Error{fmt.Sprintf("the envelope has the field %q of a dead-letter file", name), "send that file again with omnibus replay"}
	}
	if err := seen.add(field, name); err != nil {
		return err
	}
	r := &d.result.Record
	switch field {
	case fieldKey:
		r.Key, err = d.content(name)
	case fieldValue:
		d.result.Raw = name[0] == 'r'
		r.Value, err = d.content(name)
	case fieldPartition:
		r.Partition, err = d.partition(name)
	case fieldTimestamp:
		r.Timestamp, err = d.timestamp(name)
	case fieldHeaders:
		r.Headers, err = d.headerList()
	case fieldTopic:
		name, err = d.text(name)
		r.Topic = d.interned(name)
	case fieldOffset:
		_, _, err = d.integer(name, math.MinInt64, math.MaxInt64)
	default:
		err = d.failureField(field, name)
	}
	return err
}

// failureField reads the value of one field that only a dead-letter file has.
func (d *Decoder) failureField(field field, name []byte) (err error) {
	f, n := &d.result, int64(0)
	switch field {
	case fieldFile:
		name, err = d.text(name)
		f.File = string(name)
	case fieldLine:
		n, _, err = d.integer(name, 0, math.MaxInt64)
		f.Line = uint64(n)
	case fieldError:
		name, err = d.text(name)
		f.Error = string(name)
	case fieldClass:
		name, err = d.text(name)
		f.Class = string(name)
	case fieldAttempts:
		n, _, err = d.integer(name, 0, math.MaxInt32)
		f.Attempts = int(n)
	case fieldInDoubt:
		var token jsontext.Token
		if kind := d.json.PeekKind(); kind != 't' && kind != 'f' {
			return d.unlike(`"in_doubt"`, kind, "true or false")
		}
		if token, err = d.json.ReadToken(); err == nil {
			f.InDoubt = token.Bool()
		}
	}
	return err
}

// headerList reads the array of headers; null is none.
func (d *Decoder) headerList() ([]omnibus.Header, error) {
	kind := d.json.PeekKind()
	if kind != '[' && kind != 'n' {
		return nil, d.unlike(`"headers"`, kind, `an array such as [{"key":"k","value":"v"}]`)
	}
	if _, err := d.json.ReadToken(); err != nil || kind == 'n' {
		return nil, err
	}
	for {
		kind := d.json.PeekKind()
		if kind == ']' {
			_, err := d.json.ReadToken()
			return d.headers, err
		}
		if kind != '{' {
			return nil, d.unlike("a header", kind, `an object such as {"key":"k","value":"v"}`)
		}
		header, err := d.header()
		if err != nil {
			return nil, err
		}
		d.headers = append(d.headers, header)
	}
}

// header reads one object of the array.
func (d *Decoder) header() (header omnibus.Header, err error) {
	if _, err := d.json.ReadToken(); err != nil {
		return header, err
	}
	var seen fields
	var key []byte
	for {
		name, err := d.name()
		if err != nil {
			return header, err
		}
		if name == nil {
			break
		}
		field, ok := fieldOf(name)
		if !ok || name[0] == 'r' || field != fieldKey && field != fieldValue {
			return header, &Error{fmt.Sprintf("a header has the unknown field %q", shown(name)), "want key, key64, value, value64"}
		}
		if err := seen.add(field, name); err != nil {
			return header, err
		}
		content, err := d.content(name)
		if err != nil {
			return header, err
		}
		if field == fieldKey {
			key = content
		} else {
			header.Value = content
		}
	}
	if key == nil || !seen.has(fieldValue) {
		return header, &Error{"a header needs a key and a value", `write {"key":"k","value":"v"}; the value may be null, the key not`}
	}
	header.Key = d.interned(key)
	return header, nil
}

// interned is the name of a header or topic as a string. Most inputs have few of them.
func (d *Decoder) interned(name []byte) string {
	if len(name) > nameBytesMax {
		return string(name)
	}
	if known, ok := d.names[string(name)]; ok {
		return known
	}
	if d.names == nil || len(d.names) >= namesMax {
		d.names = make(map[string]string)
	}
	fresh := string(name)
	d.names[fresh] = fresh
	return fresh
}
