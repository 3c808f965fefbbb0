package logdir

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// batchAt is a batch of so many records, with a payload that tells it from others.
func batchAt(base int64, records int32, change func(*kmsg.RecordBatch)) []byte {
	batch := kmsg.RecordBatch{
		FirstOffset: base, Magic: magic, LastOffsetDelta: records - 1, NumRecords: records, ProducerID: -1, ProducerEpoch: -1,
		FirstSequence: -1, MaxTimestamp: 1000 + base, PartitionLeaderEpoch: 3, Records: fmt.Append(nil, "records from ", base),
	}
	if change != nil {
		change(&batch)
	}
	batch.Length = int32(HeaderBytes - lengthBytes + len(batch.Records))
	b := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[checkedFrom:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// partitionWith makes a directory of kfake's with one partition of one segment, and its index.
func partitionWith(t *testing.T, segment []byte, indexEntries int) (dir string, partition Partition) {
	t.Helper()
	dir = t.TempDir()
	partition = Partition{Topic: "orders", Number: 2, Dir: PartitionDir(dir, "orders", 2)}
	if err := os.MkdirAll(partition.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(partition.Dir, "0.dat"), segment)
	write(t, filepath.Join(partition.Dir, "0.idx"), make([]byte, indexEntries*indexEntryBytes))
	return dir, partition
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestMendKeepsEveryWholeBatch(t *testing.T) {
	first, second, third := batchAt(0, 2, nil), batchAt(2, 1, nil), batchAt(3, 4, nil)
	whole := slices.Concat(first, second, third)
	damaged := slices.Clone(second)
	damaged[len(damaged)-1] ^= 0x40
	wrongLength := slices.Clone(second)
	wrongLength[10] ^= 0x40
	for _, test := range []struct {
		name                string
		segment, want, lost []byte
		index               int
	}{
		{name: "nothing wrong", segment: whole, want: whole, index: 3},
		{name: "empty", index: 0},
		{name: "index behind", segment: whole, want: whole, index: 2},
		{name: "index ahead", segment: whole, want: whole, index: 4},
		{name: "torn in the header", segment: slices.Concat(first, second[:30]), want: first, lost: second[:30], index: 1},
		{name: "torn in the records", segment: slices.Concat(first, second[:HeaderBytes+3]), want: first, lost: second[:HeaderBytes+3], index: 1},
		{name: "length without its bytes", segment: slices.Concat(whole, make([]byte, 4096)), want: whole, lost: make([]byte, 4096), index: 3},
		{name: "last one damaged", segment: slices.Concat(first, damaged), want: first, lost: damaged, index: 2},
		{name: "damage in the middle", segment: slices.Concat(first, damaged, third), want: slices.Concat(first, third), lost: damaged, index: 3},
		{name: "first one damaged", segment: slices.Concat(damaged, third), want: third, lost: damaged, index: 2},
		{
			name: "nothing to go by behind the damage", segment: slices.Concat(first, wrongLength, third), want: first,
			lost: slices.Concat(wrongLength, third), index: 3,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, partition := partitionWith(t, test.segment, test.index)
			lost := filepath.Join(t.TempDir(), "lost")
			for range 2 { // the second time there is nothing to do
				if err := Mend(dir, lost, slog.New(slog.DiscardHandler)); err != nil {
					t.Fatal(err)
				}
			}
			if got := read(t, filepath.Join(partition.Dir, "0.dat")); !bytes.Equal(got, test.want) {
				t.Errorf("%d bytes are left of %d, want %d", len(got), len(test.segment), len(test.want))
			}
			checkIndex(t, partition)
			asides, err := filepath.Glob(filepath.Join(lost, "*"))
			if err != nil || len(asides) > 1 || (len(asides) == 1) != (test.lost != nil) {
				t.Fatalf("put aside %q, %v", asides, err)
			}
			if test.lost != nil && !bytes.Equal(read(t, asides[0]), test.lost) {
				t.Error("what was put aside is not what was taken away")
			}
		})
	}
}

// checkIndex wants one entry for each batch.
func checkIndex(t *testing.T, partition Partition) {
	t.Helper()
	segments, err := partition.Segments()
	if err != nil || len(segments) != 1 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	batches := 0
	if err := segments[0].Each(func(Header) bool { batches++; return true }); err != nil {
		t.Fatal(err)
	}
	if got := len(read(t, segments[0].index())); got != batches*indexEntryBytes {
		t.Errorf("the index has %d bytes, want %d for %d batches", got, batches*indexEntryBytes, batches)
	}
}

func TestANewIndexHasEpochAndTransaction(t *testing.T) {
	inTransaction := batchAt(0, 1, func(b *kmsg.RecordBatch) { b.Attributes = attributeTransactional })
	marker := batchAt(1, 1, func(b *kmsg.RecordBatch) { b.Attributes = attributeTransactional | attributeControl })
	dir, partition := partitionWith(t, slices.Concat(inTransaction, marker), 0)
	if err := Mend(dir, t.TempDir(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	index := read(t, filepath.Join(partition.Dir, "0.idx"))
	for i, wantFlag := range []byte{1, 0} {
		entry := index[i*indexEntryBytes : (i+1)*indexEntryBytes]
		epoch := binary.LittleEndian.Uint32(entry[2:])
		sum := byte(crc32.Checksum(entry[2:], crc32.MakeTable(crc32.Castagnoli)))
		if entry[0] != indexVersion || entry[1] != sum || epoch != 3 || entry[14] != wantFlag {
			t.Errorf("entry %d is % x, want epoch 3 and flag %d", i, entry, wantFlag)
		}
	}
}

func TestEntriesBehindATornOneAreNotWrittenInVain(t *testing.T) {
	whole := appendEntry(appendEntry(nil, []byte(`{"type":"commit"}`)), []byte(`{"type":"meta"}`))
	for name, tail := range map[string][]byte{
		"nothing":          nil,
		"half a header":    whole[:5],
		"half an entry":    whole[:15],
		"a wrong checksum": append(slices.Clone(whole[:len(whole)/2]), 0),
		"zeros":            make([]byte, 100),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, groupsName)
			if name == "a wrong checksum" {
				tail = appendEntry(nil, []byte(`{"type":"static"}`))
				tail[len(tail)-2] ^= 1
			}
			write(t, path, slices.Concat(whole, tail))
			if err := Mend(dir, t.TempDir(), slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); !bytes.Equal(got, whole) {
				t.Errorf("%d bytes are left, want %d", len(got), len(whole))
			}
		})
	}
}

func TestProducersAreWhatTheirBatchesSay(t *testing.T) {
	by := func(id int64, epoch int16, sequence int32) func(*kmsg.RecordBatch) {
		return func(b *kmsg.RecordBatch) { b.ProducerID, b.ProducerEpoch, b.FirstSequence = id, epoch, sequence }
	}
	var segment []byte
	for i := range int64(7) { // two more than are remembered
		segment = append(segment, batchAt(2*i, 2, by(11, 0, int32(2*i)))...)
	}
	segment = append(segment, batchAt(14, 5, by(22, 1, 0))...)
	segment = append(segment, batchAt(19, 1, by(22, 2, 0))...)
	segment = append(segment, batchAt(20, 1, nil)...)
	segment = append(segment, batchAt(21, 3, by(33, 0, sequenceModulus-1))...)
	dir, _ := partitionWith(t, segment, 0)
	pids := appendEntry(nil, []byte(`{"type":"init","pid":33,"epoch":0,"txid":"tx"}`))
	pids = appendEntry(pids, []byte(`{"type":"init","pid":99,"epoch":0}`))
	pids = appendEntry(pids, []byte(`{"type":"endtx","pid":33,"epoch":1}`))
	write(t, filepath.Join(dir, pidsName), pids)

	if err := RestoreProducers(dir, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	var windows struct{ Windows []window }
	if err := json.Unmarshal(read(t, filepath.Join(dir, WindowsName)), &windows); err != nil {
		t.Fatal(err)
	}
	want := []window{
		{
			ProducerID: 11, Batches: [5]windowItem{{10, 12, 10}, {12, 14, 12}, {4, 6, 4}, {6, 8, 6}, {8, 10, 8}},
			Count: 5, At: 2, Next: 14,
		},
		{ProducerID: 22, Epoch: 2, Batches: [5]windowItem{{0, 1, 19}}, Count: 1, At: 1, Next: 1},
		{ProducerID: 33, Batches: [5]windowItem{{sequenceModulus - 1, 2, 21}}, Count: 1, At: 1, Next: 2},
	}
	for i := range want {
		want[i].Topic, want[i].Partition, want[i].Seen = "orders", 2, true
	}
	if !slices.Equal(windows.Windows, want) {
		t.Errorf("windows %+v\nwant %+v", windows.Windows, want)
	}

	var lines []string
	entries, _ := splitEntries(read(t, filepath.Join(dir, pidsName)))
	for _, e := range entries {
		lines = append(lines, string(e.json))
	}
	wantLines := []string{
		`{"type":"init","pid":33,"epoch":0,"txid":"tx"}`, `{"type":"endtx","pid":33,"epoch":1}`,
		`{"type":"init","pid":11,"epoch":0}`, `{"type":"init","pid":22,"epoch":2}`,
	}
	if !slices.Equal(lines, wantLines) {
		t.Errorf("producers %q\nwant %q", lines, wantLines)
	}
}

// FuzzMend takes any bytes for a segment. What is left must be batches with right checksums, each one of them there
// before, and a second time there is nothing left to do.
func FuzzMend(f *testing.F) {
	whole := slices.Concat(batchAt(0, 2, nil), batchAt(2, 1, nil), batchAt(3, 4, nil))
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(slices.Concat(whole, make([]byte, 200)))
	f.Add([]byte("not a segment"))
	f.Fuzz(func(t *testing.T, segment []byte) {
		dir, partition := partitionWith(t, segment, 0)
		mend := func() []byte {
			if err := Mend(dir, filepath.Join(dir, "lost"), slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			return read(t, filepath.Join(partition.Dir, "0.dat"))
		}
		left := mend()
		checkIndex(t, partition)
		m := mender{buffer: make([]byte, readBytes)}
		found, err := m.check(bytes.NewReader(left), int64(len(left)))
		if err != nil || len(found.bad) > 0 {
			t.Fatalf("after mending: %v, bad %v", err, found.bad)
		}
		for _, h := range found.batches {
			if !bytes.Contains(segment, left[h.At:h.At+h.Size]) {
				t.Fatalf("the batch at %d was not there before", h.At)
			}
		}
		if !bytes.Equal(left, mend()) {
			t.Fatal("mending twice is not mending once")
		}
	})
}
