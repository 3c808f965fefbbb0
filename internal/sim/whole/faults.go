package whole

import (
	"fmt"
	"slices"
	"syscall"
	"time"

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
		s.model(func(now time.Time, m *model.Cluster) { m.ExpireProducers(now) })
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

// hears reports whether a broker runs and reaches the others.
func (s *schedule) hears(p *peer) (hears bool) {
	s.model(func(_ time.Time, m *model.Cluster) { hears = m.Hears(p.id) })
	return hears
}

// brokerFault reports whether it took place: a broker that is down already cannot be killed.
func (s *schedule) brokerFault(p *peer, f *fault.Fault) bool {
	until := s.Now + f.Lasts()
	apart := f.Kind == fault.Freeze || f.Kind == fault.Isolate || f.Kind == fault.Stop
	if !s.up(p) || apart && !s.hears(p) {
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
		return s.reset(p)
	case fault.Blackhole:
		p.blackhole = until
	case fault.Swallow:
		p.swallow = until
	case fault.Delay:
		p.delayed, p.delay = until, time.Duration(f.N)*time.Millisecond
	case fault.Refuse:
		p.refusing = until
	case fault.Throttle:
		s.throttle(p, time.Duration(f.N)*time.Millisecond)
		s.After(f.Lasts(), func() { s.throttle(p, 0) })
	case fault.Deaf:
		p.deaf = until
	default:
		return false
	}
	return true
}

func (s *schedule) throttle(p *peer, d time.Duration) {
	s.model(func(_ time.Time, m *model.Cluster) { m.Throttle(p.id, d) })
}

// reset ends a broker's connections on the way; it reports whether there was one. The broker may not hear of it, and read what
// was written to them.
func (s *schedule) reset(p *peer) (any bool) {
	for _, l := range s.links {
		if l.peer != p || l.left || l.dead {
			continue
		}
		any = true
		if l.swallowed = s.setup.Cluster.Late && l.dice.Chance(60); l.swallowed {
			l.socket.HangUp(syscall.ECONNRESET)
		} else {
			s.hangUp(l, syscall.ECONNRESET)
		}
	}
	return any
}

// down ends a broker's process for a while.
func (s *schedule) down(p *peer, f *fault.Fault) {
	s.model(func(now time.Time, m *model.Cluster) {
		if f.Kind == fault.Stop {
			m.Shutdown(now, p.id)
		} else {
			m.Kill(now, p.id)
		}
	})
	if f.Kind == fault.Kill {
		s.fenceLater(p)
	}
	s.crash(p)
	s.After(f.Lasts(), func() { s.boot(p) })
}

// boot starts a broker that is down.
func (s *schedule) boot(p *peer) {
	if !s.up(p) {
		s.Note(s.Now, "start %d", int64(p.id))
		s.model(func(now time.Time, m *model.Cluster) { m.Start(now, p.id) })
		s.copySoon()
	}
}

// cutOff isolates a broker from the others for a while.
func (s *schedule) cutOff(p *peer, lasts time.Duration) {
	s.model(func(now time.Time, m *model.Cluster) { m.Isolate(now, p.id) })
	s.fenceLater(p)
	s.After(lasts, func() { s.rejoin(p) })
}

// rejoin ends an isolation.
func (s *schedule) rejoin(p *peer) {
	if s.up(p) && !s.hears(p) {
		s.Note(s.Now, "rejoin %d", int64(p.id))
		s.model(func(now time.Time, m *model.Cluster) { m.Rejoin(now, p.id) })
		s.copySoon()
	}
}

// fenceLater has the controller give a broker up that it does not hear from for too long.
func (s *schedule) fenceLater(p *peer) {
	s.After(s.setup.Cluster.SessionMax, func() {
		if !s.hears(p) {
			s.Note(s.Now, "fence %d", int64(p.id))
			s.model(func(now time.Time, m *model.Cluster) { m.Fence(now, p.id) })
			s.copySoon()
		}
	})
}

func (s *schedule) partitionFault(t *topic, number int32, f *fault.Fault) bool {
	at := model.TopicPartition{Topic: t.Name, Partition: number}
	p := t.parts[number]
	switch f.Kind {
	case fault.Move, fault.Unclean:
		return s.elect(at, int32(f.N), f.Kind == fault.Unclean)
	case fault.Leaderless:
		s.model(func(now time.Time, m *model.Cluster) { m.Elect(now, at, -1) })
		s.After(f.Lasts(), func() { s.revive(at) })
	case fault.Lag:
		p.lagUntil = s.Now + f.Lasts()
	case fault.Trim:
		return s.trim(t, at)
	case fault.Error, fault.ErrorAfter, fault.Omit:
		s.doing.excused = s.doing.excused || draw.Final(int16(f.N))
		p.oneShots = append(p.oneShots, oneShot{f.Kind, int16(f.N)})
	case fault.Foreign:
		s.cluster.WriteForeign(t.Name, number, int(f.N), []byte(foreign))
		s.copySoon()
	default:
		return false
	}
	return true
}

// inSync lists the brokers that are in sync, as one says that hears the controller.
func (s *schedule) inSync(at model.TopicPartition) (isr []int32) {
	s.model(func(now time.Time, m *model.Cluster) {
		for _, p := range s.peers {
			if m.Hears(p.id) {
				isr = m.TopicNamed(now, p.id, at.Topic).Partitions[at.Partition].ISR
				return
			}
		}
	})
	return isr
}

// eligible reports whether a broker can be made a leader, in sync or not.
func (s *schedule) eligible(node int32) (eligible bool) {
	s.model(func(_ time.Time, m *model.Cluster) { eligible = m.Hears(node) && slices.Contains(m.Brokers(), node) })
	return eligible
}

// elect makes a broker the leader, if it can be.
func (s *schedule) elect(at model.TopicPartition, node int32, unclean bool) bool {
	if node < 1 || int(node) > len(s.peers) || !s.eligible(node) || slices.Contains(s.inSync(at), node) == unclean {
		return false
	}
	s.model(func(now time.Time, m *model.Cluster) { m.Elect(now, at, node) })
	s.copySoon()
	return true
}

// revive gives a partition a leader again, if one that is in sync is there.
func (s *schedule) revive(at model.TopicPartition) {
	if s.leader(at) > 0 {
		return
	}
	for _, id := range s.inSync(at) {
		if s.eligible(id) {
			s.elect(at, id, false)
			return
		}
	}
}

func (s *schedule) leader(at model.TopicPartition) (leader int32) {
	s.model(func(_ time.Time, m *model.Cluster) { leader = m.Leader(at) })
	return leader
}

// mend ends all faults: from now on nothing goes wrong any more.
func (s *schedule) mend() {
	s.Note(s.Now, "mend")
	s.doing.mended, s.doing.noIDUntil = true, 0
	for _, p := range s.peers {
		p.frozen, p.blackhole, p.swallow, p.delayed, p.refusing, p.deaf = 0, 0, 0, 0, 0, 0
		s.boot(p)
		s.rejoin(p)
		s.throttle(p, 0)
	}
	for _, t := range s.topics {
		for number, p := range t.parts {
			p.lagUntil, p.oneShots = 0, nil
			s.revive(model.TopicPartition{Topic: t.Name, Partition: int32(number)})
		}
	}
	for range 5 {
		s.After(s.dice.Within(s.quick(s.setup.Cluster.CopyMax)), s.copySoon)
	}
}
