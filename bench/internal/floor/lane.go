package floor

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"sync"
)

// lane is a partition.
type lane struct {
	topic *topic
	index int32 // of the partition in its topic
	place int   // among the lanes of all topics

	mu struct {
		sync.Mutex
		batch *batch // nil while none is open
	}

	// The sender's alone.
	sequence int32 // of the next batch
	aboard   bool  // the request that is being filled has a batch of this lane
}

// batch is a record batch that is being encoded or on its way: a header's room, then records.
type batch struct {
	lane    *lane
	bytes   []byte
	count   int32
	opening uint64 // tells its lives apart: memory is used again
	base    int64  // timestamps of the first and the last record
	last    int64
}

const headerBytes = 61

// sizeMax is the most that a record without headers takes in a batch.
func sizeMax(key, value []byte) int { return len(key) + len(value) + 4*5 + 10 + 2 }

// add encodes a record into the open batch. If that has no room it is ready, and the caller may come again.
func (l *lane) add(p *Producer, key, value []byte) bool {
	l.mu.Lock()
	b := l.mu.batch
	if b == nil {
		l.mu.Unlock()
		fresh := p.store.take() // waits; so not under the lock
		l.mu.Lock()
		if b = l.mu.batch; b == nil {
			b = fresh
			l.open(p, b)
		} else {
			p.store.give([]*batch{fresh})
		}
	}
	if len(b.bytes)+sizeMax(key, value) > cap(b.bytes) {
		l.mu.batch = nil
		p.ready.put(p, b) // under the lock, so that a partition's batches are ready in their order
		l.mu.Unlock()
		return false
	}
	b.append(p.millis.Load(), key, value)
	l.mu.Unlock()
	return true
}

// open begins a batch; the lane is locked.
func (l *lane) open(p *Producer, b *batch) {
	b.lane, b.bytes, b.count = l, b.bytes[:headerBytes], 0
	b.base = p.millis.Load()
	l.mu.batch = b
	p.open.add(b)
}

// close makes the open batch ready if it is still in the same life; life 0 is any.
func (l *lane) close(p *Producer, life uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.mu.batch; b != nil && (life == 0 || b.opening == life) {
		l.mu.batch = nil
		p.ready.put(p, b)
	}
}

// append encodes a record: length, attributes, timestamp delta, offset delta, key, value, no headers. There is room.
func (b *batch) append(now int64, key, value []byte) {
	b.last = now
	delta := zigzag(now - b.base)
	number := uint64(b.count) << 1
	b.count++
	keyLen, keyBytes := uint64(1), len(key) // null
	if key != nil {
		keyLen = uint64(len(key)) << 1
	}
	valueLen := uint64(len(value)) << 1
	body := 1 + varintLen(delta) + varintLen(number) + varintLen(keyLen) + keyBytes + varintLen(valueLen) + len(value) + 1

	at := len(b.bytes)
	out := b.bytes[:at+varintLen(uint64(body)<<1)+body]
	at += putVarint(out[at:], uint64(body)<<1)
	out[at] = 0
	at++
	at += putVarint(out[at:], delta)
	at += putVarint(out[at:], number)
	at += putVarint(out[at:], keyLen)
	at += copy(out[at:], key)
	at += putVarint(out[at:], valueLen)
	at += copy(out[at:], value)
	out[at] = 0
	b.bytes = out
}

// seal writes the header: everything is known now.
func (b *batch) seal(producerID int64, table *crc32.Table) {
	l := b.lane
	h, be := b.bytes[:headerBytes], binary.BigEndian
	be.PutUint64(h, 0)                           // base offset
	be.PutUint32(h[8:], uint32(len(b.bytes)-12)) // length of what follows
	be.PutUint32(h[12:], ^uint32(0))             // leader epoch: unknown
	h[16] = 2                                    // magic
	be.PutUint16(h[21:], 0)                      // attributes
	be.PutUint32(h[23:], uint32(b.count-1))      // last offset delta
	be.PutUint64(h[27:], uint64(b.base))         // first timestamp
	be.PutUint64(h[35:], uint64(b.last))         // largest timestamp
	be.PutUint64(h[43:], uint64(producerID))     //
	be.PutUint16(h[51:], 0)                      // producer epoch
	be.PutUint32(h[53:], uint32(l.sequence))     //
	be.PutUint32(h[57:], uint32(b.count))        //
	be.PutUint32(h[17:], crc32.Checksum(b.bytes[21:], table))
	l.sequence = int32(uint32(l.sequence+b.count) & 0x7fffffff) // after 2^31-1 comes 0
}

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

// varintLen is the length of v in groups of seven bits.
func varintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func putVarint(p []byte, v uint64) int {
	n := 0
	for v >= 0x80 {
		p[n] = byte(v) | 0x80
		v >>= 7
		n++
	}
	p[n] = byte(v)
	return n + 1
}

// murmur2 is the hash that Java's producer gives keys to.
func murmur2(key []byte) uint32 {
	const m = 0x5bd1e995
	h := uint32(0x9747b28c) ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := binary.LittleEndian.Uint32(key) * m
		h = h*m ^ (k^k>>24)*m
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(key[0])) * m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
