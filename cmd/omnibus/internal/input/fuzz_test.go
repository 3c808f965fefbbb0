package input

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/envelope"
)

// Where encoding/csv and this package must agree, they do: rows without carriage returns (which it changes), empty lines
// (which it passes over) and mistakes (after which each goes its own way).
func FuzzCSV(f *testing.F) {
	f.Add("a,b\n\"c\n\"\"d\",\"\"\n")
	f.Add("\"a\"\"\",\"\n\n,\"\n")
	f.Add("a,b\nc\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\r") || strings.Contains("\n"+text, "\n\n") || strings.HasPrefix(text, byteOrderMark) {
			return
		}
		theirs := csv.NewReader(strings.NewReader(text))
		theirs.FieldsPerRecord = 2
		rows, err := theirs.ReadAll()
		o := &Options{Format: formatCSV, NoDecompress: true}
		reader, openErr := o.Open(Sources{Stdin: strings.NewReader(text), RecordBytesMax: testLimit})
		if openErr != nil {
			t.Fatal(openErr)
		}
		defer reader.Close()
		for i := 0; ; i++ {
			record, ourErr := reader.Next(t.Context())
			switch {
			case errors.Is(ourErr, io.EOF):
				if err != nil || i != len(rows) {
					t.Errorf("%q: %d rows, want %d and %v", text, i, len(rows), err)
				}
				return
			case ourErr != nil:
				if err == nil {
					t.Errorf("%q: %v, want %q", text, ourErr, rows)
				}
				return
			case err == nil && (i >= len(rows) || string(record.Key) != rows[i][0] || string(record.Value) != rows[i][1]):
				t.Errorf("%q: row %d is %q, %q; want %q", text, i, record.Key, record.Value, rows)
				return
			}
		}
	})
}

// Whatever the input and the format: it comes to its end, every piece is told once, tags rise, and nothing is larger than
// the input.
func FuzzReader(f *testing.F) {
	f.Add("k:v\nw\r\n", uint8(1), 10)
	f.Add("{\"value\":1}\n{}", uint8(2), 100)
	f.Add("k,\"v\nw\"\nx", uint8(3), 5)
	f.Add("k\tv\n", uint8(4), 5)
	f.Add("\x28\xb5\x2f\xfd\x04\x00", uint8(5), 5)
	f.Fuzz(func(t *testing.T, text string, choice uint8, limit int) {
		options := []Options{
			{}, {KeySeparator: []byte("::"), CRLF: "strip", Delimiter: []byte("\n\n")}, {Format: formatEnvelope, KeepPartition: true},
			{Format: formatCSV, CSVHeader: true, ValueColumn: "1"}, {Format: formatTSV, EmptyNull: true}, {Format: formatRaw},
			{KeyPath: ".a", HeaderPaths: []string{"b=.b"}, TimestampPath: ".c"},
		}
		o := options[int(choice)%len(options)]
		reader, err := o.Open(Sources{Stdin: strings.NewReader(text), RecordBytesMax: max(limit, 0) % testLimit})
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		tag := uint64(0)
		for {
			record, err := reader.Next(t.Context())
			bad, isBad := errors.AsType[*BadInputError](err)
			switch {
			case errors.Is(err, io.EOF):
				return
			case isBad:
				record = &omnibus.Record{Tag: bad.Tag, Value: bad.Raw}
			case err != nil:
				continue
			}
			if record.Tag <= tag || !strings.HasPrefix(text, "\x28\xb5") && !strings.HasPrefix(text, "\x1f\x8b") && len(record.Value) > len(text) {
				t.Fatalf("%q: tag %d after %d, %d bytes", text, record.Tag, tag, len(record.Value))
			}
			tag = record.Tag
		}
	})
}

// What consume writes is what produce sends.
func TestEnvelopesOf100000RecordsBecomeTheSameRecords(t *testing.T) {
	const count = 100_000
	var file bytes.Buffer
	var line []byte
	made := rand.New(rand.NewPCG(1, 2))
	for i := range count {
		record := generated(made, i)
		line = append(envelope.AppendConsumed(line[:0], &record, int64(i)), '\n')
		file.Write(line)
	}
	reader := open(t, Sources{Stdin: &file}, "--format", "envelope", "--keep-partition")
	again := rand.New(rand.NewPCG(1, 2))
	for i := range count {
		got, err := reader.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := generated(again, i)
		if got, want := fmt.Sprintf("%#v", plain(*got)), fmt.Sprintf("%#v", plain(want)); got != want {
			t.Fatalf("record %d is\n%s, want\n%s", i, got, want)
		}
	}
	if _, err := reader.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("%v after the last, want io.EOF", err)
	}
}

// plain leaves out what an envelope does not carry, and writes times as numbers.
func plain(r omnibus.Record) []any {
	return []any{r.Topic, r.Partition, r.Key, r.Value, r.Timestamp.UnixMilli(), r.Headers}
}

// generated is a record of a topic, with every kind of key, value and header.
func generated(random *rand.Rand, i int) omnibus.Record {
	content := func() []byte {
		b := make([]byte, random.IntN(50))
		switch random.IntN(4) {
		case 0:
			return nil
		case 1:
			for i := range b {
				b[i] = byte(random.Uint32())
			}
		default:
			for i := range b {
				b[i] = "abc\"\\\n\r\t\x00 "[random.IntN(10)]
			}
		}
		return b
	}
	r := omnibus.Record{
		Topic: "orders", Partition: omnibus.At(int32(i % 6)), Key: content(), Value: content(), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)),
	}
	for range random.IntN(3) {
		r.Headers = append(r.Headers, omnibus.Header{Key: []string{"a", "trace", "\xff", ""}[random.IntN(4)], Value: content()})
	}
	return r
}
