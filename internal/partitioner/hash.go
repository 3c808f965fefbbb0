package partitioner

import (
	"encoding/binary"
	"hash/crc32"
)

// Murmur2 is the 32-bit MurmurHash2 of key exactly as Java's org.apache.kafka.common.utils.Utils.murmur2 computes it:
// seed 0x9747b28c, little-endian blocks of four bytes. The hash of a nil key is that of an empty one.
func Murmur2(key []byte) int32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
		r    = 24
	)
	h := seed ^ uint32(len(key))
	// Two blocks a turn: their mixing does not depend on h, so that the processor overlaps it with the chain on h.
	for ; len(key) >= 8; key = key[8:] {
		a := binary.LittleEndian.Uint32(key) * m
		b := binary.LittleEndian.Uint32(key[4:8]) * m
		a = (a ^ a>>r) * m
		b = (b ^ b>>r) * m
		h = (h*m ^ a) * m
		h ^= b
	}
	if len(key) >= 4 {
		a := binary.LittleEndian.Uint32(key) * m
		h = h*m ^ (a^a>>r)*m
		key = key[4:]
	}
	switch len(key) {
	case 3:
		h = (h ^ uint32(key[2])<<16 ^ uint32(key[1])<<8 ^ uint32(key[0])) * m
	case 2:
		h = (h ^ uint32(key[1])<<8 ^ uint32(key[0])) * m
	case 1:
		h = (h ^ uint32(key[0])) * m
	}
	h = (h ^ h>>13) * m
	return int32(h ^ h>>15)
}

// Java is the partition that the Java client gives to key among n partitions (n > 0): murmur2 with its sign bit
// cleared, modulo n. An empty key is hashed like any other.
func Java(key []byte, n int32) int32 {
	return toPositive(Murmur2(key)) % n
}

// SaramaHash is the partition that sarama's NewHashPartitioner gives to key among n partitions (n > 0): FNV-1a as a
// signed number modulo n, then without its sign. Because the remainder is taken first, even the hash math.MinInt32,
// which has no positive counterpart, gives a partition. librdkafka's fnv1a drops the sign first; the partition is the same.
func SaramaHash(key []byte, n int32) int32 {
	return saramaFold(int32(fnv1a(key)), n)
}

// SaramaReference is the partition that sarama's NewReferenceHashPartitioner gives to key among n partitions (n > 0):
// FNV-1a with its sign bit cleared, modulo n.
func SaramaReference(key []byte, n int32) int32 {
	return toPositive(int32(fnv1a(key))) % n
}

// Consistent is the partition that librdkafka's consistent partitioner gives to key among n partitions (n > 0): the
// unsigned CRC-32 (IEEE) modulo n. The CRC of nothing is zero, so that null and empty keys all go to partition 0.
func Consistent(key []byte, n int32) int32 {
	return int32(crc32.ChecksumIEEE(key) % uint32(n))
}

// toPositive clears the sign bit. It is not the absolute value: Java's Utils.toPositive neither.
func toPositive(h int32) int32 { return h & 0x7fffffff }

func saramaFold(h, n int32) int32 {
	if p := h % n; p >= 0 {
		return p
	}
	return -(h % n)
}

// fnv1a is hash/fnv's New32a without its allocation and interface.
func fnv1a(key []byte) uint32 {
	h := uint32(2166136261)
	for _, b := range key {
		h = (h ^ uint32(b)) * 16777619
	}
	return h
}
