package test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	hostileTopic = "hostile"
	// hostileVersion is the newest version of Produce and Metadata that the brokers speak.
	hostileVersion = 12
	// hostileBrokers is how many brokers one listener pretends to be, each the leader of one partition.
	hostileBrokers = 64
	// hostileBudget is the buffer of the child's producer, hostileRoom what its process may take beside it.
	hostileBudget, hostileRoom = 32 << 20, 64 << 20
)

// hostileListener is a cluster that shakes hands, tells of one topic, and from then on answers Metadata by whatever takes the
// most memory to read, and Produce by the largest answer there is, all but its last byte.
type hostileListener struct {
	net.Listener
	bombs     []kmsg.Response
	asked     atomic.Int64 // Metadata requests
	exploded  atomic.Int64 // bombs sent
	stalled   atomic.Int64 // Produce answers begun
	listeners sync.WaitGroup
}

func listenHostile(t *testing.T) *hostileListener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hostileListener{Listener: listener, bombs: metadataBombs()}
	h.listeners.Go(h.accept)
	t.Cleanup(func() {
		h.Close()
		h.listeners.Wait()
	})
	return h
}

// metadataBombs decode to as much as is allowed, each of another kind of element.
func metadataBombs() []kmsg.Response {
	brokers := &kmsg.MetadataResponse{Brokers: make([]kmsg.MetadataResponseBroker, 240_000)}
	for i := range brokers.Brokers {
		brokers.Brokers[i].Host = "b"
	}
	tagged := &kmsg.MetadataResponse{Brokers: make([]kmsg.MetadataResponseBroker, 40_000)}
	for i := range tagged.Brokers {
		tagged.Brokers[i].UnknownTags.Set(99, nil)
	}
	topics := &kmsg.MetadataResponse{Topics: make([]kmsg.MetadataResponseTopic, 150_000)}
	for i := range topics.Topics {
		topics.Topics[i].Topic = kmsg.StringPtr(fmt.Sprint(i))
	}
	partitions := make([]kmsg.MetadataResponseTopicPartition, 120_000)
	for i := range partitions {
		partitions[i] = kmsg.MetadataResponseTopicPartition{Partition: int32(i), Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}}
	}
	one := &kmsg.MetadataResponse{Topics: []kmsg.MetadataResponseTopic{{Topic: kmsg.StringPtr(hostileTopic), Partitions: partitions}}}
	one.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "127.0.0.1", Port: 1}}
	bombs := []kmsg.Response{brokers, topics, tagged, one}
	for _, bomb := range bombs {
		bomb.SetVersion(hostileVersion)
	}
	return bombs
}

func (h *hostileListener) accept() {
	for {
		conn, err := h.Accept()
		if err != nil {
			return
		}
		h.listeners.Go(func() {
			defer conn.Close()
			in := bufio.NewReader(conn)
			for h.answer(conn, in) == nil {
			}
		})
	}
}

// answer reads one request and answers it.
func (h *hostileListener) answer(conn net.Conn, in *bufio.Reader) error {
	var head [12]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	be := binary.BigEndian
	if _, err := in.Discard(int(be.Uint32(head[:])) - 8); err != nil {
		return err
	}
	out := append([]byte{0, 0, 0, 0}, head[8:12]...)
	withhold := 0
	switch key, version := int16(be.Uint16(head[4:])), int16(be.Uint16(head[6:])); key {
	case 18:
		out = h.versions(version).AppendTo(out)
	case 3:
		out = h.metadata(version).AppendTo(append(out, 0))
	default:
		h.stalled.Add(1)
		out, withhold = append(append(out, 0), make([]byte, 8<<20-16)...), 1
	}
	be.PutUint32(out, uint32(len(out)-4))
	_, err := conn.Write(out[:len(out)-withhold])
	return err
}

func (h *hostileListener) versions(version int16) kmsg.Response {
	r := &kmsg.ApiVersionsResponse{Version: version}
	for _, key := range [][2]int16{{0, hostileVersion}, {3, hostileVersion}, {18, 4}} {
		r.ApiKeys = append(r.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key[0], MaxVersion: key[1]})
	}
	return r
}

func (h *hostileListener) metadata(version int16) kmsg.Response {
	n := h.asked.Add(1)
	if n > 3 { // so many are honest: when all is asked for, and the topic
		h.exploded.Add(1)
		bomb := h.bombs[int(n)%len(h.bombs)]
		return bomb
	}
	address := h.Addr().(*net.TCPAddr)
	r := &kmsg.MetadataResponse{Version: version}
	topic := kmsg.MetadataResponseTopic{Topic: kmsg.StringPtr(hostileTopic)}
	for i := range int32(hostileBrokers) {
		r.Brokers = append(r.Brokers, kmsg.MetadataResponseBroker{NodeID: i, Host: "127.0.0.1", Port: int32(address.Port)})
		topic.Partitions = append(topic.Partitions, kmsg.MetadataResponseTopicPartition{Partition: i, Leader: i})
	}
	r.Topics = append(r.Topics, topic)
	return r
}

// TestHostileBrokersCannotMakeTheProcessGrow fills a producer's buffer, in a process of its own, while sixty-four hostile
// brokers answer with as much as they can. The process may take the buffer and 64 MiB; Go's memory limit says so to the
// collector, as a container's owner does, which shows that what is alive fits. Without it, garbage comes on top.
func TestHostileBrokersCannotMakeTheProcessGrow(t *testing.T) {
	if testing.Short() || underRace() {
		t.Skip("takes 20 seconds, and measures memory")
	}
	for _, limited := range []bool{true, false} {
		t.Run(fmt.Sprintf("limited=%v", limited), func(t *testing.T) {
			hostile := listenHostile(t)
			child := startChild(t, "hostile", []string{hostile.Addr().String()})
			var ignored, report hostileReport
			if limited {
				child.do("limit", &ignored)
			}
			child.do("endure", &report)
			t.Logf("peak %.1f MiB, buffer in use %.1f MiB; %d bombs in Metadata answers, %d Produce answers begun",
				mib(report.PeakBytes), mib(report.BufferBytes), hostile.exploded.Load(), hostile.stalled.Load())
			if hostile.exploded.Load() < 5 || hostile.stalled.Load() < hostileBrokers || report.BufferBytes < hostileBudget/2 {
				t.Error("the brokers did not do what they were to do")
			}
			most := int64(hostileBudget + hostileRoom)
			if !limited {
				most *= 2 // the collector lets garbage grow to as much as is alive
			}
			if report.PeakBytes > most {
				t.Errorf("the process took %.1f MiB, want at most %.1f", mib(report.PeakBytes), mib(most))
			}
		})
	}
}

// hostileReport is what the child of TestHostileBrokersCannotMakeTheProcessGrow tells.
type hostileReport struct{ PeakBytes, BufferBytes int64 }

func hostileChild(brokers []string) (map[string]func() (any, error), error) {
	p, err := omnibus.Open(context.Background(), omnibus.Config{
		Brokers: brokers, Logger: quiet(), BufferBytes: hostileBudget, DisableIdempotence: true,
		RequestTimeout: 2 * time.Second, DeliveryTimeout: time.Minute, MaxBlock: 200 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	return map[string]func() (any, error){
		"limit": func() (any, error) {
			debug.SetMemoryLimit(hostileBudget + hostileRoom - 20<<20) // which does not count the program itself
			return hostileReport{}, nil
		},
		"endure": func() (any, error) {
			report := hostileReport{}
			value := make([]byte, 1000)
			for i, end := 0, time.Now().Add(10*time.Second); time.Now().Before(end); i++ {
				record := omnibus.Record{Topic: hostileTopic, Partition: omnibus.At(int32(i % hostileBrokers)), Value: value}
				if _, err := p.Enqueue(context.Background(), record); err != nil { // full, mostly: a topic that nobody knows is asked for
					p.TryEnqueue(context.Background(), omnibus.Record{Topic: fmt.Sprint("unknown", i)})
				}
				report.BufferBytes = max(report.BufferBytes, p.Stats().BufferUsedBytes)
			}
			var err error
			report.PeakBytes, err = peakMemory()
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			p.Shutdown(ctx)
			return report, err
		},
	}, nil
}
