package batch

import (
	"fmt"
	"sort"

	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// Part is a piece of a batch that was refused as a whole.
type Part struct {
	Batch *Batch
	// Err is set on a part that is a single record and shall fail with it.
	Err error
}

// stretch is a run of records of a batch.
type stretch struct {
	first, count int
	bytes        int
	err          error
}

// SplitBySize cuts the batch into parts of at most about targetBytes each, the header included, and smaller than refusedBytes.
// A record larger than the target makes a part alone.
func (b *Batch) SplitBySize(targetBytes, refusedBytes int) ([]Part, error) {
	records, plain, err := b.Records()
	if err != nil {
		return nil, err
	}
	targetBytes = min(targetBytes, refusedBytes-1) - wire.BatchHeaderLen
	// A compressed batch is cut where its plain records stand in the same ratio.
	if b.body.compressed > 0 {
		targetBytes = int(int64(targetBytes) * int64(plain) / int64(b.body.compressed))
	}
	var cut []stretch
	for i := range records {
		size := records[i].size
		if n := len(cut); n > 0 && cut[n-1].bytes+size <= targetBytes {
			cut[n-1].count++
			cut[n-1].bytes += size
			continue
		}
		cut = append(cut, stretch{first: i, count: 1, bytes: size})
	}
	return b.parts(records, cut), nil
}

// SplitAround cuts the batch so that each of the named records stands alone, with its error, and the others stay
// together in runs.
func (b *Batch) SplitAround(culprits map[int]error) ([]Part, error) {
	records, _, err := b.Records()
	if err != nil {
		return nil, err
	}
	at := make([]int, 0, len(culprits))
	for i := range culprits {
		at = append(at, i)
	}
	sort.Ints(at)
	var cut []stretch
	next := 0
	for _, i := range at {
		if i > next {
			cut = append(cut, stretch{first: next, count: i - next})
		}
		cut = append(cut, stretch{first: i, count: 1, err: culprits[i]})
		next = i + 1
	}
	if next < len(records) {
		cut = append(cut, stretch{first: next, count: len(records) - next})
	}
	return b.parts(records, cut), nil
}

// parts makes a batch of each stretch, outside the pool: the whole batch's slabs stay charged until all parts are done,
// so memory stays bounded by twice the pool for the time of a split. Each part holds a reference on the whole.
func (b *Batch) parts(records []Stored, cut []stretch) []Part {
	parts := make([]Part, 0, len(cut))
	for _, s := range cut {
		part := New()
		part.Owner, part.Created, part.First, part.Aged = b.Owner, b.Created, b.First+int64(s.first), b.Aged
		part.whole = b
		b.Retain()
		bytes := 0
		for _, r := range records[s.first : s.first+s.count] {
			bytes += r.size + wire.MaxVarlongLen
		}
		part.AddSlabs(&bufferpool.Slab{Buf: make([]byte, 0, bytes)})
		for i := s.first; i < s.first+s.count; i++ {
			e := records[i].entry(b.building.baseTimestamp)
			part.Board(&e, b.Callback(i), b.Tag(i))
		}
		part.result, part.seatBase = b.result, b.seatBase+s.first
		part.Close()
		parts = append(parts, Part{Batch: part, Err: s.err})
	}
	return parts
}

// Stored is a record as it stands in a batch; its slices are views.
type Stored struct {
	wire.RecordView
	size    int
	headers []byte // the encoded header section without its count
}

// entry makes the record ready to board another batch.
func (s *Stored) entry(baseTimestamp int64) Entry {
	return Entry{
		Record: wire.Record{
			Key: s.Key, Value: s.Value, Headers: s.headers, HeaderCount: int32(len(s.Headers)),
		},
		Timestamp: baseTimestamp + s.TimestampDelta,
	}
}

// Records reads the batch's records back, and returns the size of all of them uncompressed. It changes nothing of the
// batch; the caller sees to it that nobody else does.
func (b *Batch) Records() ([]Stored, int, error) {
	plain := make([]byte, 0, b.building.recordsBytes)
	for s := b.body.head; s != nil; s = s.Next {
		plain = append(plain, s.Buf...)
	}
	if b.body.codec != compress.None {
		var err error
		plain, err = compress.Decompress(b.body.codec, nil, plain, b.building.recordsBytes)
		if err != nil {
			return nil, 0, fmt.Errorf("reading the batch back: %w", err)
		}
	}
	reader := wire.NewReader(plain)
	records := make([]Stored, 0, b.building.count)
	for range b.building.count {
		before := reader.Len()
		view := wire.ReadRecord(&reader)
		s := Stored{RecordView: view, size: before - reader.Len()}
		for _, h := range view.Headers {
			s.headers = wire.AppendHeader(s.headers, string(h.Name), h.Value)
		}
		records = append(records, s)
	}
	if err := reader.Err(); err != nil {
		return nil, 0, fmt.Errorf("reading the batch back: %w", err)
	}
	return records, len(plain), nil
}
