package sim

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// produceVersionMax is the newest Produce that is served unless Options say otherwise.
const produceVersionMax = 13

// Options say what kind of cluster Start makes. The zero value is one broker, in memory, that makes no topics by itself.
type Options struct {
	// Nodes is the number of brokers, with ids from 1. Default 1.
	Nodes int
	// Loopback makes the brokers listen on free ports of 127.0.0.1, so that nothing needs Dial. It does not work in a
	// synctest bubble. Default: connections in memory, through Dial.
	Loopback bool
	// AutoCreate is the number of partitions of topics that are made when they are asked for. Default 0: none are made.
	AutoCreate int
	// ProduceVersionMax is the newest Produce that the brokers serve. Default 13; below 10 there are no leader hints,
	// below 13 no topic ids.
	ProduceVersionMax int16
}

// TopicOptions are the settings of a topic. The zero value is Kafka's default.
type TopicOptions struct {
	// BatchBytesMax is max.message.bytes. Default 1048588.
	BatchBytesMax int
	// LogAppendTime is message.timestamp.type=LogAppendTime.
	LogAppendTime bool
}

// Cluster is a running cluster. Its methods may be called at any time, by any goroutine.
type Cluster struct {
	options Options
	nodes   []*node       // immutable
	closing chan struct{} // closed by Close
	running sync.WaitGroup

	mu struct {
		sync.Mutex
		topics     map[string]*topic
		topicsMade uint64 // ids are not used again
		script     Script
		requests   []Request
		numbers    map[int16]int
		producerID int64
		closed     bool
	}
}

// node is one broker. Its changing fields are guarded by Cluster.mu.
type node struct {
	id       int32
	host     string
	port     int32
	up       bool
	listener net.Listener // nil in memory
	conns    map[net.Conn]struct{}
}

func (n *node) address() string { return net.JoinHostPort(n.host, strconv.Itoa(int(n.port))) }

// topic is a topic of the cluster, guarded by Cluster.mu.
type topic struct {
	name       string
	id         [16]byte
	options    TopicOptions
	partitions []*partition
}

// Start starts a cluster. An error can only come from listening on the loopback.
func Start(options Options) (*Cluster, error) {
	options.Nodes = max(options.Nodes, 1)
	if options.ProduceVersionMax == 0 {
		options.ProduceVersionMax = produceVersionMax
	}
	c := &Cluster{options: options, closing: make(chan struct{})}
	c.mu.topics = make(map[string]*topic)
	c.mu.numbers = make(map[int16]int)
	for id := int32(1); id <= int32(options.Nodes); id++ {
		n := &node{id: id, host: fmt.Sprintf("node%d.sim", id), port: 9092, conns: make(map[net.Conn]struct{})}
		if options.Loopback {
			n.host, n.port = "127.0.0.1", 0 // any free one, kept over restarts
		}
		c.nodes = append(c.nodes, n)
		if err := c.up(n); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// Close ends all connections and returns when no goroutine of the cluster is left.
func (c *Cluster) Close() {
	c.mu.Lock()
	if !c.mu.closed {
		c.mu.closed = true
		close(c.closing)
	}
	c.mu.Unlock()
	for _, n := range c.nodes {
		c.down(n)
	}
	c.running.Wait()
}

// Brokers are the addresses of all brokers, for bootstrap.servers.
func (c *Cluster) Brokers() []string {
	var addresses []string
	for _, n := range c.nodes {
		addresses = append(addresses, n.address())
	}
	return addresses
}

// AddTopic makes a topic whose partitions are led by the brokers in turn. A topic of that name that is there already is
// deleted first: the new one is empty and has another id.
func (c *Cluster) AddTopic(name string, partitions int, options TopicOptions) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addTopicLocked(name, partitions, options)
}

func (c *Cluster) addTopicLocked(name string, partitions int, options TopicOptions) *topic {
	if options.BatchBytesMax == 0 {
		options.BatchBytesMax = 1048588
	}
	t := &topic{name: name, options: options}
	c.mu.topicsMade++
	binary.BigEndian.PutUint64(t.id[8:], c.mu.topicsMade)
	c.mu.topics[name] = t
	c.growLocked(t, partitions)
	return t
}

func (c *Cluster) growLocked(t *topic, partitions int) {
	for n := len(t.partitions); n < partitions; n++ {
		t.partitions = append(t.partitions, newPartition(c.nodes[n%len(c.nodes)].id))
	}
}

// AddPartitions gives a topic more partitions, so that it has count.
func (c *Cluster) AddPartitions(name string, count int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.growLocked(c.mu.topics[name], count)
}

// MoveLeader makes a broker the leader of a partition, in a new epoch; -1 leaves the partition without a leader.
func (c *Cluster) MoveLeader(name string, number, node int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.topics[name].partitions[number].lead(node)
}

// StopNode stops a broker: its connections end and nobody can reach it. What it leads has no leader until it is back, or
// MoveLeader names another.
func (c *Cluster) StopNode(id int32) { c.down(c.nodes[id-1]) }

// StartNode brings a broker back with its logs. Of each producer it recognizes the last batch only, and what it led it
// leads again in a new epoch. An error can only come from listening on the loopback.
func (c *Cluster) StartNode(id int32) error {
	c.mu.Lock()
	for _, t := range c.mu.topics {
		for _, p := range t.partitions {
			if p.leader == id {
				p.restart()
			}
		}
	}
	c.mu.Unlock()
	return c.up(c.nodes[id-1])
}

// SetScript lets a script decide the fate of the requests from now on; nil serves them all.
func (c *Cluster) SetScript(s Script) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.script = s
}

// Requests are the requests of one API that were read so far, in their order.
func (c *Cluster) Requests(api int16) []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.mu.requests), func(r Request) bool { return r.API != api })
}

// Log is what a partition holds, batch by batch. It must not be changed.
func (c *Cluster) Log(name string, number int32) []*Batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.mu.topics[name]; t != nil && int(number) < len(t.partitions) {
		return slices.Clone(t.partitions[number].log)
	}
	return nil
}

// Records is what a consumer reads from a partition.
func (c *Cluster) Records(name string, number int32) []Record {
	var all []Record
	for _, b := range c.Log(name, number) {
		all = append(all, b.Records...)
	}
	return all
}

// Partitions is the number of a topic's partitions, 0 for a topic that does not exist.
func (c *Cluster) Partitions(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.mu.topics[name]; t != nil {
		return len(t.partitions)
	}
	return 0
}

// admit notes a request and asks the script for its fate.
func (c *Cluster) admit(r *Request) Fate {
	c.mu.Lock()
	c.mu.numbers[r.API]++
	r.At, r.Number = time.Now(), c.mu.numbers[r.API]
	c.mu.requests = append(c.mu.requests, *r)
	script := c.mu.script
	c.mu.Unlock()
	if script == nil {
		return Fate{}
	}
	return script(*r)
}
