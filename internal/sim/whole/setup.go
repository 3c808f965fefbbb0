package whole

import (
	"time"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/internal/compress"
	"github.com/omnibus-kafka/omnibus/internal/sim/draw"
	"github.com/omnibus-kafka/omnibus/internal/sim/fault"
)

// Setup is the configuration of a schedule: what package draw makes, and what the whole producer has besides.
type Setup struct {
	draw.Setup
	Whole Whole
}

// Whole is what only the whole producer has.
type Whole struct {
	Writers int
	// Records is how many are written, PayloadMax how many bytes they have besides their stamp at most.
	Records, PayloadMax int
	// KeyedOf100 is how many bursts of 100 leave the partition to the partitioner.
	KeyedOf100 int
	// WindowBytes is how much of what was written to a connection may be under way.
	WindowBytes int
	// TornOf100 is how many chunks of 100 arrive in pieces.
	TornOf100 int
	MaxBlock  time.Duration
	Idle      time.Duration
	// SlowEvery is how many callbacks lie between two that take their time; 0 for none that does.
	SlowEvery uint32
	// MaxAge is how old metadata may get.
	MaxAge time.Duration
	// Undescribed brokers do not know DescribeProducers.
	Undescribed bool
	// NoIdempotence turns idempotence off for all topics.
	NoIdempotence bool
	// Strangers is true where topics are not named in Config.Topics, so that their first record looks them up.
	Strangers bool
}

// The purposes for which this package draws; see draw.ForSetup.
const (
	forWhole   = 8
	forAge     = 9
	forWriters = 64
)

// Plan makes the configuration of a seed, and the plan of what goes wrong.
func Plan(seed uint64) (*Setup, fault.Plan) {
	core, plan := draw.Plan(seed)
	s := &Setup{Setup: *core}
	d := draw.NewDice(seed, forWhole)
	s.Whole = Whole{
		Writers: draw.Pick(d, 1, 1, 2, 4), Records: draw.Pick(d, 50, 300, 1000, 2000, 5000, 12_000), PayloadMax: draw.Pick(d, 10, 60, 60, 400),
		KeyedOf100: draw.Pick(d, 0, 0, 30), WindowBytes: draw.Pick(d, 1<<10, 8<<10, 64<<10), TornOf100: draw.Pick(d, 0, 5, 50),
		MaxBlock: draw.Pick[time.Duration](d, 60_000, 60_000, 60_000, 50) * time.Millisecond,
		Idle:     draw.Pick[time.Duration](d, 540_000, 540_000, 300) * time.Millisecond, NoIdempotence: d.Chance(8), Strangers: d.Chance(20),
	}
	s.Whole.SlowEvery = draw.Pick[uint32](d, 0, 0, 20, 300)
	s.fit(d)
	d = draw.NewDice(seed, forAge)
	s.Whole.MaxAge, s.Whole.Undescribed = draw.Pick[time.Duration](d, 10_000, 10_000, 200)*time.Millisecond, d.Chance(10) && !s.Aged()
	return s, plan
}

// lingerDefault is omnibus's, which must fit too.
const lingerDefault = 5 * time.Millisecond

// windowsMax is in how many windows the largest request goes over a connection: more would take longer than its timeout.
const windowsMax = 4

// fit makes the core's configuration one that the whole producer can have, and large where there is much to write.
func (s *Setup) fit(d draw.Dice) {
	c := &s.Client
	if c.Retries == 0 {
		c.Retries = 1 // none turns idempotence off
	}
	if s.Whole.Records > 500 {
		c.RequestBytesMax, c.BufferBytes = draw.Pick(d, 20_000, 60_000, 1<<20), draw.Pick[int64](d, 256<<10, 1<<20, 32<<20)
		s.Cluster.ServeMax = min(s.Cluster.ServeMax, 10*time.Millisecond)
	}
	s.Whole.WindowBytes = max(s.Whole.WindowBytes, c.RequestBytesMax/windowsMax)
	for i := range s.Topics {
		t := &s.Topics[i]
		if first := &s.Topics[0]; s.Whole.Strangers { // one configuration holds for all
			t.Acks, t.Codec, t.Linger, t.OneRecord, t.BatchBytes = first.Acks, first.Codec, first.Linger, first.OneRecord, first.BatchBytes
		}
		if s.Whole.Records > 500 && (i == 0 || !s.Whole.Strangers) {
			t.BatchBytes, t.OneRecord = draw.Pick(d, 1500, 4000, 16<<10), false
			t.BytesMax = max(t.BytesMax, 4*s.Whole.PayloadMax)
		}
		t.Idempotent = t.Acks == -1 && !s.Whole.NoIdempotence // as omnibus has it
		c.DeliveryTimeout = max(c.DeliveryTimeout, max(t.Linger, lingerDefault)+c.RequestTimeout)
	}
}

// pauseMin and pauseMax are what the producer waits before it tries again.
const (
	pauseMin = 10 * time.Millisecond
	pauseMax = 150 * time.Millisecond
)

// config is the producer's configuration.
func (s *Setup) config() omnibus.Config {
	c := &s.Client
	out := omnibus.Config{
		DisableIdempotence: s.Whole.NoIdempotence, MaxRequestBytes: c.RequestBytesMax, BufferBytes: c.BufferBytes, MaxInFlight: c.InFlightMax,
		BatchBytes: min(16<<10, c.RequestBytesMax), MaxBlock: s.Whole.MaxBlock, DeliveryTimeout: c.DeliveryTimeout,
		RequestTimeout: c.RequestTimeout, Retries: max(c.Retries, 0), HaltOnFailure: c.Halt,
		RetryBackoff: pauseMin, RetryBackoffMax: pauseMax, ReconnectBackoff: pauseMin, ReconnectBackoffMax: pauseMax,
		ConnectTimeout: c.RequestTimeout, ConnectTimeoutMax: 2 * c.RequestTimeout, ConnectionIdle: s.Whole.Idle,
		MetadataMaxAge: s.Whole.MaxAge, Topics: make(map[string]omnibus.TopicConfig),
	}
	if s.Whole.Strangers {
		own := configOf(&s.Topics[0])
		out.Acks, out.Compression, out.Linger, out.BatchBytes = *own.Acks, *own.Compression, own.Linger, own.BatchBytes
		return out
	}
	for i := range s.Topics {
		out.Topics[s.Topics[i].Name] = configOf(&s.Topics[i])
	}
	return out
}

// configOf is what differs for a topic.
func configOf(t *draw.Topic) omnibus.TopicConfig {
	acks := map[int16]omnibus.Acks{-1: omnibus.AcksAll, 1: omnibus.AcksLeader, 0: omnibus.AcksNone}[t.Acks]
	codec := map[compress.Codec]omnibus.Compression{
		compress.Gzip: omnibus.CompressionGzip, compress.Snappy: omnibus.CompressionSnappy,
		compress.LZ4: omnibus.CompressionLZ4, compress.Zstd: omnibus.CompressionZstd,
	}[t.Codec]
	out := omnibus.TopicConfig{Acks: &acks, Compression: &codec, Linger: max(t.Linger, 1), BatchBytes: t.BatchBytes}
	if t.OneRecord {
		out.BatchBytes = omnibus.None
	}
	return out
}
