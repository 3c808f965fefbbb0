package metadata

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/broker"
	"github.com/omnibus-kafka/omnibus/internal/metadata/control"
)

// asked is one Metadata request that a scripted cluster saw.
type asked struct {
	at     time.Duration
	from   string
	topics []string
}

// scripted is a cluster of addresses without sockets: every broker answers with the same state.
type scripted struct {
	t       *testing.T
	start   time.Time
	manager *Manager
	client  *control.Client
	updates []update

	mu struct {
		sync.Mutex
		down    map[string]bool
		refusal error // of every dial
		delay   time.Duration
		brokers []kmsg.MetadataResponseBroker
		topics  map[string]kmsg.MetadataResponseTopic
		code    int16
		asked   []asked
		conns   []*scriptedConn
		dials   int
		// inFlight counts the calls of Do; those that their context ends still take unwinding to return.
		inFlight  int
		unwinding time.Duration
	}
}

// update is one call of OnUpdate.
type update struct {
	previous, next *Cluster
	changed        []string
}

const (
	boot = "boot:9092"
	b1   = "b1:9092"
	b2   = "b2:9092"
)

// configure changes what a test's manager and client are made of.
type configure func(*Config, *control.Config)

// run starts a manager against a scripted cluster of two brokers inside a synctest bubble, and ends it after the test.
func run(t *testing.T, test func(t *testing.T, s *scripted), configures ...configure) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{t: t, start: time.Now()}
		s.mu.down = make(map[string]bool)
		s.mu.topics = make(map[string]kmsg.MetadataResponseTopic)
		s.mu.delay = time.Millisecond
		s.setBrokers(1, 2)
		clientConfig := control.Config{
			Bootstrap: []string{boot}, Connect: s.connect, RequestTimeout: 30 * time.Second,
			Reconnect: backoff.Exponential{Min: 50 * time.Millisecond, Max: time.Second},
		}
		config := Config{
			MaxAge: 5 * time.Minute, MaxIdle: 5 * time.Minute, RebootstrapTrigger: 5 * time.Minute,
			Retry: backoff.Exponential{Min: 100 * time.Millisecond, Max: time.Second},
			OnUpdate: func(previous, next *Cluster, changed []string) {
				s.updates = append(s.updates, update{previous, next, changed})
			},
			Logger: slog.New(slog.DiscardHandler),
		}
		for _, c := range configures {
			c(&config, &clientConfig)
		}
		s.client = control.NewClient(clientConfig)
		s.manager = NewManager(s.client, config)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { s.manager.Run(ctx) })
		test(t, s)
		cancel()
		group.Wait()
		s.script(func() {
			if s.mu.inFlight > 0 {
				t.Errorf("Run returned with %d requests under way", s.mu.inFlight)
			}
		})
		s.client.Close()
	})
}

// script changes the cluster's state.
func (s *scripted) script(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *scripted) setBrokers(ids ...int32) {
	s.script(func() {
		s.mu.brokers = nil
		for _, id := range ids {
			s.mu.brokers = append(s.mu.brokers, kmsg.MetadataResponseBroker{NodeID: id, Host: fmt.Sprintf("b%d", id), Port: 9092})
		}
	})
}

// setTopic scripts a topic by its partitions' leaders, all in one epoch.
func (s *scripted) setTopic(name string, id byte, epoch int32, leaders ...int32) {
	t := kmsg.NewMetadataResponseTopic()
	t.Topic, t.TopicID = kmsg.StringPtr(name), [16]byte{id}
	for i, leader := range leaders {
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Partition, p.Leader, p.LeaderEpoch = int32(i), leader, epoch
		t.Partitions = append(t.Partitions, p)
	}
	s.script(func() { s.mu.topics[name] = t })
}

// setTopicCode scripts a topic that is answered with an error.
func (s *scripted) setTopicCode(name string, code int16) {
	t := kmsg.NewMetadataResponseTopic()
	t.Topic, t.ErrorCode = kmsg.StringPtr(name), code
	s.script(func() { s.mu.topics[name] = t })
}

// setDown takes addresses down, their connections with them, or up again.
func (s *scripted) setDown(down bool, addresses ...string) {
	s.script(func() {
		for _, a := range addresses {
			s.mu.down[a] = down
			for _, c := range s.mu.conns {
				if c.address == a && down {
					c.Close(nil)
				}
			}
		}
	})
}

// requests are the Metadata requests so far.
func (s *scripted) requests() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mu.asked)
}

func (s *scripted) connect(_ context.Context, address string, _ *broker.Dialing) (control.Requester, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.dials++
	if s.mu.refusal != nil {
		return nil, &broker.ConnectError{Address: address, Phase: broker.PhaseSASL, Err: s.mu.refusal}
	}
	if s.mu.down[address] {
		return nil, errors.New("tcp: connection refused")
	}
	c := &scriptedConn{cluster: s, address: address, closed: make(chan struct{})}
	s.mu.conns = append(s.mu.conns, c)
	return c, nil
}

// scriptedConn is a connection to one address of a scripted cluster.
type scriptedConn struct {
	cluster *scripted
	address string
	once    sync.Once
	closed  chan struct{}
}

func (c *scriptedConn) Close(error) { c.once.Do(func() { close(c.closed) }) }

func (c *scriptedConn) Do(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	select {
	case <-c.closed:
		return nil, errors.New("connection closed")
	default:
	}
	metadata := request.(*kmsg.MetadataRequest)
	if metadata.Topics == nil || !metadata.AllowAutoTopicCreation {
		c.cluster.t.Errorf("request %+v asks for all topics, or does not allow their creation", metadata)
	}
	response, delay := c.cluster.answer(c.address, metadata)
	c.cluster.script(func() { c.cluster.mu.inFlight++ })
	defer c.cluster.script(func() { c.cluster.mu.inFlight-- })
	select {
	case <-c.closed:
		return nil, errors.New("connection closed")
	case <-ctx.Done():
		<-time.After(c.cluster.mu.unwinding)
		return nil, ctx.Err()
	case <-time.After(delay):
		return response, nil
	}
}

func (s *scripted) answer(from string, request *kmsg.MetadataRequest) (*kmsg.MetadataResponse, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	response := kmsg.NewPtrMetadataResponse()
	response.Version, response.ClusterID, response.ErrorCode = 13, kmsg.StringPtr("test"), s.mu.code
	response.Brokers = slices.Clone(s.mu.brokers)
	seen := asked{at: time.Since(s.start), from: from}
	for _, wanted := range request.Topics {
		seen.topics = append(seen.topics, *wanted.Topic)
		t, ok := s.mu.topics[*wanted.Topic]
		if !ok {
			t.Topic, t.ErrorCode = wanted.Topic, 3
		}
		response.Topics = append(response.Topics, t)
	}
	slices.Sort(seen.topics)
	s.mu.asked = append(s.mu.asked, seen)
	return response, s.mu.delay
}

// wait is Manager.Wait bounded by a minute of max.block.ms.
func (s *scripted) wait(topic string, partition int32) (*Topic, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	return s.manager.Wait(ctx, topic, partition)
}

// mustWait is wait for topics that exist.
func (s *scripted) mustWait(topic string) *Topic {
	s.t.Helper()
	t, err := s.wait(topic, -1)
	if err != nil {
		s.t.Fatal(err)
	}
	return t
}

// pass lets time go by.
func (s *scripted) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
