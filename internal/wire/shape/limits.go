package shape

// The keys of the requests whose answers are described.
const (
	keyFetch                = 1
	keyListOffsets          = 2
	keyMetadata             = 3
	keySASLHandshake        = 17
	keyAPIVersions          = 18
	keyInitProducerID       = 22
	keyOffsetForLeaderEpoch = 23
	keyDescribeConfigs      = 32
	keySASLAuthenticate     = 36
	keyDescribeProducers    = 61
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// The most that is believed of an answer of each kind: bytes of the frame, and bytes of memory that decoding may take.
// They are some ten times what the largest clusters need, and low enough that one answer of each kind fits beside a
// producer's buffer. A broker that says more is answered by closing the connection.
const (
	// Kafka 4.3 lists 61 requests of 7 bytes and 7 features, under 1 KiB.
	apiVersionsBytesMax   = 64 * kib
	apiVersionsDecodedMax = 256 * kib
	// A few names of mechanisms.
	saslHandshakeBytesMax   = 16 * kib
	saslHandshakeDecodedMax = 64 * kib
	// A Kerberos ticket with many groups in it is up to 64 KiB; every other mechanism's token is under 4.
	saslAuthenticateBytesMax   = 256 * kib
	saslAuthenticateDecodedMax = 256 * kib
	// Sixteen bytes; the rest is for tagged fields that newer brokers may add.
	initProducerIDBytesMax   = 16 * kib
	initProducerIDDecodedMax = 64 * kib
	// 42 bytes for a partition with three replicas, 128 decoded: 120,000 of them (metadata's own limit for a topic is 100,000).
	// Only topics in use are asked for, and a producer that fills so many partitions would have 300 bytes of buffer for each.
	metadataBytesMax   = 6 * mib
	metadataDecodedMax = 16 * mib
	// 37 bytes for a producer of the last day (producer.id.expiration.ms), 48 decoded: 220,000 of them, over all partitions that
	// one request asks about.
	describeProducersBytesMax   = 8 * mib
	describeProducersDecodedMax = 12 * mib
	// The doctor's: some 300 settings of a broker, with their synonyms, without documentation: under 100 KiB.
	describeConfigsBytesMax   = 2 * mib
	describeConfigsDecodedMax = 8 * mib
	// Asked about one partition at a time: under 100 bytes.
	offsetsBytesMax   = 64 * kib
	offsetsDecodedMax = 256 * kib
	// Headers are read back with a small limit, but a broker sends one whole batch however large (KIP-74), and other producers'
	// batches stand among ours: eight times Kafka's default for a batch. Records are not copied by decoding.
	fetchBytesMax   = 8 * mib
	fetchDecodedMax = 2 * mib
)

// BytesMax is the longest answer, in bytes without the frame's own length, that is believed to belong to a request with
// this key; 0 for one whose answers are not described, which Check refuses.
func BytesMax(key int16) int { return answers[key].bytesMax }
