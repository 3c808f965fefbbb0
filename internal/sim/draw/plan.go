package draw

import (
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
)

// Plan makes the configuration of a seed, and the plan of what goes wrong.
func Plan(seed uint64) (*Setup, fault.Plan) {
	s := draw(seed)
	d := NewDice(seed, ForPlan)
	kinds := s.kinds(d)
	var p fault.Plan
	for range Pick(d, 0, 20, 30, 40, 60) {
		if len(kinds) > 0 {
			p = append(p, s.drawFault(d, Pick(d, kinds...)))
		}
	}
	p.Sort()
	return s, p
}

// kinds are those of which the schedule has faults: about half of all, as often as they stand here.
func (s *Setup) kinds(d Dice) (kinds []fault.Kind) {
	const often = 4
	add := func(allowed bool, weight int, all ...fault.Kind) {
		for _, k := range all {
			if on := d.Chance(50); !on || !allowed {
				continue
			}
			for range weight {
				kinds = append(kinds, k)
			}
		}
	}
	add(true, often, fault.Reset, fault.Swallow, fault.Error, fault.ErrorAfter)
	add(true, 2, fault.Kill, fault.Stop, fault.Freeze, fault.Blackhole, fault.Delay, fault.Omit, fault.Foreign)
	add(true, 1, fault.Refuse, fault.Throttle, fault.Deaf, fault.Leaderless, fault.Grow)
	add(s.Cluster.Nodes > 1, often, fault.Move)
	add(s.Cluster.Nodes > 1, 2, fault.Isolate)
	add(s.Cluster.Nodes > 1 && s.Cluster.Unclean, 2, fault.Unclean)
	add(s.Cluster.Stepwise, 2, fault.Lag)
	add(s.Aged(), 2*often, fault.Expire)
	trims := d.Chance(50) && !s.Cluster.Mute // what was deleted cannot be settled without reading
	add(trims, 2, fault.Trim)
	add(!s.Aged() && !trims, 1, fault.Deny)
	add(!s.Cluster.ByName && d.Chance(30), 2, fault.Recreate)
	add(d.Chance(10), 1, fault.NoID)
	return kinds
}

// drawFault makes a fault of a kind.
func (s *Setup) drawFault(d Dice, k fault.Kind) fault.Fault {
	end := FaultsEnd.Milliseconds()
	f := fault.Fault{At: d.Int64N(end), Kind: k}
	topic := &s.Topics[d.IntN(len(s.Topics))]
	if d.Chance(s.Load.HotOf100) {
		topic = &s.Topics[0]
	}
	lasts := min(1+d.Int64N(Pick[int64](d, 30, 200, 700)), end-f.At)
	switch k {
	case fault.Kill, fault.Stop, fault.Freeze, fault.Isolate, fault.Blackhole, fault.Swallow, fault.Refuse, fault.Deaf, fault.Delay, fault.Throttle, fault.Reset:
		f.Target = fault.Broker(1 + d.Int32N(int32(s.Cluster.Nodes)))
	case fault.Recreate, fault.Grow, fault.Deny:
		f.Target = fault.Topic(topic.Name)
	case fault.NoID, fault.Expire:
		f.Target = fault.Producer
	default:
		f.Target = fault.Partition(topic.Name, d.Int32N(int32(topic.Partitions)))
	}
	switch k {
	case fault.Kill, fault.Stop, fault.Freeze, fault.Isolate, fault.Blackhole, fault.Swallow, fault.Refuse, fault.Deaf, fault.Leaderless, fault.Lag, fault.NoID:
		f.For = lasts
	case fault.Delay:
		f.For, f.N = lasts, 1+d.Int64N(500)
	case fault.Throttle:
		f.For, f.N = lasts, 1+d.Int64N(80)
	case fault.Move, fault.Unclean:
		f.N = 1 + d.Int64N(int64(s.Cluster.Nodes))
	case fault.Error:
		f.N = int64(Pick(d, refusals()...))
	case fault.ErrorAfter:
		f.N = int64(Pick(d, ambiguous()...))
	case fault.Foreign:
		f.N = 1 + d.Int64N(5)
	}
	return f
}

// refusals are codes with which a broker may refuse a batch that it does not write. The last few are final.
func refusals() []int16 {
	return []int16{
		answers.NotLeader, answers.NotEnoughReplicas, answers.UnknownTopic, answers.LeaderNotAvailable, answers.StorageError,
		answers.UnknownLeaderEpoch, answers.RequestTimedOut, answers.UnknownServerError, answers.CorruptMessage, answers.NotLeader,
		answers.NotEnoughReplicas, answers.MessageTooLarge, answers.InvalidRecord, 29,
	}
}

// Final reports whether records may fail for a refusal, though nothing is wrong with them.
func Final(code int16) bool {
	switch code {
	case answers.MessageTooLarge, answers.InvalidRecord, 29, answers.CorruptMessage:
		return true
	}
	return false
}

// ambiguous are codes that a broker may answer with after it has written a batch.
func ambiguous() []int16 {
	return []int16{answers.RequestTimedOut, answers.NotEnoughAfterAppend, answers.UnknownServerError, answers.NotLeader, answers.StorageError}
}
