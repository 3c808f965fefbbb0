package omnibus

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/omnibus-kafka/omnibus/internal/security"
)

const (
	// forever stands for any time that is longer than a Duration can count. Sums of two of them do not overflow.
	forever = time.Duration(math.MaxInt64 / 2)
	// javaIntMax is the longest time that Java's INT settings can say.
	javaIntMax = math.MaxInt32 * time.Millisecond
	// idempotentInFlightMax is how many batches of a producer a broker remembers per partition.
	idempotentInFlightMax = 5
	defaultClientID       = "omnibus"
)

// limit is the range and the default of one number in Config: the one place where they are said in code.
type limit[T int | int64 | time.Duration] struct {
	field    string
	javaName string
	at       func(*Config) *T
	def      T
	min, max T
	noneIs   T      // What None stands for.
	none     string // What None does, in words; "" means that None is an ordinary number.
}

// durationLimits and the other two tables hold every number of Config, in its order.
var durationLimits = []limit[time.Duration]{
	{"Linger", "linger.ms", func(c *Config) *time.Duration { return &c.Linger }, 5 * time.Millisecond, 0, forever, 0, "no lingering"},
	{"MaxBlock", "max.block.ms", func(c *Config) *time.Duration { return &c.MaxBlock }, time.Minute, 0, forever, 0, "never waiting"},
	{"DeliveryTimeout", "delivery.timeout.ms", func(c *Config) *time.Duration { return &c.DeliveryTimeout }, 2 * time.Minute, time.Millisecond, javaIntMax, 0, ""},
	{"RequestTimeout", "request.timeout.ms", func(c *Config) *time.Duration { return &c.RequestTimeout }, 30 * time.Second, time.Millisecond, javaIntMax, 0, ""},
	{"CloseTimeout", "omnibus.close.timeout.ms", func(c *Config) *time.Duration { return &c.CloseTimeout }, 30 * time.Second, 0, forever, 0, "not waiting"},
	{"RetryBackoff", "retry.backoff.ms", func(c *Config) *time.Duration { return &c.RetryBackoff }, 100 * time.Millisecond, 0, forever, 0, "no pause"},
	{"RetryBackoffMax", "retry.backoff.max.ms", func(c *Config) *time.Duration { return &c.RetryBackoffMax }, time.Second, 0, forever, 0, "no pause"},
	{"ReconnectBackoff", "reconnect.backoff.ms", func(c *Config) *time.Duration { return &c.ReconnectBackoff }, 50 * time.Millisecond, 0, forever, 0, "no pause"},
	{"ReconnectBackoffMax", "reconnect.backoff.max.ms", func(c *Config) *time.Duration { return &c.ReconnectBackoffMax }, time.Second, 0, forever, 0, "no pause"},
	{"ConnectTimeout", "socket.connection.setup.timeout.ms", func(c *Config) *time.Duration { return &c.ConnectTimeout }, 10 * time.Second, time.Millisecond, forever, 0, ""},
	{"ConnectTimeoutMax", "socket.connection.setup.timeout.max.ms", func(c *Config) *time.Duration { return &c.ConnectTimeoutMax }, 30 * time.Second, time.Millisecond, forever, 0, ""},
	{"ConnectionIdle", "connections.max.idle.ms", func(c *Config) *time.Duration { return &c.ConnectionIdle }, 9 * time.Minute, time.Millisecond, forever, None, "keeping idle connections"},
	{"MetadataMaxAge", "metadata.max.age.ms", func(c *Config) *time.Duration { return &c.MetadataMaxAge }, 5 * time.Minute, 0, forever, 0, "refreshing as often as RetryBackoff allows"},
	{"MetadataMaxIdle", "metadata.max.idle.ms", func(c *Config) *time.Duration { return &c.MetadataMaxIdle }, 5 * time.Minute, 5 * time.Second, forever, 0, ""},
	{"RebootstrapTrigger", "metadata.recovery.rebootstrap.trigger.ms", func(c *Config) *time.Duration { return &c.RebootstrapTrigger }, 5 * time.Minute, 0, forever, 0, "at once"},
	{"AvailabilityTimeout", "partitioner.availability.timeout.ms", func(c *Config) *time.Duration { return &c.AvailabilityTimeout }, 0, 0, forever, 0, ""},
}

var countLimits = []limit[int]{
	{"GzipLevel", "compression.gzip.level", func(c *Config) *int { return &c.GzipLevel }, -1, 1, 9, -1, "the library's own choice"},
	{"LZ4Level", "compression.lz4.level", func(c *Config) *int { return &c.LZ4Level }, 9, 1, 17, 0, ""},
	{"ZstdLevel", "compression.zstd.level", func(c *Config) *int { return &c.ZstdLevel }, 3, -131072, 22, 0, ""},
	{"BatchBytes", "batch.size", func(c *Config) *int { return &c.BatchBytes }, 16384, 1, math.MaxInt32, 1, "one record a batch"},
	// The default of BatchBytesMax hangs on other fields, see settings.sizes.
	{"BatchBytesMax", "omnibus.batch.size.max", func(c *Config) *int { return &c.BatchBytesMax }, 0, 1, math.MaxInt32, 0, ""},
	{"MaxRequestBytes", "max.request.size", func(c *Config) *int { return &c.MaxRequestBytes }, 1 << 20, 1, math.MaxInt32, 0, ""},
	{"MaxInFlight", "max.in.flight.requests.per.connection", func(c *Config) *int { return &c.MaxInFlight }, 5, 1, math.MaxInt32, 0, ""},
	{"Retries", "retries", func(c *Config) *int { return &c.Retries }, math.MaxInt32, 0, math.MaxInt32, 0, "no retry"},
	{"SendBufferBytes", "send.buffer.bytes", func(c *Config) *int { return &c.SendBufferBytes }, 512 << 10, 1, math.MaxInt32, None, "the operating system's size"},
	{"ReceiveBufferBytes", "receive.buffer.bytes", func(c *Config) *int { return &c.ReceiveBufferBytes }, 32 << 10, 1, math.MaxInt32, None, "the operating system's size"},
}

var byteLimits = []limit[int64]{
	{"BufferBytes", "buffer.memory", func(c *Config) *int64 { return &c.BufferBytes }, 32 << 20, 1, math.MaxInt64, 0, ""},
}

func durationLimit(javaName string) *limit[time.Duration] {
	return limitNamed(durationLimits, javaName)
}

func countLimit(javaName string) *limit[int] { return limitNamed(countLimits, javaName) }

func byteLimit(javaName string) *limit[int64] { return limitNamed(byteLimits, javaName) }

// limitNamed panics for a name that is not in the table: names are constants, and a test asks for each.
func limitNamed[T int | int64 | time.Duration](limits []limit[T], javaName string) *limit[T] {
	return &limits[slices.IndexFunc(limits, func(l limit[T]) bool { return l.javaName == javaName })]
}

// resolve makes a field's value literal: the default for 0, what None stands for if the field takes it.
func (l *limit[T]) resolve(v T) T {
	switch {
	case v == 0:
		return l.def
	case v == None && l.none != "":
		return l.noneIs
	default:
		return v
	}
}

// settings is a Config whose values are literal, 0 being 0, and in which Java's implicit rules were applied. None is
// left in four fields only: ConnectionIdle (never), SendBufferBytes and ReceiveBufferBytes (not asked for), GzipLevel
// (the library's choice). Brokers are plain "host:port" without duplicates, Logger is never nil.
// It is made once by Open and never changed, so it is shared without a lock.
type settings struct {
	Config
	connection *security.Connection // set by secure
	schemes    []string             // that stood before Brokers
	anyTopic   *topicSettings
	topics     map[string]*topicSettings
}

// newSettings checks c and resolves it. The notes say what else than was written is going to happen, and are for the
// log; the error is that of Validate.
func newSettings(c Config) (*settings, []Note, error) {
	s, notes := resolve(c)
	more, errs := s.secure()
	if err := errors.Join(check(&c, s), errors.Join(errs...)); err != nil {
		return nil, nil, err
	}
	return s, append(notes, more...), nil
}

// resolve never fails: what is wrong in c stays wrong in the result.
func resolve(c Config) (*settings, []Note) {
	s := &settings{Config: c}
	fill(&s.Config, durationLimits)
	fill(&s.Config, countLimits)
	fill(&s.Config, byteLimits)
	if s.ClientID == "" {
		s.ClientID = defaultClientID
	}
	if s.Logger == nil {
		s.Logger = slog.Default()
	}
	s.Interceptors = slices.Clone(c.Interceptors)
	s.Topics = maps.Clone(c.Topics)
	s.sizes(&c)
	notes := slices.Concat(s.brokers(&c), s.idempotence(), s.backoffs(&c), s.delivery(&c), s.partitioning())
	return s, append(notes, s.joinTopics()...)
}

func fill[T int | int64 | time.Duration](c *Config, limits []limit[T]) {
	for i := range limits {
		field := limits[i].at(c)
		*field = limits[i].resolve(*field)
	}
}

// brokers strips what stands in front of host:port and drops what says the same twice.
func (s *settings) brokers(asked *Config) []Note {
	var notes []Note
	s.Brokers = make([]string, 0, len(asked.Brokers))
	for _, address := range asked.Brokers {
		plain, err := plainAddress(address)
		if err != nil {
			continue // It is Validate's to report.
		}
		if slices.ContainsFunc(s.Brokers, func(b string) bool { return strings.EqualFold(b, plain) }) {
			notes = append(notes, Note{Name: "bootstrap.servers", Text: fmt.Sprintf("%s is named more than once and used once", plain)})
			continue
		}
		s.Brokers = append(s.Brokers, plain)
		if _, scheme, _ := withoutScheme(strings.TrimSpace(address)); scheme != "" && !slices.Contains(s.schemes, scheme) {
			s.schemes = append(s.schemes, scheme)
		}
	}
	return notes
}

// sizes gives BatchBytesMax its default, which hangs on three other fields.
func (s *settings) sizes(asked *Config) {
	switch {
	case asked.BatchBytesMax != 0:
	case asked.BatchBytes == None: // One record a batch is meant, in flight or not.
		s.BatchBytesMax = s.BatchBytes
	default:
		s.BatchBytesMax = max(s.BatchBytes, int(min(int64(s.MaxRequestBytes), s.BufferBytes/2)))
	}
}

// idempotence is Java's rule that acks and retries turn it off silently; here a note is left.
func (s *settings) idempotence() []Note {
	why := ""
	switch {
	case s.DisableIdempotence:
		return nil
	case s.Retries == 0:
		why = "retries=0 turns idempotence off"
	case s.Acks != AcksAll:
		why = fmt.Sprintf("acks=%s turns idempotence off", s.Acks)
	default:
		return nil
	}
	// A topic may ask for acks=all although the others do without; then the producer id is for it.
	s.DisableIdempotence = s.Retries == 0 || !slices.ContainsFunc(slices.Collect(maps.Values(s.Topics)), wantsAllAcks)
	return []Note{{Name: "enable.idempotence", Text: why + ": a retry may write a record twice or out of order; say enable.idempotence=false if that is meant"}}
}

func wantsAllAcks(t TopicConfig) bool { return t.Acks != nil && *t.Acks == AcksAll }

// backoffs is Java's rules for two times of which the first should not exceed the second.
func (s *settings) backoffs(asked *Config) []Note {
	if asked.ReconnectBackoff != 0 && asked.ReconnectBackoffMax == 0 {
		s.ReconnectBackoffMax = s.ReconnectBackoff
	}
	var notes []Note
	flatten := func(name string, base *time.Duration, most time.Duration) {
		if *base <= most {
			return
		}
		notes = append(notes, Note{Name: name, Text: fmt.Sprintf("%s is above its maximum: it is %s every time", plainDuration(*base), plainDuration(most))})
		*base = most
	}
	flatten("retry.backoff.ms", &s.RetryBackoff, s.RetryBackoffMax)
	flatten("reconnect.backoff.ms", &s.ReconnectBackoff, s.ReconnectBackoffMax)
	flatten("socket.connection.setup.timeout.ms", &s.ConnectTimeout, s.ConnectTimeoutMax)
	if s.MetadataMaxAge == 0 {
		s.MetadataMaxAge = max(s.RetryBackoff, time.Millisecond)
	}
	return notes
}

// delivery is Java's rule that a delivery timeout which nobody set gives way; one that was set is a mistake.
func (s *settings) delivery(asked *Config) []Note {
	least := s.Linger + s.RequestTimeout
	if asked.DeliveryTimeout != 0 || s.DeliveryTimeout >= least {
		return nil
	}
	s.DeliveryTimeout = least
	return []Note{{Name: "delivery.timeout.ms", Text: fmt.Sprintf("raised to %s, which is linger.ms plus request.timeout.ms", plainDuration(least))}}
}

// partitioning notes the settings of the default partitioner that stand beside another one, and an order that is
// asked for and not kept.
func (s *settings) partitioning() []Note {
	var notes []Note
	if s.Partitioner != nil && (s.IgnoreKeys || s.DisableAdaptive || s.AvailabilityTimeout > 0 || s.RackAware) {
		notes = append(notes, Note{Name: "partitioner.class", Text: "partitioner.ignore.keys, .adaptive.partitioning.enable, .availability.timeout.ms and .rack.aware concern the default partitioner only and have no effect"})
	}
	if s.HaltOnFailure && s.DisableIdempotence && s.MaxInFlight > 1 {
		notes = append(notes, Note{Name: "omnibus.halt.on.failure", Text: "without idempotence a batch in flight may be written after an earlier one failed; set max.in.flight.requests.per.connection=1 to prevent it"})
	}
	return notes
}

// joinTopics resolves every topic that Config.Topics names, in the order of their names.
func (s *settings) joinTopics() []Note {
	base := s.topicDefaults()
	s.anyTopic = &base
	s.topics = make(map[string]*topicSettings, len(s.Topics))
	var notes []Note
	for _, name := range slices.Sorted(maps.Keys(s.Topics)) {
		t, more := s.join(name, s.Topics[name])
		s.topics[name] = &t
		notes = append(notes, more...)
	}
	return notes
}

// plainDuration is d without the zero minutes and seconds that Duration.String appends.
func plainDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
