package sim

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/sim/model"
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
	// Without are requests that the brokers do not know, like old ones.
	Without []int16
	// Stepped makes time pass in Model's Tick alone, where somebody else has the time (see Begin). Default: a timer.
	Stepped bool
	// Rules are the brokers' own settings. Its Nodes does not count.
	Rules model.Options
}

// TopicOptions are the settings of a topic. The zero value is Kafka's default, with a replica on each broker.
type TopicOptions model.TopicOptions

// Cluster is a running cluster. Its methods may be called at any time, by any goroutine.
type Cluster struct {
	options Options
	nodes   []*node       // immutable
	closing chan struct{} // closed by Close
	running sync.WaitGroup
	changed *sync.Cond // of what an answer waits for

	mu struct {
		sync.Mutex
		model    *model.Cluster
		timer    *time.Timer // at which the model has something to tell
		script   Script
		requests []Request
		numbers  map[int16]int
		closed   bool
	}
}

// node is one broker's way to the outside. Its changing fields are guarded by Cluster.mu.
type node struct {
	id       int32
	host     string
	port     int32
	listener net.Listener // nil in memory
	conns    map[net.Conn]struct{}
}

func (n *node) address() string { return net.JoinHostPort(n.host, strconv.Itoa(int(n.port))) }

// Start starts a cluster. An error can only come from listening on the loopback.
func Start(options Options) (*Cluster, error) {
	options.Nodes = max(options.Nodes, 1)
	options.Rules.Nodes = options.Nodes
	if options.ProduceVersionMax == 0 {
		options.ProduceVersionMax = produceVersionMax
	}
	c := &Cluster{options: options, closing: make(chan struct{})}
	c.changed = sync.NewCond(&c.mu)
	c.mu.model = model.New(options.Rules)
	c.mu.numbers = make(map[int16]int)
	for id := int32(1); id <= int32(options.Nodes); id++ {
		n := &node{id: id, host: fmt.Sprintf("node%d.sim", id), port: 9092, conns: make(map[net.Conn]struct{})}
		if options.Loopback {
			n.host, n.port = "127.0.0.1", 0 // any free one, kept over restarts
		}
		c.nodes = append(c.nodes, n)
		if err := c.listen(n); err != nil {
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
	if c.mu.timer != nil {
		c.mu.timer.Stop()
	}
	c.changed.Broadcast()
	c.mu.Unlock()
	for _, n := range c.nodes {
		c.hangUpAll(n)
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

// Model lets f work on the brokers' state, at the time now. It must not keep m, nor call the cluster.
func (c *Cluster) Model(f func(now time.Time, m *model.Cluster)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(time.Now(), c.mu.model)
	c.steppedLocked()
}

// steppedLocked follows a step of the model: who waits looks whether his answer is there, and somebody is sent to look
// again when time alone can bring it.
func (c *Cluster) steppedLocked() {
	c.changed.Broadcast()
	if c.options.Stepped {
		return
	}
	next := c.mu.model.Next()
	if c.mu.timer != nil {
		c.mu.timer.Stop()
		c.mu.timer = nil
	}
	if !next.IsZero() && !c.mu.closed {
		c.mu.timer = time.AfterFunc(time.Until(next), func() {
			c.Model(func(now time.Time, m *model.Cluster) { m.Tick(now) })
		})
	}
}

// AddTopic makes a topic whose partitions are led by the brokers in turn. A topic of that name that is there already is
// deleted first: the new one is empty and has another id.
func (c *Cluster) AddTopic(name string, partitions int, options TopicOptions) {
	c.Model(func(now time.Time, m *model.Cluster) {
		m.CreateTopic(now, name, partitions, model.TopicOptions(options))
	})
}

// AddPartitions gives a topic more partitions, so that it has count.
func (c *Cluster) AddPartitions(name string, count int) {
	c.Model(func(now time.Time, m *model.Cluster) { m.AddPartitions(now, name, count) })
}

// MoveLeader makes a broker the leader of a partition, in a new epoch; -1 leaves the partition without a leader.
func (c *Cluster) MoveLeader(name string, number, node int32) {
	c.Model(func(now time.Time, m *model.Cluster) {
		m.Elect(now, model.TopicPartition{Topic: name, Partition: number}, node)
	})
}

// StopNode stops a broker: its connections end and nobody can reach it. What it leads has no leader until it is back, or
// MoveLeader names another, or, with automatic elections, another broker is in sync.
func (c *Cluster) StopNode(id int32) {
	c.Model(func(now time.Time, m *model.Cluster) {
		m.Kill(now, id)
		m.Fence(now, id)
	})
	c.hangUpAll(c.nodes[id-1])
}

// StartNode brings a broker back with its logs. Of each producer it recognizes the last batch only, and what it led it
// leads again in a new epoch. An error can only come from listening on the loopback.
func (c *Cluster) StartNode(id int32) error {
	c.Model(func(now time.Time, m *model.Cluster) { m.Start(now, id) })
	return c.listen(c.nodes[id-1])
}

// Disconnect ends all connections of a broker, as the end of its process does: a fault that was done to the model alone
// leaves them.
func (c *Cluster) Disconnect(id int32) { c.hangUpAll(c.nodes[id-1]) }

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

// Log is what a partition holds, batch by batch, at its leader, or where it is longest while there is none. It must not be
// changed.
func (c *Cluster) Log(name string, number int32) []*Batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	var held []*model.Batch
	at := model.TopicPartition{Topic: name, Partition: number}
	leader := c.mu.model.Leader(at)
	for _, n := range c.nodes {
		if log := c.mu.model.Log(at, n.id); n.id == leader || leader < 0 && len(log) > len(held) {
			held = log
		}
	}
	var all []*Batch
	for _, placed := range held {
		if b, ok := placed.Payload.(*Batch); ok {
			all = append(all, b)
		}
	}
	return all
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
func (c *Cluster) Partitions(name string) (count int) {
	c.Model(func(now time.Time, m *model.Cluster) { count = m.Partitions(name) })
	return count
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
