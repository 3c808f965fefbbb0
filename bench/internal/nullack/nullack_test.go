package nullack_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/bench/internal/nullack"
	"github.com/omnibus-kafka/omnibus/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func listen(t *testing.T, nodes int) *nullack.Broker {
	t.Helper()
	b, err := nullack.Listen(nullack.Config{Nodes: nodes, Topics: []nullack.Topic{{Name: "t", Partitions: 4}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// offsets collects what a client was told, by partition.
type offsets struct {
	sync.Mutex
	of map[int32][]int64
}

func (o *offsets) add(t *testing.T, partition int32, offset int64, err error) {
	if err != nil {
		t.Error(err)
	}
	o.Lock()
	defer o.Unlock()
	if o.of == nil {
		o.of = make(map[int32][]int64)
	}
	o.of[partition] = append(o.of[partition], offset)
}

// check fails unless each of the partitions has offsets from 0 on without a hole, n in all.
func (o *offsets) check(t *testing.T, n int) {
	t.Helper()
	o.Lock()
	defer o.Unlock()
	for partition, got := range o.of {
		n -= len(got)
		slices.Sort(got)
		for i, offset := range got {
			if offset != int64(i) {
				t.Errorf("partition %d: offset %d, wanted %d", partition, offset, i)
				break
			}
		}
	}
	if n != 0 || len(o.of) != 4 {
		t.Errorf("%d outcomes are missing, %d partitions were used, wanted all 4", n, len(o.of))
	}
}

const records = 2000

func TestOmnibusIsAcknowledgedByBothNodes(t *testing.T) {
	b := listen(t, 2)
	p, err := omnibus.Open(t.Context(), omnibus.Config{Brokers: b.Addresses()[:1]})
	if err != nil {
		t.Fatal(err)
	}
	var told offsets
	for i := range records {
		r := omnibus.Record{Topic: "t", Partition: omnibus.At(int32(i % 4)), Value: []byte("value")}
		if err := p.EnqueueFunc(t.Context(), r, func(a omnibus.Ack, err error) { told.add(t, a.Partition, a.Offset, err) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	told.check(t, records)
	if c := b.Counts(); c.Records != records || c.Requests == 0 || c.Batches < 4 || c.Bytes < records*5 || c.Connections < 2 {
		t.Errorf("counted %+v", c)
	}
}

func TestFranzGoIsAcknowledged(t *testing.T) {
	b := listen(t, 2)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addresses()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var told offsets
	for i := range records {
		r := &kgo.Record{Topic: "t", Partition: int32(i % 4), Value: []byte("value")}
		client.Produce(t.Context(), r, func(r *kgo.Record, err error) { told.add(t, r.Partition, r.Offset, err) })
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	told.check(t, records)
	if c := b.Counts(); c.Records != records {
		t.Errorf("counted %+v", c)
	}
}

func TestAcksNoneIsNotAnswered(t *testing.T) {
	b := listen(t, 1)
	p, err := omnibus.Open(t.Context(), omnibus.Config{Brokers: b.Addresses(), Acks: omnibus.AcksNone, DisableIdempotence: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		// An answer to a request that expects none would end the connection, and the next record would pay for it.
		if ack, err := p.Send(t.Context(), omnibus.Record{Topic: "t", Value: []byte("value")}); err != nil || ack.Offset != -1 {
			t.Errorf("got %+v, %v", ack, err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if c := b.Counts(); c.Connections > 2 {
		t.Errorf("counted %+v: wanted one connection for metadata and one for records", c)
	}
}

// batchOf is a batch that claims so many records and has a body of as many bytes.
func batchOf(count int32) []byte {
	h := wire.BatchHeader{Length: wire.BatchLength(int(count)), LastOffsetDelta: count - 1, Count: count}
	batch := make([]byte, wire.BatchHeaderLen+int(count))
	h.Put(batch)
	return batch
}

func TestEveryVersionOfProduceIsAnswered(t *testing.T) {
	b := listen(t, 1)
	conn, err := net.Dial("tcp", b.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("test"))

	var described kmsg.MetadataResponse
	described.Version = 12
	asked := kmsg.NewPtrMetadataRequest()
	asked.Version = 12
	exchange(t, conn, formatter.AppendRequest(nil, asked, 1), &described)

	for version := int16(7); version <= 13; version++ {
		request := kmsg.NewPtrProduceRequest()
		request.Version, request.Acks = version, -1
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic, topic.TopicID = "t", described.Topics[0].TopicID
		for n := range int32(4) {
			partition := kmsg.NewProduceRequestTopicPartition()
			partition.Partition, partition.Records = n, batchOf(10)
			topic.Partitions = append(topic.Partitions, partition)
		}
		request.Topics = append(request.Topics, topic)
		response := kmsg.NewPtrProduceResponse()
		response.Version = version
		exchange(t, conn, formatter.AppendRequest(nil, request, int32(version)), response)
		if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 4 {
			t.Fatalf("version %d: answered %+v", version, response)
		}
		for n, partition := range response.Topics[0].Partitions {
			if want := int64(version-7) * 10; int(partition.Partition) != n || partition.ErrorCode != 0 || partition.BaseOffset != want {
				t.Errorf("version %d: answered %+v, wanted partition %d and offset %d", version, partition, n, want)
			}
		}
	}
	if c := b.Counts(); c.Requests != 7 || c.Batches != 28 || c.Records != 280 {
		t.Errorf("counted %+v", c)
	}
}

// exchange sends a request and decodes the answer.
func exchange(t *testing.T, conn net.Conn, request []byte, response kmsg.Response) {
	t.Helper()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(conn, frame); err != nil {
		t.Fatal(err)
	}
	body := frame[4:]
	if response.IsFlexible() {
		body = body[1:]
	}
	if err := response.ReadFrom(body); err != nil {
		t.Fatalf("%T, version %d: %v", response, response.GetVersion(), err)
	}
}

func TestNonsenseEndsTheConnection(t *testing.T) {
	b := listen(t, 1)
	for name, sent := range map[string]string{
		"HTTP":                  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + string(make([]byte, 64)),
		"unknown API":           "\x00\x00\x00\x0a\x7f\x00\x00\x00\x00\x00\x00\x01\xff\xff",
		"produce of no version": "\x00\x00\x00\x0a\x00\x00\x00\x63\x00\x00\x00\x01\xff\xff",
		"shorter than it says":  "\x00\x00\x00\x0c\x00\x00\x00\x07\x00\x00\x00\x01\xff\xff\xff\xff",
	} {
		conn, err := net.Dial("tcp", b.Addresses()[0])
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, sent)
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("%s: was answered", name)
		} else if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Errorf("%s: the connection stays open", name)
		}
		conn.Close()
	}
	if c := b.Counts(); c.Requests != 0 {
		t.Errorf("counted %+v", c)
	}
}

func TestUnknownTopicIsRefused(t *testing.T) {
	b := listen(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	p, err := omnibus.Open(t.Context(), omnibus.Config{Brokers: b.Addresses()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Send(ctx, omnibus.Record{Topic: "other", Value: []byte("value")}); err == nil {
		t.Error("a record for a topic that does not exist was acknowledged")
	}
}
