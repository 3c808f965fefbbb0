package partitioner

import (
	"bytes"
	"encoding/hex"
	"hash/crc32"
	"hash/fnv"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

// vectors reads testdata/murmur2.tsv, which holds what the Java client computes.
func vectors(t *testing.T) (header []string, rows [][]string) {
	t.Helper()
	file, err := os.ReadFile("testdata/murmur2.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if header == nil {
			header = fields
			continue
		}
		rows = append(rows, fields)
	}
	return header, rows
}

// vectorKey decodes the bytes column: hex, or rep:<byte>*<times>.
func vectorKey(t *testing.T, column string) []byte {
	t.Helper()
	unit, times := column, 1
	if rest, ok := strings.CutPrefix(column, "rep:"); ok {
		var count string
		unit, count, _ = strings.Cut(rest, "*")
		var err error
		if times, err = strconv.Atoi(count); err != nil {
			t.Fatal(err)
		}
	}
	key, err := hex.DecodeString(unit)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(key, times)
}

func TestMurmur2AndPartitionEqualJavas(t *testing.T) {
	header, rows := vectors(t)
	if len(rows) != 80 {
		t.Fatalf("%d vectors, want 80", len(rows))
	}
	for _, row := range rows {
		key := vectorKey(t, row[2])
		if got := strconv.Itoa(int(Murmur2(key))); got != row[4] {
			t.Errorf("murmur2(%s) = %s, Java has %s", row[2], got, row[4])
		}
		for column := 7; column < len(row); column++ {
			n, err := strconv.Atoi(strings.TrimPrefix(header[column], "p"))
			if err != nil {
				t.Fatal(err)
			}
			if got := strconv.Itoa(int(Java(key, int32(n)))); got != row[column] {
				t.Errorf("partition of %s among %d = %s, Java has %s", row[2], n, got, row[column])
			}
		}
	}
}

func TestMurmur2OfEveryLengthEqualsTheDefinition(t *testing.T) {
	key := make([]byte, 0, 70)
	for n := range 70 {
		if got, want := Murmur2(key), murmur2ByDefinition(key); got != want {
			t.Errorf("length %d: %d, want %d", n, got, want)
		}
		key = append(key, byte(251-7*n))
	}
}

// murmur2ByDefinition is the hash byte by byte, as its definition reads.
func murmur2ByDefinition(key []byte) int32 {
	const m = 0x5bd1e995
	h := uint32(0x9747b28c) ^ uint32(len(key))
	whole := len(key) &^ 3
	for i := 0; i < whole; i += 4 {
		k := uint32(key[i]) | uint32(key[i+1])<<8 | uint32(key[i+2])<<16 | uint32(key[i+3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h *= m
		h ^= k
	}
	for i := len(key) - 1; i >= whole; i-- {
		h ^= uint32(key[i]) << (8 * (i - whole))
	}
	if whole < len(key) {
		h *= m
	}
	h ^= h >> 13
	h *= m
	return int32(h ^ h>>15)
}

// The hashes in this table are those that the tests of librdkafka (0048-partitioner, unit tests of murmur2 and fnv1a)
// publish for these keys.
func TestHashesEqualLibrdkafkasPublishedOnes(t *testing.T) {
	const long = "this is another string with more length to it perhaps"
	const preamble = "PreAmbleWillBeRemoved,ThePrePartThatIs"
	for _, c := range []struct {
		scheme Scheme
		key    string
		hash   uint32
	}{
		{SchemeConsistent, "", 0},
		{SchemeConsistent, "23456", 0xb1b451d7},
		{SchemeConsistent, long, 0xb0150df7},
		{SchemeConsistent, "hejsan", 0xd077037e},
		{SchemeMurmur2, "", 0x106e08d9},
		{SchemeMurmur2, "23456", 0x058d780f},
		{SchemeMurmur2, long, 0x4f7703da},
		{SchemeMurmur2, "hejsan", 0x5ec19395},
		{SchemeMurmur2, "kafka", 1348980580},
		{SchemeMurmur2, "amqp", 767747138},
		{SchemeMurmur2, "giberish123456789", 257239820},
		{SchemeFNV1a, "", 0x7ee3623b},
		{SchemeFNV1a, "23456", 0x27e6f469},
		{SchemeFNV1a, long, 0x155e3e5f},
		{SchemeFNV1a, "hejsan", 0x17b1e27a},
		{SchemeFNV1a, "kafka", 0xd33c4e1},
		{SchemeFNV1a, "giberish123456789", 0x77a58295},
		{SchemeFNV1a, "1234", 0x23bdd03},
		{SchemeFNV1a, "234", 0x2dea3cd2},
		{SchemeFNV1a, "34", 0x740fa83e},
		{SchemeFNV1a, "4", 0x310ca263},
		{SchemeFNV1a, preamble, 0x65cbd69c},
		{SchemeFNV1a, preamble[1:], 0x6e49c79a},
		{SchemeFNV1a, preamble[2:], 0x69eed356},
		{SchemeFNV1a, preamble[3:], 0x6abcc023},
	} {
		// math.MaxInt32 is a prime: a partition among so many tells nearly the whole hash.
		for _, n := range []int32{1, 7, 17, 10_000, math.MaxInt32} {
			want := int32(c.hash % uint32(n))
			if got, keyed := c.scheme.Partition([]byte(c.key), n); got != want || !keyed {
				t.Errorf("%v: partition of %q among %d = %d (keyed %v), want %d", c.scheme, c.key, n, got, keyed, want)
			}
		}
	}
}

func TestSaramaPartitionersFollowTheirArithmetic(t *testing.T) {
	seenNegative := false
	for i := range 2_000 {
		key := []byte("order-" + strconv.Itoa(i))
		h := fnv.New32a()
		h.Write(key)
		signed := int64(int32(h.Sum32()))
		seenNegative = seenNegative || signed < 0
		for _, n := range []int32{1, 3, 6, 100} {
			want := signed % int64(n)
			if want < 0 {
				want = -want
			}
			if got := SaramaHash(key, n); int64(got) != want {
				t.Fatalf("SaramaHash(%s, %d) = %d, want %d", key, n, got, want)
			}
			if got, want := SaramaReference(key, n), (signed&0x7fffffff)%int64(n); int64(got) != want {
				t.Fatalf("SaramaReference(%s, %d) = %d, want %d", key, n, got, want)
			}
		}
	}
	if !seenNegative {
		t.Error("no key with a negative hash: the two rules were not told apart")
	}
}

func TestSaramaHashOfTheMostNegativeHashIsAPartition(t *testing.T) {
	for n, want := range map[int32]int32{1: 0, 3: 2, 6: 2, 7: 2, 100: 48, math.MaxInt32: 1} {
		if got := saramaFold(math.MinInt32, n); got != want {
			t.Errorf("among %d: %d, want %d", n, got, want)
		}
	}
}

func TestConsistentIsCRC32(t *testing.T) {
	if crc32.ChecksumIEEE([]byte("123456789")) != 0xcbf43926 {
		t.Fatal("not the CRC-32 that librdkafka uses")
	}
	if got, want := Consistent([]byte("123456789"), 1000), int32(0xcbf43926%1000); got != want {
		t.Errorf("%d, want %d", got, want)
	}
}

func TestSchemesDifferInNullAndEmptyKeys(t *testing.T) {
	for _, c := range []struct {
		scheme      Scheme
		null, empty bool // hashed?
	}{
		{SchemeJava, false, true},
		{SchemeMurmur2, true, true},
		{SchemeSarama, false, true},
		{SchemeFNV1a, true, true},
		{SchemeSaramaReference, false, true},
		{SchemeConsistent, true, true},
		{SchemeConsistentRandom, false, false},
	} {
		ofNull, null := c.scheme.Partition(nil, 17)
		ofEmpty, empty := c.scheme.Partition([]byte{}, 17)
		if null != c.null || empty != c.empty {
			t.Errorf("%v: null hashed %v, empty hashed %v; want %v, %v", c.scheme, null, empty, c.null, c.empty)
		}
		if null && empty && ofNull != ofEmpty {
			t.Errorf("%v: null goes to %d and empty to %d", c.scheme, ofNull, ofEmpty)
		}
		if _, keyed := c.scheme.Partition([]byte("k"), 0); keyed {
			t.Errorf("%v: a topic without partitions has one", c.scheme)
		}
	}
}

func FuzzMurmur2EqualsTheDefinition(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("abcdefghijk"))
	f.Fuzz(func(t *testing.T, key []byte) {
		if got, want := Murmur2(key), murmur2ByDefinition(key); got != want {
			t.Errorf("%x: %d, want %d", key, got, want)
		}
	})
}

func BenchmarkJava(b *testing.B) {
	key := []byte("user-0123456789ab")
	for b.Loop() {
		Java(key, 12)
	}
}
