package explain

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"

	"github.com/omnibus-kafka/omnibus/internal/partitioner"
)

// stepsShown bounds how many blocks, or bytes, of a long key are shown from each end.
const stepsShown = 8

// trace is the arithmetic from a key to a partition, a line for each step.
type trace struct {
	steps []string
	// result is the partition that the steps lead to.
	result int32
}

func (t *trace) add(format string, args ...any) {
	t.steps = append(t.steps, fmt.Sprintf(format, args...))
}

// follow works the partition of key among n out again, in the steps of the scheme that hashes it.
func follow(scheme partitioner.Scheme, key []byte, n int32) trace {
	t := trace{}
	switch scheme {
	case partitioner.SchemeSarama, partitioner.SchemeFNV1a:
		h := int32(t.fnv1a(key))
		t.result = h % n
		t.add("%d mod %d = %d, with the sign of the hash", h, n, t.result)
		if t.result < 0 {
			t.result = -t.result
		}
		t.add("partition = without the sign = %d", t.result)
	case partitioner.SchemeSaramaReference:
		t.toPositive(int32(t.fnv1a(key)), n)
	case partitioner.SchemeConsistent, partitioner.SchemeConsistentRandom:
		sum := crc32.ChecksumIEEE(key)
		t.add("CRC-32 (IEEE) of %s = 0x%08x = %d", preview(key), sum, sum)
		t.result = int32(sum % uint32(n))
		t.add("partition = %d mod %d = %d", sum, n, t.result)
	default:
		t.toPositive(t.murmur2(key), n)
	}
	return t
}

// toPositive is how Java makes a partition of a hash: without its sign bit, modulo n.
func (t *trace) toPositive(h, n int32) {
	positive := h & 0x7fffffff
	t.add("toPositive = 0x%08x & 0x7fffffff = %d", uint32(h), positive)
	t.result = positive % n
	t.add("partition = %d mod %d = %d", positive, n, t.result)
}

// murmur2 is Java's Utils.murmur2, in the order of its source.
func (t *trace) murmur2(key []byte) int32 {
	const (
		seed = uint32(0x9747b28c)
		m    = uint32(0x5bd1e995)
	)
	h := seed ^ uint32(len(key))
	t.add("h = seed 0x%08x ^ length %d = 0x%08x", seed, len(key), h)
	blocks := len(key) / 4
	for i := range blocks {
		block := key[4*i : 4*i+4]
		k := binary.LittleEndian.Uint32(block)
		mixed := k * m
		mixed ^= mixed >> 24
		mixed *= m
		h = h*m ^ mixed
		t.addMiddle(i, blocks, "block", fmt.Sprintf("block %d %-6s k = 0x%08x, mixed 0x%08x; h = h*0x%08x ^ mixed = 0x%08x",
			i+1, strconv.QuoteToASCII(string(block)), k, mixed, m, h))
	}
	if rest := key[4*blocks:]; len(rest) > 0 {
		tail := uint32(0)
		for i, b := range rest {
			tail |= uint32(b) << (8 * i)
		}
		before := h
		h = (h ^ tail) * m
		t.add("rest %s = 0x%06x; h = (0x%08x ^ rest)*0x%08x = 0x%08x", strconv.QuoteToASCII(string(rest)), tail, before, m, h)
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	t.add("finally h ^= h>>>13; h *= 0x%08x; h ^= h>>>15", m)
	t.add("murmur2 = 0x%08x = %d", h, int32(h))
	return int32(h)
}

// fnv1a is 32-bit FNV-1a.
func (t *trace) fnv1a(key []byte) uint32 {
	const prime = 16777619
	h := uint32(2166136261)
	t.add("h = 0x%08x", h)
	for i, b := range key {
		before := h
		h = (h ^ uint32(b)) * prime
		t.addMiddle(i, len(key), "byte", fmt.Sprintf("byte %d %-5s h = (0x%08x ^ 0x%02x)*%d = 0x%08x", i+1, strconv.QuoteToASCII(string([]byte{b})), before, b, prime, h))
	}
	t.add("FNV-1a = 0x%08x = %d", h, int32(h))
	return h
}

// addMiddle adds the step for one of count parts of the key, or leaves it out in the middle of a long one.
func (t *trace) addMiddle(i, count int, what, step string) {
	switch {
	case i < stepsShown || i >= count-stepsShown:
		t.add("%s", step)
	case i == stepsShown:
		t.add("… %d more of %d %ss …", count-2*stepsShown, count, what)
	}
}
