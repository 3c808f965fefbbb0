package explain

import (
	"context"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/omnibus-kafka/omnibus"
	"github.com/omnibus-kafka/omnibus/cmd/omnibus/internal/admin"
	"github.com/omnibus-kafka/omnibus/internal/accumulator"
	"github.com/omnibus-kafka/omnibus/internal/acl"
	"github.com/omnibus-kafka/omnibus/internal/partitioner"
)

// topic is what the cluster says of the record's topic.
type topic struct {
	name       string
	partitions []kadm.PartitionDetail
	brokers    map[int32]string // addresses
	settings   map[string]string
	// settingsErr is why there are no settings. A client may write to a topic without being allowed to read them.
	settingsErr error
}

// look asks for the topic, which it does not create.
func look(ctx context.Context, config omnibus.Config, name string) (*topic, error) {
	client, err := admin.Open(config)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	who := admin.Identity(config)
	ctx, cancel := admin.Bounded(ctx)
	defer cancel()
	metadata, err := client.Metadata(ctx, name)
	if err != nil {
		return nil, admin.Failure(ctx, err)
	}
	detail := metadata.Topics[name]
	if detail.Err != nil {
		return nil, admin.TopicFailure(who, acl.Topic(acl.Describe, name), detail.Err, "")
	}
	t := &topic{name: name, partitions: detail.Partitions.Sorted(), brokers: make(map[int32]string)}
	for _, broker := range metadata.Brokers {
		t.brokers[broker.NodeID] = net.JoinHostPort(broker.Host, strconv.Itoa(int(broker.Port)))
	}
	t.settings, t.settingsErr = admin.TopicSettings(ctx, client, who, name)
	return t, nil
}

// rules are the settings of the producer that decide about a record.
type rules struct {
	partitioner   string // its name; "null" for the default
	ignoreKeys    bool
	compression   string
	maxRequest    int64
	bufferMemory  int64
	batchSize     int64
	batchSizeMax  int64
	recordSizeMax int // what Enqueue compares a record's size with
}

func newRules(config omnibus.Config) *rules {
	effective := admin.Effective(config)
	number := func(name string) int64 {
		n, err := strconv.ParseInt(effective[name], 10, 64)
		if err != nil {
			// invariant: Properties writes these as numbers, and Validate has seen them.
			panic(err)
		}
		return n
	}
	r := &rules{
		partitioner: effective["partitioner.class"], ignoreKeys: effective["partitioner.ignore.keys"] == "true",
		compression: effective["compression.type"], maxRequest: number("max.request.size"),
		bufferMemory: number("buffer.memory"), batchSize: number("batch.size"), batchSizeMax: number("omnibus.batch.size.max"),
	}
	var boarding accumulator.Settings
	r.recordSizeMax = boarding.SizeMax(int(r.maxRequest), int(min(r.bufferMemory/2, 1<<30)))
	return r
}

// hashing is a partitioner that goes by the key.
type hashing struct {
	scheme partitioner.Scheme
	words  string
}

// hashings are the partitioners that hash, by the names that Config.Properties has for them.
var hashings = map[string]hashing{
	"null":                  {partitioner.SchemeJava, "murmur2 of the key, as Kafka's own clients compute it"},
	"keyed-round-robin":     {partitioner.SchemeJava, "murmur2 of the key, as Kafka's own clients compute it"},
	"sarama-hash":           {partitioner.SchemeSarama, "FNV-1a of the key, as sarama's hash partitioner computes it"},
	"sarama-reference-hash": {partitioner.SchemeSaramaReference, "FNV-1a of the key, as sarama's reference hash partitioner computes it"},
	"consistent":            {partitioner.SchemeConsistent, "CRC32 of the key, as librdkafka's consistent computes it"},
	"consistent_random":     {partitioner.SchemeConsistentRandom, "CRC32 of the key, as librdkafka's consistent_random computes it"},
}
