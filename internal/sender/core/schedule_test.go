package core

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/backoff"
	"github.com/omnibus-kafka/omnibus/internal/batch"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/idempotence"
	"github.com/omnibus-kafka/omnibus/internal/sender/answers"
	"github.com/omnibus-kafka/omnibus/internal/settling"
	"github.com/omnibus-kafka/omnibus/internal/wire"
)

// How long a schedule plays, and how soon everything must have its outcome once nothing fails any more: long before the
// usual delivery timeout, so that a lane that is stuck shows.
const (
	faultsEnd  = 2 * time.Second
	settledMax = faultsEnd + 25*time.Second
	eventsMax  = 100_000
	workMax    = 15 * time.Millisecond // for a worker to compress a batch
)

// schedules is how many seeds are tried unless -seeds says otherwise.
const schedules = 1500

var (
	seed  = flag.Uint64("seed", 0, "play the random schedule of this seed alone")
	seeds = flag.Uint64("seeds", schedules, "how many random schedules are played")
)

// character is what a seed makes of a schedule: chances are in percent.
type character struct {
	drop, move, leaderless, hang, refuse, loseAnswer, sendFails, connectFails int
	idFails, poison, limit, flush, abort, zombies, restart, forget            int
	halt, mute                                                                bool
	burst, hot                                                                int
	deliveryTimeout                                                           time.Duration
	records                                                                   int
}

// schedule is one random run of the core against the model brokers.
type schedule struct {
	*stage
	seed      uint64
	random    *rand.Rand
	character character
	events    eventHeap
	order     uint64
	steps     int

	nodes       []*modelNode
	partitions  [][]*modelPartition // by topic and number
	producerID  int64
	compressor  *compress.Compressor
	compressing map[*batch.Batch]bool
	records     []sentRecord
	flushes     []chan struct{}
	told        []int // outcomes told, by record
	aborted     bool
	err         error // the first broken promise
}

// sentRecord is a record that was accepted.
type sentRecord struct {
	topic, partition int
	result           *batch.Result
	seat             int
}

// modelNode is a broker and the connection to it.
type modelNode struct {
	node        *Node
	link        int  // counts the connections
	up, closing bool // closing: the connection refuses, but the core does not know
	busyUntil   time.Duration
	answerUntil time.Duration
	hungUntil   time.Duration
	outstanding []*flight
}

// flight is a request on its way.
type flight struct {
	request *Request
	served  bool
	answers []answers.Answer // the broker's, by batch
}

// event is something that will happen.
type event struct {
	at    time.Duration
	order uint64
	run   func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || (h[i].at == h[j].at && h[i].order < h[j].order)
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

// TestRandomSchedulesKeepEveryPromise plays one schedule for each seed. A failure names its seed, which replays it:
//
//	go test ./internal/sender -run RandomSchedules -seed 17
func TestRandomSchedulesKeepEveryPromise(t *testing.T) {
	if *seed != 0 {
		if err := runSchedule(t, *seed); err != nil {
			t.Errorf("seed %d: %v", *seed, err)
		}
		return
	}
	failures, last := 0, *seeds
	if testing.Short() {
		last /= 5
	}
	for seed := uint64(1); seed <= last && failures < 5; seed++ {
		if err := runSchedule(t, seed); err != nil {
			t.Errorf("seed %d: %v", seed, err)
			failures++
		}
	}
}

// runSchedule plays the schedule of a seed and returns what went wrong.
func runSchedule(t testing.TB, seed uint64) (err error) {
	s := newSchedule(t, seed)
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("at %v: panic: %v\n%s", s.now, v, debug.Stack())
		}
	}()
	s.plan()
	s.play()
	if s.err != nil {
		return s.err
	}
	return s.judge()
}

func (s *schedule) chance(percent int) bool { return s.random.IntN(100) < percent }

// within is a random time up to limit.
func (s *schedule) within(limit time.Duration) time.Duration {
	return time.Duration(s.random.Int64N(int64(limit) + 1))
}

func (s *schedule) faulty() bool { return s.now < faultsEnd }

// broke notes a broken promise.
func (s *schedule) broke(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("at %v: %w", s.now, fmt.Errorf(format, args...))
	}
}

// trace writes down what happens when one seed is played with -v.
func (s *schedule) trace(format string, args ...any) {
	if *seed != 0 && testing.Verbose() {
		s.t.Logf("%v "+format, append([]any{s.now}, args...)...)
	}
}

// after makes something happen later.
func (s *schedule) after(wait time.Duration, run func()) {
	s.order++
	heap.Push(&s.events, event{s.now + wait, s.order, run})
}

func newSchedule(t testing.TB, seed uint64) *schedule {
	s := &schedule{stage: newStage(t, 256<<10), seed: seed, random: rand.New(rand.NewPCG(seed, 0)), producerID: 100, compressing: make(map[*batch.Batch]bool)}
	pick := func(values ...int) int { return values[s.random.IntN(len(values))] }
	s.character = character{
		drop: pick(0, 0, 2, 10), move: pick(0, 0, 2, 5), leaderless: pick(0, 30), hang: pick(0, 0, 2), refuse: pick(0, 0, 3, 15),
		loseAnswer: pick(0, 0, 3, 15), sendFails: pick(0, 30), connectFails: pick(0, 20), idFails: pick(0, 0, 20),
		poison: pick(0, 0, 3, 20), limit: pick(0, 0, 1), flush: pick(0, 2), abort: pick(0, 0, 0, 1), zombies: pick(0, 50), restart: pick(0, 5, 50), forget: pick(0, 0, 50), mute: s.chance(30),
		halt: s.chance(20), records: pick(20, 100, 300), burst: pick(1, 5, 30), hot: pick(0, 70),
		deliveryTimeout: time.Duration(pick(150, 600, 60_000, 60_000, 60_000)) * time.Millisecond,
	}
	retries := -1
	if s.chance(15) {
		retries = s.random.IntN(3)
	}
	backoff := backoff.Exponential{Min: 10 * time.Millisecond, Max: 150 * time.Millisecond}
	s.core = New(Config{
		InFlightMax: pick(1, 2, 5, 5), RequestBytesMax: pick(2000, 6000), Retries: retries, RetryBackoff: backoff, Reconnect: backoff,
		HaltOnFailure: s.character.halt, Encoders: pick(1, 2, 4), Refusal: refusal, Seed: seed,
	}, s)
	s.compressor, _ = compress.New(compress.Snappy, compress.Level{})
	s.addTopics()
	return s
}

// addTopics makes the topics: idempotent, idempotent and compressed, acks=1, acks=0.
func (s *schedule) addTopics() {
	linger := func() time.Duration { return s.within(20 * time.Millisecond) }
	configs := []TopicConfig{
		{Acks: -1, Idempotent: true},
		{Acks: -1, Idempotent: true, Codec: compress.Snappy},
		{Acks: 1},
		{Acks: 0},
	}
	for i, config := range configs {
		config.Linger, config.DeliveryTimeout = linger(), s.character.deliveryTimeout
		boarding := &accumulator.Settings{BatchBytes: 200 + s.random.IntN(600), BatchBytesMax: 4000, OneRecord: s.chance(5)}
		s.addTopic(fmt.Sprintf("topic%d", i), 2, config, boarding)
		s.partitions = append(s.partitions, nil)
		for range 2 {
			s.partitions[i] = append(s.partitions[i], &modelPartition{producers: make(map[int64]*modelProducer), leader: int32(s.random.IntN(3)), epoch: 1})
		}
	}
	brokers := make([]Broker, 3)
	for id := range brokers {
		brokers[id] = s.broker(int32(id), fmt.Sprintf("broker%d:9092", id))
	}
	s.core.Brokers(s.now, brokers)
	for _, n := range s.core.Nodes {
		s.nodes = append(s.nodes, &modelNode{node: n})
	}
}

// plan makes everything happen that does not follow from something else.
func (s *schedule) plan() {
	s.after(s.within(100*time.Millisecond), s.lead)
	for left := s.character.records; left > 0; {
		at := s.within(faultsEnd)
		for range min(left, 1+s.random.IntN(s.character.burst)) {
			s.after(at+s.within(20*time.Millisecond), s.produce)
			left--
		}
	}
	for at := time.Duration(0); at < faultsEnd; at += 20 * time.Millisecond {
		s.after(at, s.fault)
	}
	s.after(faultsEnd, s.mend)
	if s.chance(30) {
		s.after(s.within(faultsEnd), func() { s.core.Close(s.now) })
	}
}

// play lets happen what happens until nothing is left, or too much happened.
func (s *schedule) play() {
	for s.err == nil {
		next, timed := s.next()
		switch {
		case timed && (len(s.events) == 0 || next <= s.events[0].at):
			s.now = next
			s.core.Tick(s.now)
		case len(s.events) > 0:
			e := heap.Pop(&s.events).(event)
			s.now = e.at
			e.run()
		default:
			return
		}
		if s.steps++; s.steps > eventsMax {
			s.broke("the core does not come to rest")
		}
		if s.now > settledMax {
			if err := s.leak(); err != nil {
				s.broke("not settled long after the last fault: %w", err)
			}
			return
		}
	}
}

// produce appends a record.
func (s *schedule) produce() {
	topic, number := s.random.IntN(len(s.topics)), s.random.IntN(2)
	if s.chance(s.character.hot) {
		topic, number = 0, 0
	}
	id := len(s.records)
	value := make([]byte, 4+s.random.IntN(300))
	binary.BigEndian.PutUint32(value, uint32(id))
	place, err := s.board(s.topics[topic].acc.Partitions()[number], value, s.chance(10))
	if errors.Is(err, accumulator.ErrFull) {
		s.core.Pressure(s.now)
		return
	}
	if err == nil {
		s.records = append(s.records, sentRecord{topic, number, place.Result, int(place.Seat)})
		s.told = append(s.told, 0)
	} else if !errors.Is(err, ErrHalted) {
		s.broke("append: %w", err)
	}
	if s.chance(80) {
		s.news()
	} else {
		s.after(s.within(5*time.Millisecond), s.news)
	}
}

// lead tells the core the leaders as they are.
func (s *schedule) lead() {
	var news []Leader
	for i, topic := range s.partitions {
		for number, p := range topic {
			part := s.topics[i].acc.Partitions()[number]
			news = append(news, Leader{Partition: part, Leader: p.leader, Epoch: p.epoch, TopicID: [16]byte{byte(i + 1)}})
		}
	}
	s.trace("led %+v", s.leaders())
	s.core.Leaders(s.now, news)
}

// leaders lists the partitions' leaders.
func (s *schedule) leaders() (ids []int32) {
	for _, topic := range s.partitions {
		for _, p := range topic {
			ids = append(ids, p.leader)
		}
	}
	return ids
}

// fault lets something go wrong, or not.
func (s *schedule) fault() {
	c := &s.character
	n := s.nodes[s.random.IntN(len(s.nodes))]
	if s.chance(c.drop) {
		s.disconnectSoon(n)
		if s.chance(c.restart) {
			s.restart(n)
		}
	}
	if s.chance(c.forget) {
		s.forget(s.topics[s.random.IntN(2)].topic.lanes[s.random.IntN(2)])
	}
	if s.chance(c.hang) {
		n.hungUntil = s.now + s.within(800*time.Millisecond)
		link := n.link
		s.after(400*time.Millisecond, func() { // the request timeout
			if n.link == link && len(n.outstanding) > 0 {
				s.disconnectSoon(n)
			}
		})
	}
	if s.chance(c.move) {
		p := s.partitions[s.random.IntN(len(s.partitions))][s.random.IntN(2)]
		p.leader, p.epoch = int32(s.random.IntN(3)), p.epoch+1
		if s.chance(c.leaderless) {
			p.leader = -1
			s.after(s.within(300*time.Millisecond), func() { p.leader, p.epoch = int32(s.random.IntN(3)), p.epoch+1 })
		}
		if s.chance(50) {
			s.after(s.within(50*time.Millisecond), s.lead)
		}
	}
	if s.chance(c.flush) {
		done := make(chan struct{})
		s.flushes = append(s.flushes, done)
		s.news()
		s.core.Flush(s.now, done)
	}
	if c.abort > 0 && s.chance(c.abort) {
		s.aborted = true
		s.news()
		s.core.Abort(s.now, errors.New("aborted"))
	}
}

// forget lets the producer expire at a partition of which something is in doubt. A broker that forgets while a request is on its
// way, or finds an old one afterwards, takes what it has for new: nobody can help that, nor who may not read.
func (s *schedule) forget(l *Lane) {
	if l.doubt.Stage == settling.Unsettled && l.InFlight == 0 && s.character.zombies == 0 && !s.character.mute {
		s.partitionOfLane(l).forget()
	}
}

// restart leaves what a broker knows of producers to its snapshot.
func (s *schedule) restart(n *modelNode) {
	for _, topic := range s.partitions {
		for _, p := range topic {
			if p.leader == n.node.ID {
				p.restart()
			}
		}
	}
}

// Inquire is an effect.
func (s *schedule) Inquire(n *Node, l *Lane, ticket uint64, q settling.Question) {
	node := n.ID
	s.after(s.within(20*time.Millisecond), func() {
		p := s.partitionOfLane(l)
		e := p.describe(&q)
		switch {
		case p.leader != node || (s.faulty() && s.chance(10)):
			e = settling.Evidence{Err: errTestLost}
		case s.character.mute:
			e = settling.Evidence{Refused: true}
		}
		s.trace("%s: inquired %d: %+v", laneName(l), ticket, e)
		s.after(s.within(20*time.Millisecond), func() { s.core.Inquired(s.now, l, ticket, e) })
	})
}

// Lost is an effect.
func (s *schedule) Lost(l *Lane, loss settling.Loss) {
	s.broke("%s: false alarm: %+v", laneName(l), loss)
}

// mend ends all faults.
func (s *schedule) mend() {
	for _, topic := range s.partitions {
		for _, p := range topic {
			if p.leader < 0 {
				p.leader, p.epoch = 0, p.epoch+1
			}
		}
	}
	for _, n := range s.nodes {
		n.hungUntil = 0
	}
	s.after(0, s.lead)
}

// Connect is an effect.
func (s *schedule) Connect(n *Node) {
	m := s.nodes[n.ID]
	if m.up || m.closing {
		s.broke("connect to a node that is connected")
	}
	s.after(s.within(20*time.Millisecond), func() {
		if s.faulty() && s.chance(s.character.connectFails) {
			s.core.ConnectFailed(s.now, n)
			return
		}
		m.up, m.busyUntil, m.answerUntil = true, s.now, s.now
		m.link++
		s.core.Connected(s.now, n, nil)
	})
}

// Disconnect is an effect.
func (s *schedule) Disconnect(n *Node, _ error) { s.disconnectSoon(s.nodes[n.ID]) }

// disconnectSoon ends a connection: requests are refused at once, and the core hears of it a little later.
func (s *schedule) disconnectSoon(m *modelNode) {
	if !m.up || m.closing {
		return
	}
	m.closing = true
	wait := time.Duration(0)
	if s.chance(s.character.sendFails) {
		wait = s.within(30 * time.Millisecond)
	}
	s.after(wait, func() {
		m.link++
		s.trace("node %d: disconnected", m.node.ID)
		lost := m.outstanding
		m.outstanding = nil
		for _, f := range lost {
			written := f.served || s.chance(70)
			if written && !f.served && f.request.acks != 0 && s.chance(s.character.zombies) {
				s.haunt(f.request)
			}
			s.core.Done(s.now, f.request, 0, written, errTestLost)
		}
		m.up, m.closing = false, false
		s.core.Disconnected(s.now, m.node, s.chance(50))
	})
}

// haunt lets a broker find a lost request much later than its connection ended.
func (s *schedule) haunt(r *Request) {
	batches, node := s.read(r), r.Node.ID
	s.after(s.within(2*time.Second), func() {
		for i := range batches {
			b := &batches[i]
			num := s.core.topics[b.topic].lanes[b.partition].num
			if num == nil || num.ID().ID != b.header.ProducerID {
				continue // where epochs are used up, another producer id follows, which fences nobody
			}
			if s.partitionOf(b).leader == node {
				s.appendTo(b)
			}
		}
	})
}

// read reads a request as a broker does.
func (s *schedule) read(r *Request) []producedBatch {
	var batches []producedBatch
	for i := range r.Wire.Topics {
		topic := int(r.Wire.Topics[i].Name[len("topic")] - '0')
		for j := range r.Wire.Topics[i].Partitions {
			b, err := parseProduced(topic, &r.Wire.Topics[i].Partitions[j])
			if err != nil {
				s.broke("a request cannot be read: %w", err)
			}
			batches = append(batches, b)
		}
	}
	return batches
}

func (s *schedule) partitionOf(b *producedBatch) *modelPartition {
	return s.partitions[b.topic][b.partition]
}

// partitionOfLane is the model's partition of a lane.
func (s *schedule) partitionOfLane(l *Lane) *modelPartition {
	for i, t := range s.topics {
		if t.topic == l.Topic {
			return s.partitions[i][l.Part.Number]
		}
	}
	return nil
}

// appendTo lets the partition's leader append a batch.
func (s *schedule) appendTo(b *producedBatch) (int16, int64) {
	p := s.partitionOf(b)
	code, offset := p.append(b)
	if p.unproven {
		s.broke("a partition's numbers begin with sequence %d, epoch %d: the first batch was not alone", b.header.BaseSequence, b.header.ProducerEpoch)
	}
	return code, offset
}

// Send is an effect.
func (s *schedule) Send(n *Node, r *Request) bool {
	m := s.nodes[n.ID]
	if m.closing {
		return false
	}
	if !m.up {
		s.broke("a request was sent without a connection")
		return false
	}
	for _, p := range r.Batches {
		p.Batch.Seal()
		if p.Lane.indexOf(p.Batch) < 0 {
			s.broke("lane %s: a batch is sent that is not in it", laneName(p.Lane))
			return true
		}
		for _, b := range p.Lane.batches[:p.Lane.indexOf(p.Batch)] {
			if b.Sender.State == batch.Waiting && p.Batch != p.Lane.doubt.probe {
				s.broke("lane %s: a batch overtakes one that waits", laneName(p.Lane))
			}
		}
	}
	r.LayOut(1000)
	f := &flight{request: r, answers: make([]answers.Answer, len(r.Batches))}
	m.outstanding = append(m.outstanding, f)
	if len(m.outstanding) > s.core.Config.InFlightMax {
		s.broke("%d requests in flight", len(m.outstanding))
	}
	link := m.link
	m.busyUntil = max(m.busyUntil, s.now) + s.within(10*time.Millisecond)
	s.serveAt(m, f, link, m.busyUntil)
	return true
}

// serveAt lets the broker act on a request, unless it hangs.
func (s *schedule) serveAt(m *modelNode, f *flight, link int, at time.Duration) {
	s.after(at-s.now, func() {
		if m.link != link {
			return
		}
		if m.hungUntil > s.now {
			m.busyUntil = max(m.busyUntil, m.hungUntil)
			s.serveAt(m, f, link, m.hungUntil)
			return
		}
		s.serve(f)
		if s.faulty() && s.chance(s.character.loseAnswer) {
			s.disconnectSoon(m)
			return
		}
		m.answerUntil = max(m.answerUntil, s.now) + s.within(10*time.Millisecond)
		s.after(m.answerUntil-s.now, func() {
			if m.link == link {
				m.outstanding = slices.DeleteFunc(m.outstanding, func(other *flight) bool { return other == f })
				copy(f.request.answers, f.answers)
				var throttle time.Duration
				if s.faulty() && s.chance(s.character.refuse) {
					throttle = s.within(50 * time.Millisecond)
				}
				s.core.Done(s.now, f.request, throttle, true, nil)
			}
		})
	})
}

// serve is the broker at work.
func (s *schedule) serve(f *flight) {
	f.served = true
	for i, b := range s.read(f.request) {
		f.answers[i] = s.answer(&b, f.request.Node.ID)
		s.trace("node %d: topic%d/%d e%d s%d %d: code %d", f.request.Node.ID, b.topic, b.partition, b.header.ProducerEpoch,
			b.header.BaseSequence, b.records, f.answers[i].Code)
		if s.faulty() && s.chance(s.character.refuse/5) {
			f.answers[i] = answers.Answer{} // left out
		}
	}
}

// answer is what a broker says about a batch.
func (s *schedule) answer(b *producedBatch, node int32) answers.Answer {
	p := s.partitionOf(b)
	a := answers.Answer{Answered: true, Offset: -1, LogAppendTime: -1, Leader: -1, Epoch: -1}
	if p.leader != node {
		a.Code = answers.NotLeader
		if s.chance(50) && p.leader >= 0 {
			a.Leader, a.Epoch = p.leader, p.epoch
		}
		return a
	}
	if code := s.refuse(b, &a); code != answers.None {
		a.Code = code
		return a
	}
	a.Code, a.Offset = s.appendTo(b)
	if a.Code == answers.None && s.faulty() && s.chance(s.character.refuse/3) {
		after := []int16{answers.RequestTimedOut, answers.NotEnoughAfterAppend, answers.UnknownServerError, answers.NotLeader}
		a.Code, a.Offset = after[s.random.IntN(len(after))], -1
	}
	return a
}

// refuse decides whether the broker refuses a batch before it looks at its numbers.
func (s *schedule) refuse(b *producedBatch, a *answers.Answer) int16 {
	if limit := 1500 * s.character.limit; limit > 0 && b.bytes > limit {
		return answers.MessageTooLarge
	}
	for i, id := range b.records {
		if s.poisoned(id) {
			a.Errors = append(a.Errors, wire.RecordError{Index: int32(i), Message: "poison"})
		}
	}
	if len(a.Errors) > 0 {
		return answers.InvalidRecord
	}
	if s.faulty() && s.chance(s.character.refuse) {
		codes := []int16{
			answers.CorruptMessage, answers.UnknownTopic, answers.LeaderNotAvailable, answers.NotLeader, answers.RequestTimedOut, answers.MessageTooLarge,
			answers.NotEnoughReplicas, answers.StorageError, answers.UnknownLeaderEpoch, 29, 87, answers.UnknownServerError,
		}
		return codes[s.random.IntN(len(codes))]
	}
	return answers.None
}

// Encode is an effect.
func (s *schedule) Encode(r *Request, b *batch.Batch) {
	s.compressing[b] = true
	s.after(s.within(workMax), func() {
		delete(s.compressing, b)
		spare, _, err := b.Compress(s.compressor, nil)
		if err != nil {
			s.broke("compress: %w", err)
		}
		s.pool.Put(spare)
		b.Seal()
		s.core.Encoded(s.now, r)
	})
}

// Resolve is an effect.
func (s *schedule) Resolve(l *Lane, b *batch.Batch, o batch.Outcome) {
	s.trace("%s: %s resolved: %+v %+v", laneName(l), s.idsOf(b), o, o.Failure)
	if age := s.now - b.Created; age > s.character.deliveryTimeout+workMax {
		s.broke("told after %v, the delivery timeout is %v", age, s.character.deliveryTimeout)
	}
	if s.compressing[b] {
		s.broke("a batch was given back while a worker compresses it")
	}
	records, _, err := b.Records()
	if err != nil {
		s.broke("a resolved batch cannot be read: %w", err)
	}
	for _, r := range records {
		id := int(binary.BigEndian.Uint32(r.Value))
		s.told[id]++
		if s.told[id] > 1 {
			s.broke("record %d got a second outcome: %+v", id, o)
		}
	}
	s.tell(b, o)
}

// Refresh is an effect.
func (s *schedule) Refresh(string) { s.after(s.within(50*time.Millisecond), s.lead) }

// Hint is an effect.
func (s *schedule) Hint(*Request, Passenger, *answers.Answer) {
	s.after(s.within(5*time.Millisecond), s.lead)
}

// FetchID is an effect.
func (s *schedule) FetchID() {
	s.after(s.within(100*time.Millisecond), func() {
		if s.faulty() && s.chance(s.character.idFails) {
			s.core.ProducerID(s.now, idempotence.ProducerID{}, errors.New("refused"))
			return
		}
		s.producerID++
		id := idempotence.ProducerID{ID: s.producerID}
		if s.chance(30) {
			id.Epoch = 32767 - int16(s.random.IntN(3))
		}
		s.core.ProducerID(s.now, id, nil)
	})
}

func (s *schedule) Departed(l *Lane, b *batch.Batch, why batch.Reason) {
	s.trace("%s: %s leaves (%v), attempt %d", laneName(l), s.idsOf(b), why, b.Sender.Attempts+1)
}

func (s *schedule) Retried(l *Lane, b *batch.Batch, err error) {
	s.trace("%s: %s goes again: %v", laneName(l), s.idsOf(b), err)
}

func (s *schedule) Answered(r *Request, _ time.Duration, err error) {
	s.trace("node %d: answered, error %v", r.Node.ID, err)
}

// idsOf lists the records of a batch.
func (s *schedule) idsOf(b *batch.Batch) string {
	if *seed == 0 {
		return ""
	}
	var ids []int
	records, _, _ := b.Records()
	for _, r := range records {
		ids = append(ids, int(binary.BigEndian.Uint32(r.Value)))
	}
	return fmt.Sprintf("e%d s%d %d", b.Epoch(), b.Sequence(), ids)
}

// judge holds what was told against the logs.
func (s *schedule) judge() error {
	found := []error{s.leak()}
	complain := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	for i, done := range s.flushes {
		select {
		case <-done:
		default:
			complain("flush %d did not end", i)
		}
	}
	offsets := make([][]int, len(s.records)) // where a record stands, by id
	for topic, partitions := range s.partitions {
		for number, p := range partitions {
			last := -1
			for offset, id := range p.log {
				offsets[id] = append(offsets[id], offset)
				if id < last && s.topics[topic].topic.Config.Idempotent {
					complain("topic%d/%d: record %d stands behind %d", topic, number, id, last)
				}
				last = id
			}
		}
	}
	clean := s.clean()
	halted := make(map[*modelPartition]int)
	for id := range s.records {
		if err := s.judgeRecord(id, offsets[id], halted); err != nil {
			complain("record %d: %w", id, err)
		}
		r := &s.records[id]
		if f := r.result.Outcome(r.seat).Failure; f != nil && clean && !s.poisoned(id) {
			complain("record %d failed for nothing: %w", id, f.Err)
		}
	}
	return errors.Join(found...)
}

// clean reports whether nothing happened for which a sound record may fail: no time or attempts ran out, nobody gave up,
// and brokers refused nothing without cause. Lost connections and moving leaders are no excuse; but what is in doubt is not
// taken apart, so a culprit takes others of its batch with it when answers were lost as well.
func (s *schedule) clean() bool {
	c := &s.character
	lossless := c.drop == 0 && c.hang == 0 && c.move == 0 && c.loseAnswer == 0 && c.connectFails == 0
	return c.deliveryTimeout > settledMax && s.core.Config.Retries < 0 && !s.aborted && !c.halt && c.refuse == 0 && c.idFails == 0 &&
		(lossless || (c.poison == 0 && c.limit == 0))
}

// poisoned reports whether brokers refuse a record.
func (s *schedule) poisoned(id int) bool {
	return s.character.poison > 0 && id%(100/s.character.poison) == 0
}

// judgeRecord holds a record's outcome against its places in the log. halted has the first record of a partition that is
// missing there.
func (s *schedule) judgeRecord(id int, offsets []int, halted map[*modelPartition]int) error {
	r := &s.records[id]
	config := s.topics[r.topic].topic.Config
	p := s.partitions[r.topic][r.partition]
	if !r.result.Done(r.seat) || s.told[id] != 1 {
		return fmt.Errorf("told %d times", s.told[id])
	}
	if config.Idempotent && len(offsets) > 1 {
		return fmt.Errorf("stands at %v", offsets)
	}
	if first, ok := halted[p]; s.character.halt && config.Idempotent && ok && len(offsets) > 0 {
		return fmt.Errorf("overtook record %d, which failed", first)
	}
	o := r.result.Outcome(r.seat)
	switch {
	case o.Failure == nil && config.Acks == 0:
	case o.Failure == nil && len(offsets) == 0:
		return errors.New("acked, and not in the log")
	case o.Failure == nil && o.Offset >= 0 && !slices.Contains(offsets, int(o.Offset)):
		return fmt.Errorf("acked at offset %d, and stands at %v", o.Offset, offsets)
	case o.Failure != nil && o.Failure.NotWritten && len(offsets) > 0:
		return fmt.Errorf("not written (%w), and stands at %v", o.Failure.Err, offsets)
	case o.Failure != nil && len(offsets) == 0:
		if _, ok := halted[p]; !ok {
			halted[p] = id
		}
	}
	return nil
}
