package omnibus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/omnibus-kafka/omnibus/internal/security"
)

// None is Java's 0 (for a few fields Java's -1) in a Config field whose own zero means "the default": Linger: None
// means no lingering, Retries: None means no retry. A field that takes None says so; the others refuse it.
const None = -1

// Config says where the cluster is and how records travel to it. The zero value plus Brokers is a sound production
// configuration: every replica's acknowledgement, no duplicates, bounded memory, bounded time.
//
// The zero value of a field means its default, and the defaults are those of Kafka's Java producer 4.4 wherever that
// has the setting. Each field names its Java setting, which is also its name in a .properties file (ParseProperties)
// and for Set. The few settings that Java does not have are called "omnibus.…" there.
//
// Open checks a Config as Validate does, and copies it: what is changed afterwards has no effect.
type Config struct {
	// Brokers are the addresses of first contact, each "host:port", an IPv6 address in brackets ("[::1]:9092"). Two or
	// three are enough: the cluster names the rest. "PLAINTEXT://" in front is accepted. Required. No default.
	// Java: bootstrap.servers.
	Brokers []string
	// ClientID names this program in the brokers' logs, metrics and quotas; at most 32767 bytes. Default "omnibus",
	// where Java numbers its producers. Programs that share a ClientID share its quota. Java: client.id.
	ClientID string

	// Acks says whose word makes a record acknowledged. Default AcksAll: the leader and every in-sync replica.
	// AcksLeader saves a replication round trip and loses acknowledged records when a leader dies. AcksNone asks nobody:
	// no offset, and losses go unseen. Anything but AcksAll turns idempotence off. Java: acks.
	Acks Acks
	// DisableIdempotence lets a retry write a record twice and lets a later batch overtake it. It saves next to
	// nothing; it is there for brokers that refuse idempotent producers. Default false.
	// Java: enable.idempotence=false.
	DisableIdempotence bool
	// RequireIdempotence makes it a mistake, not a note, when Acks or Retries turn idempotence off. Default false.
	// Java: enable.idempotence=true, said explicitly.
	RequireIdempotence bool

	// Compression is the codec of a batch. Default CompressionNone. LZ4 and zstd at their default level cost less than
	// the network they save on most text; a batch that does not shrink is sent as it is. Java: compression.type.
	Compression Compression
	// GzipLevel, from 1 (fast) to 9 (small), holds where the codec is gzip. Default -1, which is the library's own
	// choice; None says the same. Java: compression.gzip.level.
	GzipLevel int
	// LZ4Level, from 1 (fast) to 17 (small), holds where the codec is LZ4. Default 9. Java: compression.lz4.level.
	LZ4Level int
	// ZstdLevel, from -131072 (fast) to 22 (small), holds where the codec is zstd. Default 3, which is also what 0 means
	// to zstd itself. -1 is a level here and not None. Java: compression.zstd.level.
	ZstdLevel int

	// BatchBytes is the size, before compression, at which a partition's batch is full and leaves without lingering
	// while nothing of that partition is in flight. Range 1 to 2147483647. Default 16384 (16 KiB); None for one record a
	// batch. Larger batches cost latency at low rates and save CPU at high ones. Java: batch.size.
	BatchBytes int
	// BatchBytesMax is the most that a busy partition's batch grows to, in bytes before compression: with requests in
	// flight a batch goes on boarding beyond BatchBytes, because it could not leave anyway. Range BatchBytes to the
	// larger of MaxRequestBytes and BatchBytes, and at most BufferBytes. Default: MaxRequestBytes, but no more than half
	// of BufferBytes and no less than BatchBytes. Equal to BatchBytes it is Java's strict rule.
	// Java: none; omnibus.batch.size.max.
	BatchBytesMax int
	// Linger is the longest an enqueued record waits for company while nobody waits for its outcome; a Send, a Wait or a
	// Flush ends it at once. Range 0 and more. Default 5ms; None for no lingering. More of it makes fewer and larger
	// batches at low rates. Java: linger.ms.
	Linger time.Duration
	// BufferBytes is the memory for records that no broker has acknowledged yet, in bytes, compressed and not. When it
	// is used up, Enqueue waits up to MaxBlock for room. Range BatchBytes and more. Default 33554432 (32 MiB).
	// Java: buffer.memory.
	BufferBytes int64
	// MaxRequestBytes is the largest record, before compression, and the size up to which batches for one broker share
	// a request, in bytes. Brokers have a limit of their own (message.max.bytes); raise both together. Range 1 to
	// 2147483647. Default 1048576 (1 MiB). Java: max.request.size.
	MaxRequestBytes int
	// MaxInFlight is the number of unanswered Produce requests for each broker. Range 1 and more, and at most 5 with
	// idempotence, because a broker remembers the last five batches of a producer. Default 5. Fewer cost throughput
	// over long distances. While 256 batches or more are on their way to a broker, its next request waits, for up to 4 ms.
	// Java: max.in.flight.requests.per.connection.
	MaxInFlight int

	// MaxBlock bounds how long Send and Enqueue wait for a topic's metadata and for room in the buffer, together.
	// Range 0 and more. Default 1m; None for never waiting. The call's context may end the wait sooner.
	// Java: max.block.ms.
	MaxBlock time.Duration
	// DeliveryTimeout bounds the time from a record's acceptance to its outcome, retries and lingering included. Range
	// 1ms to 2147483647ms (24 days), and at least Linger plus RequestTimeout; where it was left to its default it is
	// raised to that sum, with a note. Default 2m. Java: delivery.timeout.ms.
	DeliveryTimeout time.Duration
	// RequestTimeout is how long a broker may take over one request; then its connection is closed and the request's
	// batches are tried again. Range 1ms to 2147483647ms. Default 30s. Java: request.timeout.ms.
	RequestTimeout time.Duration
	// CloseTimeout bounds Close, which waits for what was accepted; Shutdown(ctx) is bounded by its context instead.
	// Range 0 and more. Default 30s; None for failing at once whatever is unsent.
	// Java: none, its close() waits for ever; omnibus.close.timeout.ms.
	CloseTimeout time.Duration

	// Retries is how often a batch is tried again after an error that may pass. Range 0 to 2147483647. Default
	// 2147483647, so that DeliveryTimeout alone decides; None for no retry, which turns idempotence off. Bound time and
	// not attempts: a leader's election may use up any number of them. Java: retries.
	Retries int
	// RetryBackoff is the pause before a batch's first retry; each further one doubles it, give or take a fifth. Range 0
	// and more. Default 100ms; None for no pause. Java: retry.backoff.ms.
	RetryBackoff time.Duration
	// RetryBackoffMax is the longest such pause. Range 0 and more. Default 1s; None for no pause. A RetryBackoff above
	// it makes every pause RetryBackoffMax. Java: retry.backoff.max.ms.
	RetryBackoffMax time.Duration
	// ReconnectBackoff is the pause before a broker that could not be reached is dialed again; each further failure
	// doubles it, give or take a fifth. Range 0 and more. Default 50ms; None for no pause. Set alone, without
	// ReconnectBackoffMax, it is a constant pause. Java: reconnect.backoff.ms.
	ReconnectBackoff time.Duration
	// ReconnectBackoffMax is the longest such pause. Range 0 and more. Default 1s; None for no pause.
	// Java: reconnect.backoff.max.ms.
	ReconnectBackoffMax time.Duration
	// ConnectTimeout is how long the first attempt to connect to a broker may take; each further failure doubles it.
	// Range 1ms and more. Default 10s. Java: socket.connection.setup.timeout.ms.
	ConnectTimeout time.Duration
	// ConnectTimeoutMax is the longest such attempt. Range 1ms and more. Default 30s. A ConnectTimeout above it makes
	// every attempt ConnectTimeoutMax. Java: socket.connection.setup.timeout.max.ms.
	ConnectTimeoutMax time.Duration
	// ConnectionIdle is how long an unused connection stays open. Range 1ms and more. Default 9m, just below the
	// brokers' own 10m, so that it is this side that closes; None, Java's -1, for keeping it. Java:
	// connections.max.idle.ms.
	ConnectionIdle time.Duration
	// SendBufferBytes is the size asked for a socket's send buffer. Range 1 to 2147483647. Default 524288 (512 KiB; Java's is
	// 128 KiB); None, Java's -1, for the operating system's own, which on long fast lines is the better choice.
	// Java: send.buffer.bytes.
	SendBufferBytes int
	// ReceiveBufferBytes is the size asked for a socket's receive buffer. Range 1 to 2147483647. Default 32768 (32 KiB);
	// None, Java's -1, for the operating system's own. Java: receive.buffer.bytes.
	ReceiveBufferBytes int

	// MetadataMaxAge is the age at which knowledge of topics and leaders is refreshed although nothing went wrong. Range
	// 0 and more. Default 5m; None for as often as RetryBackoff allows. Java: metadata.max.age.ms.
	MetadataMaxAge time.Duration
	// MetadataMaxIdle is how long a topic that nothing is sent to stays known. Its numbering is kept longer. Range 5s
	// and more. Default 5m. Java: metadata.max.idle.ms.
	MetadataMaxIdle time.Duration
	// MetadataRecovery says what to do when no known broker can be reached any more. Default RecoveryRebootstrap: start
	// again from Brokers. Java: metadata.recovery.strategy.
	MetadataRecovery MetadataRecovery
	// RebootstrapTrigger is how long metadata may be unobtainable before the producer starts again from Brokers
	// (KIP-1102). Range 0 and more. Default 5m; None for at once. Java: metadata.recovery.rebootstrap.trigger.ms.
	RebootstrapTrigger time.Duration
	// DNSLookup says how broker names become addresses. Default DNSAllAddresses. Java: client.dns.lookup.
	DNSLookup DNSLookup

	// Partitioner chooses the partition of a record that names none. Default nil: Java's, which is murmur2 of the key,
	// and without a key one partition for about BatchBytes at a time, the less loaded ones more often (KIP-794).
	// Java: partitioner.class; it takes Java's, librdkafka's and sarama's names.
	Partitioner Partitioner
	// IgnoreKeys spreads keyed records too, so that records of one key lose their order. Default false. It concerns the
	// default partitioner only, like the next three. Java: partitioner.ignore.keys.
	IgnoreKeys bool
	// DisableAdaptive gives every partition the same share of records without a key, whether its broker keeps up or not.
	// Default false. Java: partitioner.adaptive.partitioning.enable=false.
	DisableAdaptive bool
	// AvailabilityTimeout keeps records without a key from partitions whose broker took nothing for this long. Range 0
	// and more. Default 0: off. Java: partitioner.availability.timeout.ms.
	AvailabilityTimeout time.Duration
	// RackAware sends records without a key to partitions whose leader is in Rack, while there are any (KIP-1123). It
	// saves cross-zone traffic and may load a zone's brokers unevenly. Default false. Java: partitioner.rack.aware.
	RackAware bool
	// Rack is where this program runs, in the brokers' words (broker.rack). Default "": unknown. Required by RackAware.
	// Java: client.rack.
	Rack string

	// HaltOnFailure makes a partition refuse every further record once one of its records has failed for good, so that
	// nothing overtakes it. Default false: later records go on. Java: none; omnibus.halt.on.failure.
	HaltOnFailure bool
	// Interceptors see every record before it is serialized and after its outcome, in this order. Default none.
	// Java: interceptor.classes, whose classes cannot run here.
	Interceptors []Interceptor
	// OnFailure is told every record that failed, also those whose Delivery nobody looks at. It runs where callbacks
	// run and may call the producer. Default nil: failures are logged and counted only. Java: none.
	OnFailure func(*RecordError)
	// Logger gets what an operator should know, at a bounded rate, never a key, a value or a secret. Default
	// slog.Default(); slog.New(slog.DiscardHandler) for silence. Java: none.
	Logger *slog.Logger
	// Trace is told what batches and requests do. Default nil. Java: none.
	Trace *Trace
	// Topics names topics to fetch metadata for at start, so that their first record does not wait for it, and what
	// differs for each. A TopicConfig's zero value differs in nothing. Default none: a topic is looked up when its first
	// record comes. Java: none.
	Topics map[string]TopicConfig

	// TLS secures every connection, 1.2 or newer. Its ServerName, unless set, is the host as the cluster names it; a
	// connection with InsecureSkipVerify is warned of at each start, and refused for mechanisms that send the secret itself.
	// Certificates in files are read again when they change if they are named by ssl.* and Set instead. Default nil: none,
	// unless security.protocol says otherwise. Java: ssl.*.
	TLS *tls.Config
	// SASL authenticates every connection, and renews that in time where the brokers want it (KIP-368). It is franz-go's
	// interface: its mechanisms, with secrets fixed or from a function, and those written for it all fit. Default nil: none,
	// unless security.protocol says otherwise. Java: sasl.mechanism and sasl.jaas.config.
	SASL sasl.Mechanism
	// AllowCleartextSecrets lets PLAIN and OAUTHBEARER, which send the password or token itself, run without TLS. Default
	// false. Java: security.protocol=SASL_PLAINTEXT, said explicitly.
	AllowCleartextSecrets bool
	// KeyStore reads what is not plain PEM of the files that ssl.* names: keystore.Decode, from a module of its own, reads
	// PKCS#12, JKS and encrypted keys. Default nil: they are mistakes. Java: none.
	KeyStore func(data []byte, password, keyPassword string) ([]tls.Certificate, []*x509.Certificate, error)
	// Kerberos makes the mechanism of sasl.mechanism=GSSAPI out of a Krb5LoginModule's options, sasl.kerberos.service.name
	// among them as serviceName: kerberos.Login, from a module of its own. Default nil: GSSAPI is a mistake. Java: none.
	Kerberos func(options map[string]string) (sasl.Mechanism, error)
	// Dial opens every connection, in place of a net.Dialer: for proxies, tunnels and tests. It gets the host as the
	// cluster names it, unresolved, so that DNSLookup has no effect. Default nil. Java: none.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	java *security.Settings // ssl.*, sasl.* and security.protocol, by Set
}
