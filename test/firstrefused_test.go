package test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// firstRefused stands between clients and a broker. It refuses the first Produce request for each topic as a broker does that
// has not yet heard of its leadership, at a moment at which the second one is on its way behind it, if the client sends one;
// the broker has heard of it by then and takes that one.
type firstRefused struct {
	target string
	mu     struct {
		sync.Mutex
		met   map[string]bool // topics, by name and id
		conns []net.Conn
	}
}

// secondMax is how long the refusal waits for a second request.
const secondMax = time.Second

// startFirstRefused starts one before a broker and returns its address.
func startFirstRefused(t *testing.T, target string) (f *firstRefused, address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f = &firstRefused{target: target}
	f.mu.met = make(map[string]bool)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { f.serve(client, &running) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		f.cut()
		running.Wait()
	})
	return f, listener.Addr().String()
}

// cut ends all connections.
func (f *firstRefused) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.mu.conns {
		conn.Close()
	}
}

// serve carries one connection.
func (f *firstRefused) serve(client net.Conn, running *sync.WaitGroup) {
	defer client.Close()
	broker, err := net.Dial("tcp", f.target)
	if err != nil {
		return
	}
	defer broker.Close()
	f.mu.Lock()
	f.mu.conns = append(f.mu.conns, client, broker)
	f.mu.Unlock()
	running.Go(func() {
		_, _ = io.Copy(client, broker)
		client.Close()
	})
	for in := bufio.NewReader(client); ; {
		frame, err := readFrame(in)
		if err != nil {
			return
		}
		if refusal := f.refusal(frame); refusal != nil {
			_ = client.SetReadDeadline(time.Now().Add(secondMax))
			_, _ = in.Peek(4)
			_ = client.SetReadDeadline(time.Time{})
			_, err = client.Write(refusal)
		} else {
			_, err = broker.Write(frame)
		}
		if err != nil {
			return
		}
	}
}

// readFrame reads a request with its size.
func readFrame(in io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, 4+binary.BigEndian.Uint32(size[:]))
	copy(frame, size[:])
	_, err := io.ReadFull(in, frame[4:])
	return frame, err
}

// refusal is the answer to the first Produce request for a topic; nil for all else.
func (f *firstRefused) refusal(frame []byte) []byte {
	b := kbin.Reader{Src: frame[4:]}
	key, version, correlationID := b.Int16(), b.Int16(), b.Int32()
	if key != int16(kmsg.Produce) {
		return nil
	}
	request := kmsg.NewPtrProduceRequest()
	request.SetVersion(version)
	b.NullableString() // client id
	if request.IsFlexible() {
		kmsg.SkipTags(&b)
	}
	if !b.Ok() || request.ReadFrom(b.Src) != nil || !f.first(request) {
		return nil
	}
	response := request.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range request.Topics {
		answer := kmsg.NewProduceResponseTopic()
		answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
		for _, partition := range topic.Partitions {
			part := kmsg.NewProduceResponseTopicPartition()
			part.Partition, part.BaseOffset, part.ErrorCode = partition.Partition, -1, kerr.NotLeaderForPartition.Code
			answer.Partitions = append(answer.Partitions, part)
		}
		response.Topics = append(response.Topics, answer)
	}
	out := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(correlationID))
	if response.IsFlexible() {
		out = append(out, 0)
	}
	out = response.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

// first reports whether a topic of the request is met for the first time.
func (f *firstRefused) first(request *kmsg.ProduceRequest) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, topic := range request.Topics {
		name := topic.Topic + string(topic.TopicID[:])
		first = first || !f.mu.met[name]
		f.mu.met[name] = true
	}
	return first
}
