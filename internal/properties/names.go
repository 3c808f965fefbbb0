package properties

import (
	"slices"
	"strings"
)

// otherSettings are names that Kafka's other programs know. A file shared with them is no mistake.
var otherSettings = []struct{ owner, names string }{
	{"a consumer", `allow.auto.create.topics auto.commit.interval.ms auto.offset.reset check.crcs default.api.timeout.ms
		enable.auto.commit exclude.internal.topics fetch.max.bytes fetch.max.wait.ms fetch.min.bytes group.id
		group.instance.id group.protocol group.remote.assignor heartbeat.interval.ms internal.leave.group.on.close
		isolation.level key.deserializer max.partition.fetch.bytes max.poll.interval.ms max.poll.records
		partition.assignment.strategy session.timeout.ms share.acknowledgement.mode share.acquire.mode
		value.deserializer`},
	{"an admin client", "bootstrap.controllers"},
	{"Kafka Streams", `application.id application.server cache.max.bytes.buffering commit.interval.ms default.key.serde
		default.value.serde num.standby.replicas num.stream.threads poll.ms processing.guarantee replication.factor
		state.cleanup.delay.ms state.dir statestore.cache.max.bytes topology.optimization`},
	{"Kafka Connect", `config.storage.topic key.converter offset.flush.interval.ms offset.storage.file.filename
		offset.storage.topic plugin.path status.storage.topic value.converter`},
	{"a broker", `advertised.listeners auto.create.topics.enable broker.id broker.rack
		controller.listener.names controller.quorum.bootstrap.servers controller.quorum.voters
		default.replication.factor delete.topic.enable group.initial.rebalance.delay.ms inter.broker.listener.name
		listener.security.protocol.map listeners log.cleaner.enable log.dir log.dirs log.flush.interval.messages
		log.retention.bytes log.retention.hours log.retention.ms log.segment.bytes node.id num.io.threads
		num.network.threads num.partitions num.recovery.threads.per.data.dir offsets.topic.num.partitions
		offsets.topic.replication.factor process.roles socket.request.max.bytes
		transaction.state.log.min.isr transaction.state.log.replication.factor
		unclean.leader.election.enable zookeeper.connect`},
	{"a topic", `cleanup.policy delete.retention.ms file.delete.delay.ms flush.messages flush.ms index.interval.bytes
		local.retention.bytes local.retention.ms max.compaction.lag.ms max.message.bytes message.timestamp.type
		min.cleanable.dirty.ratio min.compaction.lag.ms min.insync.replicas preallocate remote.storage.enable
		retention.bytes retention.ms segment.bytes segment.index.bytes segment.jitter.ms segment.ms`},
	{"a serializer that talks to a schema registry", `auto.register.schemas avro.remove.java.properties
		basic.auth.credentials.source basic.auth.user.info bearer.auth.token key.subject.name.strategy
		normalize.schemas schema.registry.basic.auth.user.info schema.registry.url use.latest.version
		value.subject.name.strategy`},
}

// otherNames are what other clients, and Kafka's older producers, call a setting.
var otherNames = map[string]string{
	"metadata.broker.list":                "bootstrap.servers",
	"broker.list":                         "bootstrap.servers",
	"bootstrap.server":                    "bootstrap.servers",
	"brokers":                             "bootstrap.servers",
	"request.required.acks":               "acks",
	"required.acks":                       "acks",
	"compression.codec":                   "compression.type",
	"compression":                         "compression.type",
	"queue.buffering.max.ms":              "linger.ms",
	"queue.buffering.max.kbytes":          "buffer.memory, in bytes",
	"batch.bytes":                         "batch.size",
	"message.timeout.ms":                  "delivery.timeout.ms",
	"message.max.bytes":                   "max.request.size",
	"message.send.max.retries":            "retries",
	"max.in.flight":                       "max.in.flight.requests.per.connection",
	"partitioner":                         "partitioner.class",
	"socket.send.buffer.bytes":            "send.buffer.bytes",
	"socket.receive.buffer.bytes":         "receive.buffer.bytes",
	"socket.connection.setup.timeout":     "socket.connection.setup.timeout.ms",
	"topic.metadata.refresh.interval.ms":  "metadata.max.age.ms",
	"metadata.fetch.timeout.ms":           "max.block.ms",
	"timeout.ms":                          "request.timeout.ms",
	"enable.gapless.guarantee":            "omnibus.halt.on.failure",
	"sasl.mechanisms":                     "sasl.mechanism",
	"sasl.username":                       "sasl.jaas.config",
	"sasl.password":                       "sasl.jaas.config",
	"ssl.ca.location":                     "ssl.truststore.location",
	"ssl.certificate.location":            "ssl.keystore.location",
	"ssl.key.location":                    "ssl.keystore.location",
	"enable.ssl.certificate.verification": "ssl.endpoint.identification.algorithm",
}

// Owner is whose setting a name is, such as "a consumer"; "" if it is nobody's that is known. Names of Kafka's producer are
// not looked for.
func Owner(name string) string {
	for _, other := range otherSettings {
		if slices.Contains(strings.Fields(other.names), name) {
			return other.owner
		}
	}
	return ""
}

// Guess is the one of the producer's names that was probably meant by another: what other clients call it, or the one that
// the fewest slips turn into it. "" if nothing is near.
func Guess(name string, names []string) string {
	plain := strings.NewReplacer("_", ".", "-", ".").Replace(strings.ToLower(name))
	if i := strings.LastIndex(plain, "producer."); i >= 0 {
		plain = plain[i+len("producer."):] // As Kafka Connect, Streams and Spring write it.
	}
	if known, ok := otherNames[plain]; ok {
		return known
	}
	guess, fewest := "", min(len(plain)/3, 4)+1
	for _, candidate := range names {
		if len(candidate) >= len(plain)+fewest || len(plain) >= len(candidate)+fewest {
			continue // so many letters are missing or too many; a long line is no name, and would take long
		}
		if n := slips(plain, candidate); n < fewest {
			guess, fewest = candidate, n
		}
	}
	return guess
}

// nameBytesMax is longer than any setting's name, and undottedBytesMax than one that is a single word.
const nameBytesMax, undottedBytesMax = 80, 24

// Shown is an unknown name as messages may have it. What does not look like a name may be a secret that got into its place: a
// line of a private key, a password that lost the name before it. Of that nothing is shown.
func Shown(name, value string) string {
	other := func(r rune) bool {
		return r != '.' && r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	dotted := strings.Trim(name, ".") != "" && strings.Contains(name, ".")
	word := len(name) <= undottedBytesMax && !strings.ContainsAny(name, "0123456789") && strings.Trim(value, "=") != ""
	if len(name) > nameBytesMax || strings.ContainsFunc(name, other) || !dotted && !word {
		return "[hidden]"
	}
	return name
}

// slips counts the letters to insert, delete, replace or swap with their neighbour to turn a into b: the optimal
// string alignment distance, over three rows of its table.
func slips(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
