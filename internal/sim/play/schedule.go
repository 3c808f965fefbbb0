package play

import (
	"errors"
	"fmt"
	"io"
	"math"
	"runtime/debug"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/sender/core"
	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
	"github.com/omnibus-kafka/omnibus/internal/sim/model"
	"github.com/omnibus-kafka/omnibus/internal/sim/timeline"
)

// Result is what a schedule came to.
type Result struct {
	// Trace is a number for all that happened: the same seed and plan make the same one.
	Trace uint64
	// Faults is how many of the plan's took place; the others met something that was down already.
	Faults int
	// Steps is how many things happened, Requests how many Produce requests a broker read.
	Steps, Requests int
	// Records is how many were handed over, the next four what was told about them.
	Records, Acked, NotWritten, Unknown, Refused int
	// Inquiries is how many questions about partitions were answered, Misnumbered how many batches were answered 45, 47 or
	// 59, Late how many requests were read after their connection's end.
	Inquiries, Misnumbered, Late int
	// Lost is how many acknowledged records are not in the log where that is allowed, Alarms how often the core told so.
	Lost, Alarms int
	// Violations are the broken promises, nil for none.
	Violations []string
}

// How long a schedule plays: what has no outcome by settledMax never will.
const (
	settledMax = draw.FaultsEnd + 30*time.Second
	lateMax    = 2 * time.Second
	workMax    = 10 * time.Millisecond // for a worker to compress a batch
)

// eventsMax is how many steps a schedule may take: more means that the core does not come to rest.
const eventsMax = 200_000

// violationsMax is how many broken promises are told.
const violationsMax = 10

// Player plays schedules one after another. It keeps what is dear to make. It is not safe for concurrent use.
type Player struct {
	compressors map[compress.Codec]*compress.Compressor
}

// NewPlayer returns a player.
func NewPlayer() *Player {
	return &Player{compressors: make(map[compress.Codec]*compress.Compressor)}
}

// compressor returns the one for a codec.
func (p *Player) compressor(codec compress.Codec) (*compress.Compressor, error) {
	if c := p.compressors[codec]; c != nil {
		return c, nil
	}
	c, err := compress.New(codec, compress.Level{})
	p.compressors[codec] = c
	return c, err
}

// schedule is one run.
type schedule struct {
	timeline.Timeline
	timeline.Trace
	setup  *draw.Setup
	player *Player
	dice   draw.Dice
	result Result

	core    *core.Core
	client  client
	cluster *model.Cluster
	peers   []*peer
	links   []*link // with something at the broker
	picture picture
	asked   inquiries
	doing   doings
}

// doings are what is under way.
type doings struct {
	compressing map[*batch.Batch]bool
	flushes     []chan struct{}
	copying     bool // followers are about to copy
	closed      bool // nothing more is handed over
	stopped     bool // the producer gave up what was open
	mended      bool
	noIDUntil   time.Duration
	excused     bool // a fault happened for which any record may fail
}

// refusal is a broker's refusal as the core's outcomes have it.
type refusal struct {
	code    int16
	message string
}

func (e *refusal) Error() string { return fmt.Sprintf("code %d %s", e.code, e.message) }

var (
	errLost    = errors.New("the connection was lost")
	errClosed  = errors.New("the producer was closed")
	errRefused = errors.New("no producer id")
)

// Play runs a schedule. What happens is written to text as well, unless that is nil.
func (p *Player) Play(setup *draw.Setup, plan fault.Plan, text io.Writer) (result Result) {
	s := p.newSchedule(setup, text)
	defer func() {
		if v := recover(); v != nil {
			s.broke("panic: %v\n%s", v, debug.Stack())
		}
		s.asked.end()
		result = s.result
		result.Trace = s.Sum
	}()
	for i := range plan {
		s.After(plan[i].Time(), func() { s.fault(&plan[i]) })
	}
	s.plan()
	s.play()
	s.judge()
	return s.result
}

func (p *Player) newSchedule(setup *draw.Setup, text io.Writer) *schedule {
	s := &schedule{
		setup: setup, player: p, dice: draw.NewDice(setup.Seed, draw.ForWorld), Trace: timeline.Trace{Text: text},
		picture: picture{dice: draw.NewDice(setup.Seed, draw.ForMetadata)}, doing: doings{compressing: make(map[*batch.Batch]bool)},
		asked: inquiries{waiting: make([][]question, setup.Cluster.Nodes+1), busy: make([]bool, setup.Cluster.Nodes+1)},
	}
	c := &setup.Client
	pause := backoff.Exponential{Min: 10 * time.Millisecond, Max: 150 * time.Millisecond}
	s.core = core.New(core.Config{
		InFlightMax: c.InFlightMax, RequestBytesMax: c.RequestBytesMax, Retries: c.Retries, RetryBackoff: pause, Reconnect: pause,
		HaltOnFailure: c.Halt, Encoders: c.Encoders, Refusal: refuse, Seed: setup.Seed,
		Crowd:                int(setup.Seed % 8), // few, because few lanes are played; or none
		ProduceTimeoutMillis: int32(c.RequestTimeout.Milliseconds() * 5 / 6),
	}, effects{s})
	s.cluster = model.New(model.Options{
		Nodes: setup.Cluster.Nodes, Stepwise: setup.Cluster.Stepwise, Election: true,
		ReplicaLagMax: setup.Cluster.LagMax, UnknownProducerID: setup.Cluster.Old,
	})
	for id := range setup.Cluster.Nodes {
		s.peers = append(s.peers, newPeer(int32(id+1), draw.NewDice(setup.Seed, draw.ForPeers+uint64(id))))
	}
	s.client = newClient(draw.NewDice(setup.Seed, draw.ForClient), c.BufferBytes)
	for i := range setup.Topics {
		s.addTopic(&setup.Topics[i])
	}
	return s
}

// refuse is core.Config's Refusal.
func refuse(_ string, code int16, message string) error {
	if code == answers.None {
		return nil
	}
	return &refusal{code, message}
}

// broke notes a broken promise.
func (s *schedule) broke(format string, args ...any) {
	if len(s.result.Violations) < violationsMax {
		at := fmt.Sprintf("at %.3f ms: ", s.Now.Seconds()*1000)
		s.result.Violations = append(s.result.Violations, at+fmt.Sprintf(format, args...))
	}
	s.Note(s.Now, "BROKEN")
}

// plan makes everything happen that no fault is and that does not follow from something else.
func (s *schedule) plan() {
	s.refresh()
	s.load()
	s.After(draw.FaultsEnd, s.mend)
	if at := s.setup.Cluster.IDsFrom; at > 0 {
		s.After(at, s.refresh)
	}
	if l := &s.setup.Load; l.Close > 0 {
		s.After(l.Close, func() {
			s.doing.closed = true
			s.news()
			s.core.Close(s.Now)
			s.After(l.CloseMax, s.stop)
		})
	}
}

// play lets happen what happens until nothing is left, or too much happened.
func (s *schedule) play() {
	for len(s.result.Violations) == 0 {
		run := s.next()
		if run == nil {
			return
		}
		if s.Now > settledMax {
			return // what has no outcome by now, judge finds; an expired timer may be left
		}
		run()
		s.poll()
		s.inquire()
		if s.result.Steps++; s.result.Steps > eventsMax {
			s.broke("the core does not come to rest")
		}
	}
}

// next brings the time to the next event, and returns it; nil if there is none.
func (s *schedule) next() (run func()) {
	const never = time.Duration(math.MaxInt64)
	wake, elapse, event := never, never, never
	if at := s.core.Next(); at != 0 {
		wake = max(at, s.Now)
	}
	if at := s.cluster.Next(); !at.IsZero() {
		elapse = max(at.Sub(timeline.Epoch()), s.Now)
	}
	if at, ok := s.Timeline.Next(); ok {
		event = at
	}
	first := min(wake, elapse, event)
	switch {
	case first == never:
		return nil
	case first == wake:
		run = func() { s.core.Tick(s.Now) }
	case first == elapse:
		run = func() { s.cluster.Tick(s.Clock()) }
	default:
		run = s.Take()
	}
	s.Now = first
	return run
}

// stop gives up what is open, as a producer does whose time to close is over, and closes all connections.
func (s *schedule) stop() {
	if s.doing.stopped {
		return
	}
	s.Note(s.Now, "stop")
	s.news()
	s.doing.stopped = true
	s.core.Abort(s.Now, errClosed)
	for _, p := range s.peers {
		if p.link != nil {
			s.hangUp(p.link, true)
		}
	}
}

// Add adds the counts of another result.
func (r *Result) Add(other *Result) {
	r.Faults += other.Faults
	r.Steps += other.Steps
	r.Requests += other.Requests
	r.Records += other.Records
	r.Acked += other.Acked
	r.NotWritten += other.NotWritten
	r.Unknown += other.Unknown
	r.Refused += other.Refused
	r.Inquiries += other.Inquiries
	r.Misnumbered += other.Misnumbered
	r.Late += other.Late
	r.Lost += other.Lost
	r.Alarms += other.Alarms
}
