package core

import (
	"math/rand/v2"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/settling"
)

// Config is what the core decides by. Durations are the producer's, zero meaning zero.
type Config struct {
	InFlightMax     int // requests for each connection
	RequestBytesMax int
	// Crowd is how many batches on their way to a broker, in all requests together, make the next one wait for an answer, or
	// for crowdPause; 0 means that none ever waits.
	Crowd   int
	Retries int // attempts after the first; negative = unbounded
	// ProduceTimeoutMillis is how long a broker may wait for its replicas: less than the request timeout, so that its
	// word comes before the connection is given up.
	ProduceTimeoutMillis int32
	RetryBackoff         backoff.Exponential
	Reconnect            backoff.Exponential
	HaltOnFailure        bool
	// Encoders is how many batches may be under compression at once.
	Encoders int
	// Refusal makes the error of a broker's code about a topic, for the user's eyes.
	Refusal func(topic string, code int16, message string) error
	// Seed makes the jitter repeatable.
	Seed uint64
}

// TopicConfig is what the core must know of a topic's settings.
type TopicConfig struct {
	Acks            int16
	Idempotent      bool
	Codec           compress.Codec
	Level           compress.Level
	Linger          time.Duration
	DeliveryTimeout time.Duration
}

// Topic is a topic as the sender sees it.
type Topic struct {
	Name    string
	ID      [16]byte
	Config  TopicConfig
	ordinal int32 // among all topics
	lanes   []*Lane
	// fitsBytes is the largest batch that the topic took.
	fitsBytes int
	// mute is set once a broker refused to tell what it has of the topic: this client may write it, not read it.
	mute  bool
	times answers.Times
	// Used is when the loop last told that the topic is in use.
	Used time.Duration
}

// Core decides. See the package doc; every method with a now is a step.
type Core struct {
	Config Config
	do     Effects
	random *rand.Rand
	now    time.Duration

	Nodes  []*Node  // in the order in which they became known, so that a replay visits them alike
	topics []*Topic // likewise
	open   batch.List
	table  *idempotence.Table

	id       idempotence.ProducerID
	haveID   bool
	idAsked  bool
	encoding int // batches on workers
	doomed   int // batches that are told once their request drops them
	spare    []*Request
	halting  []*Lane // halted in this step
	closing  bool

	// leaderless is when lanes without a leader ask for metadata again; 0 while there are none.
	leaderless time.Duration
}

// New returns a core that knows nothing yet, and calls do for what it decides.
func New(config Config, do Effects) *Core {
	return &Core{
		Config: config, do: do,
		random: rand.New(rand.NewPCG(config.Seed, 1)),
		table:  idempotence.NewTable(),
	}
}

// News tells that a partition has something new.
func (c *Core) News(now time.Duration, l *Lane, signals accumulator.Signal, fresh []*batch.Batch) {
	c.now = now
	for _, b := range fresh {
		b.Sender.State = batch.Waiting
		b.Sender.Deadline = b.Created + l.Topic.Config.DeliveryTimeout
		c.open.Add(b)
		l.batches = append(l.batches, b)
		l.full = false
		if l.halted {
			c.failWaiting(l, b, ErrHalted, "queue")
		}
	}
	if len(l.batches) == 0 {
		return
	}
	if signals&accumulator.SignalFull != 0 {
		l.full = true
	}
	if signals&accumulator.SignalWaiter != 0 {
		l.hurry(l.batches[len(l.batches)-1].Sender.ID, batch.ReasonWaiter)
	}
	c.place(l)
	c.pumpLeader(l)
}

// place puts the lane where it belongs: among those ready at its leader, among those that linger there, or nowhere.
func (c *Core) place(l *Lane) {
	why, due, leaves := c.departure(l)
	if l.leader == nil {
		return
	}
	l.why = why
	if leaves && (due <= c.now && l.place.Ready() || due > c.now && l.place.Lingers(due)) {
		return // and it keeps its turn
	}
	l.leader.lanes.Dequeue(l)
	switch {
	case !leaves:
	case due > c.now:
		l.leader.lanes.Linger(l, due)
	default:
		l.leader.lanes.Enqueue(l)
	}
}

// departure says whether a batch of the lane may leave, why and when, and asks for what it still takes.
func (c *Core) departure(l *Lane) (why batch.Reason, due time.Duration, leaves bool) {
	if len(l.batches) == 0 || l.halted || !c.numbers(l) {
		return batch.ReasonNone, 0, false
	}
	c.closeGap(l)
	if l.doubt.Stage != settling.Settled && !c.settles(l) {
		return batch.ReasonRetry, l.backoffUntil, l.doubt.Due() && l.InFlight == 0 && l.backoffUntil > c.now && l.leader != nil
	}
	b := l.next(c.inFlightMax(l))
	if b == nil || (l.gap && l.InFlight > 0) { // what left now would not follow what the broker has
		return batch.ReasonNone, 0, false
	}
	if l.awaitsID {
		c.askID()
		return batch.ReasonNone, 0, false
	}
	if l.leader == nil {
		c.wantLeader(l)
		return batch.ReasonNone, 0, false
	}
	why, due = c.readiness(l, b)
	return why, due, true
}

// inFlightMax is how many batches of the lane may be in flight now.
func (c *Core) inFlightMax(l *Lane) int {
	if l.Topic.Config.Idempotent && (l.doubt.Stage != settling.Settled || l.num.Fresh(c.now)) {
		return 1
	}
	return c.Config.InFlightMax
}

// readiness says why and when the lane's next batch leaves.
func (c *Core) readiness(l *Lane, b *batch.Batch) (batch.Reason, time.Duration) {
	boarding := l.boarding(b)
	switch {
	case b.Sender.Attempts > 0 && l.backoffUntil > c.now:
		return batch.ReasonRetry, l.backoffUntil
	case b.Sender.Attempts > 0:
		return batch.ReasonRetry, c.now
	case !boarding || l.full:
		return batch.ReasonFull, c.now
	case c.closing:
		return batch.ReasonClose, c.now
	case b.Sender.ID <= l.urgent && (l.InFlight == 0 || b.Sender.ID <= l.urgentNow):
		return l.urgentWhy, c.now
	}
	return batch.ReasonLinger, b.Created + l.Topic.Config.Linger
}

// pauseMin keeps a configured pause of none from making the send loop spin while a broker or a leader is away.
const pauseMin = time.Millisecond

// wantLeader asks for metadata because the lane has batches and no leader, now and again until one is known.
func (c *Core) wantLeader(l *Lane) {
	c.do.Refresh(l.Topic.Name)
	if c.leaderless == 0 {
		c.leaderless = c.now + max(c.Config.RetryBackoff.After(1, c.random.Float64()), pauseMin)
	}
}

// pumpLeader lets the lane's leader send what it can.
func (c *Core) pumpLeader(l *Lane) {
	if l.leader != nil {
		c.pump(l.leader)
	}
}

// pump lets a node send what it can: it fills request slots while lanes are ready.
func (c *Core) pump(n *Node) {
	if n.lanes.Ready() == 0 || !c.usable(n) {
		return
	}
	for n.lanes.Ready() > 0 && n.link == linkUp && c.encoding < c.Config.Encoders {
		if n.slots(c.Config.InFlightMax) == 0 {
			n.leader.Stall(c.now) // until it answers something
			return
		}
		if c.crowdedUntil(n) > c.now {
			return
		}
		if !c.depart(n) {
			return
		}
	}
}

// crowdPause is how long a crowd on the way keeps the next request from leaving if no answer comes before.
const crowdPause = 4 * time.Millisecond

// crowdedUntil is until when the node's next request waits because so many batches are on their way there; 0 if they are few. Many
// are small as a rule, and cost by number, not by bytes: those that wait for an answer meanwhile become larger instead of more.
func (c *Core) crowdedUntil(n *Node) time.Duration {
	if c.Config.Crowd == 0 || n.underway < c.Config.Crowd {
		return 0
	}
	return n.lastDeparture + crowdPause
}

// usable reports whether the node takes requests now, and does what it takes to make it so.
func (c *Core) usable(n *Node) bool {
	switch n.link {
	case linkUp:
		return n.throttled <= c.now
	case linkDown:
		if n.retryAt <= c.now {
			n.link = linkConnecting
			c.do.Connect(n)
		}
	}
	return false
}

// numbers reports whether the lane's batches can be numbered, and asks for a producer id if it takes one.
func (c *Core) numbers(l *Lane) bool {
	switch {
	case !l.Topic.Config.Idempotent || l.num != nil:
		return true
	case !c.haveID:
		c.askID()
		return false
	}
	l.num = c.table.Ensure(l.Topic.ID, l.Topic.Name, l.Part.Number, c.id)
	return true
}

// askID asks for a producer id unless that was done.
func (c *Core) askID() {
	if !c.idAsked {
		c.idAsked = true
		c.do.FetchID()
	}
}

// ProducerID gives the core a producer id, or tells that none is to be had.
func (c *Core) ProducerID(now time.Duration, id idempotence.ProducerID, err error) {
	c.now, c.idAsked = now, false
	if err != nil {
		c.failWithoutID(err)
		return
	}
	c.id, c.haveID = id, true
	for _, t := range c.topics {
		for _, l := range t.lanes {
			if l.awaitsID {
				l.awaitsID = false
				l.num.Renew(id)
			}
			c.place(l)
		}
	}
	c.pumpAll()
}

// pumpAll lets every node send what it can.
func (c *Core) pumpAll() {
	for _, n := range c.Nodes {
		c.pump(n)
	}
}

// Tick is the step of the timer: whatever is due, happens.
func (c *Core) Tick(now time.Duration) {
	c.now = now
	c.expire()
	for _, n := range c.Nodes {
		for l := n.lanes.FirstDue(); l != nil && l.place.Due() <= now; l = n.lanes.FirstDue() {
			c.place(l)
		}
		c.pump(n)
	}
	if c.leaderless != 0 && c.leaderless <= now {
		c.leaderless = 0
		c.placeLeaderless()
	}
}

// placeLeaderless asks for the leaders that are still wanted.
func (c *Core) placeLeaderless() {
	for _, t := range c.topics {
		for _, l := range t.lanes {
			if l.leader == nil && len(l.batches) > 0 {
				c.place(l)
			}
		}
	}
}

// Next is when Tick has something to do, or 0 for not before something happens.
func (c *Core) Next() time.Duration {
	next := c.open.Earliest
	if c.leaderless != 0 {
		next = batch.Sooner(next, c.leaderless)
	}
	for _, n := range c.Nodes {
		if l := n.lanes.FirstDue(); l != nil {
			next = batch.Sooner(next, l.place.Due())
		}
		if n.lanes.Ready() == 0 {
			continue
		}
		switch {
		case n.link == linkDown:
			next = batch.Sooner(next, n.retryAt)
		case n.link == linkUp && n.throttled > c.now:
			next = batch.Sooner(next, n.throttled)
		case n.link == linkUp && n.slots(c.Config.InFlightMax) > 0 && c.encoding < c.Config.Encoders:
			next = batch.Sooner(next, c.crowdedUntil(n))
		}
	}
	return next
}
