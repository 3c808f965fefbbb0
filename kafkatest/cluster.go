package kafkatest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/kafkatest/internal/gate"
)

// adminTimeout bounds the requests that a Cluster makes on the test's behalf.
const adminTimeout = 10 * time.Second

// Cluster is a Kafka cluster inside the test process, built on kfake. Its
// methods may be called from any goroutine, except those that can fail the
// test: they belong to the test's own goroutine, as t.Fatal does.
type Cluster struct {
	t        testing.TB
	kfake    *kfake.Cluster
	settings settings
	rules    gate.Rules

	mu struct {
		sync.Mutex
		gates  []*gate.Gate
		closed bool
	}
	// lookups counts calls into kfake made while a request is matched: Close
	// waits for them, since kfake never answers once it is closed.
	lookups sync.WaitGroup
}

// settings is what the options of Start say.
type settings struct {
	brokers   int
	inMemory  bool
	tls       *tls.Config
	autoTopic int
	topics    []topicSpec
	kfake     []kfake.Opt
}

type topicSpec struct {
	name       string
	partitions int
}

// Option changes the cluster that Start builds.
type Option func(*settings)

// Nodes sets how many brokers the cluster has: at least 1, default 3. Their
// ids count from 0.
func Nodes(n int) Option { return func(s *settings) { s.brokers = n } }

// Topic creates a topic before Start returns. It may be given many times.
func Topic(name string, partitions int) Option {
	return func(s *settings) { s.topics = append(s.topics, topicSpec{name, partitions}) }
}

// AutoCreate lets a metadata request create the topics it names, with that many
// partitions each. Without this option an unknown topic stays unknown.
func AutoCreate(partitions int) Option {
	return func(s *settings) { s.autoTopic = partitions }
}

// InMemory makes the cluster listen on no socket. Connections are made with
// Cluster.Dial and are net.Pipes, on which testing/synctest can advance its
// clock. Start must then be called inside the bubble. A pipe buffers nothing: a
// write returns when the other side has read it.
func InMemory() Option { return func(s *settings) { s.inMemory = true } }

// TLS makes every broker speak TLS with this configuration. Prefer it to
// kfake.TLS, under which the faults of this package could not see requests.
func TLS(config *tls.Config) Option { return func(s *settings) { s.tls = config } }

// Kfake hands options to kfake itself, for what this package does not name:
// SASL users, ACLs, data directory, highest versions, logger. ListenFn, Ports
// and TLS are not to be given here: the cluster sets the first two itself.
func Kfake(opts ...kfake.Opt) Option {
	return func(s *settings) { s.kfake = append(s.kfake, opts...) }
}

// Start starts a cluster and closes it when the test ends. It fails the test
// when the cluster cannot be started. Read the package comment for what such a
// cluster does not model.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t, settings: settings{brokers: 3}}
	for _, opt := range opts {
		opt(&c.settings)
	}
	if c.settings.brokers < 1 {
		t.Fatalf("kafkatest: Nodes(%d): want at least 1", c.settings.brokers)
	}
	var err error
	if c.kfake, err = kfake.NewCluster(c.kfakeOptions()...); err != nil {
		c.closeGates()
		t.Fatalf("kafkatest: start an in-process cluster: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

func (c *Cluster) kfakeOptions() []kfake.Opt {
	s := &c.settings
	opts := []kfake.Opt{kfake.ListenFn(c.listen)}
	if s.inMemory {
		// No real listener has these ports, so a client that forgot to use
		// Dial is refused instead of reaching a Kafka on this machine.
		ports := make([]int, s.brokers)
		for i := range ports {
			ports[i] = i + 1
		}
		opts = append(opts, kfake.Ports(ports...))
	} else {
		opts = append(opts, kfake.NumBrokers(s.brokers))
	}
	if s.autoTopic > 0 {
		opts = append(opts, kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(s.autoTopic))
	}
	for _, topic := range s.topics {
		opts = append(opts, kfake.SeedTopics(int32(topic.partitions), topic.name))
	}
	return append(opts, s.kfake...)
}

// listen is kfake's ListenFn. kfake opens its brokers in the order of their ids.
func (c *Cluster) listen(network, address string) (net.Listener, error) {
	c.mu.Lock()
	node := int32(len(c.mu.gates))
	c.mu.Unlock()
	g, err := gate.Listen(network, address, gate.Settings{
		Node: node, InMemory: c.settings.inMemory, TLS: c.settings.tls, Rules: &c.rules, TopicName: c.topicName,
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.gates = append(c.mu.gates, g)
	return g, nil
}

// Close stops the cluster. It may be called more than once; the end of the test
// calls it too.
func (c *Cluster) Close() {
	c.mu.Lock()
	c.mu.closed = true
	c.mu.Unlock()
	c.closeGates()
	c.lookups.Wait()
	c.kfake.Close()
}

func (c *Cluster) closeGates() {
	for _, g := range c.allGates() {
		g.Close()
	}
}

func (c *Cluster) allGates() []*gate.Gate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*gate.Gate(nil), c.mu.gates...)
}

func (c *Cluster) gate(node int32) *gate.Gate {
	c.t.Helper()
	gates := c.allGates()
	if node < 0 || int(node) >= len(gates) {
		c.t.Fatalf("kafkatest: no broker %d: the cluster has 0 to %d", node, len(gates)-1)
	}
	return gates[node]
}

// Brokers returns the address of each broker, in the order of their ids,
// whether it is stopped or not.
func (c *Cluster) Brokers() []string {
	var addrs []string
	for _, g := range c.allGates() {
		addrs = append(addrs, g.Addr().String())
	}
	return addrs
}

// Kfake returns the cluster beneath, for what this package has no word for. After
// Close its methods never return.
func (c *Cluster) Kfake() *kfake.Cluster { return c.kfake }

// Dial connects to the broker that listens on address. It has the form that
// clients take as their dialer, and is the only way in when the cluster is
// InMemory; otherwise it is an ordinary dial.
func (c *Cluster) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if !c.settings.inMemory {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	return c.dial(ctx, address, false)
}

func (c *Cluster) dial(ctx context.Context, address string, internal bool) (net.Conn, error) {
	for _, g := range c.allGates() {
		if g.Addr().String() == address {
			return g.Dial(ctx, internal)
		}
	}
	return nil, fmt.Errorf("kafkatest: no broker listens on %q: want one of %q", address, c.Brokers())
}

// CreateTopic creates a topic; configs may be nil.
func (c *Cluster) CreateTopic(name string, partitions int, configs map[string]string) {
	c.t.Helper()
	if err := c.kfake.CreateTopic(name, int32(partitions), configs); err != nil {
		c.t.Fatalf("kafkatest: create topic %q: %v", name, err)
	}
}

// AddPartitions gives the topic n more partitions.
func (c *Cluster) AddPartitions(topic string, n int) {
	c.t.Helper()
	c.admin(func(ctx context.Context, cl *kadm.Client) error {
		resp, err := cl.CreatePartitions(ctx, n, topic)
		if err == nil {
			err = resp.Error()
		}
		return err
	})
}

// Leader returns the id of the partition's leader, or -1 if there is none.
func (c *Cluster) Leader(topic string, partition int32) int32 {
	return c.kfake.LeaderFor(topic, partition)
}

// MoveLeader makes node the leader of the partition and raises its leader
// epoch. Clients learn of it by NOT_LEADER_OR_FOLLOWER or by new metadata.
func (c *Cluster) MoveLeader(topic string, partition, node int32) {
	c.t.Helper()
	if err := c.kfake.MoveTopicPartition(topic, partition, node); err != nil {
		c.t.Fatalf("kafkatest: move %s-%d to broker %d: %v", topic, partition, node, err)
	}
}

// StopBroker makes the brokers vanish as by a crash, all before anything else
// happens: their connections are cut, new ones are refused, and the partitions
// they lead go to the next running broker. When none is left they keep their
// leader. Unlike a real cluster's, kfake's metadata still lists the broker, and
// it stays controller and coordinator if it was. Kfake().RemoveNode takes it out
// altogether, but reshuffles every leader.
func (c *Cluster) StopBroker(nodes ...int32) {
	c.t.Helper()
	for _, node := range nodes {
		c.gate(node).Stop()
	}
	for _, node := range nodes {
		c.bequeath(node)
	}
}

// bequeath moves what a stopped broker leads to the next running one.
func (c *Cluster) bequeath(node int32) {
	c.t.Helper()
	heir, ok := c.runningAfter(node)
	if !ok {
		return
	}
	c.admin(func(ctx context.Context, cl *kadm.Client) error {
		topics, err := cl.ListTopics(ctx)
		if err != nil {
			return err
		}
		for _, topic := range topics {
			for _, p := range topic.Partitions {
				if p.Leader != node {
					continue
				}
				if err := c.kfake.MoveTopicPartition(topic.Topic, p.Partition, heir); err != nil {
					return err
				}
			}
		}
		return topics.Error()
	})
}

// runningAfter returns the first running broker that follows node in the ring of
// ids.
func (c *Cluster) runningAfter(node int32) (int32, bool) {
	gates := c.allGates()
	for i := 1; i < len(gates); i++ {
		next := (int(node) + i) % len(gates)
		if !gates[next].Stopped() {
			return int32(next), true
		}
	}
	return 0, false
}

// StartBroker lets a stopped broker accept connections again, on its old
// address. It leads nothing until MoveLeader says so, unless none ran beside it
// when it was stopped.
func (c *Cluster) StartBroker(node int32) {
	c.t.Helper()
	if err := c.gate(node).Start(); err != nil {
		c.t.Fatalf("kafkatest: start broker %d: %v", node, err)
	}
}

// DisconnectAll closes every connection that clients have with the broker at
// this moment. New ones are accepted.
func (c *Cluster) DisconnectAll(node int32) {
	c.t.Helper()
	c.gate(node).Cut()
}

// Records reads the whole topic, one slice for each partition, past any fault
// that connections suffer. See ReadTopic.
func (c *Cluster) Records(topic string) [][]*kgo.Record {
	c.t.Helper()
	return ReadTopic(c.t, c.Brokers(), topic, c.insideDialer())
}

// admin runs fn with a client whose connections neither faults nor StopBroker
// touch. The faults of Fail do touch it: kfake cannot tell whose request it is.
func (c *Cluster) admin(fn func(context.Context, *kadm.Client) error) {
	c.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...), c.insideDialer())
	if err != nil {
		c.t.Fatalf("kafkatest: %v", err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	if err := fn(ctx, kadm.NewClient(cl)); err != nil {
		c.t.Fatalf("kafkatest: ask the in-process cluster: %v", err)
	}
}

func (c *Cluster) insideDialer() kgo.Opt {
	return kgo.Dialer(func(ctx context.Context, _, address string) (net.Conn, error) {
		return c.dial(ctx, address, true)
	})
}

// topicName translates the topic id of newer requests, "" if there is no such
// topic or no cluster any more.
func (c *Cluster) topicName(id [16]byte) string {
	c.mu.Lock()
	closed := c.mu.closed
	if !closed {
		c.lookups.Add(1)
	}
	c.mu.Unlock()
	if closed {
		return ""
	}
	defer c.lookups.Done()
	if info := c.kfake.TopicIDInfo(id); info != nil {
		return info.Topic
	}
	return ""
}
