package play

import (
	"fmt"
	"slices"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/sim/check"
	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
)

// fault lets something go wrong, and right again.
func (s *schedule) fault(f *fault.Fault) {
	done := false
	switch {
	case s.doing.mended:
	case f.BrokerID() > 0 && int(f.BrokerID()) <= len(s.peers):
		done = s.brokerFault(s.peers[f.BrokerID()-1], f)
	case f.PartitionNumber() >= 0:
		if t := s.named(f.TopicName()); t != nil && int(f.PartitionNumber()) < len(t.parts) {
			done = s.partitionFault(t, f.PartitionNumber(), f)
		}
	case f.TopicName() != "":
		if t := s.named(f.TopicName()); t != nil {
			done = s.topicFault(t, f)
		}
	case f.Kind == fault.NoID:
		s.doing.noIDUntil, s.doing.excused, done = s.Now+f.Lasts(), true, true
	case f.Kind == fault.Expire:
		s.cluster.ExpireProducers(s.Clock())
		done = true
	}
	if done {
		s.result.Faults++
		s.Note(s.Now, "FAULT %d", f.At)
		if s.Text != nil {
			fmt.Fprintf(s.Text, "            %s %s for %d, n %d\n", f.Target, f.Kind, f.For, f.N)
		}
	}
}

// brokerFault reports whether it took place: a broker that is down already cannot be killed.
func (s *schedule) brokerFault(p *peer, f *fault.Fault) bool {
	until := s.Now + f.Lasts()
	if !s.cluster.Up(p.id) || (!s.cluster.Hears(p.id) && slices.Contains([]fault.Kind{fault.Freeze, fault.Isolate, fault.Stop}, f.Kind)) {
		return false
	}
	switch f.Kind {
	case fault.Kill, fault.Stop:
		s.down(p, f)
	case fault.Freeze:
		p.frozen = until
		s.cutOff(p, f.Lasts()+s.dice.Within(30*time.Millisecond)) // it answers a little before it hears what it missed
	case fault.Isolate:
		s.cutOff(p, f.Lasts())
	case fault.Reset:
		if p.link == nil || p.link.closed {
			return false
		}
		s.hangUp(p.link, false)
	case fault.Blackhole:
		p.blackhole = until
	case fault.Swallow:
		p.swallow = until
	case fault.Delay:
		p.delayed, p.delay = until, time.Duration(f.N)*time.Millisecond
	case fault.Refuse:
		p.refusing = until
	case fault.Throttle:
		s.cluster.Throttle(p.id, time.Duration(f.N)*time.Millisecond)
		s.After(f.Lasts(), func() { s.cluster.Throttle(p.id, 0) })
	case fault.Deaf:
		p.deaf = until
	default:
		return false
	}
	return true
}

// down ends a broker's process for a while. Now and then it comes back under another address.
func (s *schedule) down(p *peer, f *fault.Fault) {
	if f.Kind == fault.Stop {
		s.cluster.Shutdown(s.Clock(), p.id)
	} else {
		s.cluster.Kill(s.Clock(), p.id)
		s.fenceLater(p)
	}
	s.crash(p)
	s.After(f.Lasts(), func() { s.start(p, f.At%10 == 0) })
}

// start starts a broker that is down.
func (s *schedule) start(p *peer, elsewhere bool) {
	if s.cluster.Up(p.id) {
		return
	}
	s.Note(s.Now, "start %d", int64(p.id))
	if elsewhere {
		p.moves++
		p.address = fmt.Sprintf("b%d:%d", p.id, 9092+p.moves)
	}
	s.cluster.Start(s.Clock(), p.id)
	s.copySoon()
}

// cutOff isolates a broker from the others for a while.
func (s *schedule) cutOff(p *peer, lasts time.Duration) {
	s.cluster.Isolate(s.Clock(), p.id)
	s.fenceLater(p)
	s.After(lasts, func() { s.rejoin(p) })
}

// rejoin ends an isolation.
func (s *schedule) rejoin(p *peer) {
	if s.cluster.Up(p.id) && !s.cluster.Hears(p.id) {
		s.Note(s.Now, "rejoin %d", int64(p.id))
		s.cluster.Rejoin(s.Clock(), p.id)
		s.copySoon()
	}
}

// fenceLater has the controller give a broker up that it does not hear from for too long.
func (s *schedule) fenceLater(p *peer) {
	s.After(s.setup.Cluster.SessionMax, func() {
		if !s.cluster.Hears(p.id) {
			s.Note(s.Now, "fence %d", int64(p.id))
			s.cluster.Fence(s.Clock(), p.id)
			s.copySoon()
		}
	})
}

func (s *schedule) partitionFault(t *topic, number int32, f *fault.Fault) bool {
	at := model.TopicPartition{Topic: t.Name, Partition: number}
	p := t.parts[number]
	switch f.Kind {
	case fault.Move, fault.Unclean:
		return s.elect(t, at, int32(f.N), f.Kind == fault.Unclean)
	case fault.Leaderless:
		s.cluster.Elect(s.Clock(), at, -1)
		s.After(f.Lasts(), func() { s.revive(at) })
	case fault.Lag:
		p.lagUntil = s.Now + f.Lasts()
	case fault.Trim:
		return s.trim(t, at)
	case fault.Error, fault.ErrorAfter, fault.Omit:
		s.doing.excused = s.doing.excused || draw.Final(int16(f.N))
		p.oneShots = append(p.oneShots, oneShot{f.Kind, int16(f.N)})
	case fault.Foreign:
		if leader := s.cluster.Leader(at); leader > 0 {
			foreign := &model.Batch{ProducerID: -1, ProducerEpoch: -1, Sequence: -1, Count: int32(f.N), MaxTimestamp: s.Clock().UnixMilli(), Bytes: 100}
			s.cluster.Produce(s.Clock(), leader, &model.ProduceRequest{Acks: 1, Sent: []model.Sent{{Topic: t.Name, Partition: number, Batch: foreign}}})
			s.copySoon()
		}
	default:
		return false
	}
	return true
}

// inSync lists the brokers that are in sync, as one says that hears the controller.
func (s *schedule) inSync(at model.TopicPartition) []int32 {
	for _, p := range s.peers {
		if s.cluster.Hears(p.id) {
			return s.cluster.TopicNamed(s.Clock(), p.id, at.Topic).Partitions[at.Partition].ISR
		}
	}
	return nil
}

// elect makes a broker the leader, if it can be.
func (s *schedule) elect(t *topic, at model.TopicPartition, node int32, unclean bool) bool {
	if node < 1 || int(node) > len(s.peers) || !s.cluster.Hears(node) || !slices.Contains(s.cluster.Brokers(), node) ||
		slices.Contains(s.inSync(at), node) == unclean {
		return false
	}
	t.truncated = t.truncated || unclean
	s.cluster.Elect(s.Clock(), at, node)
	s.copySoon()
	return true
}

// revive gives a partition a leader again, if one that is in sync is there.
func (s *schedule) revive(at model.TopicPartition) {
	if s.cluster.Leader(at) > 0 {
		return
	}
	for _, id := range s.inSync(at) {
		if s.cluster.Hears(id) && slices.Contains(s.cluster.Brokers(), id) {
			s.cluster.Elect(s.Clock(), at, id)
			s.copySoon()
			return
		}
	}
}

// trim deletes what consumers can read, and keeps it for the judge. It needs that all brokers reach each other: one that led
// and was deposed would tell of batches that nobody has, and, once it leads again with all that deleted, take the next one
// for the producer's first. And it needs that something was acknowledged before, or that the records are old: who finds
// nothing of itself where nothing was acknowledged takes fresh records for not written (settling, invariant 3), and a broker
// that was away while they came and went, and then leads, has nothing of it.
func (s *schedule) trim(t *topic, at model.TopicPartition) bool {
	p, leader := t.parts[at.Partition], s.cluster.Leader(at)
	known := func(r told) bool { return r.partition == at.Partition && r.fate == check.Acked && r.offset >= 0 }
	apart := func(p *peer) bool { return !s.cluster.Hears(p.id) }
	if leader < 1 || t.recreated || slices.ContainsFunc(s.peers, apart) || (!t.Aged && !slices.ContainsFunc(t.told, known)) {
		return false
	}
	high, _ := s.cluster.Watermark(at, leader)
	for _, b := range s.cluster.Log(at, leader) {
		if b.LastOffset() < high && (len(p.archive) == 0 || p.archive[len(p.archive)-1].Offset < b.Offset) {
			p.archive = append(p.archive, b)
		}
	}
	s.doing.excused = true // what was in doubt may have been deleted
	s.cluster.DeleteRecords(s.Clock(), at, high)
	return true
}

func (s *schedule) topicFault(t *topic, f *fault.Fault) bool {
	count := s.cluster.Partitions(t.Name)
	switch f.Kind {
	case fault.Recreate:
		for i, p := range t.parts {
			at := model.TopicPartition{Topic: t.Name, Partition: int32(i)}
			p.former, p.archive = append(p.former, p.archive...), nil
			for _, peer := range s.peers {
				p.former = append(p.former, s.cluster.Log(at, peer.id)...)
			}
		}
		t.recreated = true
		s.createTopic(t, count)
	case fault.Grow:
		if count == partitionsMax {
			return false
		}
		s.cluster.AddPartitions(s.Clock(), t.Name, count+1)
		t.parts = append(t.parts, new(part))
		s.After(s.dice.Within(100*time.Millisecond), s.refresh)
	case fault.Deny:
		s.doing.excused = true
		s.cluster.Deny(t.Name, model.Read, true)
	default:
		return false
	}
	return true
}

// copySoon lets followers copy, where they do so stepwise.
func (s *schedule) copySoon() {
	if !s.setup.Cluster.Stepwise || s.doing.copying {
		return
	}
	s.doing.copying = true
	s.After(s.dice.Within(s.quick(s.setup.Cluster.CopyMax)), s.copyAll)
}

// copyAll lets every follower copy once, and again as long as that changes something or somebody waits.
func (s *schedule) copyAll() {
	s.doing.copying = false
	moved := false
	for _, t := range s.client.topics {
		for number, p := range t.parts {
			at := model.TopicPartition{Topic: t.Name, Partition: int32(number)}
			if p.lagUntil > s.Now {
				s.After(p.lagUntil-s.Now, s.copySoon)
				continue
			}
			for _, peer := range s.peers {
				high, end := s.cluster.Watermark(at, peer.id)
				s.cluster.Replicate(s.Clock(), at, peer.id)
				newHigh, newEnd := s.cluster.Watermark(at, peer.id)
				moved = moved || high != newHigh || end != newEnd
			}
		}
	}
	if moved {
		s.copySoon()
	}
}

// mend ends all faults: from now on nothing goes wrong any more.
func (s *schedule) mend() {
	s.Note(s.Now, "mend")
	s.doing.mended, s.doing.noIDUntil = true, 0
	for _, p := range s.peers {
		p.frozen, p.blackhole, p.swallow, p.delayed, p.refusing, p.deaf = 0, 0, 0, 0, 0, 0
		s.start(p, false)
		s.rejoin(p)
		s.cluster.Throttle(p.id, 0)
	}
	for _, t := range s.client.topics {
		for number, p := range t.parts {
			p.lagUntil, p.oneShots = 0, nil
			s.revive(model.TopicPartition{Topic: t.Name, Partition: int32(number)})
		}
	}
	for range 5 {
		s.After(s.dice.Within(s.quick(s.setup.Cluster.CopyMax)), s.copySoon)
	}
}
