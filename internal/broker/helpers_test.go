package broker

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/wire"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// scriptedBroker is the far end of a connection: a test says what it does.
type scriptedBroker struct {
	t    testing.TB
	conn net.Conn
}

// ask is a request as the broker received it.
type ask struct {
	key, version int16
	id           int32
	frame        []byte // behind the correlation id
}

func (b *scriptedBroker) tryRead() (ask, error) {
	var head [12]byte
	if _, err := io.ReadFull(b.conn, head[:]); err != nil {
		return ask{}, err
	}
	be := binary.BigEndian
	a := ask{key: int16(be.Uint16(head[4:])), version: int16(be.Uint16(head[6:])), id: int32(be.Uint32(head[8:]))}
	a.frame = make([]byte, be.Uint32(head[:])-8)
	_, err := io.ReadFull(b.conn, a.frame)
	return a, err
}

func (b *scriptedBroker) read() ask {
	b.t.Helper()
	a, err := b.tryRead()
	if err != nil {
		b.t.Errorf("broker: read request: %v", err)
	}
	return a
}

func (b *scriptedBroker) write(bytes []byte) { b.conn.Write(bytes) }

// ignore neither reads nor answers until the test ends.
func (b *scriptedBroker) ignore() { <-b.t.Context().Done() }

// answer sends a response with the header that the request's version calls for.
func (b *scriptedBroker) answer(a ask, response kmsg.Response) { b.write(frameFor(a, response)) }

func frameFor(a ask, response kmsg.Response) []byte {
	response.SetVersion(a.version)
	out := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(a.id))
	if response.IsFlexible() && response.Key() != apiVersionsKey {
		out = append(out, 0)
	}
	return withLength(response.AppendTo(out))
}

func withLength(frame []byte) []byte {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return frame
}

// handshake answers ApiVersions as Kafka 4 does.
func (b *scriptedBroker) handshake() {
	b.answer(b.read(), apiVersions(0, [3]int16{0, 3, 13}, [3]int16{3, 0, 13}, [3]int16{18, 0, 4}, [3]int16{22, 0, 5}))
}

func apiVersions(code int16, keys ...[3]int16) *kmsg.ApiVersionsResponse {
	response := kmsg.NewPtrApiVersionsResponse()
	response.ErrorCode = code
	for _, key := range keys {
		response.ApiKeys = append(response.ApiKeys,
			kmsg.ApiVersionsResponseApiKey{ApiKey: key[0], MinVersion: key[1], MaxVersion: key[2]})
	}
	return response
}

// produced is an answer for one partition whose base offset tells it from others.
func produced(offset int64) *kmsg.ProduceResponse {
	response := kmsg.NewPtrProduceResponse()
	topic := kmsg.NewProduceResponseTopic()
	topic.Topic = "t"
	partition := kmsg.NewProduceResponseTopicPartition()
	partition.BaseOffset = offset
	topic.Partitions = append(topic.Partitions, partition)
	response.Topics = append(response.Topics, topic)
	return response
}

// outcome is a Done as the recorder saw it.
type outcome struct {
	request *ProduceRequest
	offset  int64 // -1 without a response
	written bool
	err     error
	at      time.Time
}

// recorder is a Handler that keeps what it is told.
type recorder struct {
	mu       sync.Mutex
	outcomes []outcome
	closed   []error
	told     chan outcome  // if not nil, gets each outcome
	end      chan struct{} // closed by Closed
	onDone   func(*ProduceRequest)
}

func newRecorder() *recorder {
	return &recorder{told: make(chan outcome, 1000), end: make(chan struct{})}
}

func (r *recorder) BeforeWrite(request *ProduceRequest) {
	for i := range request.Wire.Topics {
		for j := range request.Wire.Topics[i].Partitions {
			p := &request.Wire.Topics[i].Partitions[j]
			wire.SealCRC(p.Header, p.Body)
		}
	}
}

func (r *recorder) Done(request *ProduceRequest, response *wire.ProduceResponse, written bool, err error) {
	o := outcome{request: request, offset: -1, written: written, err: err, at: time.Now()}
	if response != nil && len(response.Partitions) == 1 {
		o.offset = response.Partitions[0].BaseOffset
	}
	r.mu.Lock()
	if len(r.closed) > 0 {
		panic("Done after Closed")
	}
	r.outcomes = append(r.outcomes, o)
	r.mu.Unlock()
	r.told <- o
	if r.onDone != nil {
		r.onDone(request)
	}
}

func (r *recorder) Closed(_ *Conn, err error) {
	r.mu.Lock()
	r.closed = append(r.closed, err)
	r.mu.Unlock()
	close(r.end)
}

// cause waits for the connection's end and returns its reason.
func (r *recorder) cause() error {
	<-r.end
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed[0]
}

// request is a Produce request for one partition with a body of so many bytes.
func request(acks int16, bodyBytes int) *ProduceRequest {
	partition := wire.ProducePartition{Header: new([wire.BatchHeaderLen]byte), Body: [][]byte{make([]byte, bodyBytes)}}
	return &ProduceRequest{Wire: wire.ProduceRequest{
		Acks: acks, TimeoutMillis: 1000,
		Topics: []wire.ProduceTopic{{Name: "t", Partitions: []wire.ProducePartition{partition}}},
	}}
}

const memCapacity = 64 << 10

// scripted returns a Config whose connections lead to a broker that runs script, then hangs up.
func scripted(t *testing.T, script func(b *scriptedBroker)) *Config {
	return scriptedWithin(t, memCapacity, script)
}

func scriptedWithin(t *testing.T, capacity int, script func(b *scriptedBroker)) *Config {
	return &Config{
		ClientID: "test", RequestTimeout: 30 * time.Second, Counters: new(Counters),
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := memPipe(capacity)
			go func() {
				defer server.Close()
				script(&scriptedBroker{t: t, conn: server})
			}()
			return client, nil
		},
	}
}

// connect must succeed.
func connect(t *testing.T, cfg *Config) *Conn {
	t.Helper()
	c, err := Connect(t.Context(), cfg, "b1:9092")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// start connects and starts with a recorder.
func start(t *testing.T, cfg *Config) (*Conn, *recorder) {
	t.Helper()
	c, r := connect(t, cfg), newRecorder()
	c.Start(r)
	return c, r
}

func mustProduce(t *testing.T, c *Conn, r *ProduceRequest) *ProduceRequest {
	t.Helper()
	if !c.Produce(r) {
		t.Fatal("Produce was refused")
	}
	return r
}

func (o outcome) String() string {
	return fmt.Sprintf("offset %d written %v err %v", o.offset, o.written, o.err)
}
