package play

import (
	"time"

	"github.com/omnibus-kafka/omnibus/internal/bufferpool"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// picture is what the producer knows of the cluster, as package metadata would have it.
type picture struct {
	dice   draw.Dice
	asking bool
	topics []topicPicture
}

// topicPicture is a topic's id and leaders.
type topicPicture struct {
	id      model.ID
	leaders []leadership
}

// leadership is who leads a partition; -1 for nobody.
type leadership struct{ leader, epoch int32 }

// refresh asks some broker for metadata, unless that is under way.
func (s *schedule) refresh() {
	if s.picture.asking {
		return
	}
	s.picture.asking = true
	s.After(2*time.Millisecond+s.picture.dice.Within(20*time.Millisecond), s.ask)
}

// ask asks a broker that can be asked.
func (s *schedule) ask() {
	var reachable []*peer
	for _, p := range s.peers {
		if s.answers(p) && s.takes(p) {
			reachable = append(reachable, p)
		}
	}
	if len(reachable) == 0 {
		s.After(20*time.Millisecond, s.ask)
		return
	}
	p := draw.Pick(s.picture.dice, reachable...)
	brokers := s.brokers()
	states := make([]model.TopicState, len(s.client.topics))
	for i, t := range s.client.topics {
		states[i] = s.cluster.TopicNamed(s.Clock(), p.id, t.Name)
	}
	s.Note(s.Now, "metadata from %d", int64(p.id))
	s.After(s.picture.dice.Within(10*time.Millisecond), func() {
		s.picture.asking = false
		s.core.Brokers(s.Now, brokers)
		for i := range states {
			s.merge(s.client.topics[i], &states[i])
		}
	})
}

// answers reports whether a broker answers requests other than Produce.
func (s *schedule) answers(p *peer) bool {
	return s.cluster.Up(p.id) && max(p.frozen, p.blackhole, p.deaf) <= s.Now
}

// brokers lists those that are alive.
func (s *schedule) brokers() (brokers []core.Broker) {
	ids := append(make([]int32, 0, len(s.peers)+1), bufferpool.Callbacks)
	for _, id := range s.cluster.Brokers() {
		ids = append(ids, id)
		brokers = append(brokers, core.Broker{ID: id, Address: s.peers[id-1].address, Account: s.client.pool.Account(id)})
	}
	s.client.pool.SetAccounts(ids)
	return brokers
}

// merge lays what a broker says of a topic over what is known, and tells the core: older epochs under the same id do not
// count.
func (s *schedule) merge(t *topic, state *model.TopicState) {
	for len(s.picture.topics) <= t.number {
		s.picture.topics = append(s.picture.topics, topicPicture{})
	}
	known := &s.picture.topics[t.number]
	if state.Code != 0 {
		return
	}
	if known.id != state.ID {
		*known = topicPicture{id: state.ID}
	}
	for i := range state.Partitions {
		told := leadership{state.Partitions[i].Leader, state.Partitions[i].Epoch}
		switch {
		case i >= len(known.leaders):
			known.leaders = append(known.leaders, told)
		case told.epoch >= known.leaders[i].epoch:
			known.leaders[i] = told
		}
	}
	s.lead(t)
}

// hinted is a leader that an answer named.
func (s *schedule) hinted(t *topic, partition int32, id [16]byte, told leadership) {
	known := &s.picture.topics[t.number]
	if s.idOf(known) == id && int(partition) < len(known.leaders) && told.epoch > known.leaders[partition].epoch {
		known.leaders[partition] = told
		s.lead(t)
	}
}

// idOf is the id that the producer hears.
func (s *schedule) idOf(known *topicPicture) [16]byte {
	if c := &s.setup.Cluster; c.ByName && (c.IDsFrom == 0 || s.Now < c.IDsFrom) {
		return [16]byte{}
	}
	return known.id
}

// lead tells the core who leads a topic's partitions.
func (s *schedule) lead(t *topic) {
	known := &s.picture.topics[t.number]
	if len(known.leaders) > len(t.acc.Partitions()) {
		s.follow(t, len(known.leaders))
	}
	var news []core.Leader
	for i, partition := range t.acc.Partitions() {
		leader := core.Leader{Partition: partition, Leader: -1, Epoch: -1, TopicID: s.idOf(known)}
		if i < len(known.leaders) {
			leader.Leader, leader.Epoch = known.leaders[i].leader, known.leaders[i].epoch
			s.Note(s.Now, "t%d/%d is led by %d, epoch %d", int64(t.number), int64(i), int64(leader.Leader), int64(leader.Epoch))
		}
		news = append(news, leader)
	}
	s.core.Leaders(s.Now, news)
}
