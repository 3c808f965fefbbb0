package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/envelope"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/lines"
)

// framingBytesMax is what the names, numbers and columns beside key and value may take.
const framingBytesMax = 64 << 10

// pieceBytesMax is the longest piece that can be a record of recordBytesMax.
func (o *Options) pieceBytesMax(recordBytesMax int) int {
	switch o.format() {
	case formatEnvelope:
		return 6*recordBytesMax + framingBytesMax // JSON writes a control character in six bytes
	case formatCSV:
		return 2*recordBytesMax + framingBytesMax // and csv a quote in two
	case formatTSV:
		return recordBytesMax + framingBytesMax
	}
	return recordBytesMax
}

func newFormat(o *Options) (format, error) {
	nulls := nulls{marker: o.NullMarker, empty: o.EmptyNull}
	switch o.format() {
	case formatEnvelope:
		return &envelopes{keepPartition: o.KeepPartition}, nil
	case formatCSV, formatTSV:
		return newTable(o, nulls), nil
	}
	mapping, err := newMapping(o)
	return &texts{separator: o.KeySeparator, nulls: nulls, mapping: mapping}, err
}

// nulls says which keys and values are null.
type nulls struct {
	marker []byte // nil for none
	empty  bool
}

// of returns nil if the bytes mean null, else the bytes.
func (n nulls) of(b []byte) []byte {
	if n.empty && len(b) == 0 || n.marker != nil && bytes.Equal(b, n.marker) {
		return nil
	}
	return b
}

// texts are lines, and whole files: a value, or a key and a value.
type texts struct {
	separator []byte // nil for none
	nulls     nulls
	mapping   *mapping // nil for none
}

// plain reports whether the value is the piece as it is, and nothing else comes from it.
func (t *texts) plain() bool {
	return t.separator == nil && t.nulls.marker == nil && !t.nulls.empty && t.mapping == nil
}

func (t *texts) fill(ctx context.Context, record *omnibus.Record, piece lines.Line) error {
	value := piece.Bytes
	if t.separator != nil {
		at := bytes.Index(value, t.separator)
		if at < 0 {
			return &problem{fmt.Sprintf("the line has no key separator %q", t.separator), "put a key and it before the value, or leave --key-separator out"}
		}
		record.Key, value = t.nulls.of(value[:at:at]), value[at+len(t.separator):]
	}
	record.Value = t.nulls.of(value)
	if t.mapping == nil {
		return nil
	}
	return t.mapping.apply(ctx, record, value)
}

// envelopes are lines of JSON that say everything about a record.
type envelopes struct {
	decoder       envelope.Decoder
	keepPartition bool
}

func (e *envelopes) fill(_ context.Context, record *omnibus.Record, piece lines.Line) error {
	read, err := e.decoder.Decode(piece.Bytes)
	if wrong, ok := errors.AsType[*envelope.Error](err); ok {
		return &problem{wrong.What, wrong.Fix}
	}
	if err != nil {
		return err
	}
	if e.keepPartition {
		record.Partition = read.Partition
	}
	record.Topic, record.Key, record.Value, record.Timestamp = read.Topic, read.Key, read.Value, read.Timestamp
	record.Headers = append(read.Headers, record.Headers...)
	return nil
}
