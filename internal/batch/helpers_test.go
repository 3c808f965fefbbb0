package batch

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// header is a record's header as a caller has it.
type header struct {
	key   string
	value []byte
}

// record is a record as a caller has it.
type record struct {
	key, value []byte
	headers    []header
	timestamp  int64
}

// entry is the record as it boards.
func (r *record) entry() *Entry {
	e := &Entry{Record: wire.Record{Key: r.key, Value: r.value, HeaderCount: int32(len(r.headers))}, Timestamp: r.timestamp}
	for _, h := range r.headers {
		e.Record.Headers = wire.AppendHeader(e.Record.Headers, h.key, h.value)
	}
	return e
}

// randomBytes is nil, empty or some bytes.
func randomBytes(r *rand.Rand, most int) []byte {
	switch r.IntN(5) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	b := make([]byte, r.IntN(most+1))
	for i := range b {
		b[i] = byte(r.IntN(4)) // compressible
	}
	return b
}

// randomRecords are records of all shapes: null and empty keys and values, headers, timestamps before the first one.
func randomRecords(r *rand.Rand, count, most int) []record {
	records := make([]record, count)
	for i := range records {
		records[i] = record{key: randomBytes(r, most/4), value: randomBytes(r, most), timestamp: 1_700_000_000_000 + r.Int64N(1<<20) - 1<<19}
		for range r.IntN(4) {
			records[i].headers = append(records[i].headers, header{string(randomBytes(r, 20)), randomBytes(r, 40)})
		}
	}
	return records
}

// slabs makes a chain of slabs of these sizes.
func slabs(sizes ...int) *bufferpool.Slab {
	var first *bufferpool.Slab
	last := &first
	for _, size := range sizes {
		*last = &bufferpool.Slab{Buf: make([]byte, 0, size)}
		last = &(*last).Next
	}
	return first
}

// boarded is a closed batch of the records, in slabs of these sizes, the last of them again and again.
func boarded(t testing.TB, records []record, sizes ...int) *Batch {
	t.Helper()
	b := New()
	for i := range records {
		e := records[i].entry()
		if !b.Fits(e.Timestamp) {
			t.Fatalf("record %d does not fit", i)
		}
		exact := b.MissingExactly(e)
		if upper := b.Missing(e.SizeMax()); upper < exact {
			t.Fatalf("record %d: %d bytes missing at most, %d exactly", i, upper, exact)
		}
		for b.MissingExactly(e) > 0 {
			b.AddSlabs(slabs(sizes[0]))
			sizes = sizes[min(1, len(sizes)-1):]
		}
		if seat, _ := b.Board(e, nil, 0); int(seat) != i {
			t.Fatalf("record %d has seat %d", i, seat)
		}
	}
	b.Close()
	return b
}

// bytesOf is the batch as it goes on the wire.
func bytesOf(b *Batch) []byte {
	return append(append([]byte{}, b.Header()[:]...), bytes.Join(b.AppendPieces(nil), nil)...)
}

// decode reads a sealed batch with somebody else's decoder, and checks the header.
func decode(t testing.TB, b *Batch) (kmsg.RecordBatch, []record) {
	t.Helper()
	raw := bytesOf(b)
	var k kmsg.RecordBatch
	if err := k.ReadFrom(raw); err != nil {
		t.Fatal(err)
	}
	if int(k.Length) != len(raw)-12 || len(raw) != b.Bytes() || k.Magic != 2 || int(k.NumRecords) != b.Count() || k.LastOffsetDelta != k.NumRecords-1 {
		t.Errorf("header %+v of %d bytes", k, len(raw))
	}
	if crc := wire.CRC32C(0, raw[21:]); uint32(k.CRC) != crc {
		t.Errorf("CRC %08x, want %08x", uint32(k.CRC), crc)
	}
	plain, err := compress.Decompress(compress.Codec(k.Attributes&7), nil, k.Records, 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	return k, decodeRecords(t, &k, plain)
}

// decodeRecords reads the records of a batch.
func decodeRecords(t testing.TB, k *kmsg.RecordBatch, plain []byte) []record {
	t.Helper()
	var records []record
	latest := int64(-1 << 62)
	for i := range k.NumRecords {
		reader := wire.NewReader(plain)
		size := int(reader.Varint())
		end := len(plain) - reader.Len() + size
		var r kmsg.Record
		if err := r.ReadFrom(plain[:end]); err != nil || r.OffsetDelta != i {
			t.Fatalf("record %d: offset delta %d, %v", i, r.OffsetDelta, err)
		}
		out := record{key: r.Key, value: r.Value, timestamp: k.FirstTimestamp + r.TimestampDelta64}
		latest = max(latest, out.timestamp)
		for _, h := range r.Headers {
			out.headers = append(out.headers, header{h.Key, h.Value})
		}
		records = append(records, out)
		plain = plain[end:]
	}
	if len(plain) != 0 || latest != k.MaxTimestamp {
		t.Errorf("%d bytes behind the last record; the latest is of %d, the header says %d", len(plain), latest, k.MaxTimestamp)
	}
	return records
}

// same compares records; null is not empty.
func same(t testing.TB, got, want []record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	equal := func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }
	for i := range want {
		g, w := &got[i], &want[i]
		if !equal(g.key, w.key) || !equal(g.value, w.value) || g.timestamp != w.timestamp || len(g.headers) != len(w.headers) {
			t.Errorf("record %d is %+v, want %+v", i, g, w)
			continue
		}
		for j := range w.headers {
			if g.headers[j].key != w.headers[j].key || !equal(g.headers[j].value, w.headers[j].value) {
				t.Errorf("record %d: header %d is %+v, want %+v", i, j, g.headers[j], w.headers[j])
			}
		}
	}
}

// stored turns what Records read back into records.
func stored(b *Batch, from []Stored) []record {
	records := make([]record, len(from))
	for i, s := range from {
		records[i] = record{key: s.Key, value: s.Value, timestamp: b.BaseTimestamp() + s.TimestampDelta}
		for _, h := range s.Headers {
			records[i].headers = append(records[i].headers, header{string(h.Name), h.Value})
		}
	}
	return records
}

// codecs are all of them with a name for the test.
func codecs() []compress.Codec {
	return []compress.Codec{compress.None, compress.Gzip, compress.Snappy, compress.LZ4, compress.Zstd}
}

// compressor makes one at the default level.
func compressor(t testing.TB, codec compress.Codec) *compress.Compressor {
	t.Helper()
	c, err := compress.New(codec, compress.Level{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
