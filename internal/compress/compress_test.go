package compress

import (
	"bytes"
	stdgzip "compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/pierrec/lz4/v4"
)

const testLimit = 16 << 20

// records is n bytes that compress about as well as JSON records do, the same at every call.
func records(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("order shipment invoice customer address warehouse priority express pending cancelled")
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, `{"id":"%08x","user":"u%d","amount":%d,"status":"%s","note":"%s %s"}`, rng.Uint32(),
			rng.IntN(1000), rng.IntN(10000), words[rng.IntN(10)], words[rng.IntN(10)], words[rng.IntN(10)])
	}
	return b.Bytes()[:n]
}

// noise is n bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// cut cuts b into pieces of the given length, with an empty one in front.
func cut(b []byte, n int) [][]byte {
	pieces := [][]byte{nil}
	for len(b) > n {
		pieces = append(pieces, b[:n])
		b = b[n:]
	}
	return append(pieces, b)
}

func mustNew(t testing.TB, codec Codec, level Level) *Compressor {
	t.Helper()
	c, err := New(codec, level)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// levels are the default and some explicit levels of codec, the outermost among them.
func levels(codec Codec) []Level {
	explicit := map[Codec][]int{
		Gzip: {1, 9, -1},
		LZ4:  {1, 4, 9, 17},
		Zstd: {-131072, 6, 22},
	}[codec]
	all := []Level{{}}
	for _, n := range explicit {
		all = append(all, AtLevel(n))
	}
	return all
}

func TestRoundTripOfEveryCodecLevelAndShape(t *testing.T) {
	inputs := map[string][]byte{
		"empty": {}, "one byte": {7}, "small": records(200), "block": records(64 << 10), "block and one": records(64<<10 + 1),
		"large": records(300 << 10), "noise": noise(100_000), "zeros": make([]byte, 300_000),
	}
	for codec := None; codec <= Zstd; codec++ {
		for _, level := range levels(codec) {
			c := mustNew(t, codec, level)
			for name, plain := range inputs {
				out, err := c.Append([]byte("head"), cut(plain, 16<<10))
				if err != nil || !bytes.HasPrefix(out, []byte("head")) {
					t.Fatalf("%s %v, %s: %v", codec, level, name, err)
				}
				back, err := Decompress(codec, []byte("more"), out[4:], testLimit)
				if err != nil || string(back[:4]) != "more" || !bytes.Equal(back[4:], plain) {
					t.Errorf("%s %v, %s: %d bytes came back as %d, %v", codec, level, name, len(plain), len(back)-4, err)
				}
			}
		}
	}
}

func TestOutputIsIndependentOfWhereThePiecesAreCut(t *testing.T) {
	plain := records(300_000)
	for codec := None; codec <= Zstd; codec++ {
		for _, level := range levels(codec)[:min(2, len(levels(codec)))] {
			c := mustNew(t, codec, level)
			want, err := c.Append(nil, [][]byte{plain})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{997, 16<<10 + 1, 64 << 10, 299_999} {
				if got, err := c.Append(nil, cut(plain, n)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s %v in pieces of %d: %d bytes, want %d; %v", codec, level, n, len(got), len(want), err)
				}
			}
		}
	}
}

func TestOutputIsReadByOthers(t *testing.T) {
	for _, plain := range [][]byte{records(10_000), records(500_000), noise(70_000)} {
		for codec, read := range map[Codec]func([]byte) ([]byte, error){
			Gzip: func(b []byte) ([]byte, error) {
				r, err := stdgzip.NewReader(bytes.NewReader(b))
				if err != nil {
					return nil, err
				}
				return io.ReadAll(r)
			},
			Snappy: func(b []byte) ([]byte, error) { return s2.Decode(nil, b) },
			LZ4:    func(b []byte) ([]byte, error) { return io.ReadAll(lz4.NewReader(bytes.NewReader(b))) },
		} {
			out, err := mustNew(t, codec, Level{}).Append(nil, cut(plain, 5000))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := read(out); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s: %d bytes came back as %d, %v", codec, len(plain), len(got), err)
			}
		}
	}
}

func TestIncompressibleInputGrowsByLittle(t *testing.T) {
	plain := noise(500_000)
	for codec := None; codec <= Zstd; codec++ {
		out, err := mustNew(t, codec, Level{}).Append(nil, [][]byte{plain})
		if limit := len(plain) + len(plain)/1000 + 64; err != nil || len(out) > limit {
			t.Errorf("%s: %d bytes became %d, %v", codec, len(plain), len(out), err)
		}
	}
}

func TestLZ4IsWithinTwoPercentOfTheLibrarysFrames(t *testing.T) {
	for _, size := range []int{1000, 16 << 10, 64 << 10, 128 << 10, 1 << 20} {
		plain := records(size)
		var want bytes.Buffer
		w := lz4.NewWriter(&want)
		_, _ = w.Write(plain)
		_ = w.Close()
		got, err := mustNew(t, LZ4, Level{}).Append(nil, [][]byte{plain})
		if err != nil || len(got) > want.Len()*102/100 {
			t.Errorf("%d bytes: %d, the library's default %d, %v", size, len(got), want.Len(), err)
		}
	}
}

func TestHigherLevelsAreSmaller(t *testing.T) {
	plain := records(200_000)
	for codec, order := range map[Codec][]Level{
		Gzip: {AtLevel(1), {}, AtLevel(9)},
		LZ4:  {{}, AtLevel(3), AtLevel(6), AtLevel(10)},
		Zstd: {{}, AtLevel(6), AtLevel(22)},
	} {
		before := len(plain)
		for _, level := range order {
			out, err := mustNew(t, codec, level).Append(nil, [][]byte{plain})
			if err != nil || len(out) >= before {
				t.Errorf("%s %v: %d bytes, not below %d, %v", codec, level, len(out), before, err)
			}
			before = len(out)
		}
	}
}

func TestLevelsThatMeanTheDefaultInJavaDoSoHere(t *testing.T) {
	plain := records(100_000)
	for codec, n := range map[Codec]int{Gzip: -1, LZ4: 9, Zstd: 0} {
		want, _ := mustNew(t, codec, Level{}).Append(nil, [][]byte{plain})
		if got, err := mustNew(t, codec, AtLevel(n)).Append(nil, [][]byte{plain}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s level %d: %d bytes, the default makes %d, %v", codec, n, len(got), len(want), err)
		}
	}
}

func TestValidateLevel(t *testing.T) {
	for _, c := range []struct {
		codec Codec
		level Level
		want  string
	}{
		{None, Level{}, ""},
		{None, AtLevel(0), "compression level 0: none has no levels, leave it unset"},
		{Snappy, AtLevel(1), "compression level 1: snappy has no levels"},
		{Gzip, AtLevel(0), "compression level 0: gzip takes 1 (fastest) to 9"},
		{Gzip, AtLevel(10), "compression level 10: gzip takes"},
		{Gzip, AtLevel(-1), ""},
		{LZ4, AtLevel(0), "compression level 0: lz4 takes 1 to 17"},
		{LZ4, AtLevel(18), "compression level 18: lz4 takes"},
		{LZ4, AtLevel(17), ""},
		{Zstd, AtLevel(0), ""},
		{Zstd, AtLevel(23), "compression level 23: zstd takes -131072"},
		{Zstd, AtLevel(-131073), "compression level -131073: zstd takes"},
		{Zstd, AtLevel(-131072), ""},
		{5, Level{}, "compression codec 5: wanted 0 (none)"},
		{-1, Level{}, "compression codec -1: wanted"},
	} {
		err := ValidateLevel(c.codec, c.level)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("ValidateLevel(%s, %v) = %v, want %q", c.codec, c.level, err, c.want)
		}
		if _, newErr := New(c.codec, c.level); (newErr == nil) != (err == nil) {
			t.Errorf("New(%s, %v) = %v, ValidateLevel %v", c.codec, c.level, newErr, err)
		}
	}
}

func TestCodecNames(t *testing.T) {
	got := fmt.Sprint(None, Gzip, Snappy, LZ4, Zstd, Codec(9))
	if want := "none gzip snappy lz4 zstd codec(9)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// javas is javaPlain as the codecs of Apache Kafka 4.3.1 write it: snappy in xerial's framing, zstd with a window of
// 2 MiB and no content size.
var (
	javaPlain = strings.Repeat("omnibus, the bus for all; ", 8)
	javas     = map[Codec]string{
		Gzip:   "1f8b08000000000000ffcbcfcdcb4c2a2dd65128c94855003214d2f28b14127372ac15f287a40c00d3558fb1d0000000",
		Snappy: "82534e4150505900000000010000000100000026d001646f6d6e696275732c207468652062757320666f7220616c6c3b20fe1a00fe1a00d61a00",
		LZ4:    "04224d1860408225000000ff0b6f6d6e696275732c207468652062757320666f7220616c6c3b201a009e50616c6c3b2000000000",
		Zstd:   "28b52ffd00580c0100d06f6d6e696275732c207468652062757320666f7220616c6c3b200100ce9a9a63010000",
	}
)

func TestDecompressReadsJavas(t *testing.T) {
	for codec, text := range javas {
		src, _ := hex.DecodeString(text)
		if got, err := Decompress(codec, nil, src, len(javaPlain)); err != nil || string(got) != javaPlain {
			t.Errorf("%s: %q, %v", codec, got, err)
		}
	}
}

func TestDecompressRefusesMoreThanItsLimit(t *testing.T) {
	bomb := make([]byte, 8<<20)
	for codec := None; codec <= Zstd; codec++ {
		src, err := mustNew(t, codec, Level{}).Append(nil, [][]byte{bomb})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decompress(codec, nil, src, len(bomb)); err != nil || len(got) != len(bomb) {
			t.Errorf("%s at its limit: %d bytes, %v", codec, len(got), err)
		}
		for _, limit := range []int{len(bomb) - 1, 1000, 0, -1} {
			got, err := Decompress(codec, []byte("dst"), src, limit)
			if !errors.Is(err, ErrTooLarge) || string(got) != "dst" || cap(got) > limit*2+8192 {
				t.Errorf("%s, limit %d: %d bytes, %v", codec, limit, len(got), err)
			}
		}
	}
}

func TestDecompressRefusesDamage(t *testing.T) {
	for codec := Gzip; codec <= Zstd; codec++ {
		src, _ := mustNew(t, codec, Level{}).Append(nil, [][]byte{records(5000)})
		for _, n := range []int{0, 1, 5, len(src) / 2, len(src) - 1} {
			if got, err := Decompress(codec, nil, src[:n], testLimit); err == nil || got != nil {
				t.Errorf("%s: the first %d of %d bytes gave %d, %v", codec, n, len(src), len(got), err)
			}
		}
	}
	for _, src := range []string{xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00", xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01\x7f\xff\xff\xff\x01", "\xff\xff\xff\x07\x00"} {
		if _, err := Decompress(Snappy, nil, []byte(src), testLimit*16); err == nil {
			t.Errorf("snappy %q was accepted", src)
		}
	}
	if _, err := Decompress(Codec(7), nil, []byte{1}, 1); err == nil || !strings.Contains(err.Error(), "codec 7") {
		t.Errorf("codec 7: %v", err)
	}
}

func TestAppendAllocatesLittleWhenReused(t *testing.T) {
	pieces := cut(records(100_000), 16<<10)
	for codec := None; codec <= Zstd; codec++ {
		c := mustNew(t, codec, Level{})
		dst := make([]byte, 0, 200_000)
		if n := testing.AllocsPerRun(20, func() {
			if _, err := c.Append(dst, pieces); err != nil {
				t.Error(err)
			}
		}); n > 2 {
			t.Errorf("%s: %v allocations", codec, n)
		}
	}
}

func FuzzDecompress(f *testing.F) {
	for codec := None; codec <= Zstd; codec++ {
		src, _ := mustNew(f, codec, Level{}).Append(nil, [][]byte{records(300)})
		f.Add(int8(codec), src, 1000)
		java, _ := hex.DecodeString(javas[codec])
		f.Add(int8(codec), java, 100)
	}
	f.Fuzz(func(t *testing.T, id int8, src []byte, limit int) {
		limit &= 1<<20 - 1
		codec := Codec(id)
		plain, err := Decompress(codec, nil, src, limit)
		if len(plain) > limit || cap(plain) > 2*limit+8192 {
			t.Fatalf("%s: %d bytes in %d for a limit of %d", codec, len(plain), cap(plain), limit)
		}
		if err != nil {
			return
		}
		again, err := mustNew(t, codec, Level{}).Append(nil, cut(plain, 100))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decompress(codec, nil, again, limit); err != nil || !bytes.Equal(back, plain) {
			t.Fatalf("%s: %d bytes came back as %d, %v", codec, len(plain), len(back), err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for codec := Gzip; codec <= Zstd; codec++ {
		for _, size := range []int{16 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", codec, size>>10), func(b *testing.B) {
				c, pieces, out := mustNew(b, codec, Level{}), cut(records(size), 16<<10), []byte(nil)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					out, _ = c.Append(out[:0], pieces)
				}
				b.ReportMetric(float64(size)/float64(len(out)), "ratio")
			})
		}
	}
}
