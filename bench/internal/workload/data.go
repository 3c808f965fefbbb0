package workload

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// What the payloads consist of. They are more than any cache holds, so that no client is measured on bytes that happen
// to lie in one.
const (
	ValuesBytesMin = 64 << 20
	Keys           = 131_072
	KeyBytes       = 16
)

// keyStep walks through all keys in an order in which neighbours differ: it has no divisor in common with Keys.
const keyStep = 48_271

// Data is the payloads of a workload: two blocks of memory without a pointer in them, which records point into. Both lie in
// the order in which they are used: an application has just made, or read, the key and the value that it hands over, so
// that no client should pay for fetching them from memory.
type Data struct {
	values    []byte
	valueSize int
	count     int    // of values
	keys      []byte // in the order of the records; empty for a workload without keys
}

// NewData makes the payloads of a workload; the same seed makes the same bytes.
func NewData(w Workload, seed uint64) *Data {
	random := rand.New(rand.NewPCG(seed, 0x62656e6368))
	count := (ValuesBytesMin + w.ValueBytes - 1) / w.ValueBytes
	d := &Data{values: make([]byte, count*w.ValueBytes), valueSize: w.ValueBytes, count: count}
	if w.JSON {
		for i := range count {
			putDocument(d.Value(i), random)
		}
	} else {
		fill(d.values, random)
	}
	if w.Keyed {
		d.keys = make([]byte, 0, Keys*KeyBytes) // exactly, so that nothing beside the payloads adds to the peak of memory
		for i := range Keys {
			d.keys = fmt.Appendf(d.keys, "user-%0*d", KeyBytes-len("user-"), i*keyStep%Keys)
		}
	}
	return d
}

// fill writes random bytes.
func fill(p []byte, random *rand.Rand) {
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, random.Uint64())
		p = p[8:]
	}
	for i := range p {
		p[i] = byte(random.Uint32())
	}
}

// Value is the value of the i-th record. After ValuesBytesMin bytes and more they come round again.
func (d *Data) Value(i int) []byte {
	at := i % d.count * d.valueSize
	return d.values[at : at+d.valueSize : at+d.valueSize]
}

// Key is the key of the i-th record, or nil for a workload without keys. After Keys records they come round again.
func (d *Data) Key(i int) []byte {
	if len(d.keys) == 0 {
		return nil
	}
	at := i % Keys * KeyBytes
	return d.keys[at : at+KeyBytes : at+KeyBytes]
}

// Blocks are the values one after the other, and the keys, of which there may be none.
func (d *Data) Blocks() (values, keys []byte) { return d.values, d.keys }

// Bytes is the memory that the payloads take.
func (d *Data) Bytes() int { return len(d.values) + len(d.keys) }
