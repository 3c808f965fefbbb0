package model

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"
)

// schedule is a random life of a cluster: brokers die, are cut off and come back while batches arrive everywhere.
type schedule struct {
	*rig
	random  *rand.Rand
	acks    int16
	unclean bool
	next    int32
	asked   []question
	trace   uint64
}

// question is a batch that was sent, with its answer.
type question struct {
	sequence int32
	answer   *Produced
}

func playSchedule(t *testing.T, seed uint64, acks int16, unclean bool) *schedule {
	random := rand.New(rand.NewPCG(seed, 0))
	s := &schedule{random: random, acks: acks, unclean: unclean}
	s.rig = newRig(t, Options{Nodes: 3, Stepwise: seed%2 == 0, Election: true}, TopicOptions{MinInSync: 2, Unclean: unclean})
	hash := fnv.New64a()
	for range 400 {
		s.step()
		for node := int32(1); node <= 3; node++ {
			high, end := s.Watermark(s.at, node)
			fmt.Fprint(hash, high, end)
		}
		s.agree()
	}
	s.trace = hash.Sum64()
	for node := int32(1); node <= 3; node++ {
		s.bring(node)
	}
	for node := range int32(12) {
		s.Replicate(s.now, s.at, 1+node%3)
	}
	s.agree()
	return s
}

// bring has a broker run and reach the others.
func (s *schedule) bring(node int32) {
	if !s.Up(node) {
		s.Start(s.now, node)
	} else if !s.Hears(node) {
		s.Rejoin(s.now, node)
	}
}

// step lets one thing happen.
func (s *schedule) step() {
	node := 1 + s.random.Int32N(3)
	s.now = s.now.Add(time.Duration(s.random.IntN(2000)) * time.Millisecond)
	switch s.random.IntN(20) {
	case 0:
		s.Kill(s.now, node)
	case 1:
		s.Shutdown(s.now, node)
	case 2:
		if s.Up(node) {
			s.Isolate(s.now, node)
		}
	case 3, 4:
		if !s.Hears(node) {
			s.Fence(s.now, node)
		}
	case 5, 6, 7:
		s.bring(node)
	case 8, 9, 10, 11, 12, 13:
		s.Replicate(s.now, s.at, node)
	default:
		a := s.send(node, s.acks, s.next)
		s.asked = append(s.asked, question{s.next, a})
		if a.Parts[0].Batch != nil && s.random.IntN(3) > 0 {
			s.next++
		}
		if !a.Lost() && a.Parts[0].Code != 0 && s.random.IntN(4) == 0 {
			s.next = max(0, s.next-2)
		}
	}
}

// agree fails the test if two brokers have different batches below both their high watermarks: what one consumer read,
// each reads.
func (s *schedule) agree() {
	if s.unclean {
		return
	}
	for node := int32(2); node <= 3; node++ {
		high, _ := s.Watermark(s.at, 1)
		other, _ := s.Watermark(s.at, node)
		mine, theirs := s.Log(s.at, 1), s.Log(s.at, node)
		for i := 0; i < len(mine) && mine[i].LastOffset() < min(high, other); i++ {
			if mine[i] != theirs[i] {
				s.Fatalf("brokers 1 and %d have different batches at %d", node, mine[i].Offset)
			}
		}
	}
}

// lost counts acknowledged batches that are not where the answer said.
func (s *schedule) lost() (acked, lost int) {
	log := s.Log(s.at, s.Leader(s.at))
	for _, q := range s.asked {
		if !q.answer.Done() || q.answer.Parts[0].Code != 0 {
			continue
		}
		acked++
		at := q.answer.Parts[0].BaseOffset
		if at >= int64(len(log)) || log[at].Sequence != q.sequence {
			lost++
		}
	}
	return acked, lost
}

func TestWhatAllInSyncHaveIsNeverLostWithoutAnUncleanElection(t *testing.T) {
	total := 0
	for seed := range uint64(1000) {
		acked, lost := playSchedule(t, seed, -1, false).lost()
		total += acked
		if lost > 0 {
			t.Fatalf("seed %d: %d of %d acknowledged batches are lost", seed, lost, acked)
		}
	}
	if total < 10_000 {
		t.Errorf("only %d batches were acknowledged", total)
	}
}

func TestWhatOnlyTheLeaderHasCanBeLost(t *testing.T) {
	for name, play := range map[string]func(seed uint64) *schedule{
		"acks=1":           func(seed uint64) *schedule { return playSchedule(t, seed, 1, false) },
		"unclean election": func(seed uint64) *schedule { return playSchedule(t, seed, -1, true) },
	} {
		all := 0
		for seed := range uint64(100) {
			_, lost := play(seed).lost()
			all += lost
		}
		if all == 0 {
			t.Errorf("%s: nothing was lost", name)
		}
	}
}

func TestTheSameStepsMakeTheSameCluster(t *testing.T) {
	for seed := range uint64(50) {
		a, b := playSchedule(t, seed, -1, true), playSchedule(t, seed, -1, true)
		if a.trace != b.trace || len(a.asked) != len(b.asked) {
			t.Fatalf("seed %d: %x and %x", seed, a.trace, b.trace)
		}
		for i := range a.asked {
			if text(a.asked[i].answer) != text(b.asked[i].answer) {
				t.Fatalf("seed %d: answer %d differs", seed, i)
			}
		}
	}
}
