package scenario

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// sessionMax is broker.session.timeout.ms as kafkatest sets it.
const sessionMax = 3 * time.Second

// Simulated is the simulated cluster as scripts want it: with automatic elections, and a check for old producers every
// second.
type Simulated struct{ cluster *sim.Cluster }

// NewSimulated starts a simulated cluster. It is in memory; in a synctest bubble its waits cost nothing.
func NewSimulated(nodes int) (*Simulated, error) {
	cluster, err := sim.Start(sim.Options{Nodes: nodes, Rules: model.Options{Election: true, ProducerCheck: time.Second}})
	return &Simulated{cluster}, err
}

// Close ends the cluster.
func (s *Simulated) Close() { s.cluster.Close() }

// Dial and the others are Target's.
func (s *Simulated) Dial(ctx context.Context, node int32) (net.Conn, error) {
	return s.cluster.Dial(ctx, "tcp", s.cluster.Brokers()[node-1])
}

// CreateTopic knows the settings that the model has.
func (s *Simulated) CreateTopic(name string, partitions int, settings map[string]string) error {
	options := sim.TopicOptions{Replicas: []int32{1}}
	for setting, value := range settings {
		if err := set(&options, setting, value); err != nil {
			return err
		}
	}
	s.cluster.AddTopic(name, partitions, options)
	return nil
}

// set gives a topic a setting under Kafka's name.
func set(options *sim.TopicOptions, setting, value string) (err error) {
	switch setting {
	case "replicas":
		options.Replicas, err = nodeIDs(value)
	case "min.insync.replicas":
		options.MinInSync, err = strconv.Atoi(value)
	case "max.message.bytes":
		options.BatchBytesMax, err = strconv.Atoi(value)
	case "message.timestamp.type":
		options.LogAppendTime = value == "LogAppendTime"
	case "cleanup.policy":
		options.Compacted = value == "compact"
	case "unclean.leader.election.enable":
		options.Unclean = value == "true"
	default:
		return fmt.Errorf("the model does not know %s", setting)
	}
	return err
}

// nodeIDs reads a list like 1,2,3.
func nodeIDs(list string) (ids []int32, err error) {
	for text := range strings.SplitSeq(list, ",") {
		id, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, err
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}

// DeleteTopic is Target's.
func (s *Simulated) DeleteTopic(name string) error {
	s.cluster.Model(func(now time.Time, m *model.Cluster) { m.DeleteTopic(now, name) })
	return nil
}

// Fault has the controller notice after a while what it is not told.
func (s *Simulated) Fault(kind string, node int32) error {
	lost := false // the controller will notice
	s.cluster.Model(func(now time.Time, m *model.Cluster) {
		switch kind {
		case "kill":
			m.Kill(now, node)
			lost = true
		case "stop":
			m.Shutdown(now, node)
		case "start":
			m.Start(now, node)
		case "pause":
			m.Isolate(now, node)
			lost = true
		case "resume":
			m.Rejoin(now, node)
		}
	})
	if kind == "kill" || kind == "stop" {
		s.cluster.Disconnect(node)
	}
	if lost {
		time.AfterFunc(sessionMax, func() { s.fence(node) })
	}
	return nil
}

// fence has the controller give up a broker that it does not hear from.
func (s *Simulated) fence(node int32) {
	s.cluster.Model(func(now time.Time, m *model.Cluster) {
		if !m.Hears(node) {
			m.Fence(now, node)
		}
	})
}

// Deny is Target's.
func (s *Simulated) Deny(topic, right string) error {
	rights := map[string]model.Right{"read": model.Read, "write": model.Write, "describe": model.Describe}
	s.cluster.Model(func(_ time.Time, m *model.Cluster) { m.Deny(topic, rights[right], true) })
	return nil
}

// Trim is Target's.
func (s *Simulated) Trim(topic string, partition int32, before int64) error {
	s.cluster.Model(func(now time.Time, m *model.Cluster) {
		m.DeleteRecords(now, model.TopicPartition{Topic: topic, Partition: partition}, before)
	})
	return nil
}
