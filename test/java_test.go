package test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Where a v2 batch has the numbers that only its producer knows.
const (
	producerIDAt = 43
	epochAt      = 51
	sequenceAt   = 53
	countAt      = 57
)

// wireBatch is a batch as it went over the wire, and the records that it was made of, with their final timestamps.
type wireBatch struct {
	name    string
	records []omnibus.Record
	bytes   []byte
}

// appendTo describes the batch to testdata/Batches.java.
func (b *wireBatch) appendTo(dst []byte) []byte {
	dst = append(dst, b.bytes[producerIDAt:epochAt]...)
	dst = append(dst, b.bytes[epochAt:sequenceAt]...)
	dst = append(dst, b.bytes[sequenceAt:sequenceAt+4]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(b.records)))
	for _, r := range b.records {
		dst = binary.BigEndian.AppendUint64(dst, uint64(r.Timestamp.UnixMilli()))
		dst = appendNullable(dst, r.Key)
		dst = appendNullable(dst, r.Value)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Headers)))
		for _, h := range r.Headers {
			dst = appendNullable(dst, append([]byte{}, h.Key...))
			dst = appendNullable(dst, h.Value)
		}
	}
	return dst
}

func appendNullable(dst, b []byte) []byte {
	if b == nil {
		return binary.BigEndian.AppendUint32(dst, math.MaxUint32) // -1
	}
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}

// numbers are the producer id, epoch and first sequence that the batch carries.
func (b *wireBatch) numbers() (producerID int64, epoch int16, sequence int32) {
	return int64(binary.BigEndian.Uint64(b.bytes[producerIDAt:])), int16(binary.BigEndian.Uint16(b.bytes[epochAt:])),
		int32(binary.BigEndian.Uint32(b.bytes[sequenceAt:]))
}

// wiretap collects the batches of Produce requests.
type wiretap struct {
	mu struct {
		sync.Mutex
		batches [][]byte
	}
}

// tap makes a wiretap see every Produce request of a cluster.
func tap(c *kafkatest.Cluster) *wiretap {
	w := new(wiretap)
	c.Observe(kafkatest.Produce, kafkatest.When(func(r kmsg.Request) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, topic := range r.(*kmsg.ProduceRequest).Topics {
			for _, partition := range topic.Partitions {
				w.mu.batches = append(w.mu.batches, bytes.Clone(partition.Records))
			}
		}
		return true
	}))
	return w
}

// take returns what was collected since the last call.
func (w *wiretap) take() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.mu.batches
	w.mu.batches = nil
	return taken
}

// batchesToCompare are records, by batches, whose encodings differ in every way an encoding can.
func batchesToCompare(random *rand.Rand) map[string][][]omnibus.Record {
	at := time.UnixMilli(1_700_000_000_000)
	minimal := omnibus.Record{Timestamp: at}
	every := everyRecord("")
	for i := range every {
		every[i].Partition = omnibus.At(0)
	}
	times := []omnibus.Record{}
	for _, delta := range []time.Duration{0, 1, -1, 63, 64, -64, -65, 1e4, -1e4, 1e9, -1e9, 1e11, -1e12} {
		times = append(times, omnibus.Record{Key: []byte("k"), Timestamp: at.Add(delta * time.Millisecond)})
	}
	return map[string][][]omnibus.Record{
		"minimal":                 {{minimal}},
		"now":                     {{{Value: []byte("stamped by the producer")}, {Value: []byte("twice")}}},
		"everything":              {every},
		"timestamps out of order": {times},
		"varint borders":          {borderRecords(at)},
		"sequences":               {{minimal}, {minimal, minimal, minimal}, {minimal, minimal}, {minimal}},
		"random":                  {randomRecords(random, at, 1000), randomRecords(random, at, 3000)},
	}
}

// borderRecords have lengths on both sides of where a varint, of the field or of the whole record, grows by a byte.
func borderRecords(at time.Time) []omnibus.Record {
	var records []omnibus.Record
	for _, border := range []int{64, 8192, megabyte} {
		for n := border - 20; n <= border+1; n++ {
			records = append(records, omnibus.Record{Value: make([]byte, n), Timestamp: at})
		}
	}
	return records
}

func randomRecords(random *rand.Rand, at time.Time, n int) []omnibus.Record {
	some := func(most int) []byte {
		if random.IntN(8) == 0 {
			return nil
		}
		b := make([]byte, random.IntN(most))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	records := make([]omnibus.Record, n)
	for i := range records {
		r := &records[i]
		r.Key, r.Value = some(40), some(300)
		r.Timestamp = at.Add(time.Duration(random.Int64N(1<<30)) * time.Millisecond)
		for range max(random.IntN(8)-4, 0) {
			r.Headers = append(r.Headers, omnibus.Header{Key: fmt.Sprintf("%x", some(20)), Value: some(40)})
		}
	}
	return records
}

// capture sends each batch's records and returns what went over the wire.
func capture(t *testing.T, name string, idempotent bool, batches [][]omnibus.Record) []*wireBatch {
	t.Helper()
	const room = 128 * megabyte
	c := kafkatest.Start(t)
	c.CreateTopic("t", 1, map[string]string{"max.message.bytes": fmt.Sprint(room)})
	w := tap(c)
	p := openOn(t, c.Brokers(), func(c *omnibus.Config) {
		c.DisableIdempotence = !idempotent
		c.BufferBytes, c.MaxRequestBytes, c.BatchBytes, c.BatchBytesMax = 4*room, room, room, room
		c.Linger = 20 * time.Second // all of a batch's records board before somebody waits for them
	})
	var captured []*wireBatch
	for i, records := range batches {
		for j := range records {
			records[j].Topic = "t"
		}
		for j, ack := range sendAll(t, p, records) {
			records[j].Timestamp = ack.Timestamp
		}
		for _, onWire := range w.take() {
			b := &wireBatch{name: fmt.Sprintf("%s, batch %d, idempotent %v", name, i, idempotent), bytes: onWire}
			n := min(int(binary.BigEndian.Uint32(onWire[countAt:])), len(records))
			b.records, records = records[:n], records[n:]
			captured = append(captured, b)
		}
		if len(records) > 0 {
			t.Fatalf("%s, batch %d: %d records were acknowledged and never sent", name, i, len(records))
		}
	}
	checkNumbers(t, captured, idempotent)
	return captured
}

// checkNumbers checks that one producer's batches follow one another.
func checkNumbers(t *testing.T, batches []*wireBatch, idempotent bool) {
	t.Helper()
	first, _, _ := batches[0].numbers()
	sent := int32(0)
	for _, b := range batches {
		wantID, wantEpoch, wantSequence := int64(-1), int16(-1), int32(-1)
		if idempotent {
			wantID, wantEpoch, wantSequence = max(first, 0), 0, sent
		}
		if id, epoch, sequence := b.numbers(); id != wantID || epoch != wantEpoch || sequence != wantSequence {
			t.Errorf("%s: producer id %d, epoch %d, sequence %d; want %d, %d, %d", b.name, id, epoch, sequence, wantID, wantEpoch, wantSequence)
		}
		sent += int32(len(b.records))
	}
}

// TestBatchesEqualJavasByteForByte compares what leaves the producer, uncompressed, with what Kafka's own builder makes
// of the same records under the same producer id, epoch and sequence.
func TestBatchesEqualJavasByteForByte(t *testing.T) {
	noLeaks(t)
	kafkatest.RequireKafka(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var all []*wireBatch
	for _, idempotent := range []bool{true, false} {
		for name, batches := range batchesToCompare(rand.New(rand.NewPCG(seed, 0))) {
			all = append(all, capture(t, name, idempotent, batches)...)
		}
	}
	described := binary.BigEndian.AppendUint32(nil, uint32(len(all)))
	for _, b := range all {
		described = b.appendTo(described)
	}
	theirs := kafkatest.RunJavaSource(t, "testdata/Batches.java", bytes.NewReader(described))
	for _, b := range all {
		if len(theirs) < 4 {
			t.Fatalf("%s: Java wrote no such batch", b.name)
		}
		n := binary.BigEndian.Uint32(theirs)
		want := theirs[4 : 4+n]
		theirs = theirs[4+n:]
		if !bytes.Equal(b.bytes, want) {
			at := firstDifference(b.bytes, want)
			t.Errorf("%s: %d bytes, Java's has %d; they differ from byte %d on:\nours %x\nJava %x", b.name, len(b.bytes), len(want),
				at, b.bytes[at:min(at+40, len(b.bytes))], want[at:min(at+40, len(want))])
		}
	}
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
