package omnibus

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Why a setting is not honoured, where several have the same reason.
const (
	whyTransactions = "transactions are not supported by this version, and records would be visible before any commit"
	whyProviders    = "it holds for the file that it stands in, where ParseProperties looks ${...} up, and changes nothing here"
	whySerializer   = "Java classes cannot run here: records carry bytes, and package serde has serializers for typed ones"
	whyMetrics      = "it concerns Java's metrics; this producer keeps its own"
	whyJSSE         = "it concerns Java's TLS library"
	whyKerberos     = "it concerns the renewal of Java's Kerberos tickets; here each authentication asks for its own"
	whyJavaLogin    = "Java classes cannot run here; what Kafka's own do is done without them"
	whyTokenRefresh = "a token is fetched when a connection needs one, and used for four fifths of its life; nothing is done in between"
	whyTokenRetry   = "a token that was not to be had is asked for again when the broker is dialed again (reconnect.backoff.ms)"
	whyAssertion    = "this version asks an identity provider with a client id and a secret only (KIP-768), not with assertions (KIP-1139)"
	whyBrokerSide   = "it concerns the checks of a broker, not of a producer"
)

// javaKey is what is known of one setting, and how it gets into and out of a Config.
type javaKey struct {
	name    string
	field   string // In Config; empty for none.
	typ     string // Java's.
	def     string // Java's; "null" and "(required)" for none.
	support Support
	why     string // Unless honoured.
	// set changes c and may return a note; an error's text is what was wanted instead. Only honoured settings have
	// set and get.
	set func(c *Config, value string) (note string, err error)
	get func(s *settings) string
}

// javaKeys is every setting of the Java producer 4.4, sorted by name, and then this producer's own. It is never written.
var javaKeys = []javaKey{
	enumKey("acks", "Acks", acksNames, func(c *Config) textEnum { return &c.Acks }),
	countKey("batch.size"),
	noEffect("bootstrap.resolve.timeout.ms", "LONG", "0", "Open resolves no names: each attempt to connect does, within socket.connection.setup.timeout.ms"),
	{name: "bootstrap.servers", field: "Brokers", typ: "LIST", def: "(required)", set: setBrokers, get: func(s *settings) string { return strings.Join(s.Brokers, ",") }},
	numberKey("LONG", byteLimit("buffer.memory"), 1),
	noEffect("buffer.memory.allocation.strategy", "STRING", "full", "buffers of 1, 4, 16 and 64 KiB are taken as a batch grows, whatever the strategy"),
	enumKey("client.dns.lookup", "DNSLookup", dnsNames, func(c *Config) textEnum { return &c.DNSLookup }),
	textKey("client.id", "ClientID", func(c *Config) *string { return &c.ClientID }),
	textKey("client.rack", "Rack", func(c *Config) *string { return &c.Rack }),
	countKey("compression.gzip.level"),
	countKey("compression.lz4.level"),
	enumKey("compression.type", "Compression", compressionNames, func(c *Config) textEnum { return &c.Compression }),
	countKey("compression.zstd.level"),
	noEffect("config.providers", "LIST", "", whyProviders),
	millisKey("LONG", "connections.max.idle.ms"),
	millisKey("INT", "delivery.timeout.ms"),
	{name: "enable.idempotence", field: "DisableIdempotence", typ: "BOOLEAN", def: "true", set: setIdempotence, get: func(s *settings) string { return strconv.FormatBool(!s.DisableIdempotence) }},
	noEffect("enable.metrics.push", "BOOLEAN", "true", "this version sends brokers no telemetry (KIP-714); the program's own metrics have it all"),
	noEffect("interceptor.classes", "LIST", "", "Java classes cannot run here: write the interceptor in Go and put it into Config.Interceptors"),
	noEffect("key.serializer", "CLASS", "(required)", whySerializer),
	millisKey("LONG", "linger.ms"),
	millisKey("LONG", "max.block.ms"),
	countKey("max.in.flight.requests.per.connection"),
	countKey("max.request.size"),
	noEffect("metadata.cluster.check.enable", "BOOLEAN", "true", "this version does not ask brokers whether they belong to the same cluster (KIP-1242)"),
	millisKey("LONG", "metadata.max.age.ms"),
	millisKey("LONG", "metadata.max.idle.ms"),
	millisKey("LONG", "metadata.recovery.rebootstrap.trigger.ms"),
	enumKey("metadata.recovery.strategy", "MetadataRecovery", recoveryNames, func(c *Config) textEnum { return &c.MetadataRecovery }),
	noEffect("metric.reporters", "LIST", "org.apache.kafka.common.metrics.JmxReporter", whyMetrics),
	noEffect("metrics.num.samples", "INT", "2", whyMetrics),
	noEffect("metrics.recording.level", "STRING", "INFO", whyMetrics),
	noEffect("metrics.sample.window.ms", "LONG", "30000", whyMetrics),
	boolKey("partitioner.adaptive.partitioning.enable", "DisableAdaptive", "true", func(c *Config) *bool { return &c.DisableAdaptive }),
	millisKey("LONG", "partitioner.availability.timeout.ms"),
	{name: "partitioner.class", field: "Partitioner", typ: "CLASS", def: "null", set: setPartitioner, get: partitionerName},
	boolKey("partitioner.ignore.keys", "IgnoreKeys", "false", func(c *Config) *bool { return &c.IgnoreKeys }),
	boolKey("partitioner.rack.aware", "RackAware", "false", func(c *Config) *bool { return &c.RackAware }),
	countKey("receive.buffer.bytes"),
	millisKey("LONG", "reconnect.backoff.max.ms"),
	millisKey("LONG", "reconnect.backoff.ms"),
	millisKey("INT", "request.timeout.ms"),
	countKey("retries"),
	millisKey("LONG", "retry.backoff.max.ms"),
	millisKey("LONG", "retry.backoff.ms"),
	noEffect("sasl.client.callback.handler.class", "CLASS", "null", whyJavaLogin),
	securityKey("sasl.jaas.config", "PASSWORD", "null"),
	noEffect("sasl.kerberos.kinit.cmd", "STRING", "/usr/bin/kinit", whyKerberos),
	noEffect("sasl.kerberos.min.time.before.relogin", "LONG", "60000", whyKerberos),
	securityKey("sasl.kerberos.service.name", "STRING", "null"),
	noEffect("sasl.kerberos.ticket.renew.jitter", "DOUBLE", "0.05", whyKerberos),
	noEffect("sasl.kerberos.ticket.renew.window.factor", "DOUBLE", "0.8", whyKerberos),
	noEffect("sasl.login.callback.handler.class", "CLASS", "null", whyJavaLogin),
	noEffect("sasl.login.class", "CLASS", "null", whyJavaLogin),
	securityKey("sasl.login.connect.timeout.ms", "INT", "null"),
	securityKey("sasl.login.read.timeout.ms", "INT", "null"),
	noEffect("sasl.login.refresh.buffer.seconds", "SHORT", "300", whyTokenRefresh),
	noEffect("sasl.login.refresh.min.period.seconds", "SHORT", "60", whyTokenRefresh),
	noEffect("sasl.login.refresh.window.factor", "DOUBLE", "0.8", whyTokenRefresh),
	noEffect("sasl.login.refresh.window.jitter", "DOUBLE", "0.05", whyTokenRefresh),
	noEffect("sasl.login.retry.backoff.max.ms", "LONG", "10000", whyTokenRetry),
	noEffect("sasl.login.retry.backoff.ms", "LONG", "100", whyTokenRetry),
	securityKey("sasl.mechanism", "STRING", "GSSAPI"),
	noEffect("sasl.oauthbearer.allow.unverified.audience", "BOOLEAN", "false", whyBrokerSide),
	noEffect("sasl.oauthbearer.allow.unverified.issuer", "BOOLEAN", "false", whyBrokerSide),
	refused("sasl.oauthbearer.assertion.algorithm", "STRING", "RS256", whyAssertion),
	refused("sasl.oauthbearer.assertion.claim.aud", "STRING", "null", whyAssertion),
	refused("sasl.oauthbearer.assertion.claim.exp.seconds", "INT", "300", whyAssertion),
	refused("sasl.oauthbearer.assertion.claim.iss", "STRING", "null", whyAssertion),
	refused("sasl.oauthbearer.assertion.claim.jti.include", "BOOLEAN", "false", whyAssertion),
	refused("sasl.oauthbearer.assertion.claim.nbf.seconds", "INT", "60", whyAssertion),
	refused("sasl.oauthbearer.assertion.claim.sub", "STRING", "null", whyAssertion),
	refused("sasl.oauthbearer.assertion.file", "STRING", "null", whyAssertion),
	refused("sasl.oauthbearer.assertion.private.key.file", "STRING", "null", whyAssertion),
	refused("sasl.oauthbearer.assertion.private.key.passphrase", "PASSWORD", "null", whyAssertion),
	refused("sasl.oauthbearer.assertion.template.file", "STRING", "null", whyAssertion),
	securityKey("sasl.oauthbearer.client.credentials.client.id", "STRING", "null"),
	securityKey("sasl.oauthbearer.client.credentials.client.secret", "PASSWORD", "null"),
	noEffect("sasl.oauthbearer.clock.skew.seconds", "INT", "30", whyBrokerSide),
	noEffect("sasl.oauthbearer.expected.audience", "LIST", "", whyBrokerSide),
	noEffect("sasl.oauthbearer.expected.issuer", "STRING", "null", whyBrokerSide),
	securityKey("sasl.oauthbearer.header.urlencode", "BOOLEAN", "false"),
	noEffect("sasl.oauthbearer.jwks.endpoint.refresh.ms", "LONG", "3600000", whyBrokerSide),
	noEffect("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", "LONG", "10000", whyBrokerSide),
	noEffect("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "LONG", "100", whyBrokerSide),
	noEffect("sasl.oauthbearer.jwks.endpoint.url", "STRING", "null", whyBrokerSide),
	noEffect("sasl.oauthbearer.jwt.retriever.class", "CLASS", "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", whyJavaLogin),
	noEffect("sasl.oauthbearer.jwt.validator.class", "CLASS", "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator", whyBrokerSide),
	securityKey("sasl.oauthbearer.scope", "STRING", "null"),
	noEffect("sasl.oauthbearer.scope.claim.name", "STRING", "scope", whyBrokerSide),
	noEffect("sasl.oauthbearer.sub.claim.name", "STRING", "sub", whyBrokerSide),
	securityKey("sasl.oauthbearer.token.endpoint.url", "STRING", "null"),
	{name: "security.protocol", typ: "STRING", def: "PLAINTEXT", set: setSecurity("security.protocol", ""), get: func(s *settings) string { return s.securityInput().Protocol() }},
	noEffect("security.providers", "STRING", "null", whyJSSE),
	countKey("send.buffer.bytes"),
	millisKey("LONG", "socket.connection.setup.timeout.max.ms"),
	millisKey("LONG", "socket.connection.setup.timeout.ms"),
	securityKey("ssl.cipher.suites", "LIST", ""),
	securityKey("ssl.enabled.protocols", "LIST", "TLSv1.2,TLSv1.3"),
	securityKey("ssl.endpoint.identification.algorithm", "STRING", "https"),
	noEffect("ssl.engine.factory.class", "CLASS", "null", whyJSSE),
	securityKey("ssl.key.password", "PASSWORD", "null"),
	noEffect("ssl.keymanager.algorithm", "STRING", "SunX509", whyJSSE),
	securityKey("ssl.keystore.certificate.chain", "PASSWORD", "null"),
	securityKey("ssl.keystore.key", "PASSWORD", "null"),
	securityKey("ssl.keystore.location", "STRING", "null"),
	securityKey("ssl.keystore.password", "PASSWORD", "null"),
	securityKey("ssl.keystore.type", "STRING", "JKS"),
	noEffect("ssl.protocol", "STRING", "TLSv1.3", whyJSSE),
	noEffect("ssl.provider", "STRING", "null", whyJSSE),
	noEffect("ssl.secure.random.implementation", "STRING", "null", whyJSSE),
	noEffect("ssl.trustmanager.algorithm", "STRING", "PKIX", whyJSSE),
	securityKey("ssl.truststore.certificates", "PASSWORD", "null"),
	securityKey("ssl.truststore.location", "STRING", "null"),
	securityKey("ssl.truststore.password", "PASSWORD", "null"),
	securityKey("ssl.truststore.type", "STRING", "JKS"),
	noEffect("transaction.timeout.ms", "INT", "60000", "it concerns transactions, which this version does not have"),
	refused("transaction.two.phase.commit.enable", "BOOLEAN", "false", whyTransactions),
	refused("transactional.id", "STRING", "null", whyTransactions),
	noEffect("value.serializer", "CLASS", "(required)", whySerializer),

	boolKey("omnibus.halt.on.failure", "HaltOnFailure", "false", func(c *Config) *bool { return &c.HaltOnFailure }),
	millisKey("LONG", "omnibus.close.timeout.ms"),
	withDefault("1048576", countKey("omnibus.batch.size.max")),
}

func javaKeyNamed(name string) *javaKey {
	for i := range javaKeys {
		if javaKeys[i].name == name {
			return &javaKeys[i]
		}
	}
	return nil
}

func noEffect(name, typ, def, why string) javaKey {
	return javaKey{name: name, typ: typ, def: def, support: NoEffect, why: why}
}

func refused(name, typ, def, why string) javaKey {
	return javaKey{name: name, typ: typ, def: def, support: Refused, why: why}
}

func withDefault(def string, key javaKey) javaKey {
	key.def = def
	return key
}

func millisKey(typ, name string) javaKey {
	return numberKey(typ, durationLimit(name), time.Millisecond)
}

func countKey(name string) javaKey { return numberKey("INT", countLimit(name), 1) }

// numberKey is a number's setting; unit is what Java's 1 is in the field.
func numberKey[T int | int64 | time.Duration](typ string, l *limit[T], unit T) javaKey {
	bits := 64
	if typ == "INT" {
		bits = 32
	}
	return javaKey{
		name: l.javaName, field: l.field, typ: typ, def: strconv.FormatInt(int64(l.def/unit), 10),
		set: func(c *Config, value string) (string, error) {
			java, err := strconv.ParseInt(value, 10, bits)
			v, ok := l.fromJava(java, unit)
			if err != nil || !ok {
				return "", errors.New(l.javaWant(unit))
			}
			*l.at(c) = v
			return "", nil
		},
		get: func(s *settings) string { return l.toJava(*l.at(&s.Config), unit) },
	}
}

// fromJava turns Java's number into the field's: 0 into None where the field's 0 would be the default, and Java's -1
// into None where Java has that. Times beyond what can be counted become forever.
func (l *limit[T]) fromJava(java int64, unit T) (v T, ok bool) {
	switch {
	case java == 0 && l.none == "":
		return 0, l.def == 0 || l.min <= 0
	case java == 0:
		return None, l.noneIs != None
	case java == -1 && l.none != "":
		return None, l.noneIs == None
	case java > math.MaxInt64/2/int64(unit):
		v = T(math.MaxInt64 / 2 / int64(unit) * int64(unit))
	default:
		v = T(java) * unit
	}
	return v, l.min <= v && v <= l.max
}

// toJava is the resolved value in Java's unit; a fraction is rounded up, so that a short time does not become none.
func (l *limit[T]) toJava(v, unit T) string {
	if v > 0 {
		v += unit - 1
	}
	if v != None {
		v /= unit
	}
	return strconv.FormatInt(int64(v), 10)
}

// javaWant is the range in words, as Java has it.
func (l *limit[T]) javaWant(unit T) string {
	least, most := int64(l.min/unit), int64(l.max/unit)
	if l.none != "" && l.noneIs != None {
		least = 0
	}
	text := "a whole number"
	if unit == T(time.Millisecond) {
		text += " of milliseconds"
	}
	if most >= int64(forever/time.Millisecond) {
		text += fmt.Sprintf(", %d or more", least)
	} else {
		text += fmt.Sprintf(" from %d to %d", least, most)
	}
	if l.noneIs == None {
		text += ", or -1 for " + l.none
	}
	return text
}

// textEnum is what the enumerations of Config have in common.
type textEnum interface {
	encoding.TextUnmarshaler
	fmt.Stringer
}

func enumKey(name, field string, names []string, at func(*Config) textEnum) javaKey {
	return javaKey{
		name: name, field: field, typ: "STRING", def: names[0],
		set: func(c *Config, value string) (string, error) {
			if err := at(c).UnmarshalText([]byte(value)); err != nil {
				return "", errors.New("one of " + strings.Join(names, ", "))
			}
			return "", nil
		},
		get: func(s *settings) string { return at(&s.Config).String() },
	}
}

// boolKey is a switch; where its default is true the field says the opposite of it.
func boolKey(name, field, def string, at func(*Config) *bool) javaKey {
	inverted := def == "true"
	return javaKey{
		name: name, field: field, typ: "BOOLEAN", def: def,
		set: func(c *Config, value string) (string, error) {
			on, err := javaBool(value)
			if err == nil {
				*at(c) = on != inverted
			}
			return "", err
		},
		get: func(s *settings) string { return strconv.FormatBool(*at(&s.Config) != inverted) },
	}
}

func textKey(name, field string, at func(*Config) *string) javaKey {
	return javaKey{
		name: name, field: field, typ: "STRING",
		set: func(c *Config, value string) (string, error) {
			*at(c) = value
			return "", nil
		},
		get: func(s *settings) string { return *at(&s.Config) },
	}
}

func setBrokers(c *Config, value string) (string, error) {
	brokers := javaList(value)
	var wants []string
	for _, address := range brokers {
		if _, err := plainAddress(address); err != nil {
			wants = append(wants, fmt.Sprintf("for %q %s", withoutCredentials(address), err))
		}
	}
	switch {
	case len(brokers) == 0:
		return "", errors.New("one host:port or more, separated by commas")
	case len(wants) > 0:
		return "", errors.New(strings.Join(wants, "; "))
	}
	c.Brokers = brokers
	return "", nil
}

// setIdempotence keeps what Java remembers too: that true was asked for, and not just the default.
func setIdempotence(c *Config, value string) (string, error) {
	on, err := javaBool(value)
	if err == nil {
		c.RequireIdempotence, c.DisableIdempotence = on, !on
	}
	return "", err
}
