package shape

// answer describes the answers to one kind of request.
type answer struct {
	structure
	// flexible is the first version with compact lengths and tagged fields (KIP-482).
	flexible int16
	// bytesMax and decodedBytesMax are the most that is believed, on the wire and in memory.
	bytesMax, decodedBytesMax int
}

// never is the flexible version of a message that has none.
const never = 1<<15 - 1

// answers are the descriptions, by the request's key, after the *Response.json files of Apache Kafka. The tests hold
// them against what kmsg writes.
var answers = map[int16]answer{
	keyFetch: {
		bytesMax: fetchBytesMax, decodedBytesMax: fetchDecodedMax, flexible: 12,
		structure: structure{
			fields: []field{
				{bytes: 4, from: 1}, // throttle
				{bytes: 2, from: 7}, // error
				{bytes: 4, from: 7}, // session
				{kind: list, of: &structure{decodedBytes: 64, fields: []field{ // topics
					{kind: text, before: 13},
					{bytes: 16, from: 13}, // topic id
					{kind: list, of: &structure{ // partitions
						decodedBytes: 160,
						fields: []field{
							{bytes: 4 + 2 + 8},  // partition, error, high watermark
							{bytes: 8, from: 4}, // last stable offset
							{bytes: 8, from: 5}, // log start
							{kind: list, from: 4, // aborted transactions
								of: &structure{decodedBytes: 24, fields: []field{{bytes: 8 + 8}}}},
							{bytes: 4, from: 11}, // preferred read replica
							{kind: data},         // records
						},
						tags: []field{
							{kind: inline, of: &structure{fields: []field{{bytes: 4 + 8}}}}, // diverging epoch
							{kind: inline, of: &structure{fields: []field{{bytes: 4 + 4}}}}, // current leader
							{kind: inline, of: &structure{fields: []field{{bytes: 8 + 4}}}}, // snapshot
						},
					}},
				}}},
			},
			tags: []field{{kind: list, of: &structure{decodedBytes: 48, fields: []field{ // brokers
				{bytes: 4}, {kind: text}, {bytes: 4}, {kind: nullText},
			}}}},
		},
	},
	keyListOffsets: {
		bytesMax: offsetsBytesMax, decodedBytesMax: offsetsDecodedMax, flexible: 6,
		structure: structure{fields: []field{
			{bytes: 4, from: 2}, // throttle
			{kind: list, of: &structure{decodedBytes: 48, fields: []field{ // topics
				{kind: text},
				{kind: list, of: &structure{decodedBytes: 64, fields: []field{ // partitions
					{bytes: 4 + 2}, // partition, error
					{kind: list, before: 1, of: &structure{bare: true, decodedBytes: 8, fields: []field{{bytes: 8}}}},
					{bytes: 8 + 8, from: 1}, // timestamp, offset
					{bytes: 4, from: 4},     // leader epoch
				}}},
			}}},
		}},
	},
	keyMetadata: {
		bytesMax: metadataBytesMax, decodedBytesMax: metadataDecodedMax, flexible: 9,
		structure: structure{
			fields: []field{
				{bytes: 4, from: 3}, // throttle
				{kind: list, of: &structure{decodedBytes: 48, fields: []field{ // brokers
					{bytes: 4}, {kind: text}, {bytes: 4}, {kind: nullText, from: 1},
				}}},
				{kind: nullText, from: 2}, // cluster
				{bytes: 4, from: 1},       // controller
				{kind: list, of: &structure{decodedBytes: 80, fields: []field{ // topics
					{bytes: 2}, // error
					{kind: text, before: 12},
					{kind: nullText, from: 12},
					{bytes: 16, from: 10}, // topic id
					{bytes: 1, from: 1},   // internal
					{kind: list, of: &structure{decodedBytes: 96, fields: []field{ // partitions
						{bytes: 2 + 4 + 4},      // error, partition, leader
						{bytes: 4, from: 7},     // leader epoch
						{kind: int32s},          // replicas
						{kind: int32s},          // in sync
						{kind: int32s, from: 5}, // offline
					}}},
					{bytes: 4, from: 8}, // authorized operations
				}}},
				{bytes: 4, from: 8, before: 11}, // authorized operations on the cluster
				{bytes: 2, from: 13},            // error
			},
		},
	},
	keySASLHandshake: {
		bytesMax: saslHandshakeBytesMax, decodedBytesMax: saslHandshakeDecodedMax, flexible: never,
		structure: structure{fields: []field{
			{bytes: 2},
			{kind: list, of: &structure{bare: true, decodedBytes: 16, fields: []field{{kind: text}}}}, // mechanisms
		}},
	},
	keyAPIVersions: {
		bytesMax: apiVersionsBytesMax, decodedBytesMax: apiVersionsDecodedMax, flexible: 3,
		structure: structure{
			fields: []field{
				{bytes: 2},
				{kind: list, of: &structure{decodedBytes: 16, fields: []field{{bytes: 2 + 2 + 2}}}},
				{bytes: 4, from: 1}, // throttle
			},
			tags: []field{
				{kind: list, of: &structure{decodedBytes: 32, fields: []field{{kind: text}, {bytes: 2 + 2}}}}, // features
				{bytes: 8}, // finalized features' epoch
				{kind: list, of: &structure{decodedBytes: 32, fields: []field{{kind: text}, {bytes: 2 + 2}}}}, // finalized
				{bytes: 1}, // ready for migration
			},
		},
	},
	keyOffsetForLeaderEpoch: {
		bytesMax: offsetsBytesMax, decodedBytesMax: offsetsDecodedMax, flexible: 4,
		structure: structure{fields: []field{
			{bytes: 4, from: 2}, // throttle
			{kind: list, of: &structure{decodedBytes: 48, fields: []field{ // topics
				{kind: text},
				{kind: list, of: &structure{decodedBytes: 32, fields: []field{ // partitions
					{bytes: 2 + 4},      // error, partition
					{bytes: 4, from: 1}, // leader epoch
					{bytes: 8},          // end
				}}},
			}}},
		}},
	},
	keyInitProducerID: {
		bytesMax: initProducerIDBytesMax, decodedBytesMax: initProducerIDDecodedMax, flexible: 2,
		structure: structure{fields: []field{{bytes: 4 + 2 + 8 + 2}}},
	},
	keyDescribeConfigs: {
		bytesMax: describeConfigsBytesMax, decodedBytesMax: describeConfigsDecodedMax, flexible: 4,
		structure: structure{fields: []field{
			{bytes: 4}, // throttle
			{kind: list, of: &structure{decodedBytes: 72, fields: []field{ // resources
				{bytes: 2}, // error
				{kind: nullText},
				{bytes: 1}, // type
				{kind: text},
				{kind: list, of: &structure{decodedBytes: 80, fields: []field{ // settings
					{kind: text}, {kind: nullText},
					{bytes: 1},            // read-only
					{bytes: 1, before: 1}, // default
					{bytes: 1, from: 1},   // source
					{bytes: 1},            // sensitive
					{kind: list, from: 1, of: &structure{decodedBytes: 40, fields: []field{ // synonyms
						{kind: text}, {kind: nullText}, {bytes: 1},
					}}},
					{bytes: 1, from: 3},       // type
					{kind: nullText, from: 3}, // documentation
				}}},
			}}},
		}},
	},
	keySASLAuthenticate: {
		bytesMax: saslAuthenticateBytesMax, decodedBytesMax: saslAuthenticateDecodedMax, flexible: 2,
		structure: structure{fields: []field{
			{bytes: 2}, {kind: nullText}, {kind: data},
			{bytes: 8, from: 1}, // session lifetime
		}},
	},
	keyDescribeProducers: {
		bytesMax: describeProducersBytesMax, decodedBytesMax: describeProducersDecodedMax, flexible: 0,
		structure: structure{fields: []field{
			{bytes: 4}, // throttle
			{kind: list, of: &structure{decodedBytes: 48, fields: []field{ // topics
				{kind: text},
				{kind: list, of: &structure{decodedBytes: 48, fields: []field{ // partitions
					{bytes: 4 + 2}, {kind: nullText},
					{kind: list, of: &structure{decodedBytes: 48, fields: []field{{bytes: 8 + 4 + 4 + 8 + 4 + 8}}}},
				}}},
			}}},
		}},
	},
}
