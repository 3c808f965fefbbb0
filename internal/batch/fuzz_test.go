package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/compress"
)

// recipe reads what to do from the bytes of a fuzz target; when they have run out it reads zeros.
type recipe struct{ bytes []byte }

// upTo is a number of at most so much.
func (r *recipe) upTo(most int) int {
	n := 0
	for ; most > 0 && len(r.bytes) > 0; most >>= 8 {
		n = n<<8 | int(r.bytes[0])
		r.bytes = r.bytes[1:]
	}
	return n
}

// data is null, empty or some bytes.
func (r *recipe) data() []byte {
	switch kind := r.upTo(255); {
	case kind < 40:
		return nil
	case kind < 60:
		return []byte{}
	case kind < 200:
		return slices.Repeat([]byte{byte(kind)}, kind-60)
	}
	n := min(r.upTo(255), len(r.bytes))
	out := slices.Clone(r.bytes[:n])
	r.bytes = r.bytes[n:]
	return slices.Repeat(out, 1+r.upTo(63))
}

// record is one of any shape.
func (r *recipe) record() record {
	out := record{key: r.data(), value: r.data(), timestamp: 1_700_000_000_000}
	switch r.upTo(255) % 8 {
	case 0:
		out.timestamp = int64(r.upTo(1 << 30))
	case 1:
		out.timestamp -= int64(r.upTo(1 << 20))
	case 2:
		out.timestamp += int64(r.upTo(1 << 20))
	}
	for range r.upTo(255) % 4 {
		out.headers = append(out.headers, header{string(r.data()), r.data()})
	}
	return out
}

// batch is a closed batch of some records in slabs of some sizes.
func (r *recipe) batch(t *testing.T) (*Batch, []record) {
	sizes := []int{1 + r.upTo(255), 1 + r.upTo(1<<10), 1 + r.upTo(1<<12)}
	records := []record{r.record()}
	for len(r.bytes) > 8 && len(records) < 200 {
		records = append(records, r.record())
	}
	fitting := New()
	for i := range records {
		if !fitting.Fits(records[i].timestamp) {
			records = records[:i]
			break
		}
		fitting.building.baseTimestamp = records[0].timestamp
		fitting.building.count++
	}
	return boarded(t, records, sizes...), records
}

// FuzzBatch encodes what a recipe says, and has it read by a decoder that is not ours and by one that accepts nothing but
// the one right encoding; then splits it, as a broker's refusal would, and reads the parts.
func FuzzBatch(f *testing.F) {
	f.Add([]byte{}, uint8(0), int64(1), int16(2), int32(3))
	f.Add([]byte("\x05\x00\x20\x01\x00\xc8\x05hello\x03\xff\x03abc\x00\x01\x02\x00\x00\x7f\x90\x03\x01\x02\x70\x71"), uint8(4), int64(-1), int16(-1), int32(-1))
	f.Add([]byte("\x40\x02\x20\x03\x00\x80\x90\x00\x01\x02\x70\x71\x80\x90\x00\x01\x02\x70\x71\x80\x90\x00\x01\x02"), uint8(2), int64(1<<62), int16(32767), int32(1<<31-1))
	f.Fuzz(func(t *testing.T, bytes []byte, codec uint8, id int64, epoch int16, sequence int32) {
		r := &recipe{bytes[:min(len(bytes), 4096)]}
		b, records := r.batch(t)
		if codec := codecs()[int(codec)%len(codecs())]; codec != compress.None {
			if _, err := b.Compress(compressor(t, codec), new(Scratch)); err != nil {
				t.Fatal(err)
			}
		}
		b.Stamp(id, epoch, sequence)
		b.Seal()
		k, got := decode(t, b)
		same(t, got, records)
		if k.ProducerID != id || k.ProducerEpoch != epoch || k.FirstSequence != sequence {
			t.Errorf("numbers %d %d %d, want %d %d %d", k.ProducerID, k.ProducerEpoch, k.FirstSequence, id, epoch, sequence)
		}
		strict(t, b, records)
		var parts []Part
		var err error
		if codec < 128 {
			parts, err = b.SplitBySize(1+int(uint16(sequence)), b.Bytes())
		} else {
			parts, err = b.SplitAround(map[int]error{int(codec) % len(records): errors.New("culprit")})
		}
		if err != nil {
			t.Fatal(err)
		}
		checkParts(t, b, parts, records)
	})
}

// strict fails the test unless the batch is the one encoding of the records that Kafka's own code would write
// (DefaultRecordBatch and DefaultRecord in org.apache.kafka.common.record): every number in as few bytes as it takes,
// nothing left over, all deltas from the first record.
func strict(t *testing.T, b *Batch, records []record) {
	t.Helper()
	raw, be := bytesOf(b), binary.BigEndian
	latest := records[0].timestamp
	for _, r := range records {
		latest = max(latest, r.timestamp)
	}
	attributes := be.Uint16(raw[21:])
	for _, field := range []struct {
		name      string
		got, want uint64
	}{
		{"base offset", be.Uint64(raw), 0},
		{"length", uint64(be.Uint32(raw[8:])), uint64(len(raw) - 12)},
		{"leader epoch", uint64(be.Uint32(raw[12:])), 1<<32 - 1},
		{"magic", uint64(raw[16]), 2},
		{"CRC", uint64(be.Uint32(raw[17:])), uint64(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))},
		{"attributes", uint64(attributes &^ 7), 0},
		{"last offset delta", uint64(be.Uint32(raw[23:])), uint64(len(records) - 1)},
		{"base timestamp", be.Uint64(raw[27:]), uint64(records[0].timestamp)},
		{"max timestamp", be.Uint64(raw[35:]), uint64(latest)},
		{"count", uint64(be.Uint32(raw[57:])), uint64(len(records))},
	} {
		if field.got != field.want {
			t.Fatalf("%s is %d, want %d", field.name, field.got, field.want)
		}
	}
	plain, err := compress.Decompress(compress.Codec(attributes&7), nil, raw[61:], 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{}
	for i := range records {
		want = appendStrictly(want, &records[i], i, records[0].timestamp)
	}
	if err := differs(plain, want); err != nil {
		t.Fatal(err)
	}
}

// appendStrictly appends a record as the format's description has it.
func appendStrictly(dst []byte, r *record, offset int, base int64) []byte {
	bytes := func(to, b []byte) []byte {
		if b == nil {
			return binary.AppendVarint(to, -1)
		}
		return append(binary.AppendVarint(to, int64(len(b))), b...)
	}
	body := []byte{0} // attributes
	body = binary.AppendVarint(body, r.timestamp-base)
	body = binary.AppendVarint(body, int64(offset))
	body = bytes(bytes(body, r.key), r.value)
	body = binary.AppendVarint(body, int64(len(r.headers)))
	for _, h := range r.headers {
		body = bytes(append(binary.AppendVarint(body, int64(len(h.key))), h.key...), h.value)
	}
	return append(binary.AppendVarint(dst, int64(len(body))), body...)
}

// differs says where two encodings part.
func differs(got, want []byte) error {
	if slices.Equal(got, want) {
		return nil
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	return fmt.Errorf("%d bytes of records, want %d; they part at %d", len(got), len(want), at)
}
