package test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/kafkatest"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	megabyte = 1 << 20
	// roundTripPartitions is how many partitions the topics of these tests have.
	roundTripPartitions = 5
)

// roundTripTopic is a topic that takes records with a key and a value of 1 MiB each, and keeps records however old.
func roundTripTopic() map[string]string {
	return map[string]string{"max.message.bytes": "4194304", "retention.ms": "-1"}
}

// printable is text of n bytes that compresses as log lines do and has no tab or line end, which the console consumer
// writes between its columns and lines.
func printable(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d GET <path>/items/%x?page=%d 200 ", i, i*2654435761, i%7)
	}
	return b.Bytes()[:n]
}

// everyRecord is everything a record can be: null, empty, short and 1 MiB keys and values in all combinations, headers
// of all kinds, timestamps from 1970 on, every explicit partition and none.
func everyRecord(topic string) []omnibus.Record {
	sizes := [][]byte{nil, {}, []byte("short"), printable(megabyte)}
	var records []omnibus.Record
	for _, key := range sizes {
		for _, value := range sizes {
			records = append(records, omnibus.Record{Topic: topic, Key: key, Value: value})
		}
	}
	for _, headers := range [][]omnibus.Header{
		{},
		{{Key: "one", Value: []byte("1")}},
		{{Key: "again", Value: []byte("1")}, {Key: "other", Value: []byte("2")}, {Key: "again", Value: []byte("3")}, {Key: "again", Value: []byte("3")}},
		{{Key: "null", Value: nil}, {Key: "empty", Value: []byte{}}},
		{{Key: "binary", Value: []byte{0, 1, 0x80, 0xfe, 0xff, 0xc3, 0x28}}},
		{{Key: "", Value: []byte("nameless")}, {Key: "größe", Value: []byte("π")}},
		slices.Repeat([]omnibus.Header{{Key: "many", Value: printable(100)}}, 300),
	} {
		records = append(records, omnibus.Record{Topic: topic, Key: []byte("headers"), Value: []byte("v"), Headers: headers})
	}
	now := time.Now()
	for _, at := range []time.Time{
		time.UnixMilli(0), time.UnixMilli(1), time.Date(2001, 9, 9, 1, 46, 40, 123456789, time.UTC),
		now.Add(-30 * 24 * time.Hour), now.Add(-time.Millisecond), now.Add(time.Minute), now.In(time.FixedZone("x", 5*3600)),
	} {
		records = append(records, omnibus.Record{Topic: topic, Key: []byte("time"), Value: []byte(at.Format(time.RFC3339Nano)), Timestamp: at})
	}
	for n := range int32(roundTripPartitions) {
		// The key belongs elsewhere for at least four of the five: the explicit partition goes before it.
		records = append(records, omnibus.Record{Topic: topic, Partition: omnibus.At(n), Key: []byte("explicit"), Value: fmt.Append(nil, n)})
	}
	for i := range records {
		records[i].Tag = uint64(i + 1)
	}
	return records
}

// told is what was sent, and what the producer said of it.
type told struct {
	record omnibus.Record
	ack    omnibus.Ack
	before time.Time // when the producer got it
	codec  omnibus.Compression
}

// sendEverything sends every record with every codec, and with waits, futures and batches mixed by SendAll and Send.
func sendEverything(t *testing.T, brokers []string, topic string) []told {
	t.Helper()
	var all []told
	for codec := omnibus.CompressionNone; codec <= omnibus.CompressionZstd; codec++ {
		p := openOn(t, brokers, func(c *omnibus.Config) { c.Compression, c.MaxRequestBytes = codec, 4*megabyte })
		records := everyRecord(topic)
		before := time.Now()
		for i, ack := range sendAll(t, p, records) {
			all = append(all, told{records[i], ack, before, codec})
		}
		alone := records[len(records)-1]
		before = time.Now()
		ack, err := p.Send(bounded(t, time.Minute), alone)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, told{alone, ack, before, codec})
	}
	return all
}

// checkAck checks what an Ack must be whatever a reader sees.
func checkAck(t *testing.T, sent told, logAppendTime bool) {
	t.Helper()
	r, ack := sent.record, sent.ack
	if ack.Topic != r.Topic || ack.Tag != r.Tag {
		t.Errorf("ack %+v for topic %q, tag %d", ack, r.Topic, r.Tag)
	}
	if n, explicit := r.Partition.Explicit(); explicit && ack.Partition != n {
		t.Errorf("partition %d was asked for and %d was used", n, ack.Partition)
	}
	if want := omnibus.JavaPartition(r.Key, roundTripPartitions); r.Partition == (omnibus.Partition{}) && r.Key != nil && ack.Partition != want {
		t.Errorf("key of %d bytes went to partition %d, Java's is %d", len(r.Key), ack.Partition, want)
	}
	switch {
	case !r.Timestamp.IsZero() && !logAppendTime:
		if ack.Timestamp.UnixMilli() != r.Timestamp.UnixMilli() {
			t.Errorf("timestamp %v became %v", r.Timestamp, ack.Timestamp)
		}
	case ack.Timestamp.UnixMilli() < sent.before.UnixMilli()-1 || ack.Timestamp.After(time.Now().Add(time.Millisecond)):
		t.Errorf("timestamp %v, the record was sent after %v", ack.Timestamp, sent.before)
	}
}

// position is a place in a topic.
type position struct {
	partition int32
	offset    int64
}

// checkRead compares what franz-go reads with what was sent and acknowledged.
func checkRead(t *testing.T, brokers []string, topic string, sent []told, logAppendTime bool) {
	t.Helper()
	read := make(map[position]*kgo.Record)
	for n, records := range kafkatest.ReadTopic(t, brokers, topic) {
		for _, r := range records {
			read[position{int32(n), r.Offset}] = r
		}
	}
	if len(read) != len(sent) {
		t.Errorf("%d records in the log, %d were acknowledged", len(read), len(sent))
	}
	for _, s := range sent {
		at := position{s.ack.Partition, s.ack.Offset}
		checkAck(t, s, logAppendTime)
		if r := read[at]; r == nil {
			t.Errorf("acknowledged at %+v, where nothing is", at)
		} else {
			checkRecord(t, s, r, logAppendTime)
		}
		delete(read, at)
	}
}

func checkRecord(t *testing.T, s told, r *kgo.Record, logAppendTime bool) {
	t.Helper()
	at := fmt.Sprintf("%v, partition %d offset %d", s.codec, r.Partition, r.Offset)
	if !sameBytes(r.Key, s.record.Key) {
		t.Errorf("%s: key is %s, sent was %s", at, brief(r.Key), brief(s.record.Key))
	}
	if !sameBytes(r.Value, s.record.Value) {
		t.Errorf("%s: value is %s, sent was %s", at, brief(r.Value), brief(s.record.Value))
	}
	same := slices.EqualFunc(r.Headers, s.record.Headers, func(got kgo.RecordHeader, want omnibus.Header) bool {
		return got.Key == want.Key && sameBytes(got.Value, want.Value)
	})
	if !same {
		t.Errorf("%s: headers are %v, sent were %v", at, r.Headers, s.record.Headers)
	}
	if r.Timestamp.UnixMilli() != s.ack.Timestamp.UnixMilli() {
		t.Errorf("%s: timestamp is %v, the ack says %v", at, r.Timestamp, s.ack.Timestamp)
	}
	if got := r.Attrs.TimestampType() == 1; got != logAppendTime {
		t.Errorf("%s: LogAppendTime is %v, want %v", at, got, logAppendTime)
	}
}

// sameBytes tells null from empty.
func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// brief shows the kind of bytes without a megabyte of them.
func brief(b []byte) string {
	switch {
	case b == nil:
		return "null"
	case len(b) > 40:
		return fmt.Sprintf("%d bytes %q…", len(b), b[:40])
	}
	return fmt.Sprintf("%q", b)
}

// checkConsole compares what Kafka's console consumer prints with what was sent and acknowledged.
func checkConsole(t *testing.T, brokers []string, topic string, sent []told, logAppendTime bool) {
	t.Helper()
	kind := "CreateTime"
	if logAppendTime {
		kind = "LogAppendTime"
	}
	args := []string{"--max-messages", fmt.Sprint(len(sent))}
	for _, property := range []string{"print.timestamp=true", "print.partition=true", "print.offset=true",
		"print.headers=true", "print.key=true", "null.literal=<null>"} {
		args = append(args, "--formatter-property", property)
	}
	read, err := os.ReadFile(kafkatest.ConsoleConsumer(t, strings.Join(brokers, ","), topic, args...))
	if err != nil {
		t.Fatal(err)
	}
	printed := make(map[string]int)
	for line := range bytes.Lines(read) {
		printed[string(bytes.TrimSuffix(line, []byte("\n")))]++
	}
	for _, s := range sent {
		line := fmt.Sprintf("%s:%d\tPartition:%d\tOffset:%d\t%s\t%s\t%s", kind, s.ack.Timestamp.UnixMilli(), s.ack.Partition,
			s.ack.Offset, consoleHeaders(s.record.Headers), consoleBytes(s.record.Key), consoleBytes(s.record.Value))
		if printed[line] != 1 {
			t.Errorf("the console consumer does not print %s", brief([]byte(line)))
		}
		delete(printed, line)
	}
	for line := range maps.Keys(printed) {
		t.Errorf("the console consumer prints %s, which was not sent", brief([]byte(line)))
	}
}

func consoleHeaders(headers []omnibus.Header) string {
	if len(headers) == 0 {
		return "NO_HEADERS"
	}
	var columns []string
	for _, h := range headers {
		columns = append(columns, h.Key+":"+consoleBytes(h.Value))
	}
	return strings.Join(columns, ",")
}

func consoleBytes(b []byte) string {
	if b == nil {
		return "<null>"
	}
	return string(b)
}

// logAppend is the configuration of a topic whose timestamps are the broker's.
func logAppend() map[string]string {
	configs := roundTripTopic()
	configs["message.timestamp.type"] = "LogAppendTime"
	return configs
}

func TestEveryRecordComesBackFromKfake(t *testing.T) {
	noLeaks(t)
	c := kafkatest.Start(t)
	c.CreateTopic("every", roundTripPartitions, roundTripTopic())
	every := sendEverything(t, c.Brokers(), "every")
	checkRead(t, c.Brokers(), "every", every, false)
	t.Run("console consumer", func(t *testing.T) {
		kafkatest.RequireKafka(t)
		checkConsole(t, c.Brokers(), "every", every, false)
	})
}

func TestEveryRecordComesBackFromKafka(t *testing.T) {
	k := realKafka(t)
	noLeaks(t)
	k.CreateTopic("every", roundTripPartitions, roundTripTopic())
	k.CreateTopic("stamped", roundTripPartitions, logAppend())
	every, stamped := sendEverything(t, k.Brokers(), "every"), sendEverything(t, k.Brokers(), "stamped")
	checkRead(t, k.Brokers(), "every", every, false)
	checkRead(t, k.Brokers(), "stamped", stamped, true)
	checkConsole(t, k.Brokers(), "every", every, false)
	checkConsole(t, k.Brokers(), "stamped", stamped, true)
	checkDisk(t, k, "every")
}

// checkDisk lets Kafka's own tool judge the batches on a broker's disk: all are valid, and every codec was used.
func checkDisk(t *testing.T, k *kafkatest.Kafka, topic string) {
	t.Helper()
	var files []string
	for n := range int32(roundTripPartitions) {
		files = append(files, k.Segments(k.Leader(topic, n), topic, n)...)
	}
	codecs := make(map[string]int)
	for _, b := range kafkatest.DumpLogSegments(t, files...) {
		if !b.Valid {
			t.Errorf("batch is not valid: %+v", b)
		}
		codecs[b.Codec]++
	}
	for codec := omnibus.CompressionNone; codec <= omnibus.CompressionZstd; codec++ {
		if codecs[codec.String()] == 0 {
			t.Errorf("no batch was compressed with %v: %v", codec, codecs)
		}
	}
}

func TestAcksZeroTellsNoOffset(t *testing.T) {
	noLeaks(t)
	c := kafkatest.Start(t, kafkatest.Topic("t", 1))
	p := openOn(t, c.Brokers(), func(c *omnibus.Config) { c.Acks = omnibus.AcksNone })
	acks := sendAll(t, p, []omnibus.Record{{Topic: "t", Value: []byte("a"), Tag: 7}, {Topic: "t", Value: []byte("b"), Tag: 8}})
	for i, ack := range acks {
		if ack.Offset != -1 || ack.Partition != 0 || ack.Tag != uint64(7+i) || ack.Timestamp.IsZero() {
			t.Errorf("ack %+v, want partition 0 and offset -1", ack)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	// Nobody told when the broker is done.
	until(t, "a and b are in the log", func() bool {
		got := c.Records("t")[0]
		return len(got) == 2 && string(got[0].Value) == "a" && string(got[1].Value) == "b"
	})
}
