package fault

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is what goes wrong.
type Kind string

// What goes wrong with a broker. All but Reset last for Fault.For.
const (
	Kill      Kind = "kill"      // the process dies at once (SIGKILL), and is started again
	Stop      Kind = "stop"      // it ends in order (SIGTERM), and is started again
	Freeze    Kind = "freeze"    // it stands still (SIGSTOP), and goes on
	Isolate   Kind = "isolate"   // it reaches no other broker, while clients reach it
	Reset     Kind = "reset"     // its connections with the producer end
	Blackhole Kind = "blackhole" // what is sent to it and by it vanishes, and nobody is told
	Swallow   Kind = "swallow"   // it acts on requests, and its answers vanish
	Delay     Kind = "delay"     // its answers come N milliseconds late
	Refuse    Kind = "refuse"    // it takes no new connections
	Throttle  Kind = "throttle"  // its answers speak of N milliseconds of throttle time
	Deaf      Kind = "deaf"      // it does not answer requests other than Produce
)

// What goes wrong with a partition. Those that last do so for Fault.For.
const (
	Move       Kind = "move"        // broker N leads it from now on, if it is in sync
	Unclean    Kind = "unclean"     // broker N leads it from now on, though it is not in sync: what it lacks is lost
	Leaderless Kind = "leaderless"  // nobody leads it
	Lag        Kind = "lag"         // followers do not copy
	Expire     Kind = "expire"      // the brokers forget its producers
	Trim       Kind = "trim"        // the records below the high watermark are deleted
	Error      Kind = "error"       // the next batch is answered with code N, and not written
	ErrorAfter Kind = "error-after" // the next batch is written, and answered with code N
	Omit       Kind = "omit"        // the next batch is written, and left out of the answer
	Foreign    Kind = "foreign"     // another producer writes N records
)

// What goes wrong with a topic, and with the producer.
const (
	Recreate Kind = "recreate" // the topic is deleted, and another one made under its name
	Grow     Kind = "grow"     // it gets another partition
	Deny     Kind = "deny"     // the producer may not read it, from now on
	NoID     Kind = "no-id"    // no producer id is to be had, for Fault.For
)

// Fault is something that goes wrong.
type Fault struct {
	// At is when, in milliseconds after the run began.
	At int64 `json:"t"`
	// Target is what with: see Broker, Topic, Partition and Producer.
	Target string `json:"target"`
	Kind   Kind   `json:"kind"`
	// For is how long, in milliseconds; 0 where the kind does not last.
	For int64 `json:"for,omitempty"`
	// N is the number that the kind speaks of.
	N int64 `json:"n,omitempty"`
}

// Producer is the target of what concerns the producer as a whole.
const Producer = "producer"

// Broker is a broker as a target.
func Broker(id int32) string { return fmt.Sprintf("broker/%d", id) }

// Topic is a topic as a target.
func Topic(name string) string { return "topic/" + name }

// Partition is a partition as a target.
func Partition(topic string, number int32) string {
	return fmt.Sprintf("partition/%s/%d", topic, number)
}

// Time is At as a duration.
func (f *Fault) Time() time.Duration { return time.Duration(f.At) * time.Millisecond }

// Lasts is For as a duration.
func (f *Fault) Lasts() time.Duration { return time.Duration(f.For) * time.Millisecond }

// BrokerID is the broker that the fault is of, 0 if it is not a broker's.
func (f *Fault) BrokerID() int32 {
	if id, found := strings.CutPrefix(f.Target, "broker/"); found {
		n, _ := strconv.ParseInt(id, 10, 32)
		return int32(n)
	}
	return 0
}

// TopicName is the topic that the fault is of, or that its partition is of; "" if it is neither's.
func (f *Fault) TopicName() string {
	if name, found := strings.CutPrefix(f.Target, "topic/"); found {
		return name
	}
	name, _, _ := f.partition()
	return name
}

// PartitionNumber is the number of the partition that the fault is of, -1 if it is not a partition's.
func (f *Fault) PartitionNumber() int32 {
	if _, number, found := f.partition(); found {
		return number
	}
	return -1
}

func (f *Fault) partition() (topic string, number int32, found bool) {
	rest, found := strings.CutPrefix(f.Target, "partition/")
	i := strings.LastIndexByte(rest, '/')
	if !found || i < 0 {
		return "", -1, false
	}
	n, err := strconv.ParseInt(rest[i+1:], 10, 32)
	return rest[:i], int32(n), err == nil
}

// Plan is what goes wrong in a run, in the order of time.
type Plan []Fault

// Sort brings a plan into the order of time. Faults of one time stay in their order.
func (p Plan) Sort() {
	slices.SortStableFunc(p, func(a, b Fault) int { return int(a.At - b.At) })
}

// Write writes the plan as JSON lines.
func (p Plan) Write(w io.Writer) error {
	lines := json.NewEncoder(w)
	for i := range p {
		if err := lines.Encode(&p[i]); err != nil {
			return err
		}
	}
	return nil
}

// String is the plan as JSON lines.
func (p Plan) String() string {
	var b strings.Builder
	_ = p.Write(&b) // a Builder takes everything
	return b.String()
}

// Read reads a plan. Empty lines are passed over; the error names the line.
func Read(r io.Reader) (Plan, error) {
	var p Plan
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		var f Fault
		line := json.NewDecoder(strings.NewReader(text))
		line.DisallowUnknownFields()
		if err := line.Decode(&f); err != nil {
			return nil, fmt.Errorf("line %d: %q is no fault: %w", n, text, err)
		}
		if f.Kind == "" || f.Target == "" || f.At < 0 || f.For < 0 {
			return nil, fmt.Errorf("line %d: %q is no fault: want target, kind, and times of 0 or more", n, text)
		}
		p = append(p, f)
	}
	p.Sort()
	return p, lines.Err()
}
