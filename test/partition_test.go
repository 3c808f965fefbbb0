package test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
	"github.com/twmb/franz-go/pkg/kfake"
)

// vector is a key, and the partitions that Kafka's Java client gives it, by their number.
type vector struct {
	key        []byte
	partitions map[int32]int32
}

// javaVectors are the keys for which Kafka's own classes were asked once and for all.
func javaVectors(t *testing.T) []vector {
	t.Helper()
	file, err := os.ReadFile("../internal/partitioner/testdata/murmur2.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	var header []string
	for line := range strings.Lines(string(file)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if header == nil {
			header = fields
			continue
		}
		v := vector{key: vectorKey(t, fields[2]), partitions: make(map[int32]int32)}
		for i, name := range header {
			if count, ok := strings.CutPrefix(name, "p"); ok {
				v.partitions[number(t, count)] = number(t, fields[i])
			}
		}
		vectors = append(vectors, v)
	}
	if len(vectors) != 80 {
		t.Fatalf("%d vectors, want 80", len(vectors))
	}
	return vectors
}

// vectorKey reads a key in hex, or "rep:<hex>*<times>".
func vectorKey(t *testing.T, column string) []byte {
	t.Helper()
	unit, times := column, "1"
	if rest, ok := strings.CutPrefix(column, "rep:"); ok {
		unit, times, _ = strings.Cut(rest, "*")
	}
	key, err := hex.DecodeString(unit)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(key, int(number(t, times)))
}

func number(t *testing.T, text string) int32 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(n)
}

// keyedRecords are records of one topic, one for each key.
func keyedRecords(topic string, keys [][]byte) []omnibus.Record {
	records := make([]omnibus.Record, len(keys))
	for i, key := range keys {
		records[i] = omnibus.Record{Topic: topic, Key: key}
	}
	return records
}

func TestKeysGoWhereJavasVectorsSay(t *testing.T) {
	noLeaks(t)
	c := kafkatest.Start(t)
	p := openOn(t, c.Brokers())
	vectors := javaVectors(t)
	var keys [][]byte
	for _, v := range vectors {
		keys = append(keys, v.key)
	}
	for count := range vectors[0].partitions {
		topic := fmt.Sprintf("of-%d", count)
		c.CreateTopic(topic, int(count), nil)
		for i, ack := range sendAll(t, p, keyedRecords(topic, keys)) {
			want := vectors[i].partitions[count]
			if ack.Partition != want || omnibus.JavaPartition(keys[i], count) != want {
				t.Errorf("key %s among %d: sent to %d, JavaPartition says %d, Java %d", brief(keys[i]), count, ack.Partition,
					omnibus.JavaPartition(keys[i], count), want)
			}
		}
	}
}

// randomKeys are n keys of 0 to 63 bytes, some longer.
func randomKeys(random *rand.Rand, n int) [][]byte {
	keys := make([][]byte, n)
	for i := range keys {
		size := random.IntN(64)
		if i%1000 == 0 {
			size = random.IntN(5000)
		}
		keys[i] = make([]byte, size)
		for at := 0; at < size; at += 8 {
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], random.Uint64())
			copy(keys[i][at:], word[:])
		}
	}
	return keys
}

// TestAMillionKeysGoWhereKafkasOwnCodeSays asks Kafka's classes beside the producer's.
func TestAMillionKeysGoWhereKafkasOwnCodeSays(t *testing.T) {
	noLeaks(t)
	kafkatest.RequireKafka(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	keys := randomKeys(rand.New(rand.NewPCG(seed, 0)), 1_000_000)
	var asked bytes.Buffer
	for _, key := range keys {
		binary.Write(&asked, binary.BigEndian, uint16(len(key)))
		asked.Write(key)
	}
	counts := []int32{1, 3, 6, 100}
	java := kafkatest.RunJavaSource(t, "testdata/Partitions.java", &asked, "1", "3", "6", "100")
	if len(java) != len(keys)*len(counts) {
		t.Fatalf("Java answered %d bytes, want %d", len(java), len(keys)*len(counts))
	}
	for i, key := range keys {
		for j, count := range counts {
			if got, want := omnibus.JavaPartition(key, count), int32(java[i*len(counts)+j]); got != want {
				t.Fatalf("key %x among %d: partition %d, Java's is %d", key, count, got, want)
			}
		}
	}
}

// library is a partitioner of ours, and the one of another library that it stands in for.
type library struct {
	name   string
	ours   omnibus.Partitioner
	theirs sarama.PartitionerConstructor
}

func libraries() []library {
	return []library{
		{"default and sarama's murmur2", nil, sarama.NewMurmur2Partitioner},
		{"KeyedRoundRobin and sarama's murmur2", omnibus.KeyedRoundRobin(), sarama.NewMurmur2Partitioner},
		{"SaramaHash and sarama's", omnibus.SaramaHash(), sarama.NewHashPartitioner},
		{"SaramaReferenceHash and sarama's", omnibus.SaramaReferenceHash(), sarama.NewReferenceHashPartitioner},
		{"LibrdkafkaConsistent and sarama's CRC", omnibus.LibrdkafkaConsistent(), sarama.NewConsistentCRCHashPartitioner},
	}
}

// theirPartition is the partition that the other library gives a key.
func theirPartition(t *testing.T, theirs sarama.Partitioner, key []byte, count int32) int32 {
	t.Helper()
	n, err := theirs.Partition(&sarama.ProducerMessage{Topic: "t", Key: sarama.ByteEncoder(key)}, count)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestKeysGoWhereSaramaPutsThem(t *testing.T) {
	noLeaks(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	keys := append(randomKeys(rand.New(rand.NewPCG(seed, 0)), 5000), []byte{})
	for _, count := range []int32{1, 3, 6, 100} {
		c := kafkatest.Start(t, kafkatest.Topic("t", int(count)))
		for _, l := range libraries() {
			p := openOn(t, c.Brokers(), func(c *omnibus.Config) { c.Partitioner = l.ours })
			theirs := l.theirs("t")
			for i, ack := range sendAll(t, p, keyedRecords("t", keys)) {
				if want := theirPartition(t, theirs, keys[i], count); ack.Partition != want {
					t.Fatalf("%s: key %x among %d went to %d, theirs is %d", l.name, keys[i], count, ack.Partition, want)
				}
			}
		}
	}
}

// caller is a partitioner that lets a test call others, since only a producer can say what there is to choose from.
type caller func(p omnibus.Partitions)

// Partition is omnibus.Partitioner's.
func (c caller) Partition(_ string, _, _ []byte, p omnibus.Partitions) (int32, error) {
	c(p)
	return 0, nil
}

// TestPartitionersAgreeWithSaramaWhenCalledByHand is for partitioners that wrap one of ours.
func TestPartitionersAgreeWithSaramaWhenCalledByHand(t *testing.T) {
	noLeaks(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	keys := randomKeys(rand.New(rand.NewPCG(seed, 0)), 200_000)
	c := kafkatest.Start(t, kafkatest.Topic("t", 6))
	for _, l := range libraries()[1:] {
		theirs := l.theirs("t")
		compared := 0
		p := openOn(t, c.Brokers(), func(c *omnibus.Config) {
			c.Partitioner = caller(func(partitions omnibus.Partitions) {
				for _, key := range keys {
					got, err := l.ours.Partition("t", key, nil, partitions)
					if want := theirPartition(t, theirs, key, 6); err != nil || got != want {
						t.Fatalf("%s: key %x: %d (%v), theirs is %d", l.name, key, got, err, want)
					}
					compared++
				}
			})
		})
		sendAll(t, p, []omnibus.Record{{Topic: "t"}})
		if compared != len(keys) {
			t.Errorf("%s: compared %d keys", l.name, compared)
		}
	}
}

// TestKeysGoWhereLibrdkafkasTestsSay holds the hashes that librdkafka's own test of its partitioners expects, under the
// names that its configuration has for them.
func TestKeysGoWhereLibrdkafkasTestsSay(t *testing.T) {
	noLeaks(t)
	const count = 17 // what that test uses
	keys := [][]byte{{}, []byte("23456"), []byte("this is another string with more length to it perhaps"), []byte("hejsan")}
	const spread = math.MaxUint32 // no partition in particular
	c := kafkatest.Start(t, kafkatest.Topic("t", count))
	for name, hashes := range map[string][]uint32{
		"consistent":        {0, 0xb1b451d7, 0xb0150df7, 0xd077037e},
		"consistent_random": {spread, 0xb1b451d7, 0xb0150df7, 0xd077037e},
		"murmur2":           {0x106e08d9, 0x058d780f, 0x4f7703da, 0x5ec19395},
		"murmur2_random":    {0x106e08d9, 0x058d780f, 0x4f7703da, 0x5ec19395},
		"fnv1a":             {0x7ee3623b, 0x27e6f469, 0x155e3e5f, 0x17b1e27a},
		"fnv1a_random":      {0x7ee3623b, 0x27e6f469, 0x155e3e5f, 0x17b1e27a},
	} {
		p := openOn(t, c.Brokers(), func(c *omnibus.Config) {
			if _, err := c.Set("partitioner.class", name); err != nil {
				t.Fatal(err)
			}
		})
		for i, ack := range sendAll(t, p, keyedRecords("t", keys)) {
			if want := int32(hashes[i] % count); hashes[i] != spread && ack.Partition != want {
				t.Errorf("%s: key %q went to %d, librdkafka's is %d", name, keys[i], ack.Partition, want)
			}
		}
	}
}

// skewMax is the largest share of its fair share by which a partition's may differ.
const skewMax = 0.05

// TestRecordsWithoutAKeySpreadEvenly counts where ten million records go.
func TestRecordsWithoutAKeySpreadEvenly(t *testing.T) {
	noLeaks(t)
	const partitions = 6
	const records = 10_000_000
	if testing.Short() {
		t.Skip("ten million records take too long")
	}
	for _, linger := range []time.Duration{omnibus.None, 5 * time.Millisecond} {
		t.Run(fmt.Sprintf("linger %v", max(linger, 0)), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d of the records' sizes", seed)
			c := kafkatest.Start(t, kafkatest.Topic("t", partitions), kafkatest.Kfake(kfake.BlackholeProduce()))
			checkSkew(t, countByPartition(t, c, linger, partitions, records, rand.New(rand.NewPCG(seed, 0))))
		})
	}
}

// tally counts, batch by batch, the records that each partition acknowledged.
type tally struct {
	counts []atomic.Int64
	failed atomic.Pointer[error]
}

func (c *tally) done(o omnibus.BatchOutcome) {
	if o.Err != nil {
		c.failed.CompareAndSwap(nil, &o.Err)
		return
	}
	c.counts[o.Partition].Add(int64(o.Records))
}

// countByPartition enqueues records of 50 to 150 bytes without a key and counts those that each partition acknowledged.
func countByPartition(t *testing.T, c *kafkatest.Cluster, linger time.Duration, partitions, records int, random *rand.Rand) []int64 {
	t.Helper()
	counted := &tally{counts: make([]atomic.Int64, partitions)}
	p := openOn(t, c.Brokers(), func(c *omnibus.Config) {
		c.DisableAdaptive, c.Linger, c.Trace = true, linger, &omnibus.Trace{BatchDone: counted.done}
	})
	value := make([]byte, 150)
	for range records {
		r := omnibus.Record{Topic: "t", Value: value[:50+random.IntN(100)]}
		if err := p.EnqueueFunc(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := counted.failed.Load(); err != nil {
		t.Fatal(*err)
	}
	total := int64(0)
	counts := make([]int64, partitions)
	for i := range counts {
		counts[i] = counted.counts[i].Load()
		total += counts[i]
	}
	if total != int64(records) {
		t.Fatalf("%d records were acknowledged, want %d", total, records)
	}
	return counts
}

func checkSkew(t *testing.T, counts []int64) {
	t.Helper()
	total := int64(0)
	for _, n := range counts {
		total += n
	}
	fair := float64(total) / float64(len(counts))
	skew := 0.0
	for _, n := range counts {
		skew = max(skew, math.Abs(float64(n)-fair)/fair)
	}
	t.Logf("records of each partition: %v; skew %.2f %%", counts, 100*skew)
	if skew > skewMax {
		t.Errorf("skew is %.2f %%, want at most %.0f %%", 100*skew, 100*skewMax)
	}
}
