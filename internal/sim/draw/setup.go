package draw

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/compress"
)

// Setup is the configuration of a schedule: of the producer, the cluster and the workload.
type Setup struct {
	Seed    uint64
	Client  Client
	Cluster Cluster
	Topics  []Topic
	Load    Load
}

// Client is the configuration of the producer. Its durations are in nanoseconds in JSON.
type Client struct {
	InFlightMax     int
	RequestBytesMax int
	BufferBytes     int64
	Encoders        int
	Retries         int // -1 for any number
	Halt            bool
	DeliveryTimeout time.Duration
	RequestTimeout  time.Duration
	// EpochsLeft is how many epochs the producer id has before its last one; -1 for all.
	EpochsLeft int16
}

// Cluster is the configuration of the brokers.
type Cluster struct {
	Nodes, MinInSync int
	// Stepwise lets followers copy within CopyMax; else they have everything at once.
	Stepwise bool
	CopyMax  time.Duration
	// TravelMax is how long a request or an answer is under way at most.
	TravelMax time.Duration
	// ServeMax is how long a broker takes for a request at most, before it reads the connection's next one.
	ServeMax time.Duration
	// AskMax is how long a request other than Produce takes each way at most.
	AskMax time.Duration
	// LagMax is replica.lag.time.max.ms, SessionMax how long the controller waits for a broker that it does not hear from.
	LagMax, SessionMax time.Duration
	// Unclean lets a broker lead that is not in sync.
	Unclean bool
	// Mute denies the producer to read.
	Mute bool
	// ByName is a cluster without topic ids; Old answers 59 to a producer that it does not know.
	ByName, Old bool
	// IDsFrom is when the brokers of a cluster without topic ids begin to tell them, after an upgrade; 0 for never.
	IDsFrom time.Duration
	// Late lets requests be read after their connection ended.
	Late bool
}

// Topic is the configuration of a topic.
type Topic struct {
	Name       string
	Partitions int
	Acks       int16
	Idempotent bool
	Codec      compress.Codec
	Linger     time.Duration
	BatchBytes int
	OneRecord  bool
	// BytesMax is max.message.bytes.
	BytesMax int
	// KeylessOf100 is how many records of 100 have no key, which a compacted topic refuses.
	KeylessOf100 int
	Compacted    bool
	// Aged topics have records of yesterday, so that brokers forget their producer at every check.
	Aged          bool
	LogAppendTime bool
}

// Load is what is written.
type Load struct {
	Records int
	Burst   int // records at once, at most
	// HotOf100 is how many records of 100 go to the first partition of the first topic.
	HotOf100 int
	// WaitersOf100 is how many records of 100 have somebody who waits for them.
	WaitersOf100 int
	Flushes      int
	// Close is when the producer is closed, 0 for never; CloseMax how long that may take.
	Close, CloseMax time.Duration
}

// FaultsEnd is when the last fault has begun and ended.
const FaultsEnd = 1500 * time.Millisecond

// Dice are a seed's choices.
type Dice struct{ *rand.Rand }

// NewDice returns the Dice of a seed for one purpose, so that one purpose's choices do not depend on another's.
func NewDice(seed, purpose uint64) Dice { return Dice{rand.New(rand.NewPCG(seed, purpose))} }

// Chance is true in so many of 100 cases.
func (d Dice) Chance(of100 int) bool { return d.IntN(100) < of100 }

// Within is a time up to limit.
func (d Dice) Within(limit time.Duration) time.Duration {
	return time.Duration(d.Int64N(int64(limit) + 1))
}

// Pick is one of some values.
func Pick[T any](d Dice, values ...T) T { return values[d.IntN(len(values))] }

// The purposes for which a seed draws. Of peers and links there are many: each has a number that begins there.
const (
	ForSetup = iota
	ForPlan
	ForLoad
	ForWorld
	ForClient
	ForMetadata
	ForUpgrade
	ForPeers = 16
	ForLinks = 1 << 20
)

// draw makes the configuration of a seed.
func draw(seed uint64) *Setup {
	d := NewDice(seed, ForSetup)
	s := &Setup{Seed: seed, Client: drawClient(d), Cluster: drawCluster(d), Load: drawLoad(d)}
	for i := range 1 + d.IntN(3) {
		s.Topics = append(s.Topics, drawTopic(d, i))
	}
	if d := NewDice(seed, ForUpgrade); s.Cluster.ByName && d.Chance(50) {
		s.Cluster.IDsFrom = 1 + d.Within(FaultsEnd)
	}
	if s.Client.EpochsLeft >= 0 { // another producer id fences nobody
		s.Cluster.Late = false
	}
	if s.Aged() { // see invariant 2, and DESIGN §4.3: nobody can find out, or tell a late request
		s.Cluster.Late, s.Cluster.Mute = false, false
	}
	return s
}

// Aged reports whether brokers may forget the producer.
func (s *Setup) Aged() bool {
	for i := range s.Topics {
		if s.Topics[i].Aged {
			return true
		}
	}
	return false
}

func drawClient(d Dice) Client {
	c := Client{
		InFlightMax: Pick(d, 1, 2, 5, 5, 5), RequestBytesMax: Pick(d, 2000, 6000, 20000), BufferBytes: Pick[int64](d, 128<<10, 256<<10, 1<<20),
		Encoders: Pick(d, 1, 2, 4), Retries: -1, Halt: d.Chance(15), DeliveryTimeout: 120 * time.Second,
		RequestTimeout: Pick[time.Duration](d, 150, 300, 300, 700) * time.Millisecond, EpochsLeft: -1,
	}
	if d.Chance(10) {
		c.Retries = d.IntN(4)
	}
	if d.Chance(30) {
		c.DeliveryTimeout = Pick[time.Duration](d, 100, 400, 1500) * time.Millisecond
	}
	if d.Chance(15) {
		c.EpochsLeft = int16(d.IntN(3))
	}
	return c
}

func drawCluster(d Dice) Cluster {
	c := Cluster{
		Nodes: Pick(d, 1, 3, 3, 3), MinInSync: 1 + d.IntN(2), Stepwise: d.Chance(50), CopyMax: Pick[time.Duration](d, 2, 10, 60) * time.Millisecond,
		LagMax: Pick[time.Duration](d, 200, 1000, 30_000) * time.Millisecond, SessionMax: Pick[time.Duration](d, 50, 200, 500) * time.Millisecond,
		Unclean: d.Chance(12), Mute: d.Chance(20), ByName: d.Chance(10), Old: d.Chance(8), Late: d.Chance(60), ServeMax: Pick[time.Duration](d, 0, 3, 30, 100) * time.Millisecond,
		TravelMax: Pick[time.Duration](d, 2, 10, 40) * time.Millisecond,
	}
	c.AskMax = Pick[time.Duration](d, 5, 50, 400) * time.Millisecond
	if c.Nodes == 1 {
		c.MinInSync, c.Stepwise = 1, false
	}
	return c
}

func drawTopic(d Dice, number int) Topic {
	t := Topic{
		Name: fmt.Sprintf("t%d", number), Partitions: 1 + d.IntN(3), Acks: -1, Idempotent: true,
		Linger: d.Within(15 * time.Millisecond), BatchBytes: Pick(d, 150, 400, 1500), OneRecord: d.Chance(5), BytesMax: 1 << 20,
		LogAppendTime: d.Chance(15), Compacted: d.Chance(15), Aged: d.Chance(10),
	}
	if number > 0 && d.Chance(50) {
		t.Idempotent, t.Acks, t.Aged = false, Pick[int16](d, -1, 1, 1, 0), false
	}
	if d.Chance(35) {
		t.Codec = Pick(d, compress.Snappy, compress.Snappy, compress.LZ4, compress.Gzip, compress.Zstd)
	}
	if d.Chance(10) {
		t.BytesMax = Pick(d, 500, 1200)
	}
	if t.Compacted {
		t.KeylessOf100 = Pick(d, 0, 2, 15)
	}
	return t
}

func drawLoad(d Dice) Load {
	l := Load{
		Records: Pick(d, 15, 50, 120, 250), Burst: Pick(d, 1, 5, 30), HotOf100: Pick(d, 0, 70), WaitersOf100: Pick(d, 0, 10, 50),
		Flushes: Pick(d, 0, 0, 3),
	}
	if d.Chance(30) {
		l.Close, l.CloseMax = 1+d.Within(FaultsEnd), Pick[time.Duration](d, 0, 200, 1000, 60_000)*time.Millisecond
	}
	return l
}
