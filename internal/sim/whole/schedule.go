package whole

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/chance"
	"github.com/omnibus-kafka/omnibus/internal/sim"
	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
	"github.com/omnibus-kafka/omnibus/internal/sim/timeline"
)

// Result is what a schedule came to.
type Result struct {
	// Trace is a number for what arrived at the brokers: time, connection, request, and of batches partition, first sequence
	// and count.
	Trace uint64
	// Faults is how many of the plan's took place; the others met something that was down already.
	Faults int
	// Steps is how many things happened, Requests how many a broker read, Produced how many of these were Produce.
	Steps, Requests, Produced int
	// Connections is how many were opened, Late how many ended with requests on their way that were read later.
	Connections, Late int
	// Records is how many were handed over, the next four what was told about them.
	Records, Acked, NotWritten, Unknown, Refused int
	// Inquiries and Alarms are the producer's own counts of questions about partitions, and of acknowledged data that a
	// partition no longer had.
	Inquiries, Alarms int64
	// Lost is how many acknowledged records are not in the log where that is allowed.
	Lost int
	// Took is how much invented time it took.
	Took time.Duration
	// Violations are the broken promises, nil for none.
	Violations []string
}

// Add adds the counts of another result.
func (r *Result) Add(other *Result) {
	r.Faults += other.Faults
	r.Steps += other.Steps
	r.Requests += other.Requests
	r.Produced += other.Produced
	r.Connections += other.Connections
	r.Late += other.Late
	r.Records += other.Records
	r.Acked += other.Acked
	r.NotWritten += other.NotWritten
	r.Unknown += other.Unknown
	r.Refused += other.Refused
	r.Inquiries += other.Inquiries
	r.Alarms += other.Alarms
	r.Lost += other.Lost
	r.Took += other.Took
}

// How long a schedule plays.
const (
	settledMax = draw.FaultsEnd + 30*time.Second // what has no outcome by then never will
	closeMax   = 10 * time.Second
	lateMax    = 2 * time.Second
	stepsMax   = 2_000_000
)

// violationsMax is how many broken promises are told.
const violationsMax = 10

// schedule is one run. Its goroutine is the network, the brokers and the time; all fields are its own.
type schedule struct {
	timeline.Timeline
	timeline.Trace
	setup  *Setup
	dice   draw.Dice
	began  time.Time
	result Result

	cluster     *sim.Cluster
	peers       []*peer
	links       []*link // that still matter, in the order of their dialing
	network     network
	application application
	omitted     *omission // of the request that is being decided about

	producer *omnibus.Producer
	topics   []*topic
	writers  []*writer
	doing    doings
}

// doings are what is under way.
type doings struct {
	copying   bool // followers are about to copy
	mended    bool
	noIDUntil time.Duration
	excused   bool // a fault happened for which any record may fail
	gaveUp    bool // the producer was closed before all had its outcome
	closing   bool
	closed    atomic.Bool
	alarms    struct {
		sync.Mutex
		all []omnibus.DataLoss
	}
}

// Play runs a schedule. It must be called in a bubble of testing/synctest, whose main goroutine ends with it: a goroutine
// that is left over then is the bubble's to complain about. What happens is written to text as well, unless that is nil.
func Play(setup *Setup, plan fault.Plan, text io.Writer) *Result {
	s := &schedule{
		setup: setup, dice: draw.NewDice(setup.Seed, draw.ForWorld), Trace: timeline.Trace{Text: text}, began: time.Now(),
		network: network{wake: make(chan struct{}, 1)},
	}
	if err := s.start(); err != nil {
		s.broke("%v", err)
		return &s.result
	}
	for i := range plan {
		s.After(plan[i].Time(), func() { s.fault(&plan[i]) })
	}
	s.After(draw.FaultsEnd, s.mend)
	s.load()
	s.play()
	s.judge()
	s.result.Trace = s.Sum
	s.cluster.Close()
	return &s.result
}

// start makes the cluster and the producer.
func (s *schedule) start() (err error) {
	c := &s.setup.Cluster
	versionMax := int16(0)
	if c.ByName && c.IDsFrom == 0 {
		versionMax = 12
	}
	var without []int16
	if s.setup.Whole.Undescribed {
		without = []int16{sim.DescribeProducers}
	}
	s.cluster, err = sim.Start(sim.Options{
		Nodes: c.Nodes, Stepped: true, Without: without, ProduceVersionMax: versionMax,
		Rules: model.Options{Stepwise: c.Stepwise, Election: true, ReplicaLagMax: c.LagMax, UnknownProducerID: c.Old},
	})
	if err != nil {
		return err
	}
	for i, at := range s.cluster.Brokers() {
		s.peers = append(s.peers, &peer{id: int32(i + 1), address: at, dice: draw.NewDice(s.setup.Seed, draw.ForPeers+uint64(i))})
	}
	for i := range s.setup.Topics {
		s.addTopic(&s.setup.Topics[i])
	}
	config := s.setup.config()
	config.Brokers, config.Dial, config.Logger = s.cluster.Brokers(), s.network.dial, slog.New(slog.DiscardHandler)
	config.Trace = &omnibus.Trace{DataLost: s.lost}
	s.producer, err = omnibus.Open(chance.With(context.Background(), s.setup.Seed), config)
	return err
}

// lost is omnibus.Trace's DataLost.
func (s *schedule) lost(loss omnibus.DataLoss) {
	s.doing.alarms.Lock()
	defer s.doing.alarms.Unlock()
	s.doing.alarms.all = append(s.doing.alarms.all, loss)
}

// broke notes a broken promise.
func (s *schedule) broke(format string, args ...any) {
	if len(s.result.Violations) < violationsMax {
		at := fmt.Sprintf("at %.3f ms: ", s.Now.Seconds()*1000)
		s.result.Violations = append(s.result.Violations, at+fmt.Sprintf(format, args...))
	}
	s.Note(s.Now, "BROKEN")
}

// model does something to the brokers.
func (s *schedule) model(f func(now time.Time, m *model.Cluster)) { s.cluster.Model(f) }

// play lets one thing happen after the other, each when all of the producer's goroutines have come to rest, until the
// producer is closed.
func (s *schedule) play() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for s.result.Steps < stepsMax {
		synctest.Wait()
		s.Now = time.Since(s.began)
		s.collect()
		s.poll()
		if s.doing.closed.Load() {
			return
		}
		run, wait := s.next()
		if run != nil {
			s.result.Steps++
			run()
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-s.network.wake:
		}
	}
	s.broke("the producer does not come to rest")
	s.producer = nil
}

// next is what happens now, or how long nothing does.
func (s *schedule) next() (run func(), wait time.Duration) {
	wait = time.Hour
	if at, ok := s.Timeline.Next(); ok {
		if at <= s.Now {
			return s.Take(), 0
		}
		wait = at - s.Now
	}
	var tick time.Time
	s.model(func(_ time.Time, m *model.Cluster) { tick = m.Next() })
	if !tick.IsZero() {
		if left := time.Until(tick); left > 0 {
			wait = min(wait, left)
		} else {
			return func() { s.model(func(now time.Time, m *model.Cluster) { m.Tick(now) }) }, 0
		}
	}
	return nil, wait
}
