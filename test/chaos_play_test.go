package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
	"github.com/omnibus-kafka/omnibus/kafkatest"
)

// chaosPlayer does to a cluster what a plan says. A fault begins when all replicas of all topics are in sync, since a cluster
// that loses a broker before it has recovered from the last one may itself lose what it acknowledged, or stop.
//
//	broker   kill, stop, freeze                         to their end before anything else begins
//	network  swallow, blackhole, reset, refuse, delay   by the proxy before the broker; others may begin meanwhile
//	cluster  move, grow, recreate
//
// A plan's other kinds need a broker that can be told what to answer, and are left out.
type chaosPlayer struct {
	k      *kafkatest.Kafka
	load   *chaosLoad
	client *kgo.Client // for what only an administrator may do
	began  time.Time
	// slip is how much later than planned everything is by now.
	slip    time.Duration
	mending sync.WaitGroup // the network's faults, each of which ends by itself

	// begun counts the faults so far. It is what a progress line may read while the player is at work.
	begun atomic.Int64
	kinds map[fault.Kind]int
}

// play plays a plan until its end or that of its time, mends everything, and returns how many faults are left.
func (p *chaosPlayer) play(t *testing.T, plan fault.Plan, lasts time.Duration) (left int) {
	t.Helper()
	defer p.mended(t)
	for i := range plan {
		f := &plan[i]
		due := f.Time() + p.slip
		if max(due, time.Since(p.began)) >= lasts {
			return len(plan) - i
		}
		pause(due - time.Since(p.began))
		p.inSync(t)
		p.slip = max(p.slip, time.Since(p.began)-f.Time())
		if p.begin(t, f) {
			p.begun.Add(1)
			p.kinds[f.Kind]++
		}
	}
	return 0
}

// mended waits until nothing is wrong any more.
func (p *chaosPlayer) mended(t *testing.T) {
	t.Helper()
	p.mending.Wait()
	p.inSync(t)
}

// inSync waits until every replica is in sync.
func (p *chaosPlayer) inSync(t *testing.T) {
	t.Helper()
	p.k.WaitReady()
	for _, topic := range []string{topicSteady, topicGrown, topicMortal} {
		p.k.WaitInSync(topic)
	}
}

// begin has a fault happen, and reports false if it is none that can happen here. A broker's is over when it returns.
func (p *chaosPlayer) begin(t *testing.T, f *fault.Fault) bool {
	t.Helper()
	switch id := f.BrokerID(); {
	case id < 0 || id > chaosNodes:
		return false
	case id > 0:
		return p.toBroker(f, p.k.Node(id)) || p.toNetwork(f, p.k.Proxy(id))
	}
	switch topic := f.TopicName(); f.Kind {
	case fault.Move:
		preferLeader(t, p.client, topic, f.PartitionNumber(), int32(f.N))
	case fault.Grow:
		p.k.AddPartitions(topic, 1)
	case fault.Recreate:
		if topic != topicMortal {
			return false
		}
		p.load.recreate(t, f.Lasts())
	default:
		return false
	}
	return true
}

func (p *chaosPlayer) toBroker(f *fault.Fault, node *kafkatest.Node) bool {
	mend := node.Start
	switch f.Kind {
	case fault.Kill:
		node.Kill()
	case fault.Stop:
		node.Stop()
	case fault.Freeze:
		node.Pause()
		mend = node.Resume
	default:
		return false
	}
	pause(f.Lasts())
	mend()
	return true
}

// toNetwork ends what took bytes away by resetting the connections: no network takes bytes out of the middle of a stream and
// carries on.
func (p *chaosPlayer) toNetwork(f *fault.Fault, proxy *kafkatest.Proxy) bool {
	var mend func()
	switch f.Kind {
	case fault.Reset:
		proxy.CutAll()
		return true
	case fault.Swallow:
		proxy.SwallowResponses(true)
		mend = func() { proxy.CutAll(); proxy.SwallowResponses(false) }
	case fault.Blackhole:
		proxy.Pause(kafkatest.Up | kafkatest.Down)
		mend = func() { proxy.CutAll(); proxy.Resume(kafkatest.Up | kafkatest.Down) }
	case fault.Refuse:
		proxy.Refuse(true)
		mend = func() { proxy.Refuse(false) }
	case fault.Delay:
		proxy.Delay(time.Duration(f.N) * time.Millisecond)
		mend = func() { proxy.Delay(0) }
	default:
		return false
	}
	p.mending.Go(func() {
		pause(f.Lasts())
		mend()
	})
	return true
}

// ofBrokers counts the faults that befell brokers or the way to them.
func (p *chaosPlayer) ofBrokers() (processes, network int) {
	for kind, n := range p.kinds {
		switch kind {
		case fault.Kill, fault.Stop, fault.Freeze:
			processes += n
		case fault.Reset, fault.Swallow, fault.Blackhole, fault.Refuse, fault.Delay:
			network += n
		}
	}
	return processes, network
}

// String is how many faults of each kind there were.
func (p *chaosPlayer) String() string {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(p.kinds)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", p.kinds[kind], kind))
	}
	return strings.Join(kinds, ", ")
}
