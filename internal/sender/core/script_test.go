package core

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

var update = flag.Bool("update", false, "write what the scripts do now into testdata")

// TestScripts plays the scripts in testdata. A script is a list of commands, a line of dashes, and what the core decided to
// do because of them:
//
//	append t/0 records=3
//	tick 5ms
//	----
//	5ms leave t/0 b1 linger
//	5ms send r1 n1 t/0 b1 epoch=0 seq=0 records=3
//
// The commands are the methods of script; time passes only in tick. `go test ./internal/sender -run Scripts -update` writes
// the outcome into the files: read it before you believe it.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts found", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) {
				t.Errorf("%s: the core does something else now:\n%s", file, difference(string(text), got))
			}
		})
	}
}

// play runs a script and returns it with its outcome.
func play(t *testing.T, text string) string {
	s := newScript(t)
	var out bytes.Buffer
	skipping := false // the old outcome
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "----":
			fmt.Fprintf(&out, "----\n%s", s.out.String())
			s.out.Reset()
			skipping = true
			continue
		case line == "":
			skipping = false
		case skipping:
			continue
		case !strings.HasPrefix(line, "#"):
			s.run(line)
		}
		fmt.Fprintln(&out, line)
	}
	if left := s.out.String(); left != "" {
		t.Errorf("behind the last block:\n%s", left)
	}
	return out.String()
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	at := 0
	for at < len(wants) && at < len(gots) && wants[at] == gots[at] {
		at++
	}
	excerpt := func(lines []string) string {
		return strings.Join(lines[max(at-3, 0):min(at+6, len(lines))], "\n\t")
	}
	return fmt.Sprintf("line %d\nwant\n\t%s\ngot\n\t%s", at+1, excerpt(wants), excerpt(gots))
}

// script is a core whose deeds are written down.
type script struct {
	*stage
	out        strings.Builder
	quiet      bool
	names      map[*batch.Batch]string
	batches    int
	sent       map[int]*Request // by number, until they are done
	numbers    map[*Request]int
	requests   int
	compresses map[string]*Request // by the name of the batch
	refusing   map[int32]bool      // nodes whose connection takes no request
	ready      map[*accumulator.Partition]int
	offsets    map[*accumulator.Partition]int64
	flushes    []chan struct{}
	tickets    map[*Lane]uint64 // of what was inquired last
	aged       bool             // records are old
}

func newScript(t *testing.T) *script {
	s := &script{
		stage: newStage(t, 1<<20), names: make(map[*batch.Batch]string), sent: make(map[int]*Request),
		numbers: make(map[*Request]int), compresses: make(map[string]*Request), refusing: make(map[int32]bool),
		ready: make(map[*accumulator.Partition]int), offsets: make(map[*accumulator.Partition]int64),
		tickets: make(map[*Lane]uint64),
	}
	s.fresh = func(b *batch.Batch) {
		s.batches++
		b.Aged = s.aged
		s.names[b] = fmt.Sprintf("b%d", s.batches)
	}
	s.core = New(Config{
		InFlightMax: 5, RequestBytesMax: 1 << 20, Retries: -1, Encoders: 2, Refusal: refusal,
		RetryBackoff: backoff.Exponential{Min: 100 * time.Millisecond, Max: time.Second}, Reconnect: backoff.Exponential{Min: 50 * time.Millisecond, Max: time.Second},
	}, s)
	return s
}

// command is a line of a script: a verb, words, and words with a value.
type command struct {
	t      testing.TB
	line   string
	verb   string
	words  []string
	values map[string]string
}

func (s *script) run(line string) {
	fields := strings.Fields(line)
	c := command{t: s.t, line: line, verb: fields[0], values: make(map[string]string)}
	for _, field := range fields[1:] {
		if key, value, ok := strings.Cut(field, "="); ok {
			c.values[key] = value
		} else {
			c.words = append(c.words, field)
		}
	}
	verbs := map[string]func(*command){
		"config": s.configure, "topic": s.topic, "id": s.id, "leader": s.leader, "broker": s.brokerAt, "warm": s.warm,
		"connected": s.connected, "connectfailed": s.connectFailed, "disconnected": s.disconnected, "refusing": s.refuses,
		"append": s.append, "tick": s.tick, "answer": s.answer, "lost": s.lost, "inquired": s.inquired, "encoded": s.encodedBatch,
		"flush": s.flush, "pressure": s.pressure, "hurry": s.hurry, "close": s.close, "abort": s.abort, "state": s.state, "end": s.end,
	}
	run, ok := verbs[c.verb]
	if !ok {
		s.t.Fatalf("%s: unknown command", line)
	}
	run(&c)
	for i, done := range s.flushes {
		select {
		case <-done:
			s.print("flushed f%d", i+1)
			s.flushes[i] = make(chan struct{})
		default:
		}
	}
}

// has reports whether a bare word is there.
func (c *command) has(word string) bool { return slices.Contains(c.words, word) }

// text is a value, or fallback.
func (c *command) text(key, fallback string) string {
	if v, ok := c.values[key]; ok {
		return v
	}
	return fallback
}

// number is a value, or fallback.
func (c *command) number(key string, fallback int) int {
	v, ok := c.values[key]
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		c.t.Fatalf("%s: %v", c.line, err)
	}
	return n
}

// duration is a value, or fallback.
func (c *command) duration(key string, fallback time.Duration) time.Duration {
	v, ok := c.values[key]
	if !ok {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		c.t.Fatalf("%s: %v", c.line, err)
	}
	return d
}

// print writes a line of the outcome.
func (s *script) print(format string, args ...any) {
	if !s.quiet {
		fmt.Fprintf(&s.out, "%v %s\n", s.now.Truncate(time.Millisecond), fmt.Sprintf(format, args...))
	}
}

// configure sets what the core decides by: inflight, crowd, request (bytes), retries, encoders, halt; and whether records are aged.
func (s *script) configure(c *command) {
	config := &s.core.Config
	config.InFlightMax = c.number("inflight", config.InFlightMax)
	config.Crowd = c.number("crowd", config.Crowd)
	config.RequestBytesMax = c.number("request", config.RequestBytesMax)
	config.Retries = c.number("retries", config.Retries)
	config.Encoders = c.number("encoders", config.Encoders)
	config.HaltOnFailure = config.HaltOnFailure || c.has("halt")
	s.aged = s.aged || c.has("aged")
}

// topic makes a topic, about which leaders are asked what they have if it says "asks". Its partitions are led by broker 1 in epoch 1, and a producer id is there, unless it says "bare".
func (s *script) topic(c *command) {
	codec := map[string]compress.Codec{"none": compress.None, "snappy": compress.Snappy}[c.text("codec", "none")]
	config := TopicConfig{
		Acks: int16(c.number("acks", -1)), Idempotent: !c.has("plain"), Codec: codec,
		Linger: c.duration("linger", 5*time.Millisecond), DeliveryTimeout: c.duration("delivery", 2*time.Minute),
	}
	boarding := &accumulator.Settings{BatchBytes: c.number("batch", 16384), BatchBytesMax: c.number("max", 1<<20), OneRecord: c.has("single")}
	// The scripts about other things have a client that may only write, and settles what is in doubt by sending it again.
	t := s.addTopic(c.words[0], c.number("partitions", 1), config, boarding)
	t.topic.mute = !c.has("asks")
	if c.has("bare") {
		return
	}
	s.core.ProducerID(s.now, idempotence.ProducerID{ID: 7}, nil)
	s.core.Brokers(s.now, []Broker{s.broker(1, "one:9092"), s.broker(2, "two:9092")})
	for i := range t.acc.Partitions() {
		s.run(fmt.Sprintf("leader %s/%d", c.words[0], i))
	}
}

// partition finds "topic/number".
func (s *script) partition(name string) *accumulator.Partition {
	topic, number, _ := strings.Cut(name, "/")
	for _, t := range s.topics {
		if n, err := strconv.Atoi(number); err == nil && t.topic.Name == topic {
			return t.acc.Partitions()[n]
		}
	}
	s.t.Fatalf("no partition %q", name)
	return nil
}

// node finds the broker of n=.
func (s *script) node(c *command) *Node {
	n := s.core.node(int32(c.number("n", 1)))
	if n == nil {
		s.t.Fatalf("%s: no such broker", c.line)
	}
	return n
}

// id gives the core a producer id and epoch, or refuses it.
func (s *script) id(c *command) {
	if c.has("refused") {
		s.core.ProducerID(s.now, idempotence.ProducerID{}, errors.New("no id for you"))
		return
	}
	s.core.ProducerID(s.now, idempotence.ProducerID{ID: int64(c.number("id", 7)), Epoch: int16(c.number("epoch", 0))}, nil)
}

// broker names a broker's address: n, address.
func (s *script) brokerAt(c *command) {
	s.core.Brokers(s.now, []Broker{s.broker(int32(c.number("n", 1)), c.text("address", "one:9092"))})
}

// leader names a partition's leader: n (-1 for none), epoch, life (of the topic, which gets another id with each, or none if it
// is "unnamed").
func (s *script) leader(c *command) {
	p := s.partition(c.words[0])
	id := [16]byte{byte(c.number("life", 1))}
	if copy(id[1:], p.Topic.Name); c.has("unnamed") {
		id = [16]byte{}
	}
	s.core.Leaders(s.now, []Leader{{Partition: p, Leader: int32(c.number("n", 1)), Epoch: int32(c.number("epoch", 1)), TopicID: id}})
}

// warm has the first batch of each partition acknowledged, and writes nothing of it.
func (s *script) warm(c *command) {
	s.quiet = true
	batches, requests := s.batches, s.requests
	for _, name := range c.words {
		s.run("append " + name + " waiter")
		if n := s.partition(name).Sender.(*Lane).leader; n.link != linkUp {
			s.run(fmt.Sprintf("connected n=%d", n.ID))
		}
		for name := range s.compresses {
			s.run("encoded " + name)
		}
		s.run(fmt.Sprintf("answer r=%d", s.requests))
	}
	s.batches, s.requests, s.quiet = batches, requests, false
}

// connected, connectfailed and disconnected (peaceful) tell of the connection to n.
func (s *script) connected(c *command) { s.core.Connected(s.now, s.node(c), nil) }

func (s *script) connectFailed(c *command) {
	n := s.node(c)
	n.LastErr = errTestLost
	s.core.ConnectFailed(s.now, n)
}

func (s *script) disconnected(c *command) {
	n := s.node(c)
	s.refusing[n.ID] = false
	s.core.Disconnected(s.now, n, c.has("peaceful"))
}

// refusing makes the connection to n take no more requests: it has begun to close.
func (s *script) refuses(c *command) { s.refusing[s.node(c).ID] = true }

// append appends records of size bytes to a partition: the last one waits for its outcome with "waiter".
func (s *script) append(c *command) {
	p, records := s.partition(c.words[0]), c.number("records", 1)
	for i := range records {
		value := bytes.Repeat([]byte{byte(i)}, c.number("size", 100))
		if _, err := s.board(p, value, c.has("waiter") && i == records-1); err != nil {
			s.print("refused %s: %v", c.words[0], err)
		}
	}
	if !c.has("untold") {
		s.news()
	}
}

// tick lets time pass, and the core act whenever it wanted to.
func (s *script) tick(c *command) {
	wait, err := time.ParseDuration(c.words[0])
	if err != nil {
		s.t.Fatalf("%s: %v", c.line, err)
	}
	end := s.now + wait
	for range 1000 {
		next, ok := s.next()
		if !ok || next > end {
			s.now = end
			return
		}
		s.now = next
		s.core.Tick(s.now)
	}
	s.t.Fatalf("%s: the core does not come to rest", c.line)
}

// answer answers the request r. Each partition is accepted unless it has a code of its own, t/0=6, or "t/0=none" for a hole
// in the answer; code, offset, leader, epoch, throttle and records (index:message,…) go for all.
func (s *script) answer(c *command) {
	r := s.take(c)
	for i, p := range r.Batches {
		code := c.text(laneName(p.Lane), c.text("code", "0"))
		if code == "none" {
			continue
		}
		n, err := strconv.Atoi(code)
		if err != nil {
			s.t.Fatalf("%s: %v", c.line, err)
		}
		a := answers.Answer{Answered: true, Code: int16(n), Offset: -1, LogAppendTime: -1, Leader: int32(c.number("leader", -1)), Epoch: int32(c.number("epoch", -1))}
		if n == answers.None {
			a.Offset = s.offsets[p.Lane.Part]
			s.offsets[p.Lane.Part] += int64(p.Batch.Count())
		}
		for _, text := range strings.Split(c.text("records", ""), ",") {
			if index, message, ok := strings.Cut(text, ":"); ok {
				n, _ := strconv.Atoi(index)
				a.Errors = append(a.Errors, wire.RecordError{Index: int32(n), Message: message})
			}
		}
		r.answers[i] = a
	}
	s.core.Done(s.now, r, c.duration("throttle", 0), true, nil)
}

// lost ends the request r without an answer; "unwritten" if the broker cannot have seen any of it.
func (s *script) lost(c *command) {
	s.core.Done(s.now, s.take(c), 0, !c.has("unwritten"), errTestLost)
}

// inquired answers what was inquired last about a lane: "refused", "failed", or what the leader has: epoch and last unless it
// "forgot"; own (sequence:offset,…, of epoch) if the log was read, "removed" if that is not all there was; from and to of a loss.
// "stale" has another ticket.
func (s *script) inquired(c *command) {
	l := s.partition(c.words[0]).Sender.(*Lane)
	e := settling.Evidence{Refused: c.has("refused"), Remembered: !c.has("forgot") && !c.has("refused") && !c.has("failed")}
	e.Epoch, e.Last = int16(c.number("epoch", 0)), int32(c.number("last", -1))
	if c.has("failed") {
		e.Err = errTestLost
	}
	if own, read := c.values["own"]; read {
		e.Read, e.Removed = true, c.has("removed")
		for _, text := range strings.Split(own, ",") {
			if first, offset, ok := strings.Cut(text, ":"); ok {
				f, _ := strconv.Atoi(first)
				o, _ := strconv.Atoi(offset)
				e.Own = append(e.Own, settling.Own{Epoch: e.Epoch, First: int32(f), Offset: int64(o)})
			}
		}
	}
	if _, lost := c.values["from"]; lost {
		e.Loss = &settling.Loss{From: int64(c.number("from", 0)), To: int64(c.number("to", 0))}
	}
	ticket := s.tickets[l]
	if c.has("stale") {
		ticket--
	}
	s.core.Inquired(s.now, l, ticket, e)
}

// take is the request of r=, which is done now.
func (s *script) take(c *command) *Request {
	n := c.number("r", 0)
	r := s.sent[n]
	if r == nil {
		s.t.Fatalf("%s: no such request", c.line)
	}
	delete(s.sent, n)
	delete(s.numbers, r)
	return r
}

// encoded ends the compression of a batch.
func (s *script) encodedBatch(c *command) {
	name := c.words[0]
	r := s.compresses[name]
	if r == nil {
		s.t.Fatalf("%s: no such batch", c.line)
	}
	delete(s.compresses, name)
	compressor, _ := compress.New(compress.Snappy, compress.Level{})
	for _, p := range r.Batches {
		if s.names[p.Batch] == name {
			spare, _ := p.Batch.Compress(compressor, new(batch.Scratch))
			s.pool.Put(spare)
		}
	}
	s.core.Encoded(s.now, r)
}

// flush, pressure, hurry (of a partition), close and abort are what callers do.
func (s *script) flush(*command) {
	done := make(chan struct{})
	s.flushes = append(s.flushes, done)
	s.core.Flush(s.now, done)
}

func (s *script) pressure(*command) { s.core.Pressure(s.now) }

func (s *script) hurry(c *command) {
	s.partition(c.words[0]).Hurry()
	s.news()
}

func (s *script) close(*command) { s.core.Close(s.now) }

func (s *script) abort(*command) { s.core.Abort(s.now, errors.New("producer closed")) }

// state writes down what the core has in hand.
func (s *script) state(*command) {
	links := []string{"down", "connecting", "up", "closing"}
	for _, n := range s.core.Nodes {
		s.print("node %d %s unanswered=%d departing=%d ready=%d lingering=%d", n.ID, links[n.link], n.unanswered, len(n.departures), n.lanes.Ready(), n.lanes.Lingering())
	}
	for _, t := range s.core.topics {
		for _, l := range t.lanes {
			var names []string
			for _, b := range l.batches {
				states := []string{"building", "waiting", "departing", "in flight", "resolved"}
				names = append(names, s.name(b)+" "+states[b.Sender.State])
			}
			s.print("lane %s [%s] in flight %d, full at %d", laneName(l), strings.Join(names, ", "), l.InFlight, s.ready[l.Part])
		}
	}
	if next, ok := s.next(); ok {
		s.print("next in %v", (next - s.now).Truncate(time.Millisecond))
	}
}

// end checks that nothing is left: no batch, no request, no memory.
func (s *script) end(*command) {
	if err := s.leak(); err != nil {
		s.print("left over: %v", err)
	}
}

// name is what the script calls a batch: b1, or b1.2 for the second part of b1.
func (s *script) name(b *batch.Batch) string {
	if s.names[b] == "" {
		whole := s.name(b.Whole())
		parts := 1
		for slices.Contains(slices.Collect(maps.Values(s.names)), fmt.Sprintf("%s.%d", whole, parts)) {
			parts++
		}
		s.names[b] = fmt.Sprintf("%s.%d", whole, parts)
	}
	return s.names[b]
}
