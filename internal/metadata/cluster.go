package metadata

import (
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Cluster is one immutable picture of the cluster. Nothing reachable from it is ever changed.
type Cluster struct {
	// ClusterID is the id that the brokers give their cluster; empty before the first answer.
	ClusterID string
	// Brokers are the live brokers by id.
	Brokers map[int32]Broker
	// Topics are the topics in use by name, also those that the last answer refused: see Topic.Code.
	Topics map[string]*Topic
}

// Broker is one live broker and where it listens.
type Broker struct {
	ID   int32
	Host string
	Port int32
	// Rack is the broker's rack or availability zone; empty if it has none.
	Rack string
	// Address is Host and Port joined, ready to dial.
	Address string
}

// NewBroker is a broker with its Address filled in.
func NewBroker(id int32, host string, port int32, rack string) Broker {
	address := net.JoinHostPort(host, strconv.Itoa(int(port)))
	return Broker{ID: id, Host: host, Port: port, Rack: rack, Address: address}
}

// Topic is what is known of one topic.
type Topic struct {
	Name string
	// ID tells a topic from another of the same name that lived before it. It is zero on brokers before 2.8.
	ID [16]byte
	// Partitions are in order: Partitions[i] is partition i. It is empty while the topic is not known to exist, and it
	// keeps its last good content through answers that may be passing weather.
	Partitions []Partition
	// Available are the partitions that have a leader, ascending.
	Available []int32
	// Code is the Kafka error code of the last answer about this topic; 0 is none.
	Code int16
	// Internal marks Kafka's own topics, such as __consumer_offsets.
	Internal bool

	// use is shared by all generations of this topic and its interest: the last use, in nanoseconds since the manager
	// was made.
	use *atomic.Int64
	// missing counts the answers in a row that did not know the topic.
	missing uint8
	// stale counts the answers in a row that were refused for their older epochs; only without a topic id, or where these
	// are older than any broker can be behind.
	stale uint8
}

// Usable reports whether records may be put into this topic's partitions: the partitions are known, and nothing
// refuses the topic for good.
func (t *Topic) Usable() bool { return len(t.Partitions) > 0 && !refused(t.Code) }

// Partition is what is known of one partition.
type Partition struct {
	// Leader is the id of the broker that takes this partition's records, or -1 if there is none now.
	Leader int32
	// LeaderEpoch counts the partition's leaders; it is -1 if not known.
	LeaderEpoch int32
	// Replicas and InSync count the partition's copies, and those that are up to date.
	Replicas int16
	InSync   int16
}

// addresses are the brokers' addresses by id.
func (c *Cluster) addresses() map[int32]string {
	addresses := make(map[int32]string, len(c.Brokers))
	for id, b := range c.Brokers {
		addresses[id] = b.Address
	}
	return addresses
}

// available lists the partitions that have a leader. It is never nil.
func available(partitions []Partition) []int32 {
	ids := make([]int32, 0, len(partitions))
	for i, p := range partitions {
		if p.Leader >= 0 {
			ids = append(ids, int32(i))
		}
	}
	return ids
}

// refused reports the codes that no waiting cures: the name is invalid, or this client may not see the topic. They are
// the two that Java's send fails on at the first answer.
func refused(code int16) bool {
	return code == kerr.InvalidTopicException.Code || code == kerr.TopicAuthorizationFailed.Code
}

// touch marks the topic as used at the given time since the manager was made. It writes at most once a second, so that
// senders on many cores do not fight over the cache line.
func (t *Topic) touch(now time.Duration) {
	if last := t.use.Load(); int64(now)-last > int64(time.Second) {
		t.use.Store(int64(now))
	}
}
