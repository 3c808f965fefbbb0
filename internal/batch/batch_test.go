package batch

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/compress"
)

func TestAnotherDecoderReadsWhatBoarded(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		records := randomRecords(r, 1+r.IntN(40), 1+r.IntN(300))
		// Slabs so small that records span several of them, and whole ones.
		b := boarded(t, records, 1+r.IntN(50), 1+r.IntN(500), 1+r.IntN(4000))
		b.Stamp(int64(seed), int16(seed%7), int32(seed*3))
		b.Seal()
		k, got := decode(t, b)
		same(t, got, records)
		if k.ProducerID != int64(seed) || k.ProducerEpoch != int16(seed%7) || k.FirstSequence != int32(seed*3) || k.Attributes != 0 || k.PartitionLeaderEpoch != -1 {
			t.Errorf("header %+v", k)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestCompressedBatchReadsTheSame(t *testing.T) {
	for _, codec := range codecs() {
		t.Run(codec.String(), func(t *testing.T) {
			c := compressor(t, codec)
			var scratch Scratch
			for seed := range uint64(40) {
				r := rand.New(rand.NewPCG(seed, 1))
				records := randomRecords(r, 1+r.IntN(60), 300)
				b := boarded(t, records, 1+r.IntN(100), 1+r.IntN(1000))
				plain, whole := b.Bytes(), chainLen(b.body.head)
				spare, err := b.Compress(c, &scratch)
				if err != nil || !b.Encoded() {
					t.Fatal(err)
				}
				if b.Bytes() > plain {
					t.Errorf("%d bytes became %d", plain, b.Bytes())
				}
				if chainLen(spare)+chainLen(b.body.head) != whole {
					t.Error("slabs were lost")
				}
				b.Stamp(1, 0, 0)
				b.Seal()
				k, got := decode(t, b)
				same(t, got, records)
				if codec != compress.None && (b.Bytes() < plain) != (compress.Codec(k.Attributes) == codec) {
					t.Errorf("the header says %d for a batch of %d bytes that had %d", k.Attributes, b.Bytes(), plain)
				}
				back, size, err := b.Records()
				if err != nil || size != b.RecordsBytes() || size != plain-61 {
					t.Errorf("read back %d bytes: %v", size, err)
				}
				same(t, stored(b, back), records)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

// chainLen is the number of slabs.
func chainLen(s *bufferpool.Slab) (n int) {
	for ; s != nil; s = s.Next {
		n++
	}
	return n
}

func TestIncompressibleBatchStaysAsItIs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 500)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for _, codec := range codecs() {
		records := []record{{value: noise, timestamp: 5}}
		b := boarded(t, records, 100)
		before := bytes.Join(b.AppendPieces(nil), nil)
		spare, err := b.Compress(compressor(t, codec), new(Scratch))
		if spare != nil || err != nil || !bytes.Equal(before, bytes.Join(b.AppendPieces(nil), nil)) {
			t.Errorf("%v: changed: %v", codec, err)
		}
		b.Seal()
		k, got := decode(t, b)
		if k.Attributes != 0 {
			t.Errorf("%v: the header names a codec", codec)
		}
		same(t, got, records)
	}
}

func TestNewNumbersChangeTheHeaderAlone(t *testing.T) {
	records := randomRecords(rand.New(rand.NewPCG(3, 3)), 10, 100)
	b := boarded(t, records, 200)
	b.Stamp(7, 1, 100)
	b.Seal()
	first := bytesOf(b)
	b.Stamp(7, 1, 100)
	if !b.body.sealed {
		t.Error("the same numbers again ask for another CRC")
	}
	b.Seal()
	if !bytes.Equal(first, bytesOf(b)) {
		t.Error("changed by the same numbers")
	}
	for _, numbers := range [][3]int64{{8, 1, 100}, {7, 2, 100}, {7, 1, 101}, {NoProducerID, NoEpoch, NoSequence}} {
		b.Stamp(numbers[0], int16(numbers[1]), int32(numbers[2]))
		if b.Epoch() != int16(numbers[1]) || b.Sequence() != int32(numbers[2]) {
			t.Errorf("stamped %d %d", b.Epoch(), b.Sequence())
		}
		b.Seal()
		k, got := decode(t, b)
		same(t, got, records)
		if k.ProducerID != numbers[0] || int64(k.ProducerEpoch) != numbers[1] || int64(k.FirstSequence) != numbers[2] {
			t.Errorf("header %+v, want %v", k, numbers)
		}
		if !bytes.Equal(first[61:], bytesOf(b)[61:]) {
			t.Error("the records changed")
		}
	}
}

func TestTimestampsShareABatchWithinThirtyTwoBits(t *testing.T) {
	const base = 1_700_000_000_000
	b := boarded(t, []record{{timestamp: base}}, 100)
	for delta, want := range map[int64]bool{
		0: true, -1: true, math.MaxInt32: true, math.MinInt32: true, math.MaxInt32 + 1: false, math.MinInt32 - 1: false,
	} {
		if b.Fits(base+delta) != want {
			t.Errorf("a record %d ms away: %v", delta, !want)
		}
	}
	if !New().Fits(math.MinInt64) {
		t.Error("the first record fits anywhere")
	}
}

func TestCloseGivesBackWhatWasNotReached(t *testing.T) {
	b := New()
	if b.Close() != nil {
		t.Error("slabs out of nothing")
	}
	b = New()
	b.AddSlabs(slabs(50, 50, 50, 50))
	b.Board((&record{value: make([]byte, 60)}).entry(), nil, 0)
	if b.building.closed {
		t.Error("closed")
	}
	if spare := b.Close(); chainLen(spare) != 2 || chainLen(b.body.head) != 2 || !b.building.closed {
		t.Errorf("%d slabs given back, %d kept", chainLen(spare), chainLen(b.body.head))
	}
	if len(b.AppendPieces(nil)) != 2 {
		t.Errorf("%d pieces", len(b.AppendPieces(nil)))
	}
}

func TestFullIsToldOnce(t *testing.T) {
	b := boarded(t, []record{{value: make([]byte, 100)}}, 200)
	if b.TellFull(b.Bytes() + 1) {
		t.Error("too soon")
	}
	if !b.TellFull(b.Bytes()) || b.TellFull(1) {
		t.Error("not told once")
	}
}

func TestTheManifestHasCallbacksTagsAndTimesByRun(t *testing.T) {
	b := New()
	b.AddSlabs(slabs(1000))
	board := func(callback any, tag uint64, stamp int64) {
		b.Board(&Entry{Timestamp: stamp}, callback, tag)
	}
	board(nil, 0, 100)
	board("a", 0, 90)
	board(nil, 0, 100)
	board(nil, 7, 103)
	board(nil, 0, 100)
	shared := func() {}
	board(shared, 0, 100)
	board(shared, 0, 100)
	board(func() { _ = b }, 0, 100)
	wantRuns := []struct {
		first, end int
		delta      int32
		called     bool
	}{{1, 2, -10, true}, {2, 3, 0, false}, {3, 4, 3, false}, {4, 5, 0, false}, {5, 7, 0, true}, {7, 8, 0, true}}
	for seat, at := 1, 0; seat < b.Count(); seat++ {
		if seat == wantRuns[at].end {
			at++
		}
		want := wantRuns[at]
		if r := b.RunAt(seat); r.End != want.end || r.Delta != want.delta || (r.Callback != nil) != want.called {
			t.Errorf("at seat %d: %+v, want %+v", seat, r, want)
		}
	}
	if r := b.RunAt(0); r.End != 1 || r.Callback != nil {
		t.Errorf("before the first: %+v", r)
	}
	if b.Tag(3) != 7 || b.Tag(0) != 0 || b.Tag(7) != 0 || b.Callback(1) != "a" || b.Callback(0) != nil || b.Callback(2) != nil {
		t.Errorf("manifest %+v", b.manifest)
	}
}

func TestResetForgetsEverything(t *testing.T) {
	b := New()
	b.AddSlabs(slabs(64, 1000))
	for range 5 {
		b.Board((&record{}).entry(), "callback", 3)
	}
	b.SumWhileBoarding()
	b.Close()
	b.Stamp(1, 2, 3)
	b.Seal()
	b.Owner, b.Created, b.Sender.Attempts = "owner", 5, 3
	b.Ticket(0, 1, Origin{Topic: "t"})
	b.manifest.speak(voice{"another", 1})
	memory := &b.manifest.earlier[:1][0]
	b.Reset()
	if b.Count() != 0 || b.Bytes() != 61 || b.building.closed || b.Encoded() || b.Owner != nil || b.HasCallbacks() || b.Sender != (SenderState{}) || b.result != nil {
		t.Errorf("%+v", b)
	}
	if &b.manifest.earlier[:1][0] != memory || memory.callback != nil || b.manifest.last.callback != nil {
		t.Error("the memory of the manifest is not kept, or keeps a callback alive")
	}
	b.AddSlabs(slabs(100))
	records := []record{{value: []byte("again"), timestamp: 9}}
	b.Board(records[0].entry(), nil, 0)
	b.Close()
	b.Seal()
	_, got := decode(t, b)
	same(t, got, records)
}

func TestSlabsAreFreeWithTheLastReference(t *testing.T) {
	b := boarded(t, []record{{value: []byte("x")}}, 100)
	head := b.body.head
	b.Retain()
	if b.Release() {
		t.Error("free while a request has it")
	}
	if !b.Release() {
		t.Error("not free")
	}
	if b.TakeSlabs() != head || b.TakeSlabs() != nil {
		t.Error("slabs are taken once")
	}
}

func TestBoardAllocatesNothing(t *testing.T) {
	b := New()
	b.AddSlabs(slabs(1<<20, 1<<20))
	e := (&record{key: make([]byte, 10), value: make([]byte, 90), headers: []header{{"h", []byte("v")}}}).entry()
	var tag uint64
	board := func() {
		tag++
		b.Board(e, nil, 0)
	}
	if allocs := testing.AllocsPerRun(2000, board); allocs != 0 {
		t.Errorf("%v allocations a record", allocs)
	}
	b = New()
	b.AddSlabs(slabs(100, 100, 1<<20))
	if allocs := testing.AllocsPerRun(3, board); allocs != 0 {
		t.Errorf("%v allocations a record that spans slabs", allocs)
	}
}

func TestSplitBySizeKeepsRecordsOrderAndCallbacks(t *testing.T) {
	for _, codec := range codecs() {
		for seed := range uint64(60) {
			r := rand.New(rand.NewPCG(seed, 4))
			records := randomRecords(r, 2+r.IntN(40), 200)
			b := New()
			b.AddSlabs(slabs(1 << 16))
			b.Owner, b.Created = "owner", 5
			for i := range records {
				b.Board(records[i].entry(), i, uint64(i))
			}
			result := b.Ticket(0, 0, Origin{})
			b.Close()
			if codec != compress.None {
				b.Compress(compressor(t, codec), new(Scratch))
			}
			refused := b.Bytes()
			target := 1 + r.IntN(refused)
			parts, err := b.SplitBySize(target, refused)
			if err != nil || len(parts) < 2 {
				t.Fatalf("seed %d: %d parts, %v", seed, len(parts), err)
			}
			checkParts(t, b, parts, records)
			for _, p := range parts {
				if codec == compress.None && p.Batch.Count() > 1 && p.Batch.Bytes() >= refused {
					t.Errorf("a part of %d bytes, %d were refused", p.Batch.Bytes(), refused)
				}
				if p.Err != nil || p.Batch.result != result || p.Batch.Owner != "owner" || p.Batch.Created != 5 {
					t.Errorf("part %+v", p)
				}
			}
			if t.Failed() {
				t.Fatalf("%v, seed %d", codec, seed)
			}
		}
	}
}

// checkParts checks that the parts make up the whole, and give it back when all of them are done.
func checkParts(t *testing.T, whole *Batch, parts []Part, records []record) {
	t.Helper()
	var all []record
	at := 0
	for _, p := range parts {
		b := p.Batch
		if !b.building.closed || b.Encoded() || b.Whole() != whole || b.seatBase != whole.seatBase+at {
			t.Errorf("part at %d: %+v", at, b)
		}
		b.Seal()
		_, got := decode(t, b)
		all = append(all, got...)
		for seat := 0; seat < b.Count(); {
			run := b.RunAt(seat)
			if run.Callback == nil {
				seat = run.End
				continue
			}
			if run.Callback != at+seat || run.End != seat+1 {
				t.Errorf("record %d has the callback of %v", at+seat, run.Callback)
			}
			if want := int64(run.Delta) + b.BaseTimestamp(); want != records[at+seat].timestamp {
				t.Errorf("record %d: timestamp %d", at+seat, want)
			}
			seat = run.End
		}
		at += b.Count()
	}
	same(t, all, records)
	if whole.Release() {
		t.Error("the whole is free before its parts are")
	}
	for i, p := range parts {
		if !p.Batch.Release() || p.Batch.TakeSlabs() != nil {
			t.Error("a part has no slabs of the pool")
		}
		if last := whole.Release(); last != (i == len(parts)-1) {
			t.Errorf("whole free after part %d: %v", i, last)
		}
	}
}

func TestSplitPartsStayWithinTheTarget(t *testing.T) {
	records := make([]record, 100)
	for i := range records {
		records[i] = record{value: make([]byte, 100), timestamp: 1}
	}
	for _, target := range []int{1, 61 + 10*107, 61 + 50*107, 61 + 100*107, 1 << 20} {
		b := boarded(t, records, 1<<16)
		parts, err := b.SplitBySize(target, b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range parts {
			if p.Batch.Count() > 1 && p.Batch.Bytes() > min(target, b.Bytes()-1) {
				t.Errorf("target %d: part %d has %d bytes", target, i, p.Batch.Bytes())
			}
		}
	}
}

func TestSplitAroundIsolatesTheCulprits(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		culprits []int
		counts   []int
		failing  []int // parts
	}{
		"one in the middle": {[]int{2}, []int{2, 1, 3}, []int{1}},
		"first and last":    {[]int{0, 5}, []int{1, 4, 1}, []int{0, 2}},
		"neighbours":        {[]int{2, 3}, []int{2, 1, 1, 2}, []int{1, 2}},
		"all":               {[]int{0, 1, 2, 3, 4, 5}, []int{1, 1, 1, 1, 1, 1}, []int{0, 1, 2, 3, 4, 5}},
		"none":              {nil, []int{6}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var records []record
			for i := range 6 {
				records = append(records, record{value: []byte(strconv.Itoa(i)), timestamp: int64(100 - i)})
			}
			b := boarded(t, records, 40)
			culprits := make(map[int]error)
			for _, i := range c.culprits {
				culprits[i] = boom
			}
			parts, err := b.SplitAround(culprits)
			if err != nil || len(parts) != len(c.counts) {
				t.Fatalf("%d parts, %v", len(parts), err)
			}
			failing := 0
			for i, p := range parts {
				if p.Batch.Count() != c.counts[i] {
					t.Errorf("part %d has %d records", i, p.Batch.Count())
				}
				if p.Err != nil {
					if failing >= len(c.failing) || c.failing[failing] != i {
						t.Errorf("part %d fails", i)
					}
					failing++
				}
			}
			if failing != len(c.failing) {
				t.Errorf("%d parts fail", failing)
			}
			checkParts(t, b, parts, records)
		})
	}
}

func TestPartOfAPartFillsItsOwnSeats(t *testing.T) {
	var records []record
	for i := range 8 {
		records = append(records, record{value: []byte{byte(i)}, timestamp: 1})
	}
	b := New()
	b.AddSlabs(slabs(1000))
	for i := range records {
		b.Board(records[i].entry(), nil, 0)
	}
	result := b.Ticket(0, 0, Origin{})
	b.Close()
	parts, err := b.SplitAround(map[int]error{2: errors.New("x")})
	if err != nil {
		t.Fatal(err)
	}
	last := parts[2].Batch // seats 3 to 7
	again, err := last.SplitBySize(20, last.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range again {
		p.Batch.Resolve(0, p.Batch.Count(), Outcome{Offset: int64(100 * i)})
		if got := result.Outcome(3 + i).Offset; got != int64(100*i) {
			t.Errorf("seat %d has offset %d", 3+i, got)
		}
	}
	if result.Done(2) || result.Done(0) || !result.Done(7) {
		t.Error("other seats than its own were filled")
	}
}

func TestDamagedBatchIsNotTakenApart(t *testing.T) {
	for _, codec := range []compress.Codec{compress.None, compress.Zstd} {
		b := boarded(t, randomRecords(rand.New(rand.NewPCG(5, 5)), 20, 200), 1000)
		if codec != compress.None {
			b.Compress(compressor(t, codec), new(Scratch))
		}
		clear(b.body.head.Buf)
		b.body.head.Buf[0] = 0xff
		if _, _, err := b.Records(); err == nil {
			t.Errorf("%v: read", codec)
		}
		if _, err := b.SplitBySize(100, 1000); err == nil {
			t.Errorf("%v: split by size", codec)
		}
		if _, err := b.SplitAround(map[int]error{0: nil}); err == nil {
			t.Errorf("%v: split around", codec)
		}
	}
}

func TestALargeBatchIsSealedAnewWithoutReadingItsBodyAgain(t *testing.T) {
	b := New()
	b.SumWhileBoarding()
	b.AddSlabs(slabs(1000, 4000, 16000, 64000, 64000))
	records := randomRecords(rand.New(rand.NewPCG(3, 3)), 100, 2400)
	for i := range records {
		b.Board(records[i].entry(), nil, 0)
	}
	b.Close()
	b.Stamp(1, 2, 3)
	b.Seal()
	if _, got := decode(t, b); true {
		same(t, got, records)
	}
	first := slices.Clone(b.Header()[:])
	b.body.head.Buf[len(b.body.head.Buf)-1] ^= 1 // who read the body would come to another checksum
	b.Stamp(1, 3, 0)
	b.Seal()
	b.body.head.Buf[len(b.body.head.Buf)-1] ^= 1
	if _, got := decode(t, b); bytes.Equal(first, b.Header()[:]) {
		t.Error("the header is the same")
	} else {
		same(t, got, records)
	}
}
