package compress

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/pierrec/lz4/v4"
)

// compressBlock is src as one block; the room that it is given ends in bytes that have to stay.
func compressBlock(t *testing.T, b *lz4Block, src []byte) []byte {
	t.Helper()
	room := bytes.Repeat([]byte{0xa5}, lz4Bound(len(src))+1)
	b.size = copy(b.src[:lz4BlockLarge], src)
	n := b.compress(room[:lz4Bound(len(src))])
	if room[len(room)-1] != 0xa5 {
		t.Fatalf("%d bytes: written beyond the bound", len(src))
	}
	return room[:n]
}

// readBlock reads a block as strictly as the format's description allows: the tail are literals, no distance is 0 or
// reaches before the beginning, and no match begins in the last 12 bytes.
func readBlock(block []byte) ([]byte, error) {
	var out []byte
	lastMatch := 0
	length := func(nibble byte) (n int) {
		n = int(nibble)
		for more := nibble == 15; more && len(block) > 0; block = block[1:] {
			n += int(block[0])
			more = block[0] == 255
		}
		return n
	}
	for len(block) > 0 {
		token := block[0]
		block = block[1:]
		literals := length(token >> 4)
		if literals > len(block) {
			return nil, fmt.Errorf("%d literals, %d bytes left", literals, len(block))
		}
		out = append(out, block[:literals]...)
		if block = block[literals:]; len(block) == 0 {
			if len(out) > 0 && lastMatch > 0 && (literals < lz4TailLiterals || lastMatch > len(out)-12) {
				return nil, fmt.Errorf("%d literals in the tail, the last match begins at %d of %d", literals, lastMatch, len(out))
			}
			return out, nil
		}
		if len(block) < 2 {
			return nil, errors.New("no distance")
		}
		distance := int(binary.LittleEndian.Uint16(block))
		block = block[2:]
		if distance == 0 || distance > len(out) {
			return nil, fmt.Errorf("distance %d at %d", distance, len(out))
		}
		lastMatch = len(out)
		for range length(token&15) + lz4MatchMin {
			out = append(out, out[len(out)-distance])
		}
	}
	return nil, errors.New("no sequence of literals alone at the end")
}

// checkBlock compresses src and has it read by two readers.
func checkBlock(t *testing.T, b *lz4Block, src []byte) []byte {
	t.Helper()
	block := compressBlock(t, b, src)
	if got, err := readBlock(block); err != nil || !bytes.Equal(got, src) {
		t.Fatalf("%d bytes came back as %d, %v", len(src), len(got), err)
	}
	got := make([]byte, len(src))
	if n, err := lz4.UncompressBlock(block, got); err != nil || n != len(src) || !bytes.Equal(got, src) {
		t.Fatalf("%d bytes came back from the library as %d, %v", len(src), n, err)
	}
	return block
}

func TestLZ4BlocksAreReadStrictly(t *testing.T) {
	b := &lz4Block{}
	for n := range 600 {
		for _, src := range [][]byte{make([]byte, n), noise(n), records(n), bytes.Repeat([]byte("abcde"), n)[:n]} {
			checkBlock(t, b, src)
		}
	}
	for n := lz4BlockLarge - 40; n <= lz4BlockLarge; n++ {
		checkBlock(t, b, make([]byte, n))
		checkBlock(t, b, records(n))
	}
}

func TestLZ4BlocksFindWhatRepeatsWithin64KiB(t *testing.T) {
	b := &lz4Block{}
	for _, distance := range []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 255, 1000, 65_534, 65_535} {
		src := bytes.Repeat(noise(distance), lz4BlockLarge/distance+1)[:lz4BlockLarge]
		if block := checkBlock(t, b, src); len(block) > distance*101/100+len(src)/200 {
			t.Errorf("what repeats after %d bytes became %d", distance, len(block))
		}
	}
	for _, distance := range []int{65_536, 65_537, 100_000} {
		src := bytes.Repeat(noise(distance), lz4BlockLarge/distance+1)[:lz4BlockLarge]
		if block := checkBlock(t, b, src); len(block) > lz4BlockLarge+lz4BlockLarge/255+20 {
			t.Errorf("what repeats after %d bytes, which is too far, became %d", distance, len(block))
		}
	}
}

// TestLZ4BlocksThatBecomeLongest alternates what costs more than it saves: lengths that just need another byte, and
// matches that are as short as they can be.
func TestLZ4BlocksThatBecomeLongest(t *testing.T) {
	b := &lz4Block{}
	random := noise(lz4BlockLarge)
	for _, literals := range []int{14, 15, 16, 269, 270, 271, 525} {
		for _, match := range []int{6, 18, 19, 20, 273, 274} {
			src := bytes.Clone(random[:400])
			for i := 400; len(src) < lz4BlockLarge-literals-match; i += literals {
				src = append(src, random[i:i+literals]...)
				src = append(src, src[i%100:i%100+match]...)
			}
			checkBlock(t, b, src)
		}
	}
}

func TestLZ4BlocksDoNotDependOnTheOnesBefore(t *testing.T) {
	fresh, used := &lz4Block{}, &lz4Block{}
	for i, before := range [][]byte{noise(lz4BlockLarge), records(lz4BlockLarge), make([]byte, 70_000)} {
		compressBlock(t, used, before)
		src := records(90_000)[i:]
		if got, want := compressBlock(t, used, src), compressBlock(t, fresh, src); !bytes.Equal(got, want) {
			t.Errorf("%d bytes after others, %d alone", len(got), len(want))
		}
	}
}

// FuzzLZ4Block makes blocks out of few bytes, by repeating parts of them, so that matches of all lengths and distances
// come up.
func FuzzLZ4Block(f *testing.F) {
	f.Add([]byte("a"), []byte{0, 255, 3})
	f.Add([]byte(`{"id":1,"name":"amber"}`), []byte{10, 20, 30, 1, 1, 200})
	f.Add(noise(300), []byte{5, 6, 255, 255, 255, 255, 255, 255, 0, 1})
	b := &lz4Block{}
	f.Fuzz(func(t *testing.T, seed, plan []byte) {
		src := bytes.Clone(seed[:min(len(seed), lz4BlockLarge)])
		for i := 0; i+1 < len(plan) && len(src) > 0; i += 2 {
			from := len(src) * int(plan[i]) / 256
			n := min(int(plan[i+1])*int(plan[i+1]), len(src)-from, lz4BlockLarge-len(src))
			src = append(append(src, src[from:from+n]...), plan[i:min(i+int(plan[i]%8), len(plan))]...)
			src = src[:min(len(src), lz4BlockLarge)]
		}
		checkBlock(t, b, src)
	})
}
