package metadata

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The most that an answer may claim. Kafka's largest clusters stay well below; a broker, or whatever answers in its
// place, that claims more is not believed. They bound what a few hostile bytes can make the client allocate.
const (
	brokersMax    = 10_000
	partitionsMax = 100_000
	hostBytesMax  = 255
	rackBytesMax  = 1 << 10
	// clusterIDBytesMax is ample: Kafka's have 22.
	clusterIDBytesMax = 255
	// missingMax is how many of a topic's partitions an answer may leave out, beside as many as it names. Brokers name them
	// all; without this bound a few bytes that name the last one would make room for 100,000, in each topic.
	missingMax = 100
)

// errNoBrokers is the answer of a broker that has just started and knows nobody yet, not even itself.
var errNoBrokers = errors.New("the answer names no broker that can be used; the broker may just be starting")

// answer is a Metadata answer after its checks: everything in it can be believed to be well-formed.
type answer struct {
	clusterID string
	brokers   map[int32]Broker
	topics    map[string]*Topic
	// refusals says what was left out and why, for the log; only the first few are kept.
	refusals []string
	refused  int
}

// refuse notes that a part of the answer was left out.
func (a *answer) refuse(format string, args ...any) {
	a.refused++
	if len(a.refusals) < 3 {
		a.refusals = append(a.refusals, fmt.Sprintf(format, args...))
	}
}

// decode checks a Metadata answer. Bad parts are left out; an error means that nothing of it can be used. asked are the
// topics that were asked for: others are left out, since an answer must not be able to grow the picture by itself.
func decode(response *kmsg.MetadataResponse, asked map[string]struct{}) (*answer, error) {
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return nil, err
	}
	if n := len(response.Brokers); n > brokersMax {
		return nil, fmt.Errorf("the answer names %d brokers, at most %d are believed", n, brokersMax)
	}
	a := &answer{
		brokers: make(map[int32]Broker, len(response.Brokers)),
		topics:  make(map[string]*Topic, len(response.Topics)),
	}
	if id := response.ClusterID; id != nil && len(*id) <= clusterIDBytesMax {
		a.clusterID = *id
	} else if id != nil {
		a.refuse("a cluster id of %d bytes", len(*id))
	}
	for i := range response.Brokers {
		a.addBroker(&response.Brokers[i])
	}
	if len(a.brokers) == 0 {
		return nil, errNoBrokers
	}
	for i := range response.Topics {
		a.addTopic(&response.Topics[i], asked)
	}
	return a, nil
}

// addBroker takes one broker of the answer, if it can be one.
func (a *answer) addBroker(b *kmsg.MetadataResponseBroker) {
	rack := ""
	if b.Rack != nil {
		rack = *b.Rack
	}
	broker := NewBroker(b.NodeID, b.Host, b.Port, rack)
	if err := broker.check(); err != nil {
		a.refuse("%v", err)
		return
	}
	if first, ok := a.brokers[b.NodeID]; ok {
		a.refuse("broker %d is named twice, at %s and %s", b.NodeID, first.Address, broker.Address)
		return
	}
	a.brokers[b.NodeID] = broker
}

// check refuses a broker that cannot be dialed.
func (b Broker) check() error {
	switch {
	case b.ID < 0:
		return fmt.Errorf("broker id %d is negative", b.ID)
	case b.Host == "" || len(b.Host) > hostBytesMax:
		return fmt.Errorf("broker %d has a host name of %d bytes, want 1 to %d", b.ID, len(b.Host), hostBytesMax)
	case strings.ContainsFunc(b.Host, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }):
		return fmt.Errorf("broker %d has the host name %q, with blanks or characters that cannot be shown", b.ID, b.Host)
	case b.Port < 1 || b.Port > 65535:
		return fmt.Errorf("broker %d has port %d, want 1 to 65535", b.ID, b.Port)
	case len(b.Rack) > rackBytesMax:
		return fmt.Errorf("broker %d has a rack name of %d bytes, at most %d are believed", b.ID, len(b.Rack), rackBytesMax)
	}
	return nil
}

// addTopic takes one topic of the answer, if it was asked for and makes sense.
func (a *answer) addTopic(t *kmsg.MetadataResponseTopic, asked map[string]struct{}) {
	if t.Topic == nil {
		a.refuse("a topic without a name")
		return
	}
	name := *t.Topic
	if _, ok := asked[name]; !ok {
		a.refuse("topic %.249q, which was not asked for", name)
		return
	}
	if a.topics[name] != nil {
		a.refuse("topic %.249q for the second time", name)
		return
	}
	topic := &Topic{Name: name, ID: t.TopicID, Code: t.ErrorCode, Internal: t.IsInternal}
	if t.ErrorCode == 0 {
		partitions, err := a.partitions(name, t.Partitions)
		if err != nil {
			a.refuse("%v", err)
			return
		}
		topic.Partitions = partitions
	}
	topic.Available = available(topic.Partitions)
	a.topics[name] = topic
}

// partitions puts a topic's partitions in order. One that the answer leaves out has no leader. A topic that exists has
// at least one partition, so none at all is refused too.
func (a *answer) partitions(topic string, told []kmsg.MetadataResponseTopicPartition) ([]Partition, error) {
	count := 0
	for i := range told {
		if n := told[i].Partition; n < 0 || n >= partitionsMax {
			return nil, fmt.Errorf("topic %q has a partition %d, want 0 to %d", topic, n, partitionsMax-1)
		}
		count = max(count, int(told[i].Partition)+1)
	}
	switch {
	case count == 0:
		return nil, fmt.Errorf("topic %q has no partitions and no error", topic)
	case count > 2*len(told)+missingMax:
		return nil, fmt.Errorf("topic %q has a partition %d, but only %d of its partitions are named", topic, count-1, len(told))
	}
	partitions := make([]Partition, count)
	for i := range partitions {
		partitions[i] = Partition{Leader: -1, LeaderEpoch: -1}
	}
	named := make([]bool, count)
	for i := range told {
		n := told[i].Partition
		if named[n] {
			return nil, fmt.Errorf("partition %d of topic %q is named twice", n, topic)
		}
		named[n] = true
		partitions[n] = a.partition(&told[i])
	}
	return partitions, nil
}

// partition takes one partition. A leader that the same answer does not list as a broker is none: it cannot be reached.
func (a *answer) partition(p *kmsg.MetadataResponseTopicPartition) Partition {
	leader := p.Leader
	if _, ok := a.brokers[leader]; !ok {
		leader = -1
	}
	return Partition{
		Leader:      leader,
		LeaderEpoch: max(p.LeaderEpoch, -1),
		Replicas:    int16(min(len(p.Replicas), 1<<15-1)),
		InSync:      int16(min(len(p.ISR), 1<<15-1)),
	}
}
