package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// javaBatch was written by MemoryRecordsBuilder of Apache Kafka 4.3.1: transactional, producer id 4242, epoch 7, base
// sequence 99, base timestamp 1700000000000, and the records of javaRecords.
var javaBatch = "00000000000000000000012effffffff02d6711d0c0010000000030000018bcfe568000000018bcfe6eea0" +
	"00000000000010920007000000630000000418000000026b0a76616c7565002400cf0f020100060468310278000104683300" +
	"1000c09a0c04000100a403000206066b65799003" + strings.Repeat("76", 200) + "00"

func javaRecords() []Record {
	headers := AppendHeader(nil, "h1", []byte("x"))
	headers = AppendHeader(headers, "", nil)
	headers = AppendHeader(headers, "h3", []byte{})
	return []Record{
		{Key: []byte("k"), Value: []byte("value")},
		{TimestampDelta: -1000, OffsetDelta: 1, Value: []byte{}, Headers: headers, HeaderCount: 3},
		{TimestampDelta: 100_000, OffsetDelta: 2, Key: []byte{}},
		{TimestampDelta: 1, OffsetDelta: 3, Key: []byte("key"), Value: bytes.Repeat([]byte("v"), 200)},
	}
}

func appendRecords(dst []byte, records []Record) []byte {
	for i := range records {
		body, _ := records[i].Size()
		dst = AppendRecord(dst, body, &records[i])
	}
	return dst
}

func TestBatchEqualsJavasByteForByte(t *testing.T) {
	body := appendRecords(nil, javaRecords())
	header := BatchHeader{
		Length: BatchLength(len(body)), LeaderEpoch: -1, Attributes: AttrTransactional, LastOffsetDelta: 3,
		BaseTimestamp: 1700000000000, MaxTimestamp: 1700000100000,
		ProducerID: 4242, ProducerEpoch: 7, BaseSequence: 99, Count: 4,
	}
	var sealed [BatchHeaderLen]byte
	header.Put(sealed[:])
	SealCRC(&sealed, [][]byte{body[:7], nil, body[7:]})
	if got := hex.EncodeToString(append(sealed[:], body...)); got != javaBatch {
		t.Errorf("batch\n%s\nwant\n%s", got, javaBatch)
	}
}

func TestBatchHeaderReadsBackAndAgreesWithKmsg(t *testing.T) {
	raw, err := hex.DecodeString(javaBatch)
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseBatchHeader(raw)
	if err != nil {
		t.Fatal(err)
	}
	var k kmsg.RecordBatch
	if err := k.ReadFrom(raw); err != nil {
		t.Fatal(err)
	}
	want := BatchHeader{
		BaseOffset: k.FirstOffset, Length: k.Length, LeaderEpoch: k.PartitionLeaderEpoch, CRC: uint32(k.CRC),
		Attributes: k.Attributes, LastOffsetDelta: k.LastOffsetDelta, BaseTimestamp: k.FirstTimestamp,
		MaxTimestamp: k.MaxTimestamp, ProducerID: k.ProducerID, ProducerEpoch: k.ProducerEpoch,
		BaseSequence: k.FirstSequence, Count: k.NumRecords,
	}
	if h != want {
		t.Errorf("header %+v, want %+v", h, want)
	}
	var again [BatchHeaderLen]byte
	h.Put(again[:])
	if !bytes.Equal(again[:], raw[:BatchHeaderLen]) {
		t.Errorf("written again: %x, want %x", again, raw[:BatchHeaderLen])
	}
	if got := BatchCRC(&again, [][]byte{raw[BatchHeaderLen:]}); got != h.CRC {
		t.Errorf("BatchCRC = %#x, want %#x", got, h.CRC)
	}
}

func TestParseBatchHeaderRefuses(t *testing.T) {
	good, _ := hex.DecodeString(javaBatch)
	for want, spoil := range map[string]func([]byte) []byte{
		"batch header at offset 0: 61 bytes wanted, 60 left": func(b []byte) []byte { return b[:60] },
		"batch magic at offset 16: 1, not 2":                 func(b []byte) []byte { b[16] = 1; return b },
		"batch length at offset 8: 48, below 49":             func(b []byte) []byte { copy(b[8:], []byte{0, 0, 0, 48}); return b },
		"batch length at offset 8: -1, below 49":             func(b []byte) []byte { copy(b[8:], []byte{255, 255, 255, 255}); return b },
		"record count at offset 57: -2147483644 is negative": func(b []byte) []byte { b[57] = 0x80; return b },
	} {
		if _, err := ParseBatchHeader(spoil(bytes.Clone(good))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestRecordsAgreeWithKmsg(t *testing.T) {
	records := append(javaRecords(),
		Record{TimestampDelta: math.MaxInt64, OffsetDelta: math.MaxInt32},
		Record{TimestampDelta: math.MinInt64, Value: make([]byte, 20_000)})
	for i := range records {
		rec := &records[i]
		body, total := rec.Size()
		raw := AppendRecord([]byte("before"), body, rec)[len("before"):]
		if len(raw) != total {
			t.Errorf("record %d: %d bytes, Size said %d", i, len(raw), total)
		}
		var k kmsg.Record
		if err := k.ReadFrom(raw); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if int(k.Length) != body {
			t.Errorf("record %d: length %d, Size said %d", i, k.Length, body)
		}
		if got := k.AppendTo(nil); !bytes.Equal(got, raw) {
			t.Errorf("record %d: kmsg writes\n%x, we\n%x", i, got, raw)
		}
	}
}

func TestRecordPiecesMakeUpTheRecord(t *testing.T) {
	records := append(javaRecords(), Record{TimestampDelta: math.MinInt64, OffsetDelta: math.MinInt32, HeaderCount: math.MinInt32, Key: make([]byte, 1<<20), Value: make([]byte, 1<<20)})
	for i := range records {
		body, _ := records[i].Size()
		var framing [RecordFramingMax]byte
		pieces := records[i].Pieces(&framing, body)
		if got, want := bytes.Join(pieces[:], nil), AppendRecord(nil, body, &records[i]); !bytes.Equal(got, want) {
			t.Errorf("record %d: pieces %x, want %x", i, got, want)
		}
	}
}

func TestReadRecordKeepsNullAndEmptyApart(t *testing.T) {
	r := NewReader(appendRecords(nil, javaRecords()))
	want := []RecordView{
		{Key: []byte("k"), Value: []byte("value")},
		{TimestampDelta: -1000, OffsetDelta: 1, Value: []byte{}, Headers: []HeaderView{
			{[]byte("h1"), []byte("x")}, {[]byte{}, nil}, {[]byte("h3"), []byte{}},
		}},
		{TimestampDelta: 100_000, OffsetDelta: 2, Key: []byte{}},
		{TimestampDelta: 1, OffsetDelta: 3, Key: []byte("key"), Value: bytes.Repeat([]byte("v"), 200)},
	}
	for i := range want {
		if got := ReadRecord(&r); !reflect.DeepEqual(got, want[i]) {
			t.Errorf("record %d: %+v, want %+v (%v)", i, got, want[i], r.Err())
		}
	}
	if err := r.End("records"); err != nil {
		t.Error(err)
	}
}

func TestReadRecordRefuses(t *testing.T) {
	for _, c := range []struct {
		want string
		raw  []byte
	}{
		{"varint at offset 0: ends in the middle", nil},
		{"record at offset 0: -1 bytes", []byte{1, 0, 0, 0, 1, 1, 0}},
		{"record at offset 0: 7 bytes", []byte{14, 0, 0, 0, 1, 1, 0}},
		{"record at offset 7: 1 bytes too many", []byte{14, 0, 0, 0, 1, 1, 0, 0}},
		{"record key at offset 4: -2 bytes", []byte{12, 0, 0, 0, 3, 1, 0}},
		{"record value at offset 5: 1 bytes", []byte{10, 0, 0, 0, 1, 2, 0}},
		{"header count at offset 6: -1", []byte{12, 0, 0, 0, 1, 1, 1}},
		{"header count at offset 6: 3 elements", []byte{12, 0, 0, 0, 1, 1, 6}},
		{"header name at offset 7: null", []byte{16, 0, 0, 0, 1, 1, 2, 1, 1}},
		{"header value at offset 8: 5 bytes", []byte{16, 0, 0, 0, 1, 1, 2, 0, 10}},
	} {
		r := NewReader(c.raw)
		rec := ReadRecord(&r)
		if r.Err() == nil || !strings.Contains(r.Err().Error(), c.want) {
			t.Errorf("want an error with %q, got %v", c.want, r.Err())
		}
		if !reflect.DeepEqual(rec, RecordView{}) {
			t.Errorf("%s: a record came with the error: %+v", c.want, rec)
		}
	}
}

func TestAppendRecordAllocatesNothingWithRoom(t *testing.T) {
	dst := make([]byte, 0, 1024)
	value := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		rec := Record{TimestampDelta: 5, OffsetDelta: 3, Key: value[:8], Value: value, Headers: value[:4], HeaderCount: 1}
		body, _ := rec.Size()
		AppendRecord(dst, body, &rec)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzReadRecord(f *testing.F) {
	f.Add(appendRecords(nil, javaRecords()))
	f.Add([]byte{14, 0, 0, 0, 1, 1, 0, 0})
	f.Add([]byte{20, 0, 0, 0, 1, 1, 0x7e, 0, 1, 0, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(in)
		allocated := 0
		for r.Len() > 0 && r.Err() == nil {
			rec := ReadRecord(&r)
			allocated += cap(rec.Headers) * int(unsafe.Sizeof(HeaderView{}))
			if r.Err() == nil {
				checkRewrite(t, rec)
			}
		}
		if limit := 32*len(in) + 1024; allocated > limit {
			t.Fatalf("%d bytes allocated for an input of %d", allocated, len(in))
		}
	})
}

// checkRewrite holds that what was read, written again and read again, is the same.
func checkRewrite(t *testing.T, rec RecordView) {
	t.Helper()
	var headers []byte
	for _, h := range rec.Headers {
		headers = AppendHeader(headers, string(h.Name), h.Value)
	}
	out := Record{
		TimestampDelta: rec.TimestampDelta, OffsetDelta: rec.OffsetDelta,
		Key: rec.Key, Value: rec.Value, Headers: headers, HeaderCount: int32(len(rec.Headers)),
	}
	body, _ := out.Size()
	r := NewReader(AppendRecord(nil, body, &out))
	if again := ReadRecord(&r); !reflect.DeepEqual(again, rec) || r.End("record") != nil {
		t.Fatalf("read %+v, rewritten and read %+v (%v)", rec, again, r.Err())
	}
}

func BenchmarkAppendRecord(b *testing.B) {
	for _, size := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			dst := make([]byte, 0, 64<<10)
			rec := Record{TimestampDelta: 3, Value: make([]byte, size)}
			for b.Loop() {
				rec.OffsetDelta++
				body, total := rec.Size()
				if len(dst)+total > cap(dst) {
					dst, rec.OffsetDelta = dst[:0], 0
				}
				dst = AppendRecord(dst, body, &rec)
			}
		})
	}
}
