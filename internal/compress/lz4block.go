package compress

import (
	"encoding/binary"
	"math/bits"
)

// A block is a row of sequences, each of which is
//
//	| token: 4 bits literals, 4 bits match-4 | more literals? | literals | u16le distance | more match? |
//
// where a length of 15 or more goes on in bytes of up to 255, of which the last is below 255. The last sequence has
// literals only, at least lz4TailLiterals of them, and no match begins in the last 12 bytes.
const (
	lz4MatchMin     = 4
	lz4TailLiterals = 5

	// lz4Look is how many bytes from the position of a match on are compared at once.
	lz4Look = 16
	// lz4TableBits is the table's size, 32 KiB. Half of it finds 0.5 % less; twice as much finds 0.3 % (JSON) to 1 %
	// (source code) more, takes 2 % longer, and leaves no room for others in the first level of cache.
	lz4TableBits = 14
	// lz4HashFactor spreads six bytes over the upper bits of a product and shifts the other two out of it. Over five
	// bytes there are more and shorter matches, which make JSON 1 % longer and cost as much time; over seven there are
	// longer ones, but 15 % more time goes into what lies between them. Shorter words are found beside longer ones,
	// because matches grow backwards.
	lz4HashFactor = 227718039650203 << 16
	// lz4SkipBits sets how fast the search gives up: every 128 bytes without a match widen its steps by one.
	lz4SkipBits = 7
)

// lz4Block is the fast compressor: one block, and the table to find matches in it. What costs time is the way from one
// match's end to the next one's, through hash, table and candidate, for each of them waits for the one before; and
// branches that nobody can foretell. So the arrays have constant sizes, and positions are cut down to them, which
// makes bounds checks of the loads superfluous.
type lz4Block struct {
	// seen has, by the hash of what stands there, the lower 16 bits of the last position. They make a distance of up
	// to 65,535 back, which is what the format can say; the bytes there decide whether it is a match, so an entry too
	// old for its 16 bits, or one never set, does no harm.
	seen [1 << lz4TableBits]uint16
	src  [lz4BlockLarge + lz4Look]byte
	size int
}

func lz4Hash(v uint64) uint64 { return v * lz4HashFactor >> (64 - lz4TableBits) }

// lz4Bound is the room that compress needs for a block of n bytes: a token and one byte more for each 255 literals;
// and as much as it may write beyond the end of literals.
func lz4Bound(n int) int { return n + n/255 + 1 + 2*lz4Look }

func (b *lz4Block) load64(at uint) uint64 {
	at &= lz4BlockLarge - 1
	return binary.LittleEndian.Uint64(b.src[at : at+8])
}

// visit says how far back, modulo 65,536, the hash was seen last, and notes that it is seen at this position.
func (b *lz4Block) visit(hash uint64, at uint) uint {
	distance := uint(uint16(at) - b.seen[hash])
	b.seen[hash] = uint16(at)
	return distance
}

// compress writes the block's sequences to dst, which has lz4Bound of room, and returns their length.
func (b *lz4Block) compress(dst []byte) int {
	clear(b.seen[:]) // what was seen in another block must not show in this one's output
	// Three positions are tried in a row, and lz4Look bytes compared from the one that matches: none of that reaches
	// into the tail.
	last := b.size - lz4TailLiterals - lz4Look - 2
	var at, done uint = 1, 0 // the search's position, and up to where there are sequences
	n := 0                   // bytes of dst
	for int(at) <= last {
		v := b.load64(at)
		hash, next := lz4Hash(v), lz4Hash(v>>8)
		distance := b.visit(hash, at)
		x := v ^ b.load64(at-distance)
		if uint32(x) == 0 {
			b.seen[next] = uint16(at + 1)
		} else {
			at++
			distance = b.visit(next, at)
			if x = b.load64(at) ^ b.load64(at-distance); uint32(x) != 0 {
				at++
				distance = b.visit(lz4Hash(v>>16), at)
				if x = b.load64(at) ^ b.load64(at-distance); uint32(x) != 0 {
					at += 2 + (at-done)>>lz4SkipBits
					continue
				}
			}
		}
		// A match of eight bytes and more (x is 0, and zeros 64) goes on in the next eight. There is no branch for
		// it, because nobody could foretell which way it goes.
		zeros := bits.TrailingZeros64(x)
		y := b.load64(at+8) ^ b.load64(at+8-distance)
		zeros += bits.TrailingZeros64(y) & -(zeros >> 6)
		end := at + uint(zeros)>>3
		if zeros == 8*lz4Look {
			if distance == 0 { // 65,536, which is too far; the position after this one is noted already
				at += 2
				continue
			}
			end = b.extend(end, distance)
		}
		token := n
		n++
		literals := byte(0)
		if at != done {
			at = b.retreat(at, distance, done)
			literals = byte(min(at-done, 15))
			n = b.putLiterals(dst, n, done, at)
		}
		binary.LittleEndian.PutUint16(dst[n:], uint16(distance))
		n += 2
		match := end - at - lz4MatchMin
		if match < 15 {
			dst[token] = literals<<4 | byte(match)
		} else {
			dst[token] = literals<<4 | 15
			n = putLZ4Length(dst, n, match-15)
		}
		at, done = end, end
	}
	rest := uint(b.size) - done
	dst[n] = byte(min(rest, 15)) << 4
	return b.putLiterals(dst, n+1, done, uint(b.size))
}

// extend returns where a match that reaches up to end ends, at the tail at the latest.
func (b *lz4Block) extend(end, distance uint) uint {
	tail := uint(b.size - lz4TailLiterals)
	for end+8 <= tail {
		if x := b.load64(end) ^ b.load64(end-distance); x != 0 {
			return end + uint(bits.TrailingZeros64(x))>>3
		}
		end += 8
	}
	for end < tail && b.src[end] == b.src[end-distance] {
		end++
	}
	return end
}

// retreat returns where a match that holds at a position begins, at done at the earliest.
func (b *lz4Block) retreat(at, distance, done uint) uint {
	for at > done && at > distance && b.src[at-1] == b.src[at-1-distance] {
		at--
	}
	return at
}

// putLiterals writes what the token does not say of the literals' length, and the literals. Few of them are copied as
// lz4Look bytes, of which what follows overwrites some.
func (b *lz4Block) putLiterals(dst []byte, n int, from, to uint) int {
	length := to - from
	if length < 15 {
		*(*[lz4Look]byte)(dst[n:]) = *(*[lz4Look]byte)(b.src[from:])
		return n + int(length)
	}
	n = putLZ4Length(dst, n, length-15)
	return n + copy(dst[n:], b.src[from:to])
}

// putLZ4Length writes what a length is above the 15 that a token can say.
func putLZ4Length(dst []byte, n int, rest uint) int {
	for ; rest >= 255; rest -= 255 {
		dst[n] = 255
		n++
	}
	dst[n] = byte(rest)
	return n + 1
}
