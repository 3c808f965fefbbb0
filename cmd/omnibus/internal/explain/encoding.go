package explain

import (
	"fmt"
	"strconv"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// previewBytes is how much of a long key or value is shown.
const previewBytes = 24

// field is a part of the record as it is written.
type field struct {
	Name string `json:"name"`
	// Bytes is the length, Hex the bytes or the first of them, Means what they say.
	Bytes int    `json:"bytes"`
	Hex   string `json:"hex"`
	Means string `json:"means"`
}

// encode is the record as the first of a batch.
func (r *record) encode() []byte {
	body, _ := r.Record.Size()
	return wire.AppendRecord(nil, body, &r.Record)
}

// dissector takes an encoded record apart.
type dissector struct {
	data   []byte
	reader wire.Reader
	fields []field
}

// dissect lists the parts of an encoded record, whose bytes in their order are all of it.
func dissect(data []byte, r *record) ([]field, error) {
	d := &dissector{data: data, reader: wire.NewReader(data)}
	d.number("length", func() int64 { return int64(d.reader.Varint()) }, "%d bytes follow")
	d.number("attributes", func() int64 { return int64(d.reader.Int8()) }, "%d")
	at := time.UnixMilli(r.Timestamp).UTC().Format(time.RFC3339Nano)
	d.number("timestamp delta", func() int64 { return d.reader.Varlong() }, "%d ms after the batch's first, which is "+at)
	d.number("offset delta", func() int64 { return int64(d.reader.Varint()) }, "%d, the first of its batch")
	d.bytes("key")
	d.bytes("value")
	count := d.number("headers", func() int64 { return int64(d.reader.Varint()) }, "%d")
	for i := range count {
		d.bytes(fmt.Sprintf("header %d name", i+1))
		d.bytes(fmt.Sprintf("header %d value", i+1))
	}
	return d.fields, d.reader.End("record")
}

// number takes one number off the front.
func (d *dissector) number(name string, read func() int64, means string) int64 {
	start := len(d.data) - d.reader.Len()
	n := read()
	d.add(name, start, fmt.Sprintf(means, n))
	return n
}

// bytes takes a length, and so many bytes, off the front; a length of -1 is null.
func (d *dissector) bytes(name string) {
	length := d.number(name+" length", func() int64 { return int64(d.reader.Varint()) }, "%d")
	last := &d.fields[len(d.fields)-1]
	if length < 0 {
		last.Means += ": null"
		return
	}
	if length == 0 {
		last.Means += ": empty"
		return
	}
	start := len(d.data) - d.reader.Len()
	content := d.reader.Bytes(int(length))
	d.add(name, start, preview(content))
}

func (d *dissector) add(name string, start int, means string) {
	raw := d.data[start : len(d.data)-d.reader.Len()]
	d.fields = append(d.fields, field{Name: name, Bytes: len(raw), Hex: hexPreview(raw), Means: means})
}

// preview quotes text, or the beginning of it.
func preview(content []byte) string {
	if len(content) <= previewBytes {
		return strconv.Quote(string(content))
	}
	return strconv.Quote(string(content[:previewBytes])) + fmt.Sprintf("… (%d bytes)", len(content))
}

func hexPreview(raw []byte) string {
	if len(raw) <= previewBytes {
		return fmt.Sprintf("% x", raw)
	}
	return fmt.Sprintf("% x …", raw[:previewBytes])
}
